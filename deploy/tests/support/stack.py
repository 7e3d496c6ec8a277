"""A stack as the operator's scripts see it: what CloudFormation and Auto Scaling would say of it, and secrets in moto.

moto's CloudFormation does not make stacks like ours, so those two services' answers are written here. Keys of outputs
and parameters are what the scripts rely on; a test of the guide compares them with the templates.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from support.aws import REGION, Endpoint

NAME = "image-handler"
"""Name of the stack."""

HOST = "database.example.test"
"""Name of its database."""

FIRST_PASSWORD = "it's\\first%#"
"""Password in the service's secret: with characters that mean something in SQL and in option files."""

MASTER_PASSWORD = "ma\\ster'$(id)#;"
"""Password in the master secret."""


@dataclass(frozen=True)
class Stack:
    """What was made."""

    aws: Endpoint
    database_secret: str
    master_secret: str
    answers: dict[str, Any]

    def secret(self) -> dict[str, str]:
        """Gives the secret of the service's database user as it is now."""
        found = self.aws.client("secretsmanager").get_secret_value(SecretId=self.database_secret)
        return json.loads(found["SecretString"])


def make(aws: Endpoint, ca: bytes) -> Stack:
    """Makes the stack's secrets, its bucket and its release with the CA certificates `ca`."""
    s3 = aws.client("s3")
    for bucket in ("releases", "pictures"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_object(Bucket="releases", Key="releases/1/rds-ca.pem", Body=ca)
    secrets = aws.client("secretsmanager")
    application = {
        "username": "image_handler",
        "password": FIRST_PASSWORD,
        "dbname": "images",
        "host": HOST,
        "port": 3306,
    }
    master = {"username": "administrator", "password": MASTER_PASSWORD}
    master_secret = secrets.create_secret(Name="master", SecretString=json.dumps(master))["ARN"]
    database_secret = secrets.create_secret(Name="database", SecretString=json.dumps(application))["ARN"]
    outputs = {
        "BucketName": "pictures",
        "DatabaseEndpoint": HOST,
        "DatabasePort": "3306",
        "DatabaseSecretArn": database_secret,
        "MasterSecretArn": master_secret,
    }
    checksum = hashlib.sha256(ca).hexdigest()
    parameters = {"ReleaseBucket": "releases", "ReleasePrefix": "releases/1/", "RdsCaSha256": checksum}
    state, service, group = f"{NAME}-State-1", f"{NAME}-Service-1", f"{NAME}-group"
    instances = [
        {"InstanceId": "i-0leaving", "LifecycleState": "Terminating:Wait"},
        {"InstanceId": "i-0serving", "LifecycleState": "InService"},
    ]
    answers = {
        f"cloudformation describe-stacks {NAME}": _stack(NAME, parameters, {}),
        f"cloudformation describe-stacks {state}": _stack(state, {}, outputs),
        f"cloudformation describe-stacks {service}": _stack(service, {}, {}),
        f"cloudformation list-stack-resources {NAME}": _resources("AWS::CloudFormation::Stack", state, service),
        f"cloudformation list-stack-resources {state}": _resources("AWS::RDS::DBInstance", "database"),
        f"cloudformation list-stack-resources {service}": _resources("AWS::AutoScaling::AutoScalingGroup", group),
        f"autoscaling describe-auto-scaling-groups {group}": {"AutoScalingGroups": [{"Instances": instances}]},
    }
    return Stack(aws, database_secret, master_secret, answers)


def _stack(name: str, parameters: dict[str, str], outputs: dict[str, str]) -> dict[str, Any]:
    stack = {
        "StackName": name,
        "StackId": name,
        "StackStatus": "CREATE_COMPLETE",
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }
    return {"Stacks": [stack]}


def _resources(kind: str, *names: str) -> dict[str, Any]:
    return {"StackResourceSummaries": [{"ResourceType": kind, "PhysicalResourceId": name} for name in names]}
