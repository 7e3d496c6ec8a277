"""Worse stacks, each of which one check has to notice.

A mutant is a function with the decorator `mutant` in any module of this package. It gets a copy of the loaded
templates and makes one of them worse. It is rendered for the combination that the decorator names, and the check that
it names has to fail by an assertion there; a mutant that does not render proves nothing and fails the test.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.cloudformation import Templates
from templates.checks import Check
from templates.combinations import Combination

Change = Callable[[Templates], None]


def properties(templates: Templates, file: str, logical_id: str) -> dict[str, Any]:
    """Gives the properties of a resource as they are written, to be changed."""
    return templates[file]["Resources"][logical_id]["Properties"]


@dataclass(frozen=True)
class Mutant:
    """A change for the worse, where it shows and what has to notice it."""

    name: str
    change: Change
    caught_by: Check
    combination: Combination


_mutants: dict[str, Mutant] = {}


def mutant(
    caught_by: Check, mode: str = "single", public_access: str = "bucket-policy", *, full: bool = False
) -> Callable[[Change], Change]:
    """Makes a function one of the mutants."""

    def add(change: Change) -> Change:
        name = f"{change.__module__.rpartition('.')[2]}.{change.__name__}"
        assert name not in _mutants, f"two mutants are named {name}"
        _mutants[name] = Mutant(name, change, caught_by, Combination(mode, public_access, full))
        return change

    return add


def all_mutants() -> dict[str, Mutant]:
    """Gives the mutants of all modules of this package by their names."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return _mutants
