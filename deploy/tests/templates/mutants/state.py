"""Databases, secrets and volumes that are lost, read or broken more easily."""

from typing import Any

from support.cloudformation import Templates
from templates.checks import database, state
from templates.mutants import mutant, properties

FILE = "state.yaml"
ROOT = "image-handler.yaml"


def of_database(templates: Templates) -> dict[str, Any]:
    return properties(templates, FILE, "Database")


def parameters(templates: Templates) -> dict[str, Any]:
    return properties(templates, FILE, "DatabaseParameters")["Parameters"]


@mutant(caught_by=database.the_database_is_encrypted_and_not_public)
def unencrypted_database(templates: Templates) -> None:
    of_database(templates)["StorageEncrypted"] = False


@mutant(caught_by=database.the_database_is_encrypted_and_not_public)
def database_whose_encryption_nobody_asked_for(templates: Templates) -> None:
    del of_database(templates)["StorageEncrypted"]


@mutant(caught_by=database.the_database_is_encrypted_and_not_public)
def public_database(templates: Templates) -> None:
    of_database(templates)["PubliclyAccessible"] = True


@mutant(caught_by=database.the_database_takes_tls_alone)
def database_that_takes_plain_text(templates: Templates) -> None:
    parameters(templates)["require_secure_transport"] = "0"


@mutant(caught_by=database.the_database_takes_tls_alone)
def database_with_the_default_parameters(templates: Templates) -> None:
    del of_database(templates)["DBParameterGroupName"]


@mutant(caught_by=database.the_database_is_mysql_with_its_whole_unicode)
def database_without_emoji(templates: Templates) -> None:
    parameters(templates)["character_set_server"] = "utf8mb3"


@mutant(caught_by=database.a_record_that_was_acknowledged_is_on_disk)
def database_that_syncs_once_a_second(templates: Templates) -> None:
    parameters(templates)["innodb_flush_log_at_trx_commit"] = "2"


@mutant(caught_by=database.the_database_is_backed_up_and_hard_to_delete)
def database_without_backups(templates: Templates) -> None:
    of_database(templates)["BackupRetentionPeriod"] = 0


@mutant(caught_by=database.the_database_is_backed_up_and_hard_to_delete)
def database_that_one_call_deletes(templates: Templates) -> None:
    of_database(templates)["DeletionProtection"] = False


@mutant(caught_by=database.the_database_is_backed_up_and_hard_to_delete)
def database_whose_backups_go_with_it(templates: Templates) -> None:
    of_database(templates)["DeleteAutomatedBackups"] = True


@mutant(caught_by=database.the_database_stays_up_to_date_and_grows)
def database_without_updates(templates: Templates) -> None:
    of_database(templates)["AutoMinorVersionUpgrade"] = False


@mutant(caught_by=database.the_database_stays_up_to_date_and_grows)
def database_that_fills_up(templates: Templates) -> None:
    of_database(templates)["MaxAllocatedStorage"] = 20


@mutant(caught_by=database.the_database_is_in_two_zones_in_mode_scaled, mode="scaled")
def database_in_one_zone(templates: Templates) -> None:
    of_database(templates)["MultiAZ"] = False


@mutant(caught_by=database.the_administrators_password_is_kept_by_rds)
def password_in_the_template(templates: Templates) -> None:
    del of_database(templates)["ManageMasterUserPassword"]
    of_database(templates)["MasterUserPassword"] = "correct-horse"


@mutant(caught_by=database.the_database_tells_what_goes_wrong_and_what_is_slow)
def insights_into_a_class_that_has_none(templates: Templates) -> None:
    of_database(templates)["EnablePerformanceInsights"] = True


@mutant(caught_by=database.the_database_tells_what_goes_wrong_and_what_is_slow, full=True)
def no_logs_of_slow_queries(templates: Templates) -> None:
    of_database(templates)["EnableCloudwatchLogsExports"] = ["error"]


@mutant(caught_by=state.state_outlives_its_stack)
def bucket_that_goes_with_the_stack(templates: Templates) -> None:
    del templates[FILE]["Resources"]["Bucket"]["DeletionPolicy"]


@mutant(caught_by=state.state_outlives_its_stack)
def database_that_goes_when_it_is_replaced(templates: Templates) -> None:
    del templates[FILE]["Resources"]["Database"]["UpdateReplacePolicy"]


@mutant(caught_by=state.state_outlives_its_stack)
def secret_that_goes_with_the_stack(templates: Templates) -> None:
    templates[FILE]["Resources"]["ApplicationSecret"]["DeletionPolicy"] = "Delete"


@mutant(caught_by=state.state_outlives_its_stack)
def volume_that_goes_with_the_stack(templates: Templates) -> None:
    templates[FILE]["Resources"]["DataVolume"]["DeletionPolicy"] = "Delete"


@mutant(caught_by=state.state_outlives_its_stack)
def address_that_goes_with_the_stack(templates: Templates) -> None:
    templates[FILE]["Resources"]["Address"]["DeletionPolicy"] = "Delete"


@mutant(caught_by=state.the_stacks_of_state_and_network_outlive_the_root)
def state_that_goes_with_the_root(templates: Templates) -> None:
    del templates[ROOT]["Resources"]["State"]["DeletionPolicy"]


@mutant(caught_by=state.the_stacks_of_state_and_network_outlive_the_root)
def network_that_goes_under_the_database(templates: Templates) -> None:
    templates[ROOT]["Resources"]["Network"]["DeletionPolicy"] = "Delete"


@mutant(caught_by=state.everything_that_keeps_bytes_is_encrypted)
def unencrypted_volume(templates: Templates) -> None:
    del properties(templates, FILE, "DataVolume")["Encrypted"]


@mutant(caught_by=state.everything_that_keeps_bytes_is_encrypted)
def bucket_without_encryption(templates: Templates) -> None:
    del properties(templates, FILE, "Bucket")["BucketEncryption"]


@mutant(caught_by=state.the_one_host_has_a_volume_and_an_address_of_its_own, mode="scaled")
def volume_of_one_host_in_mode_scaled(templates: Templates) -> None:
    del templates[FILE]["Resources"]["DataVolume"]["Condition"]


@mutant(caught_by=state.the_one_host_has_a_volume_and_an_address_of_its_own)
def volume_out_of_the_hosts_reach(templates: Templates) -> None:
    properties(templates, FILE, "DataVolume")["AvailabilityZone"] = {"Fn::Select": [2, {"Fn::GetAZs": ""}]}


@mutant(caught_by=state.the_service_has_a_user_of_the_database_of_its_own)
def service_as_administrator(templates: Templates) -> None:
    generated = properties(templates, FILE, "DatabaseSecret")["GenerateSecretString"]
    generated["SecretStringTemplate"] = '{"username": "administrator", "dbname": "images"}'


@mutant(caught_by=state.the_service_has_a_user_of_the_database_of_its_own)
def hosts_that_read_the_secret_before_it_has_the_address(templates: Templates) -> None:
    templates[FILE]["Outputs"]["DatabaseSecretArn"]["Value"] = {"Ref": "DatabaseSecret"}


@mutant(caught_by=state.secrets_are_generated_long_and_need_no_quoting)
def short_secret(templates: Templates) -> None:
    properties(templates, FILE, "ApplicationSecret")["GenerateSecretString"]["PasswordLength"] = 12


@mutant(caught_by=state.secrets_are_generated_long_and_need_no_quoting)
def password_with_quotes(templates: Templates) -> None:
    del properties(templates, FILE, "DatabaseSecret")["GenerateSecretString"]["ExcludePunctuation"]


@mutant(caught_by=state.secrets_are_generated_long_and_need_no_quoting)
def admin_key_in_the_template(templates: Templates) -> None:
    generated = properties(templates, FILE, "ApplicationSecret")["GenerateSecretString"]
    generated["SecretStringTemplate"] = '{"admin_key": "let-me-in-let-me-in-let-me-in"}'


@mutant(caught_by=state.no_secret_leaves_secrets_manager)
def admin_key_as_an_output(templates: Templates) -> None:
    value = {"Fn::Sub": "{{resolve:secretsmanager:${ApplicationSecret}:SecretString:admin_key}}"}
    templates[FILE]["Outputs"]["AdminKey"] = {"Value": value}


@mutant(caught_by=state.every_resource_is_tagged_with_its_installation)
def stack_without_tags(templates: Templates) -> None:
    del properties(templates, ROOT, "Service")["Tags"]


@mutant(caught_by=state.the_name_points_to_what_stays, full=True)
def name_that_points_to_an_address_of_the_past(templates: Templates) -> None:
    properties(templates, ROOT, "SiteRecord")["ResourceRecords"] = ["203.0.113.7"]


@mutant(caught_by=state.the_operator_is_told_what_comes_next)
def administrators_secret_where_the_services_should_be(templates: Templates) -> None:
    value = {"Fn::GetAtt": ["State", "Outputs.MasterSecretArn"]}
    templates[ROOT]["Outputs"]["DatabaseSecretArn"]["Value"] = value


@mutant(caught_by=database.the_database_is_mysql_with_its_whole_unicode)
def database_on_a_port_that_no_group_opens(templates: Templates) -> None:
    of_database(templates)["Port"] = "3307"
