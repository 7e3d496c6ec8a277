"""What a host may do: exactly this, on exactly that."""

from typing import Any

from templates.checks import check
from templates.combinations import Deployment
from templates.policies import listed

HERE = "eu-west-1:123456789012"
GROUP = "images-service-hosts"
IMAGES = "⟨state/Bucket.Arn⟩/images/*"
OWN_VOLUME = f"arn:aws:ec2:{HERE}:volume/⟨state/DataVolume⟩"
OWN_ADDRESS = f"arn:aws:ec2:{HERE}:elastic-ip/⟨state/Address.AllocationId⟩"
OF_THE_GROUP = {"StringEquals": {"aws:ResourceTag/image-handler:group": GROUP}}

Grant = tuple[set[str], set[str], dict[str, Any]]
"""Actions, resources and conditions."""

SERVICE: dict[str, Grant] = {
    "ServiceObjects": (
        {"s3:PutObject", "s3:GetObject", "s3:DeleteObject", "s3:DeleteObjectVersion"},
        {IMAGES},
        {},
    ),
    "ServiceList": (
        {"s3:ListBucket", "s3:ListBucketVersions"},
        {"⟨state/Bucket.Arn⟩"},
        {"StringLike": {"s3:prefix": "images/*"}},
    ),
    "ServiceDatabaseSecret": ({"secretsmanager:GetSecretValue"}, {"⟨state/DatabaseSecretAttachment⟩"}, {}),
}
OBJECT_ACL: dict[str, Grant] = {"ServiceObjectAcl": ({"s3:PutObjectAcl"}, {IMAGES}, {})}
HOST: dict[str, Grant] = {
    "HostApplicationSecret": ({"secretsmanager:GetSecretValue"}, {"⟨state/ApplicationSecret⟩"}, {}),
    "HostRelease": ({"s3:GetObject"}, {"arn:aws:s3:::releases-of-images/releases/0.1.0/*"}, {}),
    "HostSignal": (
        {"cloudformation:SignalResource"},
        {f"arn:aws:cloudformation:{HERE}:stack/images-service/00000000"},
        {},
    ),
    "HostLogs": (
        {"logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"},
        {f"⟨service/{each}Log.Arn⟩" for each in ("Boot", "Service", "NginxAccess", "NginxError")},
        {},
    ),
    "HostMetrics": (
        {"cloudwatch:PutMetricData"},
        {"*"},
        {"StringEquals": {"cloudwatch:namespace": "ImageHandler"}},
    ),
    "HostSessions": (
        {f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")},
        {"*"},
        {},
    ),
    "HostSessionsRegister": ({"ssm:UpdateInstanceInformation"}, {f"arn:aws:ec2:{HERE}:instance/*"}, {}),
    # In mode single too: the update to it ends hosts that drain.
    "HostDrain": (
        {"autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"},
        {f"arn:aws:autoscaling:{HERE}:autoScalingGroup:*:autoScalingGroupName/{GROUP}"},
        {},
    ),
    "HostDrainMark": (
        {"ec2:CreateTags"},
        {f"arn:aws:ec2:{HERE}:volume/*"},
        {**OF_THE_GROUP, "ForAllValues:StringEquals": {"aws:TagKeys": ["image-handler:journal"]}},
    ),
}
SINGLE: dict[str, Grant] = {
    "HostVolume": ({"ec2:AttachVolume"}, {OWN_VOLUME}, {}),
    "HostAddress": ({"ec2:AssociateAddress"}, {OWN_ADDRESS}, {}),
    "HostItself": (
        {"ec2:AttachVolume", "ec2:AssociateAddress"},
        {f"arn:aws:ec2:{HERE}:instance/*", f"arn:aws:ec2:{HERE}:network-interface/*"},
        OF_THE_GROUP,
    ),
}


def granted(deployment: Deployment, policy: str) -> dict[str, Grant]:
    """Gives what a policy of the role allows, by Sid."""
    (document,) = [
        each["PolicyDocument"]
        for each in deployment.stack.at("service/Role").get("Policies")
        if each["PolicyName"] == policy
    ]
    grants = {}
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        assert not {"NotAction", "NotResource"} & statement.keys()
        grants[statement["Sid"]] = (
            set(listed(statement["Action"])),
            set(listed(statement["Resource"])),
            statement.get("Condition", {}),
        )
    assert len(grants) == len(document["Statement"])
    return grants


@check
def the_service_may_do_what_it_needs_and_nothing_else(deployment: Deployment) -> None:
    expected = SERVICE | (OBJECT_ACL if deployment.public_access == "object-acl" else {})
    assert granted(deployment, "service") == expected


@check
def the_host_may_do_what_it_needs_and_nothing_else(deployment: Deployment) -> None:
    assert granted(deployment, "host") == HOST | (SINGLE if deployment.mode == "single" else {})


@check
def the_role_has_no_other_rights_and_only_hosts_have_it(deployment: Deployment) -> None:
    role = deployment.stack.at("service/Role")
    assert [each["PolicyName"] for each in role.get("Policies")] == ["service", "host"]
    assert role.get("ManagedPolicyArns", []) == []
    (trust,) = role.get("AssumeRolePolicyDocument.Statement")
    assert trust["Principal"] == {"Service": "ec2.amazonaws.com"}
    assert deployment.stack.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy") == []
    assert deployment.stack.target(deployment.stack.at("service/InstanceProfile").get("Roles")[0]) is role
