"""The service reads its login with the role's right to one secret, and with that alone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from role.rights import refused, without
from role.world import World
from support.http import upload
from support.mariadb import Server, server
from support.pictures import png
from support.service import service

READ = "secretsmanager:GetSecretValue"


@pytest.fixture(scope="module")
def database(private_stack: World) -> Iterator[Server]:
    """A database whose login is in the stack's secret."""
    with server() as running:
        running.run("CREATE DATABASE images")
        running.run("CREATE USER image_handler@'127.0.0.1' IDENTIFIED BY 'p4ssword'")
        running.run("GRANT ALL ON images.* TO image_handler@'127.0.0.1'")
        login = {
            "engine": "mysql",
            "host": "127.0.0.1",
            "port": running.port,
            "dbname": "images",
            "username": "image_handler",
            "password": "p4ssword",
        }
        secrets = private_stack.operators("secretsmanager")
        secrets.put_secret_value(SecretId=private_stack.secrets["database"], SecretString=json.dumps(login))
        yield running


def settings(stack: World) -> dict[str, str]:
    return {
        **stack.settings(),
        "DATABASE_SECRET_ARN": stack.secrets["database"],
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": stack.door.url,
    }


def test_the_login_is_read_with_the_roles_right(private_stack: World, database: Server, tmp_path: Path) -> None:
    since = len(private_stack.door.recorded)
    with service(tmp_path, **settings(private_stack)) as running:
        image = upload(running.url, png()).json()
    assert image["storage"] == {"local": "stored", "s3": "stored", "record": "stored"}
    assert database.run("SELECT url FROM images", database="images").splitlines() == [image["url"]]
    asked = {(one.action, one.resource) for entry in private_stack.door.recorded[since:] for one in entry.asked}
    of_secrets = {(action, resource) for action, resource in asked if action.startswith("secretsmanager:")}
    assert of_secrets == {(READ, private_stack.secrets["database"])}


@pytest.mark.usefixtures("database")
def test_without_the_right_uploads_are_taken_and_recorded_when_it_is_back(private_stack: World, tmp_path: Path) -> None:
    private_stack.give(without(private_stack.statements, READ, private_stack.secrets["database"]))
    try:
        with service(tmp_path, **settings(private_stack)) as running:
            answer = upload(running.url, png())
            assert answer.status == 202
            assert answer.json()["storage"] == {"local": "stored", "s3": "stored", "record": "pending"}
    finally:
        private_stack.give(private_stack.statements)
    with service(tmp_path, **settings(private_stack)) as running:
        assert upload(running.url, png()).status == 201


def test_the_hosts_scripts_miss_the_right_to_the_applications_secret(private_stack: World) -> None:
    def read(world: World, client: object) -> None:
        client.get_secret_value(SecretId=world.secrets["application"])  # type: ignore[attr-defined]

    assert not refused(read, private_stack, private_stack.hosts("secretsmanager"))
    private_stack.give(without(private_stack.statements, READ, private_stack.secrets["application"]))
    try:
        assert refused(read, private_stack, private_stack.hosts("secretsmanager"))
    finally:
        private_stack.give(private_stack.statements)
