"""A role's rights: what is granted, less of it, and whether something is refused for want of one."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from role.world import World
from support.policies import Statement, listed

Act = Callable[[World, Any], Any]
"""Does something with a client of a service that has the role's credentials."""


def without(statements: list[Statement], action: str, resource: str) -> list[Statement]:
    """Takes an action on a resource away, and nothing else."""
    left, taken = [], 0
    for statement in statements:
        actions = listed(statement["Action"])
        if action in actions and any(resource in one for one in listed(statement["Resource"])):
            taken += 1
            actions = [one for one in actions if one != action]
        if actions:
            left.append({**statement, "Action": actions})
    assert taken, f"the role has no {action} on {resource}"
    return left


def granted(statements: list[Statement], resource: str) -> set[str]:
    """Gives the actions that the role has on resources whose names hold this."""
    matching = [one for one in statements if any(resource in named for named in listed(one["Resource"]))]
    return {action for statement in matching for action in listed(statement["Action"])}


def refused(act: Act, world: World, client: Any) -> bool:
    """Does it. Says whether it was refused for want of a right, and not for anything else."""
    try:
        act(world, client)
    except ClientError as error:
        answer = error.response
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403, answer
        return True
    return False
