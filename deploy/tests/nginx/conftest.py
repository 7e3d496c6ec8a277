"""One service behind one nginx for the tests of a file that leave both as they are."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.nginx import Proxied, proxied


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    folder: Path = tmp_path_factory.mktemp("site")
    with proxied(folder, READ_RATE="off", UPLOAD_RATE="off") as running:
        yield running
