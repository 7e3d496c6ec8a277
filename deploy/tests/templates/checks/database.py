"""RDS: kept safe, kept private, and as the service needs it."""

import re

from support.cloudformation import Resource
from templates.checks import check
from templates.combinations import Deployment


def database_of(deployment: Deployment) -> Resource:
    (database,) = deployment.stack.of_type("AWS::RDS::DBInstance")
    return database


def parameters_of(deployment: Deployment) -> dict[str, str]:
    group = deployment.stack.target(database_of(deployment).get("DBParameterGroupName"))
    assert group is not None, "the database has the default parameters"
    assert group.get("Family") == "mysql8.4"
    return group.get("Parameters")


@check
def the_database_is_encrypted_and_not_public(deployment: Deployment) -> None:
    database = database_of(deployment)
    assert database.get("StorageEncrypted") is True
    assert database.get("PubliclyAccessible") is False


@check
def the_database_takes_tls_alone(deployment: Deployment) -> None:
    assert parameters_of(deployment)["require_secure_transport"] == "1"
    assert database_of(deployment).get("CACertificateIdentifier") == "rds-ca-rsa2048-g1"


@check
def the_database_is_mysql_with_its_whole_unicode(deployment: Deployment) -> None:
    database = database_of(deployment)
    assert database.get("Engine") == "mysql"
    assert re.fullmatch(r"8\.4\.\d+", database.get("EngineVersion"))
    assert database.get("DBName") == "images"
    parameters = parameters_of(deployment)
    assert parameters["character_set_server"] == "utf8mb4"
    assert parameters["collation_server"].startswith("utf8mb4_")
    assert parameters["local_infile"] == "0"
    assert database.get("Port") == "3306", "the groups open this one"


@check
def a_record_that_was_acknowledged_is_on_disk(deployment: Deployment) -> None:
    parameters = parameters_of(deployment)
    assert (parameters["innodb_flush_log_at_trx_commit"], parameters["sync_binlog"]) == ("1", "1")


@check
def the_database_is_backed_up_and_hard_to_delete(deployment: Deployment) -> None:
    database = database_of(deployment)
    assert 7 <= database.get("BackupRetentionPeriod") <= 35
    assert database.get("DeletionProtection") is True
    assert database.get("DeleteAutomatedBackups") is False
    assert database.get("CopyTagsToSnapshot") is True


@check
def the_database_stays_up_to_date_and_grows(deployment: Deployment) -> None:
    database = database_of(deployment)
    assert database.get("AutoMinorVersionUpgrade") is True
    assert database.get("StorageType") == "gp3"
    assert database.get("MaxAllocatedStorage") >= 1.1 * int(database.get("AllocatedStorage"))


@check
def the_database_is_in_two_zones_in_mode_scaled(deployment: Deployment) -> None:
    assert database_of(deployment).get("MultiAZ") is (deployment.mode == "scaled")


@check
def the_administrators_password_is_kept_by_rds(deployment: Deployment) -> None:
    database = database_of(deployment)
    assert database.get("ManageMasterUserPassword") is True
    assert database.get("MasterUserPassword") is None
    assert deployment.stack.outputs["state"]["MasterSecretArn"] == f"⟨{database.name}.MasterUserSecret.SecretArn⟩"


@check
def the_database_tells_what_goes_wrong_and_what_is_slow(deployment: Deployment) -> None:
    database = database_of(deployment)
    assert database.get("EnableCloudwatchLogsExports") == ["error", "slowquery"]
    parameters = parameters_of(deployment)
    assert (parameters["slow_query_log"], parameters["log_output"]) == ("1", "FILE")
    small = bool(re.search(r"\.(micro|small)$", database.get("DBInstanceClass")))
    assert database.get("EnablePerformanceInsights") is not small, "creating a small class with it fails"
    assert database.get("PerformanceInsightsRetentionPeriod") == (None if small else 7)
