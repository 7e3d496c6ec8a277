"""Parameters of a stack: defaults, and what CloudFormation refuses before it starts."""

import re
from typing import Any

from support.cloudformation.names import referred
from support.cloudformation.templates import TemplateError


def text_of(value: Any) -> str:
    """Gives a scalar as CloudFormation writes it into a text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise TemplateError(f"{value!r} is no scalar")


def parameter_values(where: str, declared: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Gives the value of every declared parameter: text, a number, or a list of texts.

    A value that points to what only AWS knows is not held against patterns. The value behind a parameter of Systems
    Manager renders as `{{resolve:ssm:NAME}}`.
    """
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise TemplateError(f"{where}: no parameters {unknown}")
    values = {}
    for name, declaration in declared.items():
        if name not in given and "Default" not in declaration:
            raise TemplateError(f"{where}: parameter {name} has no value")
        value = given.get(name, declaration.get("Default"))
        if isinstance(value, list):
            value = ",".join(text_of(item) for item in value)
        text = text_of(value)
        check(f"{where}: parameter {name}", declaration, text)
        values[name] = typed(f"{where}: parameter {name}", declaration["Type"], text)
    return values


def typed(where: str, kind: str, text: str) -> Any:
    if kind.startswith("AWS::SSM::Parameter::Value<"):
        return f"{{{{resolve:ssm:{text}}}}}"
    if kind == "Number":
        if referred(text):
            return text
        if not re.fullmatch(r"-?\d+(\.\d+)?", text):
            raise TemplateError(f"{where}: {text!r} is no number")
        return float(text) if "." in text else int(text)
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [item.strip() for item in text.split(",")] if text else []
    if kind == "String" or kind.startswith("AWS::"):
        return text
    raise TemplateError(f"{where}: unknown type {kind}")


def check(where: str, declaration: dict[str, Any], text: str) -> None:
    if referred(text):
        return
    allowed = declaration.get("AllowedValues")
    if allowed is not None and text not in [text_of(value) for value in allowed]:
        raise TemplateError(f"{where}: {text!r} is none of {allowed}")
    pattern = declaration.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, text):
        raise TemplateError(f"{where}: {text!r} does not match {pattern}")
    if not int(declaration.get("MinLength", 0)) <= len(text) <= int(declaration.get("MaxLength", 4096)):
        raise TemplateError(f"{where}: {text!r} is too short or too long")
    if declaration["Type"] == "Number":
        number = float(typed(where, "Number", text))
        if not float(declaration.get("MinValue", "-inf")) <= number <= float(declaration.get("MaxValue", "inf")):
            raise TemplateError(f"{where}: {text} is too small or too large")
