"""`bootstrap-db` against a real MariaDB with TLS, through a port forward that forwards.

MySQL's own client and server are not tried here: there is no package of them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import stack as stacks
from support.aws import Endpoint, endpoint
from support.certificates import Authority, authority
from support.http import get, upload
from support.mariadb import Server, server
from support.operator import Machine
from support.pictures import png
from support.processes import free_port
from support.service import service
from support.stack import FIRST_PASSWORD, HOST, MASTER_PASSWORD, NAME, Stack

RIGHTS = {"ALTER", "CREATE", "DELETE", "DROP", "INDEX", "INSERT", "SELECT", "UPDATE"}


@dataclass(frozen=True)
class World:
    """An operator's machine, a stack, and the stack's database."""

    machine: Machine
    stack: Stack
    database: Server
    ca: Authority

    def run(self, *words: str | Path, code: int = 0, **environment: str) -> str:
        return self.machine.run("bootstrap-db", "--stack", NAME, *words, code=code, **environment)

    def login(self, password: str) -> str:
        """Logs in as the service does, with TLS, and gives the cipher."""
        tls = [f"--ssl-ca={self.ca.certificate}"]
        return self.database.run("SHOW STATUS LIKE 'Ssl_cipher'", "image_handler", password, "images", tls).split()[1]

    def rights(self) -> set[str]:
        where = "WHERE grantee = '\\'image_handler\\'@\\'%\\''"
        return set(
            self.database.run(f"SELECT privilege_type FROM information_schema.schema_privileges {where}").split()
        )


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Authority]]:
    ca = authority(tmp_path_factory.mktemp("ca") / "rds")
    with server("--general-log=ON", certificate=ca.issue(HOST)) as running:
        quoted = MASTER_PASSWORD.replace("\\", "\\\\").replace("'", "''")
        running.run(f"CREATE USER administrator@'%' IDENTIFIED BY '{quoted}' REQUIRE SSL")
        running.run("GRANT ALL ON *.* TO administrator@'%' WITH GRANT OPTION")
        yield running, ca


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with endpoint(tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, aws: Endpoint, database: tuple[Server, Authority]) -> World:
    server, ca = database
    aws.reset()
    server.run(
        "DROP USER IF EXISTS image_handler@'%'; DROP DATABASE IF EXISTS images; SET GLOBAL max_connect_errors = 1000000"
    )
    stack = stacks.make(aws, ca.certificate.read_bytes())
    machine = Machine(tmp_path / "machine", aws, dict(stack.answers))
    machine.answers["ssm start-session"] = server.port
    machine.answers["sts get-caller-identity"] = {"Account": "123456789012"}
    return World(machine, stack, server, ca)


def test_the_service_works_as_the_user_that_was_made_and_has_no_more_rights(world: World, tmp_path: Path) -> None:
    said = world.run()
    assert f"image_handler logs in to images on {HOST}, with TLS (TLS_" in said
    assert world.login(FIRST_PASSWORD).startswith("TLS_")
    assert world.rights() == RIGHTS
    grants = world.database.run("SHOW GRANTS FOR image_handler@'%'")
    assert "REQUIRE SSL" in grants
    assert "GRANT OPTION" not in grants
    # What the service does with it: migrations, an upload, a delete.
    world.database.run("ALTER USER image_handler@'%' IDENTIFIED BY 'plain' REQUIRE NONE")
    url = f"mysql://image_handler:plain@127.0.0.1:{world.database.port}/images"
    settings = {"DATABASE_URL": url, "S3_BUCKET": "pictures", "S3_ENDPOINT": world.stack.aws.url}
    with service(tmp_path, **world.stack.aws.environment(), **settings) as running:
        image = upload(running.url, png()).json()
        assert image["storage"]["record"] == "stored"
        assert get(f"{running.url}/api/v1/images?uploader=Ada").json()["items"][0]["id"] == image["id"]


def test_a_second_run_sets_the_password_to_the_secrets_again_and_keeps_the_data(world: World) -> None:
    world.run()
    world.database.run("CREATE TABLE images.kept (id INT); ALTER USER image_handler@'%' IDENTIFIED BY 'other'")
    world.run()
    assert world.login(FIRST_PASSWORD)
    assert world.database.run("SHOW TABLES", database="images") == "kept"
    assert world.rights() == RIGHTS
    assert world.machine.forwards_ended() == 2, "the port forwards end with the script"


def test_no_password_is_on_a_command_line_in_the_output_or_in_the_servers_log(world: World) -> None:
    # The client is watched, too: what it was called with is noted before it runs.
    client = '#!/bin/bash\nprintf "%s\\n" "$*" >>"$HOME/clients"\nexec /usr/bin/mariadb "$@"\n'
    world.machine.command("mysql", client)
    said = world.run() + world.run("--rotate")
    passwords = [FIRST_PASSWORD, MASTER_PASSWORD, world.stack.secret()["password"]]
    calls = "\n".join("\n".join(call) for call in world.machine.calls())
    clients = (world.machine.folder / "clients").read_text()
    assert "--defaults-file=" in clients
    data = world.database.folder / "data"
    log = "".join(file.read_text(errors="replace") for file in data.glob("*.log"))
    assert "SELECT 1" in log, "the server logs statements"
    for password in passwords:
        # In the log a quotation mark would be doubled.
        for written in (password, password.replace("'", "''"), json.dumps(password)[1:-1]):
            for place, text in (
                ("output", said),
                ("calls of aws", calls),
                ("calls of the client", clients),
                ("log", log),
            ):
                assert written not in text, f"a password is in the {place}"


def test_a_rotation_puts_a_new_password_into_the_secret_first_and_then_into_the_database(world: World) -> None:
    world.run()
    before = world.stack.secret()
    # When the secret changes, the database still takes the old password: nobody is locked out yet.
    look = f"""#!/bin/bash
for word; do
    if [ "$word" = put-secret-value ]; then
        MYSQL_PWD=$OLD mariadb --no-defaults --host=127.0.0.1 --port={world.database.port} --user=image_handler \\
            --ssl-ca={world.ca.certificate} --execute='SELECT 1' >/dev/null && echo works >>"$HOME/old"
    fi
done
exec "{world.machine.folder}/aws" "$@"
"""
    (world.machine.commands / "aws").rename(world.machine.folder / "aws")
    world.machine.command("aws", look)
    world.run("--rotate", OLD=FIRST_PASSWORD)
    assert (world.machine.folder / "old").read_text() == "works\n"
    after = world.stack.secret()
    assert after["password"] != before["password"]
    assert after | {"password": ""} == before | {"password": ""}, "everything else in the secret stays"
    assert world.login(after["password"])
    with pytest.raises(AssertionError, match="Access denied"):
        world.login(FIRST_PASSWORD)


def test_a_rotation_that_stopped_half_way_is_finished_by_a_run_without_rotate(world: World) -> None:
    world.run()
    world.database.run("REVOKE ALL PRIVILEGES, GRANT OPTION FROM administrator@'%'")
    try:
        said = world.run("--rotate", code=1)
    finally:
        world.database.run("GRANT ALL ON *.* TO administrator@'%' WITH GRANT OPTION")
    assert "the database refuses to make the user" in said
    assert "Run this again, without --rotate" in said
    assert world.login(FIRST_PASSWORD)
    world.run()
    assert world.login(world.stack.secret()["password"])


def test_a_rotation_changes_nothing_when_the_secret_cannot_be_written(world: World) -> None:
    world.run()
    world.machine.answers["secretsmanager put-secret-value"] = "AccessDeniedException"
    said = world.run("--rotate", code=1)
    assert "cannot be written" in said
    assert "Nothing was changed." in said
    assert world.login(FIRST_PASSWORD)


def test_rights_that_somebody_added_are_named(world: World) -> None:
    world.run()
    world.database.run("CREATE DATABASE IF NOT EXISTS payroll; GRANT SELECT ON payroll.* TO image_handler@'%'")
    world.database.run("GRANT PROCESS ON *.* TO image_handler@'%'")
    said = world.run(code=1)
    assert "SELECT on payroll" in said
    assert "PROCESS on everything" in said
    assert "REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'image_handler'@'%'" in said
    world.database.run("REVOKE ALL PRIVILEGES, GRANT OPTION FROM 'image_handler'@'%'")
    world.run()


@pytest.mark.parametrize("namespaces", ["with", "without"])
def test_a_server_with_a_certificate_of_another_ca_is_refused(world: World, tmp_path: Path, namespaces: str) -> None:
    if namespaces == "without":
        world.machine.command("unshare", "#!/bin/sh\nexit 1\n")
    other = authority(tmp_path / "other")
    said = world.run("--ca", other.certificate, code=1)
    assert f"the certificate of {HOST} comes from none of the CAs" in said
    assert world.machine.forwards_ended() == 1


def test_after_a_restore_another_master_secret_can_be_given(world: World) -> None:
    secrets = world.stack.aws.client("secretsmanager")
    master = json.dumps({"username": "administrator", "password": MASTER_PASSWORD})
    restored = secrets.create_secret(Name="restored", SecretString=master)["ARN"]
    secrets.put_secret_value(SecretId=world.stack.master_secret, SecretString=json.dumps({"username": "gone"}))
    assert "has no password" in world.run(code=1)
    world.run("--master-secret", restored)
    assert world.login(FIRST_PASSWORD)


def test_a_server_of_another_name_is_refused(world: World) -> None:
    key = next(key for key in world.machine.answers if "State" in key and "describe" in key)
    for output in world.machine.answers[key]["Stacks"][0]["Outputs"]:
        if output["OutputKey"] == "DatabaseEndpoint":
            output["OutputValue"] = "elsewhere.example.test"
    said = world.run(code=1)
    assert "the server behind the port forward is not elsewhere.example.test" in said


def test_a_server_without_tls_is_refused(world: World) -> None:
    with server("--skip-ssl") as plain:
        world.machine.answers["ssm start-session"] = plain.port
        said = world.run(code=1)
    assert "does not speak TLS" in said


def test_the_client_itself_verifies_the_server_by_its_name(world: World) -> None:
    # The check before it is taken away: what is left is the client's.
    world.machine.command("openssl", "#!/bin/sh\nexit 0\n")
    key = next(key for key in world.machine.answers if "State" in key and "describe" in key)
    for output in world.machine.answers[key]["Stacks"][0]["Outputs"]:
        if output["OutputKey"] == "DatabaseEndpoint":
            output["OutputValue"] = "elsewhere.example.test"
    said = world.run(code=1)
    assert "the database refuses the master user" in said
    assert "TLS/SSL error" in said


def test_without_namespaces_the_client_verifies_the_ca(world: World, tmp_path: Path) -> None:
    world.machine.command("unshare", "#!/bin/sh\nexit 1\n")
    world.run()
    world.machine.command("openssl", "#!/bin/sh\nexit 0\n")
    other = authority(tmp_path / "other")
    said = world.run("--ca", other.certificate, code=1)
    assert "TLS/SSL error" in said


def test_without_namespaces_a_client_that_only_verifies_names_is_refused(world: World) -> None:
    world.machine.command("unshare", "#!/bin/sh\nexit 1\n")
    world.machine.command("mysql", "#!/bin/sh\necho 'mysql from 11.8.3-MariaDB, client 15.2 for debian-linux-gnu'\n")
    assert "this MariaDB client verifies names only" in world.run(code=1)


def test_ca_certificates_that_the_stack_does_not_name_are_refused(world: World) -> None:
    world.stack.aws.client("s3").put_object(Bucket="releases", Key="releases/1/rds-ca.pem", Body=b"forged")
    assert "rds-ca.pem is not the file that the stack was made with" in world.run(code=1)
    # A stack that names no checksum has that of its release.
    del world.machine.answers[f"cloudformation describe-stacks {NAME}"]["Stacks"][0]["Parameters"][-1]
    assert "releases/1/SHA256SUMS cannot be read: (NoSuchKey)" in world.run(code=1)
    sums = f"{'0' * 64}  rds-ca.pem\n"
    world.stack.aws.client("s3").put_object(Bucket="releases", Key="releases/1/SHA256SUMS", Body=sums.encode())
    assert "rds-ca.pem is not the file that the stack was made with" in world.run(code=1)


def test_a_wrong_master_password_is_told(world: World) -> None:
    forged = json.dumps({"username": "administrator", "password": "guessed"})
    world.stack.aws.client("secretsmanager").put_secret_value(SecretId=world.stack.master_secret, SecretString=forged)
    said = world.run(code=1)
    assert "the database refuses the master user" in said
    assert "Access denied" in said
    assert world.machine.forwards_ended() == 1


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ({"username": "image_handler", "dbname": "images"}, "has no password"),
        ({"username": "a", "password": 'a"b', "dbname": "images"}, "has a quotation mark"),
        ({"username": "a'b", "password": "x", "dbname": "images"}, "names a user that cannot be"),
        ({"username": "a", "password": "x", "dbname": "images`; DROP"}, "names a database that cannot be"),
    ],
)
def test_a_secret_that_cannot_be_used_is_told(world: World, secret: dict[str, str], told: str) -> None:
    client = world.stack.aws.client("secretsmanager")
    client.put_secret_value(SecretId=world.stack.database_secret, SecretString=json.dumps(secret))
    assert told in world.run(code=1)


@pytest.mark.parametrize(
    ("call", "answer", "told"),
    [
        ("sts get-caller-identity", "ExpiredToken", "AWS takes no credentials: (ExpiredToken)"),
        (f"cloudformation describe-stacks {NAME}", "ValidationError", f"the stack {NAME} cannot be read"),
        (f"cloudformation list-stack-resources {NAME}", "AccessDenied", "cannot be read: (AccessDenied)"),
        (f"cloudformation describe-stacks {NAME}-State-1", {"Stacks": [{}]}, "has no output DatabaseEndpoint"),
        ("autoscaling describe-auto-scaling-groups", {"AutoScalingGroups": []}, "has no instance in service"),
        ("secretsmanager get-secret-value", "AccessDeniedException", "cannot be read: (AccessDeniedException)"),
        ("ssm start-session", "TargetNotConnected", "the port forward through i-0serving ended: (TargetNotConnected)"),
        ("s3api get-object", "NoSuchKey", "rds-ca.pem cannot be read: (NoSuchKey)"),
    ],
)
def test_what_aws_refuses_is_told(world: World, call: str, answer: object, told: str) -> None:
    for key in [key for key in world.machine.answers if key.startswith(call)]:
        del world.machine.answers[key]
    world.machine.answers[call] = answer
    assert told in world.run(code=1)


def test_a_database_that_is_away_and_a_port_that_is_taken_are_told(world: World) -> None:
    world.machine.answers["ssm start-session"] = free_port()
    assert "does not speak TLS through the port forward" in world.run(code=1)
    assert "is taken" in world.run("--local-port", str(world.database.port), code=1)


@pytest.mark.parametrize("missing", ["aws", "jq", "openssl", "session-manager-plugin"])
def test_a_command_that_is_missing_is_named(world: World, missing: str) -> None:
    commands = world.machine.folder / "only"
    commands.mkdir()
    places = [world.machine.commands, Path("/usr/bin"), Path("/bin")]
    for name in COMMANDS:
        found = next((place / name for place in places if (place / name).exists()), None)
        if found and name != missing:
            (commands / name).symlink_to(found)
    assert f"the command {missing} is missing" in world.run(code=1, PATH=str(commands))


COMMANDS = """
    aws jq openssl session-manager-plugin mysql bash env sh
    cat chmod cp cut dirname grep head mktemp mount mv paste rm sed sha256sum sleep tail unshare
""".split()  # noqa: SIM905
"""What the script calls."""
