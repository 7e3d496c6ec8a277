"""How rendered texts point to resources: `⟨stack/LogicalId.Attribute⟩`."""

import re
from dataclasses import dataclass
from typing import Any

# Brackets that neither templates, policies nor shell scripts use.
PATTERN = re.compile(r"⟨(?:([^/⟩]+)/)?([A-Za-z0-9]+)(?:\.([^⟩]+))?⟩")


@dataclass(frozen=True)
class Reference:
    """What a text points to: a resource (`stack` is empty in the root), or with `attribute` one of its attributes."""

    stack: str
    logical_id: str
    attribute: str = ""

    @property
    def name(self) -> str:
        """The qualified name of the resource, such as `state/Bucket`."""
        return qualified(self.stack, self.logical_id)

    def __str__(self) -> str:
        return f"⟨{self.name}{'.' if self.attribute else ''}{self.attribute}⟩"


def qualified(stack: str, logical_id: str) -> str:
    return f"{stack}/{logical_id}" if stack else logical_id


def reference(name: str, attribute: str = "") -> str:
    """Gives the text that points to the resource of that qualified name, or to its attribute."""
    stack, _, logical_id = name.rpartition("/")
    return str(Reference(stack, logical_id, attribute))


def referred(value: Any) -> list[Reference]:
    """Tells everything that a text points to, or the texts in a value of lists and maps, in their order."""
    if isinstance(value, str):
        return [Reference(stack, logical_id, attribute) for stack, logical_id, attribute in PATTERN.findall(value)]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [found for item in value for found in referred(item)]
    return []


def only_reference(value: Any) -> Reference | None:
    """Tells what a text points to that is one reference and nothing besides."""
    match = PATTERN.fullmatch(value) if isinstance(value, str) else None
    return Reference(match[1] or "", match[2], match[3] or "") if match else None
