"""Networks that let more through."""

from typing import Any

from support.cloudformation import Templates
from templates.checks import network as checks
from templates.mutants import mutant, properties

FILE = "network.yaml"
ANYWHERE = {"IpProtocol": "tcp", "CidrIp": "0.0.0.0/0"}


def add(templates: Templates, logical_id: str, kind: str, **values: Any) -> None:
    templates[FILE]["Resources"][logical_id] = {"Type": kind, "Properties": values}


@mutant(caught_by=checks.the_database_is_reachable_from_the_application_alone)
def database_open_to_the_world(templates: Templates) -> None:
    (rule,) = properties(templates, FILE, "DatabaseSecurityGroup")["SecurityGroupIngress"]
    del rule["SourceSecurityGroupId"]
    rule["CidrIp"] = "0.0.0.0/0"


@mutant(caught_by=checks.the_database_is_reachable_from_the_application_alone)
def database_open_to_the_whole_vpc(templates: Templates) -> None:
    (rule,) = properties(templates, FILE, "DatabaseSecurityGroup")["SecurityGroupIngress"]
    del rule["SourceSecurityGroupId"]
    rule["CidrIp"] = {"Ref": "VpcCidr"}


@mutant(caught_by=checks.the_database_is_reachable_from_the_application_alone, mode="scaled")
def database_open_to_the_load_balancer(templates: Templates) -> None:
    (rule,) = properties(templates, FILE, "DatabaseSecurityGroup")["SecurityGroupIngress"]
    rule["SourceSecurityGroupId"] = {"Ref": "WebSecurityGroup"}


@mutant(caught_by=checks.the_database_is_reachable_from_the_application_alone)
def database_with_every_port(templates: Templates) -> None:
    (rule,) = properties(templates, FILE, "DatabaseSecurityGroup")["SecurityGroupIngress"]
    rule["FromPort"], rule["ToPort"] = 0, 65535


@mutant(caught_by=checks.the_database_is_reachable_from_the_application_alone)
def database_opened_by_a_rule_that_stands_apart(templates: Templates) -> None:
    group = {"Fn::GetAtt": ["DatabaseSecurityGroup", "GroupId"]}
    rule = {**ANYWHERE, "FromPort": 3306, "ToPort": 3306, "GroupId": group}
    add(templates, "Backdoor", "AWS::EC2::SecurityGroupIngress", **rule)


@mutant(caught_by=checks.the_application_group_is_on_hosts_alone)
def database_in_the_group_of_the_hosts_too(templates: Templates) -> None:
    given = properties(templates, "image-handler.yaml", "State")["Parameters"]
    given["DatabaseSecurityGroupId"] = {"Fn::GetAtt": ["Network", "Outputs.ApplicationSecurityGroupId"]}


@mutant(caught_by=checks.the_database_lets_nothing_out)
def database_that_may_call_out(templates: Templates) -> None:
    properties(templates, FILE, "DatabaseSecurityGroup")["SecurityGroupEgress"] = [
        {**ANYWHERE, "FromPort": 443, "ToPort": 443}
    ]


@mutant(caught_by=checks.the_database_lets_nothing_out)
def database_whose_group_is_given_the_rule_that_allows_everything(templates: Templates) -> None:
    del properties(templates, FILE, "DatabaseSecurityGroup")["SecurityGroupEgress"]


@mutant(caught_by=checks.the_database_is_in_two_zones_without_a_route_out)
def database_in_public_subnets(templates: Templates) -> None:
    given = properties(templates, "image-handler.yaml", "State")["Parameters"]
    given["PrivateSubnetIds"] = {"Fn::GetAtt": ["Network", "Outputs.PublicSubnetIds"]}


@mutant(caught_by=checks.the_database_is_in_two_zones_without_a_route_out)
def private_subnets_with_a_route_out(templates: Templates) -> None:
    way_out = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": {"Ref": "InternetGateway"}}
    add(templates, "WayOut", "AWS::EC2::Route", RouteTableId={"Ref": "PrivateRouteTable"}, **way_out)


@mutant(caught_by=checks.the_database_is_in_two_zones_without_a_route_out)
def private_subnet_on_the_public_route_table(templates: Templates) -> None:
    properties(templates, FILE, "PrivateSubnetTwoRoutes")["RouteTableId"] = {"Ref": "PublicRouteTable"}


@mutant(caught_by=checks.the_database_is_in_two_zones_without_a_route_out)
def private_subnet_on_no_route_table(templates: Templates) -> None:
    del templates[FILE]["Resources"]["PrivateSubnetOneRoutes"]


@mutant(caught_by=checks.the_database_is_in_two_zones_without_a_route_out)
def private_subnets_in_one_zone(templates: Templates) -> None:
    zone = properties(templates, FILE, "PrivateSubnetOne")["AvailabilityZone"]
    properties(templates, FILE, "PrivateSubnetTwo")["AvailabilityZone"] = zone


@mutant(caught_by=checks.private_and_public_subnets_are_what_they_are_called)
def public_subnet_that_gives_everything_an_address(templates: Templates) -> None:
    properties(templates, FILE, "PublicSubnetTwo")["MapPublicIpOnLaunch"] = True


@mutant(caught_by=checks.private_and_public_subnets_are_what_they_are_called)
def host_in_a_private_subnet(templates: Templates) -> None:
    templates[FILE]["Outputs"]["FirstPublicSubnetId"]["Value"] = {"Ref": "PrivateSubnetOne"}


@mutant(caught_by=checks.private_and_public_subnets_are_what_they_are_called)
def volume_in_another_zone_than_the_host(templates: Templates) -> None:
    templates[FILE]["Outputs"]["FirstZone"]["Value"] = {"Fn::GetAtt": ["PublicSubnetTwo", "AvailabilityZone"]}


@mutant(caught_by=checks.addresses_are_private_and_apart)
def subnets_that_overlap(templates: Templates) -> None:
    block = properties(templates, FILE, "PublicSubnetOne")["CidrBlock"]
    properties(templates, FILE, "PrivateSubnetOne")["CidrBlock"] = block


@mutant(caught_by=checks.everyone_reaches_80_and_443_of_the_web_group_alone)
def hosts_open_to_the_world(templates: Templates) -> None:
    group = properties(templates, FILE, "ApplicationSecurityGroup")
    group["SecurityGroupIngress"] = [{**ANYWHERE, "FromPort": 80, "ToPort": 80}]


@mutant(caught_by=checks.everyone_reaches_80_and_443_of_the_web_group_alone, mode="scaled")
def hosts_open_to_the_world_over_ipv6(templates: Templates) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIpv6": "::/0"}
    add(templates, "Six", "AWS::EC2::SecurityGroupIngress", GroupId={"Ref": "ApplicationSecurityGroup"}, **rule)


@mutant(caught_by=checks.everyone_reaches_80_and_443_of_the_web_group_alone)
def hosts_open_to_the_whole_vpc(templates: Templates) -> None:
    group = properties(templates, FILE, "ApplicationSecurityGroup")
    block = {"Fn::GetAtt": ["Vpc", "CidrBlock"]}
    group["SecurityGroupIngress"] = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": block}]


@mutant(caught_by=checks.everyone_reaches_80_and_443_of_the_web_group_alone)
def web_group_open_on_every_port_between(templates: Templates) -> None:
    properties(templates, FILE, "WebSecurityGroup")["SecurityGroupIngress"][0]["ToPort"] = 443


@mutant(caught_by=checks.nobody_reaches_ssh_or_other_doors)
def ssh_from_the_world(templates: Templates) -> None:
    rules = properties(templates, FILE, "WebSecurityGroup")["SecurityGroupIngress"]
    rules.append({**ANYWHERE, "FromPort": 22, "ToPort": 22})


@mutant(caught_by=checks.nobody_reaches_ssh_or_other_doors)
def ssh_from_the_office(templates: Templates) -> None:
    group = properties(templates, FILE, "ApplicationSecurityGroup")
    group["SecurityGroupIngress"] = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "203.0.113.0/24"}]


@mutant(caught_by=checks.nobody_reaches_ssh_or_other_doors)
def every_protocol_within_the_vpc(templates: Templates) -> None:
    group = properties(templates, FILE, "ApplicationSecurityGroup")
    group["SecurityGroupIngress"] = [{"IpProtocol": "-1", "SourceSecurityGroupId": {"Ref": "WebSecurityGroup"}}]


@mutant(caught_by=checks.hosts_are_reached_through_the_load_balancer_alone_where_there_is_one, mode="scaled")
def load_balancer_that_reaches_the_service_past_nginx(templates: Templates) -> None:
    rule = properties(templates, FILE, "ApplicationFromWeb")
    rule["FromPort"] = rule["ToPort"] = 8080


@mutant(caught_by=checks.groups_let_out_what_is_needed_and_nothing_else)
def hosts_that_may_call_everything(templates: Templates) -> None:
    properties(templates, FILE, "ApplicationSecurityGroup")["SecurityGroupEgress"] = [
        {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}
    ]


@mutant(caught_by=checks.groups_let_out_what_is_needed_and_nothing_else)
def hosts_that_do_not_reach_the_database(templates: Templates) -> None:
    del templates[FILE]["Resources"]["ApplicationToDatabase"]


@mutant(caught_by=checks.groups_let_out_what_is_needed_and_nothing_else)
def web_group_that_is_given_the_rule_that_allows_everything(templates: Templates) -> None:
    del properties(templates, FILE, "WebSecurityGroup")["SecurityGroupEgress"]


@mutant(caught_by=checks.the_vpcs_default_group_is_used_by_nothing)
def database_in_the_default_group(templates: Templates) -> None:
    del properties(templates, "state.yaml", "Database")["VPCSecurityGroups"]


@mutant(caught_by=checks.the_only_way_out_of_the_vpc_is_the_public_subnets_gateway)
def nat_gateway(templates: Templates) -> None:
    add(templates, "Nat", "AWS::EC2::NatGateway", SubnetId={"Ref": "PublicSubnetOne"})


@mutant(caught_by=checks.the_way_to_s3_leads_to_buckets_of_the_account_and_the_release)
def endpoint_for_every_action(templates: Templates) -> None:
    properties(templates, FILE, "S3Endpoint")["PolicyDocument"]["Statement"][0]["Action"] = "s3:*"


@mutant(caught_by=checks.the_way_to_s3_leads_to_buckets_of_the_account_and_the_release)
def endpoint_to_buckets_of_anybody(templates: Templates) -> None:
    del properties(templates, FILE, "S3Endpoint")["PolicyDocument"]["Statement"][0]["Condition"]


@mutant(caught_by=checks.the_way_to_s3_leads_to_buckets_of_the_account_and_the_release)
def endpoint_without_a_policy(templates: Templates) -> None:
    del properties(templates, FILE, "S3Endpoint")["PolicyDocument"]


@mutant(caught_by=checks.the_way_to_s3_carries_all_that_the_service_asks)
def endpoint_that_lets_nothing_be_deleted(templates: Templates) -> None:
    properties(templates, FILE, "S3Endpoint")["PolicyDocument"]["Statement"][0]["Action"].remove(
        "s3:DeleteObjectVersion"
    )


@mutant(caught_by=checks.connections_are_logged)
def flow_log_whose_role_may_write_anywhere(templates: Templates) -> None:
    (policy,) = properties(templates, FILE, "FlowLogRole")["Policies"]
    policy["PolicyDocument"]["Statement"][0]["Resource"] = "*"


@mutant(caught_by=checks.connections_are_logged)
def flow_log_role_for_other_accounts(templates: Templates) -> None:
    del properties(templates, FILE, "FlowLogRole")["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]


@mutant(caught_by=checks.everything_is_in_the_one_vpc)
def group_in_the_accounts_default_vpc(templates: Templates) -> None:
    del properties(templates, FILE, "ApplicationSecurityGroup")["VpcId"]


@mutant(caught_by=checks.the_database_is_in_two_zones_without_a_route_out)
def private_subnets_in_zones_that_nobody_chose(templates: Templates) -> None:
    del properties(templates, FILE, "PrivateSubnetOne")["AvailabilityZone"]
