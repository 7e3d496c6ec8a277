"""What the tests of the package share: a container that the package can be installed in."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.container import CannotRunError, Container, container


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[Container]:
    """Gives a booted Debian with nginx. Says so, where no container can run, for `make test` counts it."""
    with ExitStack() as stack:
        try:
            booted = stack.enter_context(container(tmp_path / "container"))
        except CannotRunError as reason:
            pytest.skip(f"NOT RUN: the package in a container: {reason}")
        yield booted
