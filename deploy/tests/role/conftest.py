"""Worlds that the tests of one file share."""

from collections.abc import Iterator

import pytest

from role.world import World, world
from templates.combinations import PUBLIC_ACCESS


@pytest.fixture(params=PUBLIC_ACCESS, scope="module")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The stack in each way of public access."""
    with world(tmp_path_factory.mktemp(request.param), request.param) as built:
        yield built


@pytest.fixture(scope="module")
def private_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The stack whose bucket lets nobody read but by their own rights: nothing stands in for one of the role's."""
    with world(tmp_path_factory.mktemp("private"), "cloudfront") as built:
        yield built


@pytest.fixture(scope="module")
def acl_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The stack whose objects say themselves that everyone may read them."""
    with world(tmp_path_factory.mktemp("acl"), "object-acl") as built:
        yield built
