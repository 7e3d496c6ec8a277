"""What must not get lost: it stays when the stack goes. Secrets stay secret."""

import json

from templates.checks import check
from templates.combinations import Deployment

KEPT = {
    "AWS::EC2::EIP": {"Retain"},
    "AWS::EC2::Volume": {"Retain", "Snapshot"},
    "AWS::RDS::DBInstance": {"Retain", "Snapshot"},
    "AWS::S3::Bucket": {"Retain"},
    "AWS::SecretsManager::Secret": {"Retain"},
    # Removing it takes the address of the database out of the secret.
    "AWS::SecretsManager::SecretTargetAttachment": {"Retain"},
}
"""The policies that may be, for each type of resource that holds something."""


@check
def state_outlives_its_stack(deployment: Deployment) -> None:
    found = deployment.stack.of_type(*KEPT)
    assert len(found) == (8 if deployment.mode == "single" else 6)
    for resource in found:
        assert resource.deletion_policy in KEPT[resource.type], resource.name
        assert resource.update_replace_policy in KEPT[resource.type], resource.name
        assert resource.stack == "state", f"{resource.name} is not with the state"


@check
def the_stacks_of_state_and_network_outlive_the_root(deployment: Deployment) -> None:
    for name in ("State", "Network"):
        nested = deployment.stack.at(name)
        assert (nested.deletion_policy, nested.update_replace_policy) == ("Retain", "Retain"), name


@check
def everything_that_keeps_bytes_is_encrypted(deployment: Deployment) -> None:
    stack = deployment.stack
    for volume in stack.of_type("AWS::EC2::Volume"):
        assert volume.get("Encrypted") is True, volume.name
        assert volume.get("VolumeType") == "gp3", volume.name
    for database in stack.of_type("AWS::RDS::DBInstance"):
        assert database.get("StorageEncrypted") is True, database.name
    for bucket in stack.of_type("AWS::S3::Bucket"):
        rules = bucket.get("BucketEncryption.ServerSideEncryptionConfiguration", [])
        assert [rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules] == ["AES256"], bucket.name
    for template in stack.of_type("AWS::EC2::LaunchTemplate"):
        disks = [each for each in template.get("LaunchTemplateData.BlockDeviceMappings", []) if "Ebs" in each]
        assert disks, template.name
        assert all(disk["Ebs"].get("Encrypted") is True for disk in disks), template.name


@check
def the_one_host_has_a_volume_and_an_address_of_its_own(deployment: Deployment) -> None:
    stack, outputs = deployment.stack, deployment.stack.outputs["state"]
    volumes, addresses = stack.of_type("AWS::EC2::Volume"), stack.of_type("AWS::EC2::EIP")
    if deployment.mode == "scaled":
        assert volumes == addresses == []
        assert {outputs[name] for name in ("DataVolumeId", "AddressAllocationId", "PublicAddress")} == {""}
        return
    (volume,), (address,) = volumes, addresses
    assert volume.get("AvailabilityZone") == stack.outputs["network"]["FirstZone"]
    assert outputs["DataVolumeId"] == f"⟨{volume.name}⟩"
    assert outputs["AddressAllocationId"] == f"⟨{address.name}.AllocationId⟩"
    assert outputs["PublicAddress"] == f"⟨{address.name}.PublicIp⟩"


@check
def the_service_has_a_user_of_the_database_of_its_own(deployment: Deployment) -> None:
    stack = deployment.stack
    secret = stack.at("state/DatabaseSecret")
    generated = secret.get("GenerateSecretString")
    assert json.loads(generated["SecretStringTemplate"]) == {"username": "image_handler", "dbname": "images"}
    assert generated["GenerateStringKey"] == "password"
    (database,) = stack.of_type("AWS::RDS::DBInstance")
    assert database.get("MasterUsername") != "image_handler"
    (attachment,) = stack.of_type("AWS::SecretsManager::SecretTargetAttachment")
    assert (stack.target(attachment.get("SecretId")), stack.target(attachment.get("TargetId"))) == (secret, database)
    assert attachment.get("TargetType") == "AWS::RDS::DBInstance"
    assert stack.outputs["state"]["DatabaseSecretArn"] == f"⟨{attachment.name}⟩"


@check
def secrets_are_generated_long_and_need_no_quoting(deployment: Deployment) -> None:
    for secret in deployment.stack.of_type("AWS::SecretsManager::Secret"):
        generated = secret.get("GenerateSecretString")
        assert secret.get("SecretString") is None, secret.name
        assert generated["PasswordLength"] >= 32, secret.name
        assert generated.get("ExcludePunctuation") is True, secret.name
    application = deployment.stack.at("state/ApplicationSecret").get("GenerateSecretString")
    assert application["GenerateStringKey"] == "secret"
    admin_key = json.loads(application["SecretStringTemplate"])["admin_key"]
    assert admin_key == "{{resolve:secretsmanager:⟨state/AdminKeySeed⟩}}"


@check
def no_secret_leaves_secrets_manager(deployment: Deployment) -> None:
    for name, outputs in deployment.stack.outputs.items():
        for output, value in outputs.items():
            assert "{{resolve:" not in str(value), f"{name}: {output}"
    for resource in deployment.stack.resources.values():
        if resource.type != "AWS::SecretsManager::Secret":
            assert "{{resolve:secretsmanager" not in str(resource.properties), resource.name


@check
def every_resource_is_tagged_with_its_installation(deployment: Deployment) -> None:
    # Tags of a nested stack are given to everything in it. Records in DNS, the only other resources, cannot have any.
    expected = [{"Key": "Application", "Value": "image-handler"}, {"Key": "Installation", "Value": "images"}]
    for resource in deployment.stack.resources.values():
        if resource.type == "AWS::CloudFormation::Stack":
            assert resource.get("Tags") == expected, resource.name
        else:
            assert resource.stack or resource.type == "AWS::Route53::RecordSet", resource.name


@check
def the_name_points_to_what_stays(deployment: Deployment) -> None:
    records = deployment.stack.of_type("AWS::Route53::RecordSet")
    if not deployment.full:
        assert records == []
        return
    (record,) = records
    assert (record.get("Name"), record.get("Type")) == ("images.example.org", "A")
    if deployment.mode == "single":
        assert record.get("ResourceRecords") == ["⟨state/Address.PublicIp⟩"]
    else:
        assert record.get("AliasTarget.DNSName")
        assert record.get("AliasTarget.HostedZoneId")


@check
def the_operator_is_told_what_comes_next(deployment: Deployment) -> None:
    outputs = deployment.stack.outputs[""]
    assert outputs["BucketName"] == "⟨state/Bucket⟩"
    assert outputs["DatabaseEndpoint"] == "⟨state/Database.Endpoint.Address⟩"
    for name in ("DatabaseSecretArn", "MasterSecretArn", "ApplicationSecretArn"):
        assert outputs[name] == deployment.stack.outputs["state"][name]
    of_host, of_load_balancer = "⟨state/Address.PublicIp⟩", "⟨service/LoadBalancer.DNSName⟩"
    assert outputs["DnsTarget"] == (of_host if deployment.mode == "single" else of_load_balancer)
    assert outputs["NextBootstrap"] == "deploy/bin/bootstrap-db --stack images --region eu-west-1"
    assert outputs["NextSmoke"] == f"deploy/bin/smoke --url {outputs['SiteUrl']} --stack images --region eu-west-1"
