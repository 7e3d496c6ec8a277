"""The VPC: who can reach what."""

import ipaddress

from support.cloudformation import Rendered, Resource, only_reference, referred
from templates.checks import check
from templates.combinations import Deployment
from templates.policies import statements
from templates.security_groups import NOWHERE, Rule, groups, rules

APPLICATION = "network/ApplicationSecurityGroup"
DATABASE = "network/DatabaseSecurityGroup"
WEB = "network/WebSecurityGroup"
EVERYONE = "0.0.0.0/0"


def database_groups(stack: Rendered) -> list[Resource]:
    (database,) = stack.of_type("AWS::RDS::DBInstance")
    found = [stack.target(group) for group in database.get("VPCSecurityGroups", [])]
    assert found, "the database would be in the VPC's default group"
    assert None not in found, "the database is in a group that is not of this stack"
    return [group for group in found if group]


def subnets_of(stack: Rendered, subnet_ids: list[str]) -> list[Resource]:
    found = [stack.target(subnet_id) for subnet_id in subnet_ids]
    assert None not in found, "a subnet is not of this stack"
    return [subnet for subnet in found if subnet]


def zones_of(subnets: list[Resource]) -> set[str]:
    zones = [subnet.get("AvailabilityZone") for subnet in subnets]
    assert all(zones), "a subnet is in whatever zone AWS likes"
    return set(zones)


def routes_of(stack: Rendered, subnet: Resource) -> list[Resource]:
    """Gives the routes that what is in a subnet can take, besides the VPC's own."""
    associations = [
        each
        for each in stack.of_type("AWS::EC2::SubnetRouteTableAssociation")
        if stack.target(each.get("SubnetId")) == subnet
    ]
    assert len(associations) == 1, (
        f"{subnet.name} has {len(associations)} route tables; with none it has the VPC's main one"
    )
    table = stack.target(associations[0].get("RouteTableId"))
    assert table is not None, f"{subnet.name} has a route table that is not of this stack"
    return [route for route in stack.of_type("AWS::EC2::Route") if stack.target(route.get("RouteTableId")) == table]


@check
def the_database_is_reachable_from_the_application_alone(deployment: Deployment) -> None:
    for group in database_groups(deployment.stack):
        assert rules(deployment.stack, group, "Ingress") == [Rule("tcp", 3306, 3306, APPLICATION)]


@check
def the_application_group_is_on_hosts_alone(deployment: Deployment) -> None:
    for resource in deployment.stack.resources.values():
        if resource.type in ("AWS::EC2::LaunchTemplate", "AWS::CloudFormation::Stack", "AWS::RDS::DBInstance"):
            continue
        if resource.type.startswith("AWS::EC2::SecurityGroup"):
            continue
        assert APPLICATION not in [found.name for found in referred(resource.properties)], resource.name
    assert [group.name for group in database_groups(deployment.stack)] == [DATABASE]


@check
def the_database_lets_nothing_out(deployment: Deployment) -> None:
    for group in database_groups(deployment.stack):
        found = rules(deployment.stack, group, "Egress")
        assert found, "a group without rules is given one that allows everything"
        assert [rule.peer for rule in found] == [NOWHERE]


@check
def the_database_is_in_two_zones_without_a_route_out(deployment: Deployment) -> None:
    stack = deployment.stack
    (database,) = stack.of_type("AWS::RDS::DBInstance")
    group = stack.target(database.get("DBSubnetGroupName"))
    assert group is not None
    subnets = subnets_of(stack, group.get("SubnetIds"))
    assert len(zones_of(subnets)) >= 2
    for subnet in subnets:
        assert routes_of(stack, subnet) == [], f"{subnet.name} has a route out"
        assert subnet.get("MapPublicIpOnLaunch") is False


@check
def private_and_public_subnets_are_what_they_are_called(deployment: Deployment) -> None:
    stack = deployment.stack
    outputs = stack.outputs["network"]
    private = subnets_of(stack, outputs["PrivateSubnetIds"].split(","))
    public = subnets_of(stack, outputs["PublicSubnetIds"].split(","))
    assert {subnet.name for subnet in private + public} == {each.name for each in stack.of_type("AWS::EC2::Subnet")}
    assert len(zones_of(private)) == len(zones_of(public)) == 2
    assert all(routes_of(stack, subnet) == [] for subnet in private)
    for subnet in public:
        (route,) = routes_of(stack, subnet)
        gateway = stack.target(route.get("GatewayId"))
        assert gateway is not None
        assert gateway.type == "AWS::EC2::InternetGateway"
        assert (route.get("DestinationCidrBlock"), subnet.get("MapPublicIpOnLaunch")) == (EVERYONE, False)
    first = only_reference(outputs["FirstPublicSubnetId"])
    assert first is not None
    assert first.name in [subnet.name for subnet in public]
    assert outputs["FirstZone"] == f"⟨{first.name}.AvailabilityZone⟩"


@check
def everything_is_in_the_one_vpc(deployment: Deployment) -> None:
    stack = deployment.stack
    (vpc,) = stack.of_type("AWS::EC2::VPC")
    (gateway,) = stack.of_type("AWS::EC2::InternetGateway")
    kinds = ("Subnet", "RouteTable", "SecurityGroup", "VPCEndpoint", "VPCGatewayAttachment")
    for resource in stack.of_type(*(f"AWS::EC2::{kind}" for kind in kinds)):
        assert stack.target(resource.get("VpcId")) == vpc, resource.name
    (attachment,) = stack.of_type("AWS::EC2::VPCGatewayAttachment")
    assert stack.target(attachment.get("InternetGatewayId")) == gateway
    for route in stack.of_type("AWS::EC2::Route"):
        assert attachment.name in route.depends_on, "a route before its gateway is attached fails"


@check
def addresses_are_private_and_apart(deployment: Deployment) -> None:
    (vpc,) = deployment.stack.of_type("AWS::EC2::VPC")
    whole = ipaddress.ip_network(vpc.get("CidrBlock"))
    assert whole.prefixlen == 16
    assert whole.subnet_of(ipaddress.ip_network("10.0.0.0/8"))
    assert vpc.get("EnableDnsSupport") is True
    assert vpc.get("EnableDnsHostnames") is True
    subnets = [ipaddress.ip_network(subnet.get("CidrBlock")) for subnet in deployment.stack.of_type("AWS::EC2::Subnet")]
    assert len(subnets) == 4
    assert all(subnet.subnet_of(whole) for subnet in subnets)
    assert not any(one.overlaps(other) for one in subnets for other in subnets if one is not other)


@check
def everyone_reaches_80_and_443_of_the_web_group_alone(deployment: Deployment) -> None:
    stack = deployment.stack
    expected = [Rule("tcp", 80, 80, EVERYONE), Rule("tcp", 443, 443, EVERYONE)]
    for group in groups(stack):
        found = rules(stack, group, "Ingress")
        from_outside = [rule for rule in found if not rule.is_between_groups]
        assert from_outside == (expected if group.name == WEB else []), group.name


@check
def nobody_reaches_ssh_or_other_doors(deployment: Deployment) -> None:
    for group in groups(deployment.stack):
        for rule in rules(deployment.stack, group, "Ingress"):
            assert rule.protocol == "tcp", f"{group.name}: {rule}"
            assert not any(rule.opens(port) for port in (21, 22, 23, 3389, 5985, 8080)), f"{group.name}: {rule}"
    for template in deployment.stack.of_type("AWS::EC2::LaunchTemplate"):
        assert template.get("LaunchTemplateData.KeyName") is None


@check
def hosts_are_reached_through_the_load_balancer_alone_where_there_is_one(deployment: Deployment) -> None:
    application = rules(deployment.stack, deployment.stack.at(APPLICATION), "Ingress")
    assert application == ([Rule("tcp", 80, 80, WEB)] if deployment.mode == "scaled" else [])


@check
def groups_let_out_what_is_needed_and_nothing_else(deployment: Deployment) -> None:
    stack = deployment.stack
    application = rules(stack, stack.at(APPLICATION), "Egress")
    assert application == [
        Rule("tcp", 80, 80, EVERYONE),
        Rule("tcp", 443, 443, EVERYONE),
        Rule("tcp", 3306, 3306, DATABASE),
    ]
    web = [rule for rule in rules(stack, stack.at(WEB), "Egress") if rule.peer != NOWHERE]
    assert web == ([Rule("tcp", 80, 80, APPLICATION)] if deployment.mode == "scaled" else [])
    for group in groups(stack):
        assert group.get("SecurityGroupEgress"), f"{group.name} would be given a rule that allows everything"


@check
def the_vpcs_default_group_is_used_by_nothing(deployment: Deployment) -> None:
    stack = deployment.stack
    for resource in stack.resources.values():
        used = [found for found in referred(resource.properties) if found.attribute == "DefaultSecurityGroup"]
        assert not used, resource.name
    for template in stack.of_type("AWS::EC2::LaunchTemplate"):
        interfaces = template.get("LaunchTemplateData.NetworkInterfaces", [])
        named = [interface.get("Groups") for interface in interfaces] or [
            template.get("LaunchTemplateData.SecurityGroupIds")
        ]
        assert all(named), template.name
    for balancer in stack.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer"):
        assert balancer.get("SecurityGroups"), balancer.name
    assert database_groups(stack)


@check
def the_only_way_out_of_the_vpc_is_the_public_subnets_gateway(deployment: Deployment) -> None:
    stack = deployment.stack
    assert [route.name for route in stack.of_type("AWS::EC2::Route")] == ["network/PublicRoute"]
    others = ("NatGateway", "TransitGateway", "VPCPeering", "VPNGateway", "EgressOnlyInternetGateway", "CarrierGateway")
    for resource in stack.resources.values():
        assert not any(resource.type.startswith(f"AWS::EC2::{other}") for other in others), resource.name


@check
def the_way_to_s3_leads_to_buckets_of_the_account_and_the_release(deployment: Deployment) -> None:
    stack = deployment.stack
    (endpoint,) = stack.of_type("AWS::EC2::VPCEndpoint")
    assert (endpoint.get("VpcEndpointType"), endpoint.get("ServiceName")) == ("Gateway", "com.amazonaws.eu-west-1.s3")
    public = stack.at("network/PublicSubnetOneRoutes").get("RouteTableId")
    assert endpoint.get("RouteTableIds") == [public]
    found = statements(stack, "AWS::EC2::VPCEndpoint")
    assert found, "an endpoint without a policy leads anywhere"
    for statement in found:
        assert statement.allows
        assert not any("*" in action for action in statement.actions), str(statement)
        own = statement.conditions.get("StringEquals", {}).get("aws:ResourceAccount") == "123456789012"
        release = (statement.resources, statement.actions) == (
            ["arn:aws:s3:::releases-of-images/releases/0.1.0/*"],
            ["s3:GetObject"],
        )
        assert own or release, str(statement)


@check
def the_way_to_s3_carries_all_that_the_service_asks(deployment: Deployment) -> None:
    own, release = statements(deployment.stack, "AWS::EC2::VPCEndpoint")
    assert set(own.actions) >= {
        "s3:PutObject",
        "s3:GetObject",
        "s3:DeleteObject",
        "s3:DeleteObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "s3:PutObjectAcl",
    }
    assert own.resources == ["*"]
    assert release.is_for_everyone
    assert own.is_for_everyone


@check
def connections_are_logged(deployment: Deployment) -> None:
    stack = deployment.stack
    (log,) = stack.of_type("AWS::EC2::FlowLog")
    vpc, group, role = (
        stack.target(log.get(key)) for key in ("ResourceId", "LogGroupName", "DeliverLogsPermissionArn")
    )
    assert vpc is not None
    assert (vpc.type, log.get("ResourceType")) == ("AWS::EC2::VPC", "VPC")
    assert log.get("TrafficType") == ("ALL" if deployment.full else "REJECT")
    assert group is not None
    assert group.get("RetentionInDays") == 30
    assert role is not None
    allowed = [statement for statement in statements(stack) if statement.resource == role and statement.resources]
    assert [statement.resources for statement in allowed] == [[f"⟨{group.name}.Arn⟩"]]
    assert set(allowed[0].actions) == {"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"}
    (trust,) = [statement for statement in statements(stack) if statement.resource == role and not statement.resources]
    assert trust.body["Principal"] == {"Service": "vpc-flow-logs.amazonaws.com"}
    assert trust.conditions == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
