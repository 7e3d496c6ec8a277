"""Hosts that may do more, are reached more easily, fail in silence or lose what they hold."""

from collections.abc import Callable
from typing import Any

from support.cloudformation import Templates
from templates.checks import hosts, role, watch
from templates.mutants import mutant, properties

FILE = "service.yaml"


def policy(templates: Templates, name: str) -> list[dict[str, Any]]:
    """Gives the statements of a policy of the role."""
    policies = properties(templates, FILE, "Role")["Policies"]
    (document,) = [each["PolicyDocument"] for each in policies if each["PolicyName"] == name]
    return document["Statement"]


def statement(templates: Templates, sid: str) -> dict[str, Any]:
    """Gives a statement by its Sid, also one that stands in an If."""
    for name in ("service", "host"):
        for each in policy(templates, name):
            body = each["Fn::If"][1] if "Fn::If" in each else each
            if body["Sid"] == sid:
                return body
    raise KeyError(sid)


def launch(templates: Templates) -> dict[str, Any]:
    return properties(templates, FILE, "LaunchTemplate")["LaunchTemplateData"]


def group(templates: Templates) -> dict[str, Any]:
    return properties(templates, FILE, "Hosts")


def rolling(templates: Templates) -> dict[str, Any]:
    return templates[FILE]["Resources"]["Hosts"]["UpdatePolicy"]["AutoScalingRollingUpdate"]


def edit_user_data(templates: Templates, edit: Callable[[str], str]) -> None:
    text = launch(templates)["UserData"]["Fn::Base64"]["Fn::Sub"]
    text[0] = edit(text[0])


SERVICE_RIGHTS = role.the_service_may_do_what_it_needs_and_nothing_else
HOST_RIGHTS = role.the_host_may_do_what_it_needs_and_nothing_else
OTHER_RIGHTS = role.the_role_has_no_other_rights_and_only_hosts_have_it


@mutant(caught_by=SERVICE_RIGHTS)
def role_that_may_do_all_to_s3(templates: Templates) -> None:
    statement(templates, "ServiceObjects")["Action"] = "s3:*"


@mutant(caught_by=SERVICE_RIGHTS)
def role_that_reaches_every_bucket(templates: Templates) -> None:
    statement(templates, "ServiceObjects")["Resource"] = "*"


@mutant(caught_by=SERVICE_RIGHTS)
def role_that_writes_beside_the_images(templates: Templates) -> None:
    statement(templates, "ServiceObjects")["Resource"] = {"Fn::Sub": "${BucketArn}/*"}


@mutant(caught_by=SERVICE_RIGHTS)
def role_that_lists_every_prefix(templates: Templates) -> None:
    del statement(templates, "ServiceList")["Condition"]


@mutant(caught_by=SERVICE_RIGHTS)
def role_that_lists_what_has_no_prefix(templates: Templates) -> None:
    found = statement(templates, "ServiceList")
    found["Condition"] = {"StringLikeIfExists": found["Condition"]["StringLike"]}


@mutant(caught_by=SERVICE_RIGHTS)
def role_that_writes_acls_where_none_are_used(templates: Templates) -> None:
    statements = policy(templates, "service")
    statements.append(statements.pop()["Fn::If"][1])


@mutant(caught_by=SERVICE_RIGHTS, public_access="object-acl")
def role_without_the_acl_that_makes_images_public(templates: Templates) -> None:
    policy(templates, "service").pop()


@mutant(caught_by=SERVICE_RIGHTS)
def role_that_reads_every_secret(templates: Templates) -> None:
    statement(templates, "ServiceDatabaseSecret")["Resource"] = "*"


@mutant(caught_by=HOST_RIGHTS)
def role_that_reads_the_administrators_secret(templates: Templates) -> None:
    templates[FILE]["Parameters"]["MasterSecretArn"] = {"Type": "String"}
    root = properties(templates, "image-handler.yaml", "Service")["Parameters"]
    root["MasterSecretArn"] = {"Fn::GetAtt": ["State", "Outputs.MasterSecretArn"]}
    own = statement(templates, "HostApplicationSecret")
    own["Resource"] = [own["Resource"], {"Ref": "MasterSecretArn"}]


@mutant(caught_by=HOST_RIGHTS)
def role_that_reads_the_whole_release_bucket(templates: Templates) -> None:
    statement(templates, "HostRelease")["Resource"] = {"Fn::Sub": "arn:aws:s3:::${ReleaseBucket}/*"}


@mutant(caught_by=HOST_RIGHTS)
def role_that_writes_every_metric(templates: Templates) -> None:
    del statement(templates, "HostMetrics")["Condition"]


@mutant(caught_by=HOST_RIGHTS)
def role_that_attaches_volumes_to_every_instance(templates: Templates) -> None:
    del statement(templates, "HostItself")["Condition"]


@mutant(caught_by=HOST_RIGHTS)
def hosts_that_cannot_drain_once_the_mode_is_single(templates: Templates) -> None:
    statements = policy(templates, "host")
    statements[:] = [
        {"Fn::If": ["Scaled", each, {"Ref": "AWS::NoValue"}]} if each.get("Sid") == "HostDrain" else each
        for each in statements
    ]


@mutant(caught_by=HOST_RIGHTS, mode="scaled")
def role_that_tags_whatever_it_likes(templates: Templates) -> None:
    del statement(templates, "HostDrainMark")["Condition"]


@mutant(caught_by=HOST_RIGHTS, mode="scaled")
def role_that_attaches_volumes_where_none_is_attached(templates: Templates) -> None:
    statements = policy(templates, "host")
    statements[:] = [each["Fn::If"][1] if each.get("Fn::If", [""])[0] == "Single" else each for each in statements]


@mutant(caught_by=OTHER_RIGHTS)
def role_with_a_policy_of_amazons(templates: Templates) -> None:
    properties(templates, FILE, "Role")["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]


@mutant(caught_by=OTHER_RIGHTS)
def role_that_everybody_in_the_account_has(templates: Templates) -> None:
    (trust,) = properties(templates, FILE, "Role")["AssumeRolePolicyDocument"]["Statement"]
    trust["Principal"] = {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}


@mutant(caught_by=hosts.only_a_token_opens_the_metadata_service_and_only_to_the_host_itself)
def metadata_without_a_token(templates: Templates) -> None:
    launch(templates)["MetadataOptions"]["HttpTokens"] = "optional"


@mutant(caught_by=hosts.only_a_token_opens_the_metadata_service_and_only_to_the_host_itself)
def metadata_for_containers_too(templates: Templates) -> None:
    launch(templates)["MetadataOptions"]["HttpPutResponseHopLimit"] = 2


@mutant(caught_by=hosts.there_is_no_key_and_no_way_in_but_session_manager)
def host_with_a_key_for_ssh(templates: Templates) -> None:
    launch(templates)["KeyName"] = "operator"


@mutant(caught_by=hosts.there_is_no_key_and_no_way_in_but_session_manager, mode="scaled")
def hosts_that_are_reached_around_the_load_balancer(templates: Templates) -> None:
    groups = launch(templates)["NetworkInterfaces"][0]["Groups"]["Fn::If"]
    groups[2] = groups[1]


@mutant(caught_by=hosts.the_data_volume_of_a_host_outlives_it, mode="scaled")
def data_volume_that_goes_with_its_host(templates: Templates) -> None:
    launch(templates)["BlockDeviceMappings"][1]["Fn::If"][1]["Ebs"]["DeleteOnTermination"] = True


@mutant(caught_by=hosts.the_data_volume_of_a_host_outlives_it)
def unencrypted_root_volume(templates: Templates) -> None:
    launch(templates)["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] = False


@mutant(caught_by=hosts.the_data_volume_of_a_host_outlives_it, mode="scaled")
def unencrypted_data_volume(templates: Templates) -> None:
    del launch(templates)["BlockDeviceMappings"][1]["Fn::If"][1]["Ebs"]["Encrypted"]


@mutant(caught_by=hosts.a_stack_waits_for_the_word_of_its_hosts)
def stack_that_waits_for_nobody(templates: Templates) -> None:
    del templates[FILE]["Resources"]["Hosts"]["CreationPolicy"]


@mutant(caught_by=hosts.a_stack_waits_for_the_word_of_its_hosts)
def update_that_waits_for_nobody(templates: Templates) -> None:
    rolling(templates)["WaitOnResourceSignals"] = False


@mutant(caught_by=hosts.a_stack_waits_for_the_word_of_its_hosts)
def failure_that_is_not_signalled(templates: Templates) -> None:
    edit_user_data(templates, lambda text: text.replace("  signal FAILURE\n", ""))


@mutant(caught_by=hosts.a_stack_waits_for_the_word_of_its_hosts)
def failed_host_that_stays(templates: Templates) -> None:
    edit_user_data(templates, lambda text: text.replace("  shutdown -P +10 || true\n", ""))


@mutant(caught_by=hosts.a_larger_data_volume_reaches_a_host)
def larger_volume_that_nobody_uses(templates: Templates) -> None:
    edit_user_data(templates, lambda text: text.replace("DATA_VOLUME_GIB=${DataVolumeGiB}\n", ""))


@mutant(caught_by=hosts.a_stack_waits_for_the_word_of_its_hosts)
def update_in_which_hosts_are_replaced_for_their_health(templates: Templates) -> None:
    rolling(templates)["SuspendProcesses"].remove("ReplaceUnhealthy")


@mutant(caught_by=hosts.one_host_goes_before_the_next_comes_and_of_several_the_next_comes_first)
def second_host_for_one_volume(templates: Templates) -> None:
    group(templates)["MaxSize"] = "2"


@mutant(caught_by=hosts.one_host_goes_before_the_next_comes_and_of_several_the_next_comes_first, mode="scaled")
def hosts_in_one_zone(templates: Templates) -> None:
    group(templates)["VPCZoneIdentifier"] = [{"Ref": "FirstPublicSubnetId"}]


@mutant(caught_by=hosts.a_host_that_goes_drains_its_journal_first, mode="scaled")
def hosts_that_go_at_once(templates: Templates) -> None:
    del group(templates)["LifecycleHookSpecificationList"]


@mutant(caught_by=hosts.a_host_without_its_database_counts_as_healthy, mode="scaled")
def health_that_needs_the_database(templates: Templates) -> None:
    properties(templates, FILE, "TargetGroup")["HealthCheckPath"] = "/readyz"


@mutant(caught_by=hosts.a_host_without_its_database_counts_as_healthy)
def host_that_is_replaced_before_it_is_up(templates: Templates) -> None:
    group(templates)["HealthCheckGracePeriod"] = 60


@mutant(caught_by=hosts.the_load_balancer_passes_on_the_client_and_nothing_malformed, mode="scaled")
def malformed_headers_that_are_passed_on(templates: Templates) -> None:
    properties(templates, FILE, "LoadBalancer")["LoadBalancerAttributes"][0]["Value"] = "false"


@mutant(caught_by=hosts.the_load_balancer_passes_on_the_client_and_nothing_malformed, mode="scaled")
def clients_that_choose_their_address(templates: Templates) -> None:
    properties(templates, FILE, "LoadBalancer")["LoadBalancerAttributes"][2]["Value"] = "preserve"


@mutant(caught_by=hosts.the_load_balancer_passes_on_the_client_and_nothing_malformed, mode="scaled")
def connections_that_nginx_closes_first(templates: Templates) -> None:
    said = properties(templates, FILE, "LoadBalancer")["LoadBalancerAttributes"]
    said[:] = [each | {"Value": "60"} if each["Key"].startswith("idle") else each for each in said]


@mutant(caught_by=hosts.with_a_certificate_plain_text_is_only_redirected, mode="scaled", full=True)
def plain_text_beside_a_certificate(templates: Templates) -> None:
    forward = properties(templates, FILE, "PlainListener")["DefaultActions"]
    properties(templates, FILE, "RedirectListener")["DefaultActions"] = forward


@mutant(caught_by=hosts.with_a_certificate_plain_text_is_only_redirected, mode="scaled", full=True)
def old_tls(templates: Templates) -> None:
    properties(templates, FILE, "EncryptedListener")["SslPolicy"] = "ELBSecurityPolicy-2016-08"


VERIFIED = hosts.user_data_installs_nothing_of_the_release_before_all_of_it_is_verified


@mutant(caught_by=VERIFIED)
def package_without_its_checksum(templates: Templates) -> None:
    edit_user_data(templates, lambda text: text.replace("${PackageSha256}  image-handler.deb\n", ""))


@mutant(caught_by=VERIFIED)
def release_that_is_not_compared(templates: Templates) -> None:
    edit_user_data(templates, lambda text: text.replace("sha256sum --check --strict expected\n", ""))


@mutant(caught_by=VERIFIED)
def release_that_is_compared_when_it_is_installed(templates: Templates) -> None:
    check = "sha256sum --check --strict expected\n"

    def later(text: str) -> str:
        return text.replace(check, "").replace("begin 'configuring the host'\n", check)

    edit_user_data(templates, later)


@mutant(caught_by=VERIFIED)
def agent_of_session_manager_that_comes_last(templates: Templates) -> None:
    agent = "packages install ./amazon-ssm-agent.deb\n"

    def last(text: str) -> str:
        return text.replace(agent, "").replace("begin 'done'\n", agent)

    edit_user_data(templates, last)


@mutant(caught_by=VERIFIED)
def host_that_signals_before_it_answers(templates: Templates) -> None:
    def early(text: str) -> str:
        return text.replace("signal SUCCESS\n", "").replace("begin 'configuring", "signal SUCCESS\nbegin 'configuring")

    edit_user_data(templates, early)


@mutant(caught_by=hosts.user_data_names_secrets_and_knows_none)
def secret_in_the_user_data(templates: Templates) -> None:
    resolved = "ADMIN_KEY={{resolve:secretsmanager:application}}\nMODE="
    edit_user_data(templates, lambda text: text.replace("MODE=", resolved))


@mutant(caught_by=hosts.user_data_names_secrets_and_knows_none)
def acl_that_is_sent_where_none_is_taken(templates: Templates) -> None:
    launch(templates)["UserData"]["Fn::Base64"]["Fn::Sub"][1]["Acl"] = "public-read"


@mutant(caught_by=watch.logs_are_kept_for_a_time_and_no_longer)
def logs_that_are_kept_for_ever(templates: Templates) -> None:
    del properties(templates, FILE, "NginxAccessLog")["RetentionInDays"]


@mutant(caught_by=watch.the_log_that_says_why_a_host_failed_outlives_a_rollback)
def log_of_boots_that_goes_with_a_rollback(templates: Templates) -> None:
    del templates[FILE]["Resources"]["BootLog"]["DeletionPolicy"]


@mutant(caught_by=watch.the_log_that_says_why_a_host_failed_outlives_a_rollback)
def log_of_boots_that_is_in_the_way(templates: Templates) -> None:
    properties(templates, FILE, "BootLog")["LogGroupName"] = "/image-handler/boot"


@mutant(caught_by=watch.an_alarm_for_a_lost_host_says_that_its_volume_may_hold_images, mode="scaled")
def alarm_that_calls_a_lost_host_harmless(templates: Templates) -> None:
    alarm = properties(templates, FILE, "UnhealthyHostsAlarm")
    alarm["AlarmDescription"] = "A host does not answer the load balancer; the group replaces it."


@mutant(caught_by=watch.what_matters_has_an_alarm_that_takes_silence_for_what_it_is)
def no_alarm_for_the_disk_of_the_system(templates: Templates) -> None:
    del templates[FILE]["Resources"]["RootDiskAlarm"]


@mutant(caught_by=watch.every_alarm_reaches_somebody)
def alarm_that_reaches_nobody(templates: Templates) -> None:
    del properties(templates, FILE, "JournalAlarm")["AlarmActions"]


@mutant(caught_by=watch.every_alarm_reaches_somebody, full=True)
def operator_who_is_not_told(templates: Templates) -> None:
    del templates[FILE]["Resources"]["AlarmsByEmail"]


@mutant(caught_by=watch.what_matters_has_an_alarm_that_takes_silence_for_what_it_is)
def dead_host_that_raises_no_alarm(templates: Templates) -> None:
    properties(templates, FILE, "PendingAgeAlarm")["TreatMissingData"] = "notBreaching"


@mutant(caught_by=watch.what_matters_has_an_alarm_that_takes_silence_for_what_it_is)
def no_alarm_for_the_disk(templates: Templates) -> None:
    del templates[FILE]["Resources"]["DiskAlarm"]


@mutant(caught_by=watch.what_matters_has_an_alarm_that_takes_silence_for_what_it_is)
def alarm_for_an_empty_disk(templates: Templates) -> None:
    properties(templates, FILE, "DiskAlarm")["ComparisonOperator"] = "GreaterThanThreshold"


@mutant(caught_by=watch.alarms_look_at_what_is_published)
def alarm_that_looks_at_nothing(templates: Templates) -> None:
    del properties(templates, FILE, "PendingAgeAlarm")["Dimensions"]
