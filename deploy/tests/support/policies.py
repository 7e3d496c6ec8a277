"""IAM policies as AWS evaluates them, as far as the stack uses them. What is not known here is an error, never a guess.

moto looks at the actions and, for S3, at the resources of a role's policy. It looks at no condition, which is what the
stack's policies are about in good part; so these are evaluated here, on the requests that the real service sends.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Statement = Mapping[str, Any]

KNOWN = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


class Verdict(Enum):
    """What a policy says of a request."""

    ALLOWED = "allowed"
    DENIED = "denied"
    """By a statement that says so: nothing else can allow it."""
    SILENT = "silent"


@dataclass(frozen=True)
class Asked:
    """Something that somebody wants to do."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)
    """What conditions can look at. A key that is not there is absent from the request."""
    principal: str | None = None
    """The ARN of who asks. None: nobody in particular."""


def verdict(statements: Sequence[Statement], asked: Asked) -> Verdict:
    """Tells what these statements say: a denial counts before everything else."""
    effects = {statement["Effect"] for statement in statements if concerns(statement, asked)}
    if "Deny" in effects:
        return Verdict.DENIED
    return Verdict.ALLOWED if "Allow" in effects else Verdict.SILENT


def concerns(statement: Statement, asked: Asked) -> bool:
    """Whether a statement is about that request."""
    assert set(statement) <= KNOWN, f"cannot evaluate {sorted(set(statement) - KNOWN)}"
    return (
        any(matches(pattern.lower(), asked.action.lower()) for pattern in listed(statement["Action"]))
        and any(matches(pattern, asked.resource) for pattern in listed(statement["Resource"]))
        and ("Principal" not in statement or is_principal(statement["Principal"], asked.principal))
        and all(
            holds(operator, key, listed(expected), asked.context)
            for operator, tests in statement.get("Condition", {}).items()
            for key, expected in tests.items()
        )
    )


def is_principal(principal: Any, who: str | None) -> bool:
    if principal in ("*", {"AWS": "*"}):
        return True
    if isinstance(principal, dict) and set(principal) == {"Service"}:
        return False  # no service of AWS asks here
    assert isinstance(principal, dict) and set(principal) == {"AWS"}, f"cannot evaluate {principal}"
    return who in listed(principal["AWS"])


def holds(operator: str, key: str, expected: list[str], context: Mapping[str, str]) -> bool:
    """Whether one test of a condition holds. A key that is absent fails, unless the operator ends with IfExists."""
    keys = {name.lower(): value for name, value in context.items()}
    actual = keys.get(key.lower())
    operator, optional = operator.removesuffix("IfExists"), operator.endswith("IfExists")
    if operator == "Null":
        return [str(actual is None).lower()] == [value.lower() for value in expected]
    if actual is None:
        return optional
    match operator:
        case "StringEquals" | "ArnEquals":
            return actual in expected
        case "StringLike" | "ArnLike":
            return any(matches(pattern, actual) for pattern in expected)
        case "Bool":
            return actual.lower() in [value.lower() for value in expected]
        case "NumericLessThan":
            return any(float(actual) < float(value) for value in expected)
    raise AssertionError(f"cannot evaluate the condition {operator}")


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern with `*` and `?` stands for a text."""
    parts = ({"*": ".*", "?": "."}.get(character) or re.escape(character) for character in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def listed(value: Any) -> list[str]:
    """Gives the texts of an element that may be one or several."""
    values = value if isinstance(value, list) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in values]
