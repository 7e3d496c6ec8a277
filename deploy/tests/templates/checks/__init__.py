"""What has to hold for the rendered stack.

A check is a function with the decorator `check` in any module of this package. It gets a `Deployment` (one of the six
combinations), fails by an assertion, and holds in each of them; where it says nothing it returns. Tests run every check
on every combination, mutants show that a check can fail.
"""

import importlib
import pkgutil
from collections.abc import Callable

from templates.combinations import Deployment

Check = Callable[[Deployment], None]

_checks: dict[str, Check] = {}


def check(function: Check) -> Check:
    """Makes a function one of the checks."""
    name = f"{function.__module__.rpartition('.')[2]}.{function.__name__}"
    assert name not in _checks, f"two checks are named {name}"
    _checks[name] = function
    return function


def all_checks() -> dict[str, Check]:
    """Gives the checks of all modules of this package by their names."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return _checks
