"""A registry to test on, made by the migrations, once on SQLite and once on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from registry.database import schema, sessions, tables
from registry.settings import RegistrySettings
from testing.databases import Templates
from testing.next_release import NextRelease
from testing.registry_harness import RegistryHarness


@pytest.fixture(scope="session")
def shared_postgres(postgres_url: str, templates: Templates) -> Iterator[str]:
    """A migrated PostgreSQL database for one test after another: making a new one for each takes ten times as long."""
    with templates.postgres(postgres_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, templates: Templates) -> Iterator[RegistrySettings]:
    """Settings of a migrated and empty registry."""
    url = request.getfixturevalue("shared_postgres") if request.param == "postgresql" else None
    settings = RegistrySettings(data_dir=tmp_path / "data", database_url=url)
    templates.migrate(settings)
    yield settings
    if url is not None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '60s'")  # a test that failed may have left a transaction open
            connection.execute(f"TRUNCATE {', '.join(tables.Base.metadata.tables)}")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> RegistrySettings:
    """Settings of a place where nothing is yet."""
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    return RegistrySettings(data_dir=tmp_path / "data", database_url=url)


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NextRelease:
    """The next release, with one migration more: `later(more="...")` begins it; `later.over()` returns to this one."""
    return NextRelease(schema.scripts(), tmp_path / "later", monkeypatch)


@pytest.fixture
def database(settings: RegistrySettings) -> Iterator[sessions.Database]:
    database = sessions.open(settings)
    yield database
    database.dispose()


@pytest.fixture
def harness(database: sessions.Database) -> RegistryHarness:
    return RegistryHarness(database)
