"""The intrinsic functions, conditions and rules of a template."""

import ipaddress
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.cloudformation.names import referred
from support.cloudformation.parameters import text_of
from support.cloudformation.templates import TemplateError

no_value = object()
"""What `AWS::NoValue` renders as, until the property around it is left out."""

ZONES = "abc"
"""Letters of the zones that every region has here."""


class Functions:
    """Renders values of one template. What a name of a resource stands for is left to the stack."""

    def __init__(self, file: str, template: dict[str, Any], names: dict[str, Any], region: str) -> None:
        self.file, self.template, self.names, self.region = file, template, names, region
        self.under_way: set[str] = set()

    def reference_to(self, logical_id: str, attribute: str = "") -> Any:
        """Gives what stands for a resource or one of its attributes."""
        raise NotImplementedError

    @contextmanager
    def once(self, what: str) -> Iterator[None]:
        """Fails when `what` is resolved within resolving itself."""
        if what in self.under_way:
            raise TemplateError(f"{self.file}: {what} depends on itself")
        self.under_way.add(what)
        yield
        self.under_way.remove(what)

    def value(self, value: Any) -> Any:
        """Renders a value. Properties and items that are `AWS::NoValue` are gone."""
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            return [item for item in items if item is not no_value]
        if not isinstance(value, dict):
            return value
        functions = [key for key in value if key == "Ref" or str(key).startswith("Fn::")]
        if not functions:
            rendered = {key: self.value(item) for key, item in value.items()}
            return {key: item for key, item in rendered.items() if item is not no_value}
        if len(value) != 1:
            raise TemplateError(f"{self.file}: {functions[0]} stands beside other keys: {sorted(value)}")
        name, argument = functions[0], value[functions[0]]
        try:
            return self.function(name, argument)
        except (TypeError, ValueError, KeyError, IndexError) as error:
            raise TemplateError(f"{self.file}: {name} cannot be given {argument!r} ({error!r})") from error

    def function(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self.names[argument] if argument in self.names else self.reference_to(argument)
            case "Fn::GetAtt":
                logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
                return self.reference_to(logical_id, attribute)
            case "Fn::Sub":
                return self.substituted(argument)
            case "Fn::If":
                condition, then, otherwise = argument
                return self.value(then if self.condition(condition) else otherwise)
            case "Fn::Join":
                separator, items = argument
                return separator.join(text_of(item) for item in self.list_of(items))
            case "Fn::Split":
                separator, text = argument
                return text_of(self.value(text)).split(separator)
            case "Fn::Select":
                index, items = argument
                return self.list_of(items)[int(self.value(index))]
            case "Fn::GetAZs":
                region = self.value(argument) or self.region
                return [f"{region}{letter}" for letter in ZONES]
            case "Fn::Cidr":
                return self.blocks(*self.list_of(argument))
            case "Fn::FindInMap":
                map_name, first, second = (text_of(self.value(item)) for item in argument)
                return self.value(self.template.get("Mappings", {})[map_name][first][second])
            case "Fn::Base64":
                # The text itself, so that it can be read.
                return text_of(self.value(argument))
            case _:
                raise TemplateError(f"{self.file}: unknown function {name}")

    def list_of(self, value: Any) -> list[Any]:
        items = self.value(value)
        if not isinstance(items, list):
            raise TypeError(f"{items!r} is no list")
        return items

    def blocks(self, block: str, count: Any, bits: Any = 8) -> list[str]:
        network = ipaddress.ip_network(block)
        subnets = network.subnets(new_prefix=network.max_prefixlen - int(bits))
        found = [str(subnet) for subnet, _ in zip(subnets, range(int(count)), strict=False)]
        if len(found) < int(count):
            raise ValueError(f"{block} has no room for {count} of {bits} bits")
        return found

    def substituted(self, argument: Any) -> str:
        text, own = (argument, {}) if isinstance(argument, str) else argument

        def replacement(match: re.Match) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in own:
                return text_of(self.value(own[name]))
            if name in self.names:
                return text_of(self.names[name])
            logical_id, _, attribute = name.partition(".")
            return text_of(self.reference_to(logical_id, attribute))

        return re.sub(r"\$\{([^}]*)\}", replacement, text)

    def condition(self, condition: Any) -> bool:
        """Tells whether a condition holds, by its name or as it is written."""
        if isinstance(condition, str):
            declared = self.template.get("Conditions", {})
            if condition not in declared:
                raise TemplateError(f"{self.file}: there is no condition {condition}")
            with self.once(f"the condition {condition}"):
                return self.condition(declared[condition])
        if not isinstance(condition, dict) or len(condition) != 1:
            raise TemplateError(f"{self.file}: {condition!r} is no condition")
        name, argument = next(iter(condition.items()))
        match name:
            case "Condition":
                return self.condition(argument)
            case "Fn::Equals":
                left, right = (text_of(self.value(side)) for side in argument)
                if "" not in (left, right) and left != right and (referred(left) or referred(right)):
                    raise TemplateError(f"{self.file}: nobody can tell whether {left} equals {right}")
                return left == right
            case "Fn::And":
                return all(self.condition(item) for item in argument)
            case "Fn::Or":
                return any(self.condition(item) for item in argument)
            case "Fn::Not":
                (negated,) = argument
                return not self.condition(negated)
            case "Fn::Contains":
                items, searched = argument
                return self.value(searched) in self.list_of(items)
            case _:
                raise TemplateError(f"{self.file}: unknown condition {name}")

    def check_rules(self) -> None:
        """Fails with the description of the first rule that the parameters break."""
        for name, rule in self.template.get("Rules", {}).items():
            if "RuleCondition" in rule and not self.condition(rule["RuleCondition"]):
                continue
            for assertion in rule["Assertions"]:
                if not self.condition(assertion["Assert"]):
                    raise TemplateError(f"{self.file}: {name}: {assertion['AssertDescription']}")
