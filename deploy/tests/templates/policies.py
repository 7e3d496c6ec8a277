"""Policy documents of a rendered stack, wherever they stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from support.cloudformation import Rendered, Resource


@dataclass(frozen=True)
class Statement:
    """One statement, and the resource that it belongs to."""

    resource: Resource
    body: dict[str, Any]

    @property
    def allows(self) -> bool:
        return self.body["Effect"] == "Allow"

    @property
    def actions(self) -> list[str]:
        return listed(self.body.get("Action", []))

    @property
    def resources(self) -> list[str]:
        return listed(self.body.get("Resource", []))

    @property
    def is_for_everyone(self) -> bool:
        principal = self.body.get("Principal")
        return principal == "*" or (
            isinstance(principal, dict) and "*" in [p for v in principal.values() for p in listed(v)]
        )

    @property
    def conditions(self) -> dict[str, dict[str, Any]]:
        return self.body.get("Condition", {})

    def __str__(self) -> str:
        return f"{self.resource.name}: {self.body}"


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(stack: Rendered, *types: str) -> list[Statement]:
    """Gives every statement in the stack, or in resources of these types."""
    resources = stack.of_type(*types) if types else list(stack.resources.values())
    return [Statement(resource, body) for resource in resources for body in found_in(resource.properties)]


def found_in(value: Any) -> Iterator[dict[str, Any]]:
    """Finds statements at any depth."""
    if isinstance(value, dict):
        if "Effect" in value and ("Action" in value or "NotAction" in value):
            yield value
        else:
            for item in value.values():
                yield from found_in(item)
    if isinstance(value, list):
        for item in value:
            yield from found_in(item)


def documents_in(value: Any) -> Iterator[dict[str, Any]]:
    """Finds policy documents at any depth."""
    if isinstance(value, dict):
        if "Statement" in value:
            yield value
        else:
            for item in value.values():
                yield from documents_in(item)
    if isinstance(value, list):
        for item in value:
            yield from documents_in(item)
