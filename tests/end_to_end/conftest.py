"""The whole service as real processes: `sae up` on an empty folder, spoken to over HTTP."""

from collections.abc import Iterator

import pytest

from testing import local_service as local
from testing.local_service import LocalService


@pytest.fixture(scope="session")
def local_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalService]:
    """One service for all tests of this folder, on SQLite and an empty data folder."""
    with local.running(tmp_path_factory.mktemp("local") / "data") as service:
        yield service
