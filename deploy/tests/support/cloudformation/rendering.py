"""Rendering a stack and the stacks nested in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from support.cloudformation.functions import Functions, no_value
from support.cloudformation.names import Reference, only_reference, qualified
from support.cloudformation.parameters import parameter_values
from support.cloudformation.templates import TemplateError, Templates

NESTED = "AWS::CloudFormation::Stack"
REGION = "eu-west-1"
ACCOUNT = "123456789012"
SECTIONS = {
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
}
PARTS = {
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
}


@dataclass(frozen=True)
class Resource:
    """A resource that the stack would have."""

    stack: str
    logical_id: str
    type: str
    properties: dict[str, Any]
    deletion_policy: str | None = None
    update_replace_policy: str | None = None
    depends_on: tuple[str, ...] = ()
    creation_policy: dict[str, Any] = field(default_factory=dict)
    update_policy: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The qualified name, such as `state/Bucket`; in the root the logical id alone."""
        return qualified(self.stack, self.logical_id)

    def get(self, path: str, default: Any = None) -> Any:
        """Gives a property by its path, such as `VersioningConfiguration.Status`."""
        value: Any = self.properties
        for part in path.split("."):
            if not isinstance(value, dict) or part not in value:
                return default
            value = value[part]
        return value


@dataclass(frozen=True)
class Rendered:
    """A whole stack: all resources by their qualified names, and the outputs of each stack (the root's is named "")."""

    resources: dict[str, Resource]
    outputs: dict[str, dict[str, Any]]

    def at(self, name: str) -> Resource:
        """Gives the resource of that qualified name, which has to be there."""
        if name not in self.resources:
            raise AssertionError(f"the stack has no {name}")
        return self.resources[name]

    def of_type(self, *types: str) -> list[Resource]:
        return [resource for resource in self.resources.values() if resource.type in types]

    def target(self, value: Any) -> Resource | None:
        """Gives the resource that a text points to, by `Ref` or by an attribute."""
        found = only_reference(value)
        return self.resources.get(found.name) if found else None


def render(
    templates: Templates,
    parameters: Mapping[str, Any],
    root: str = "image-handler.yaml",
    *,
    name: str = "",
    without: frozenset[str] = frozenset(),
) -> Rendered:
    """Renders the template `root` and what is nested in it.

    A nested stack is named after its template's file. `name` is for rendering one such template alone: then its
    resources are named as they are in the whole. Stacks of the files in `without` stay closed; their outputs are texts
    that point to the stack.
    """
    whole = Rendered({}, {})
    Stack(templates, root, name, dict(parameters), whole, without).render()
    return whole


class Stack(Functions):
    """One stack while it is rendered."""

    def __init__(
        self,
        templates: Templates,
        file: str,
        name: str,
        given: dict[str, Any],
        whole: Rendered,
        without: frozenset[str],
    ) -> None:
        if file not in templates:
            raise TemplateError(f"there is no template {file}")
        template = templates[file]
        unknown = sorted(template.keys() - SECTIONS)
        if unknown:
            raise TemplateError(f"{file}: unknown sections {unknown}")
        stack_name = f"images-{name}" if name else "images"
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": no_value,
            "AWS::NotificationARNs": [],
            "AWS::Partition": "aws",
            "AWS::Region": REGION,
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{stack_name}/00000000",
            "AWS::StackName": stack_name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        values = parameter_values(file, template.get("Parameters", {}), given)
        super().__init__(file, template, {**pseudo, **values}, REGION)
        self.templates, self.name, self.whole, self.without = templates, name, whole, without
        self.nested: dict[str, dict[str, Any] | None] = {}

    def render(self) -> dict[str, Any]:
        """Adds everything in this stack to the whole, and gives the outputs."""
        if self.name in self.whole.outputs:
            raise TemplateError(f"{self.file}: the stack {self.name!r} is there twice")
        self.whole.outputs[self.name] = {}
        self.check_rules()
        for logical_id in self.template["Resources"]:
            if self.exists(logical_id):
                resource = self.resource(logical_id)
                self.whole.resources[resource.name] = resource
        outputs = self.whole.outputs[self.name]
        for output, declaration in self.template.get("Outputs", {}).items():
            if "Condition" not in declaration or self.condition(declaration["Condition"]):
                value = self.value(declaration["Value"])
                if value is no_value or isinstance(value, dict | list):
                    raise TemplateError(f"{self.file}: the output {output} is no text")
                outputs[output] = value
        return outputs

    def resource(self, logical_id: str) -> Resource:
        declaration = self.template["Resources"][logical_id]
        unknown = sorted(declaration.keys() - PARTS)
        if unknown:
            raise TemplateError(f"{self.file}: {logical_id} has unknown parts {unknown}")
        if declaration["Type"] == NESTED:
            self.nested_outputs(logical_id)
        depends_on = declaration.get("DependsOn", [])
        depends_on = [depends_on] if isinstance(depends_on, str) else depends_on
        for dependency in depends_on:
            if dependency not in self.template["Resources"]:
                raise TemplateError(f"{self.file}: {logical_id} depends on {dependency}, which is not there")
        return Resource(
            self.name,
            logical_id,
            declaration["Type"],
            self.value(declaration.get("Properties", {})),
            declaration.get("DeletionPolicy"),
            declaration.get("UpdateReplacePolicy"),
            tuple(qualified(self.name, other) for other in depends_on if self.exists(other)),
            self.value(declaration.get("CreationPolicy", {})),
            self.value(declaration.get("UpdatePolicy", {})),
        )

    def exists(self, logical_id: str) -> bool:
        declaration = self.template["Resources"][logical_id]
        return "Condition" not in declaration or self.condition(declaration["Condition"])

    def reference_to(self, logical_id: str, attribute: str = "") -> Any:
        declaration = self.template["Resources"].get(logical_id)
        if declaration is None:
            raise TemplateError(f"{self.file}: there is no {logical_id}")
        if not self.exists(logical_id):
            raise TemplateError(f"{self.file}: {logical_id} is pointed to, but its condition is false")
        if declaration["Type"] == NESTED and attribute:
            section, _, output = attribute.partition(".")
            if section != "Outputs":
                raise TemplateError(f"{self.file}: a stack has no attribute {attribute}")
            outputs = self.nested_outputs(logical_id)
            if outputs is not None and output not in outputs:
                raise TemplateError(f"{self.file}: {logical_id} has no output {output}")
            if outputs is not None:
                return outputs[output]
        return str(Reference(self.name, logical_id, attribute))

    def nested_outputs(self, logical_id: str) -> dict[str, Any] | None:
        """Gives the outputs of a nested stack, rendering it the first time; none of a stack that stays closed."""
        if logical_id in self.nested:
            return self.nested[logical_id]
        with self.once(f"the stack {logical_id}"):
            properties = self.template["Resources"][logical_id]["Properties"]
            file = PurePosixPath(self.value(properties["TemplateURL"])).name
            parameters = self.value(properties.get("Parameters", {}))
            if file in self.without:
                self.nested[logical_id] = None
            else:
                name = qualified(self.name, PurePosixPath(file).stem).replace("/", ":")
                stack = Stack(self.templates, file, name, parameters, self.whole, self.without)
                self.nested[logical_id] = stack.render()
        return self.nested[logical_id]
