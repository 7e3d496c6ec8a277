"""The service works with the role's rights, and misses each of them when it is taken away."""

from pathlib import Path

import pytest

from role.life import faults
from role.rights import granted, without
from role.world import BUCKET, World, rendered, role_statements
from support.policies import listed
from templates.combinations import PUBLIC_ACCESS

OF_THE_SERVICE = {
    "s3:PutObject",
    "s3:GetObject",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:ListBucket",
    "s3:ListBucketVersions",
}
"""What the service asks of S3, in every way of public access."""


def test_everything_works_with_exactly_these_rights(stack: World, tmp_path: Path) -> None:
    since = len(stack.door.recorded)
    assert faults(stack, tmp_path) == []
    expected = OF_THE_SERVICE | ({"s3:PutObjectAcl"} if stack.public_access == "object-acl" else set())
    assert granted(stack.statements, BUCKET) == expected
    used = stack.door.actions(since) & granted(stack.statements, BUCKET)
    assert used == expected, "what the role has, the service has used"


@pytest.mark.parametrize("action", sorted(OF_THE_SERVICE))
def test_a_right_that_is_taken_away_is_missed(private_stack: World, tmp_path: Path, action: str) -> None:
    private_stack.give(without(private_stack.statements, action, BUCKET))
    try:
        assert faults(private_stack, tmp_path) != []
    finally:
        private_stack.give(private_stack.statements)


def test_the_right_to_send_acls_is_missed_where_acls_are_sent(acl_stack: World, tmp_path: Path) -> None:
    acl_stack.give(without(acl_stack.statements, "s3:PutObjectAcl", BUCKET))
    try:
        assert any(fault.startswith("upload") for fault in faults(acl_stack, tmp_path))
    finally:
        acl_stack.give(acl_stack.statements)


@pytest.mark.parametrize("public_access", PUBLIC_ACCESS)
@pytest.mark.parametrize("mode", ["single", "scaled"])
def test_the_role_names_every_action_and_no_bucket_as_a_whole(public_access: str, mode: str) -> None:
    for statement in role_statements(rendered(public_access, mode)):
        assert statement["Effect"] == "Allow", statement
        for action in listed(statement["Action"]):
            assert "*" not in action, statement
        if any(action.startswith(("s3:", "secretsmanager:")) for action in listed(statement["Action"])):
            assert "*" not in listed(statement["Resource"]), statement
            assert not any(one.endswith(":::*") for one in listed(statement["Resource"])), statement
