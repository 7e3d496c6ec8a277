"""Loading templates: YAML with CloudFormation's short forms, which become the long ones."""

from pathlib import Path
from typing import Any

import yaml

Templates = dict[str, dict[str, Any]]
"""Loaded templates by the names of their files."""


class TemplateError(Exception):
    """A template cannot be rendered: CloudFormation would refuse it, or would do what is not known here."""


class Loader(yaml.SafeLoader):
    """Reads a template as CloudFormation does: dates are text, and a key that occurs twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise TemplateError(f"{sorted(twice)} more than once in the map{node.start_mark}")
        return super().construct_mapping(node, deep)


def short_form(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """Turns `!Sub x` into `{"Fn::Sub": x}` and `!GetAtt A.B` into `{"Fn::GetAtt": ["A", "B"]}`."""
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


Loader.add_multi_constructor("!", short_form)
Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_text(text: str) -> dict[str, Any]:
    """Loads one template."""
    loaded = yaml.load(text, Loader)
    if not isinstance(loaded, dict):
        raise TemplateError("a template is a map")
    return loaded


def load_folder(folder: Path) -> Templates:
    """Loads every template of a folder."""
    return {path.name: load_text(path.read_text()) for path in sorted(folder.glob("*.yaml"))}
