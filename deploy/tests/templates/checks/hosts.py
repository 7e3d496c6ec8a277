"""The hosts: how they come up, how they are replaced, what of them stays, and how the load balancer reaches them."""

from typing import Any

from support.cloudformation import Resource
from templates.checks import check
from templates.combinations import Deployment

MODERN_TLS = "ELBSecurityPolicy-TLS13-1-2-"
SIGNAL_SECONDS = 20 * 60
LARGEST_USER_DATA_BYTES = 16 * 1024
ENDLESS_UPLOAD_SECONDS = 300
"""UPLOAD_DEADLINE of the service."""
NGINX_KEEPS_CONNECTIONS_SECONDS = 30
NGINX_PATIENCE_SECONDS = 20
"""keepalive_timeout and client_body_timeout in deploy/nginx/snippets/server.conf."""


def launched(deployment: Deployment) -> Resource:
    (template,) = deployment.stack.of_type("AWS::EC2::LaunchTemplate")
    return template


def user_data(deployment: Deployment) -> str:
    return launched(deployment).get("LaunchTemplateData.UserData")


def group(deployment: Deployment) -> Resource:
    (found,) = deployment.stack.of_type("AWS::AutoScaling::AutoScalingGroup")
    return found


@check
def only_a_token_opens_the_metadata_service_and_only_to_the_host_itself(deployment: Deployment) -> None:
    options = launched(deployment).get("LaunchTemplateData.MetadataOptions", {})
    assert options.get("HttpTokens") == "required"
    assert options.get("HttpPutResponseHopLimit") == 1


@check
def there_is_no_key_and_no_way_in_but_session_manager(deployment: Deployment) -> None:
    data = launched(deployment).properties["LaunchTemplateData"]
    assert "KeyName" not in data
    assert "SecurityGroupIds" not in data and "SecurityGroups" not in data
    (interface,) = data["NetworkInterfaces"]
    names = [deployment.stack.target(each).name for each in interface["Groups"]]
    web = ["network/WebSecurityGroup"] if deployment.mode == "single" else []
    assert names == ["network/ApplicationSecurityGroup", *web]
    assert "authorized_keys" not in user_data(deployment)


@check
def the_data_volume_of_a_host_outlives_it(deployment: Deployment) -> None:
    root, *others = launched(deployment).get("LaunchTemplateData.BlockDeviceMappings")
    assert root["DeviceName"] == "/dev/xvda"
    kept = [(each["DeviceName"], each["Ebs"].get("DeleteOnTermination")) for each in others]
    assert kept == ([("/dev/sdf", False)] if deployment.mode == "scaled" else [])
    assert all(each["Ebs"].get("Encrypted") is True for each in (root, *others))


@check
def a_stack_waits_for_the_word_of_its_hosts(deployment: Deployment) -> None:
    hosts = group(deployment)
    signal = hosts.creation_policy.get("ResourceSignal", {})
    assert signal == {"Count": 1 if deployment.mode == "single" else 2, "Timeout": "PT20M"}
    rolling = hosts.update_policy.get("AutoScalingRollingUpdate", {})
    assert rolling.get("WaitOnResourceSignals") is True
    assert rolling.get("PauseTime") == "PT20M"
    assert rolling.get("MaxBatchSize") == 1
    assert {"HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions"} == set(
        rolling.get("SuspendProcesses", [])
    )
    data = user_data(deployment)
    assert f"--logical-resource-id {hosts.logical_id} " in data
    assert "\nsignal SUCCESS\n" in data
    assert "\n  signal FAILURE\n" in data
    assert 'trap \'failed "$LINENO" "$?"\' ERR' in data
    # The group replaces a host that is turned off; without a load balancer one that runs counts as healthy.
    assert "\n  signal FAILURE\n  shutdown -P +10 " in data


@check
def one_host_goes_before_the_next_comes_and_of_several_the_next_comes_first(deployment: Deployment) -> None:
    hosts = group(deployment)
    in_service = hosts.update_policy["AutoScalingRollingUpdate"]["MinInstancesInService"]
    sizes = [int(hosts.get(name)) for name in ("MinSize", "DesiredCapacity", "MaxSize")]
    maintenance = hosts.get("InstanceMaintenancePolicy")
    if deployment.mode == "single":
        assert (in_service, sizes) == (0, [1, 1, 1])
        assert maintenance == {"MinHealthyPercentage": 0, "MaxHealthyPercentage": 100}
        assert hosts.get("VPCZoneIdentifier") == ["⟨network/PublicSubnetOne⟩"]
    else:
        assert (in_service, sizes) == (2, [2, 2, 21])
        assert maintenance == {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150}
        assert hosts.get("VPCZoneIdentifier") == ["⟨network/PublicSubnetOne⟩", "⟨network/PublicSubnetTwo⟩"]


@check
def a_host_that_goes_drains_its_journal_first(deployment: Deployment) -> None:
    hooks = group(deployment).get("LifecycleHookSpecificationList", [])
    if deployment.mode == "single":
        assert hooks == []
        return
    assert len(hooks) == 1
    hook = hooks[0]
    assert hook["LifecycleHookName"] == "drain"
    assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    # Host scripts beat every two minutes.
    assert 300 <= hook["HeartbeatTimeout"] <= 900


@check
def a_host_without_its_database_counts_as_healthy(deployment: Deployment) -> None:
    hosts = group(deployment)
    scaled = deployment.mode == "scaled"
    assert hosts.get("HealthCheckType") == ("ELB" if scaled else "EC2")
    assert hosts.get("HealthCheckGracePeriod") >= SIGNAL_SECONDS
    targets = deployment.stack.of_type("AWS::ElasticLoadBalancingV2::TargetGroup")
    assert len(targets) == scaled
    for target in targets:
        assert target.get("HealthCheckPath") == "/livez"
        assert [deployment.stack.target(each) for each in hosts.get("TargetGroupARNs")] == [target]


def attributes(resource: Resource, name: str) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in resource.get(name, [])}


@check
def the_load_balancer_passes_on_the_client_and_nothing_malformed(deployment: Deployment) -> None:
    for balancer in deployment.stack.of_type("AWS::ElasticLoadBalancingV2::LoadBalancer"):
        said = attributes(balancer, "LoadBalancerAttributes")
        assert said.get("routing.http.drop_invalid_header_fields.enabled") == "true"
        assert said.get("routing.http.xff_header_processing.mode") == "append"
        # A connection that nginx closes first would now and then make a 502.
        idle = int(said["idle_timeout.timeout_seconds"])
        assert NGINX_PATIENCE_SECONDS < idle < NGINX_KEEPS_CONNECTIONS_SECONDS
        assert len(balancer.get("Subnets")) == 2
        assert [deployment.stack.target(each).name for each in balancer.get("SecurityGroups")] == [
            "network/WebSecurityGroup"
        ]
    for target in deployment.stack.of_type("AWS::ElasticLoadBalancingV2::TargetGroup"):
        delay = int(attributes(target, "TargetGroupAttributes")["deregistration_delay.timeout_seconds"])
        assert delay > ENDLESS_UPLOAD_SECONDS


@check
def with_a_certificate_plain_text_is_only_redirected(deployment: Deployment) -> None:
    found: dict[int, tuple[str, list[Any]]] = {}
    for listener in deployment.stack.of_type("AWS::ElasticLoadBalancingV2::Listener"):
        found[listener.get("Port")] = (
            listener.get("Protocol"),
            [each["Type"] for each in listener.get("DefaultActions")],
        )
        if listener.get("Protocol") == "HTTPS":
            assert str(listener.get("SslPolicy")).startswith(MODERN_TLS)
            assert len(listener.get("Certificates", [])) == 1
    if deployment.mode == "single":
        assert found == {}
    elif deployment.full:
        assert found == {443: ("HTTPS", ["forward"]), 80: ("HTTP", ["redirect"])}
    else:
        assert found == {80: ("HTTP", ["forward"])}


@check
def user_data_installs_nothing_of_the_release_before_all_of_it_is_verified(deployment: Deployment) -> None:
    data = user_data(deployment)
    assert len(data.encode()) < LARGEST_USER_DATA_BYTES
    for checksum, file in (
        ("a", "image-handler.deb"),
        ("b", "amazon-ssm-agent.deb"),
        ("c", "amazon-cloudwatch-agent.deb"),
        ("d", "rds-ca.pem"),
    ):
        assert f"\n{checksum * 64}  {file}\n" in data, file
    order = [
        "set -Eeuo pipefail",
        "trap 'failed",
        "aws s3 cp",
        "sha256sum --check --strict expected",
        "packages install ./amazon-ssm-agent.deb",
        "packages install nginx",
        "packages install ./image-handler.deb ./amazon-cloudwatch-agent.deb",
        "/usr/lib/image-handler/aws/configure",
        "http://127.0.0.1/livez",
        "signal SUCCESS",
    ]
    places = [data.find(each) for each in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    assert data.count(".deb") == data.count("image-handler.deb") + data.count("amazon-ssm-agent.deb") + data.count(
        "amazon-cloudwatch-agent.deb"
    )


@check
def a_larger_data_volume_reaches_a_host(deployment: Deployment) -> None:
    """Only with a change in its user data a host of mode single is replaced, and makes its file system larger."""
    assert "\nDATA_VOLUME_GIB=50\n" in user_data(deployment)


@check
def user_data_names_secrets_and_knows_none(deployment: Deployment) -> None:
    data = user_data(deployment)
    assert "get-secret-value" not in data
    assert "resolve:secretsmanager" not in data
    assert "⟨state/Database.MasterUserSecret" not in data
    acl = "public-read" if deployment.public_access == "object-acl" else "none"
    for line in (
        f"MODE={deployment.mode}",
        f"S3_ACL={acl}",
        "DATABASE_SECRET_ARN=⟨state/DatabaseSecretAttachment⟩",
        "APPLICATION_SECRET_ARN=⟨state/ApplicationSecret⟩",
        f"PUBLIC_URL={deployment.stack.outputs['service']['SiteUrl']}",
    ):
        assert f"\n{line}\n" in data, line
