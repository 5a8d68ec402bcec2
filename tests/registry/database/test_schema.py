"""The schema's version: made, compared, refused, and brought forward without losing a row."""

import fcntl
import os
import sqlite3
import stat
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from registry import runs
from registry.database import schema, sessions, tables
from registry.errors import (
    MigrationFailed,
    NetworkFileSystem,
    SchemaMissing,
    SchemaTooNew,
    SchemaTooOld,
    UnsuitableDatabase,
)
from registry.settings import RegistrySettings
from testing.next_release import NextRelease
from testing.registry_harness import RegistryHarness


@pytest.fixture
def connection(database: sessions.Database) -> Iterator[Connection]:
    with database.read() as session:
        yield session.connection()


def on_sqlite(settings: RegistrySettings) -> bool:
    return settings.url.get_backend_name() == "sqlite"


def everything(settings: RegistrySettings) -> dict[str, list[Any]]:
    engine = create_engine(settings.url)
    with engine.connect() as connection:
        names = inspect(connection).get_table_names()
        rows = {name: sorted(map(repr, connection.execute(text(f"SELECT * FROM {name}")))) for name in names}
    engine.dispose()
    return rows


def described(connection: Connection) -> dict[str, Any]:
    """Everything that the database says of its own tables."""
    inspector = inspect(connection)
    parts: dict[str, Any] = {
        "columns": inspector.get_multi_columns(),
        "keys": inspector.get_multi_pk_constraint(),
        "foreign keys": inspector.get_multi_foreign_keys(),
        "unique": inspector.get_multi_unique_constraints(),
        "checks": inspector.get_multi_check_constraints(),
    }
    lists = {part: {name: sorted(map(repr, found)) for name, found in each.items()} for part, each in parts.items()}
    wanted = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    }[connection.dialect.name]
    return lists | {"indexes": dict(tuple(row) for row in connection.execute(text(wanted)))}


def test_the_names_of_the_scripts_begin_with_their_revisions_in_ascending_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.scripts()))
    config.set_main_option("path_separator", "os")
    known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert schema.revisions() == known[::-1]


def test_the_migrations_make_exactly_the_tables_that_are_declared(connection: Connection) -> None:
    with warnings.catch_warnings():  # on SQLite, alembic cannot see into the index with a descending column
        warnings.filterwarnings("ignore", message=".*expression-based index 'ix_runs_queue'", category=UserWarning)
        differences = compare_metadata(MigrationContext.configure(connection), tables.Base.metadata)
    index = [change for change in differences if change[0].endswith("_index") and change[1].name == "ix_runs_queue"]
    assert [change for change in differences if change not in index] == []
    assert connection.dialect.name == "sqlite" or index == []


def test_the_migrations_say_the_same_in_every_detail(empty: RegistrySettings) -> None:
    schema.upgrade(empty)
    engine = create_engine(empty.url)
    with engine.begin() as connection:
        migrated = described(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        tables.Base.metadata.drop_all(connection)
        tables.Base.metadata.create_all(connection)
        declared = described(connection)
    engine.dispose()
    for part in migrated.values():
        for name in [name for name in part if "alembic_version" in str(name)]:
            del part[name]
    assert migrated == declared


def test_an_upgrade_makes_private_folders_and_files(empty: RegistrySettings) -> None:
    old = os.umask(0)
    try:
        schema.upgrade(empty)
        database = sessions.open(empty)
        with database.write() as session:
            runs.enqueue(session, kind="train", spec={}, spec_version=1)
    finally:
        os.umask(old)
    for folder in empty.folders:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    made = [path for path in empty.data_dir.iterdir() if path.is_file()]
    assert bool(made) == on_sqlite(empty)
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} <= {0o600}
    database.dispose()


def test_a_second_upgrade_changes_nothing_and_copies_nothing(
    settings: RegistrySettings, harness: RegistryHarness
) -> None:
    schema.upgrade(settings)
    harness.published()
    before, files = everything(settings), set(settings.data_dir.iterdir())
    schema.upgrade(settings)
    assert everything(settings) == before
    assert set(settings.data_dir.iterdir()) == files


def test_a_current_schema_is_accepted(database: sessions.Database) -> None:
    schema.require_current(database)


def test_a_missing_schema_is_refused_with_the_remedy(empty: RegistrySettings) -> None:
    database = sessions.open(empty)
    with pytest.raises(SchemaMissing, match="registry migrate"):
        schema.require_current(database)
    database.dispose()
    assert not empty.data_dir.exists(), "and looking made nothing"


def test_a_file_without_tables_is_refused(tmp_path: Path) -> None:
    settings = RegistrySettings(data_dir=tmp_path)
    sessions.file_of(settings.url).touch()
    database = sessions.open(settings)
    with pytest.raises(SchemaMissing, match="registry migrate"):
        schema.require_current(database)
    database.dispose()


def test_an_older_schema_is_refused_with_the_remedy(database: sessions.Database, later: NextRelease) -> None:
    later()
    with pytest.raises(SchemaTooOld, match=r"0001.*0002.*registry migrate"):
        schema.require_current(database)


def test_a_newer_schema_is_neither_used_nor_touched(empty: RegistrySettings, later: NextRelease) -> None:
    later()
    schema.upgrade(empty)
    later.over()
    before, files = everything(empty), set(empty.data_dir.iterdir())
    database = sessions.open(empty)
    with pytest.raises(SchemaTooNew, match="0002"):
        schema.require_current(database)
    with pytest.raises(SchemaTooNew):
        schema.upgrade(empty)
    database.dispose()
    assert everything(empty) == before
    assert set(empty.data_dir.iterdir()) == files


@pytest.fixture
def full(empty: RegistrySettings) -> RegistrySettings:
    """A registry of this release with a few rows."""
    schema.upgrade(empty)
    database = sessions.open(empty)
    with database.write() as session:
        runs.enqueue(session, kind="train", spec={}, spec_version=1, idempotency_key="key", request_sha256="0" * 64)
        run = runs.claim(session, owner="me", lease_seconds=60, devices=["auto"])
        assert run is not None
        runs.record(session, run.id, run.fence, metrics=[runs.MetricRecord(0, 1, {"loss": 1.0})])
    database.dispose()
    return empty


def test_an_upgrade_keeps_every_row_even_where_a_table_is_rebuilt(full: RegistrySettings, later: NextRelease) -> None:
    before = everything(full)
    later()
    schema.upgrade(full)
    after = everything(full)
    assert after.pop("alembic_version") == ["('0002',)"]
    del before["alembic_version"]
    [was], [now] = before.pop("runs"), after.pop("runs")
    assert now == was[:-1] + ", None)"
    assert after == before
    assert len(after["attempts"]) == len(after["run_metrics"]) == len(after["idempotency_keys"]) == 1


def test_an_older_file_is_copied_whole_before_it_is_migrated(full: RegistrySettings, later: NextRelease) -> None:
    if not on_sqlite(full):
        pytest.skip("PostgreSQL is copied by its own tools")
    before = everything(full)
    later()
    schema.upgrade(full)
    [copy] = full.data_dir.glob("registry.sqlite3.0001.*Z")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert everything(RegistrySettings(database_url=f"sqlite:///{copy}")) == before
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_migration_that_fails_changes_nothing(full: RegistrySettings, later: NextRelease) -> None:
    before = everything(full)
    later(more="raise RuntimeError('half way')")
    with pytest.raises(RuntimeError, match="half way"):
        schema.upgrade(full)
    assert everything(full) == before
    later.over()
    schema.upgrade(full)


def test_a_migration_that_would_orphan_rows_is_undone(full: RegistrySettings, later: NextRelease) -> None:
    if not on_sqlite(full):
        pytest.skip("PostgreSQL refuses the statement itself")
    before = everything(full)
    later(more="op.execute('DELETE FROM runs')")
    with pytest.raises(MigrationFailed, match="attempts"):
        schema.upgrade(full)
    assert everything(full) == before


def environment(settings: RegistrySettings) -> dict[str, str]:
    url = {} if settings.database_url is None else {"SAE_DATABASE_URL": settings.database_url}
    return {**os.environ, "SAE_DATA_DIR": str(settings.data_dir), **url}


@pytest.fixture
def migrating(empty: RegistrySettings) -> Iterator[Callable[[], None]]:
    """Another process's migration, under way until `migrating()`."""
    if on_sqlite(empty):
        empty.data_dir.mkdir()
        held = (empty.data_dir / "registry.sqlite3.migrating").open("wb")
        fcntl.flock(held, fcntl.LOCK_EX)
        yield held.close
    else:
        engine = create_engine(empty.url)
        connection = engine.connect()
        connection.execute(text(f"SELECT pg_advisory_lock({schema.LOCK})"))
        yield connection.invalidate
        connection.close()
        engine.dispose()


def test_a_migrator_waits_for_another(empty: RegistrySettings, migrating: Callable[[], None]) -> None:
    done = threading.Event()

    def migrate() -> None:
        schema.upgrade(empty)
        done.set()

    thread = threading.Thread(target=migrate)
    thread.start()
    assert not done.wait(0.3)
    migrating()
    assert done.wait(30)
    thread.join()


def test_migrators_that_start_at_the_same_time_all_succeed(empty: RegistrySettings) -> None:
    command = [sys.executable, "-W", "error", "-m", "registry", "migrate"]
    started = [
        subprocess.Popen(command, env=environment(empty), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120) for process in started]
    assert said == [(b"", b"")] * 3
    assert [process.returncode for process in started] == [0] * 3
    database = sessions.open(empty)
    schema.require_current(database)
    database.dispose()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("SAE_DATABASE_URL", "mysql://me:secret@host/name", "SAE_DATABASE_URL: Value error, must be sqlite:"),
        ("SAE_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/name", "did not respond"),
        ("SAE_DATA_DIR", "/proc/nowhere", "nowhere"),
    ],
)
def test_a_migration_that_cannot_be_says_why_in_one_line(tmp_path: Path, name: str, value: str, reason: str) -> None:
    surroundings = {**os.environ, "SAE_DATA_DIR": str(tmp_path / "data"), name: value}
    ended = subprocess.run(
        [sys.executable, "-m", "registry", "migrate"], env=surroundings, capture_output=True, text=True, timeout=120
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: ")
    assert reason in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "secret" not in ended.stderr


def test_a_database_on_a_network_file_system_is_refused_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/export {tmp_path}/far nfs4 rw 0 0\n")
    monkeypatch.setattr("registry.database.file_systems.MOUNTS", mounts)
    settings = RegistrySettings(data_dir=tmp_path / "far" / "data")
    with pytest.raises(NetworkFileSystem, match=r"nfs4.*PostgreSQL"):
        sessions.open(settings)
    with pytest.raises(NetworkFileSystem, match=r"nfs4.*PostgreSQL"):
        schema.upgrade(settings)
    assert not sessions.file_of(settings.url).exists()


def test_a_file_that_is_no_database_is_refused_in_words_and_left_alone(tmp_path: Path) -> None:
    settings = RegistrySettings(data_dir=tmp_path)
    file = tmp_path / "registry.sqlite3"
    file.write_bytes(b"no database, but somebody's notes" * 100)
    for refused in (schema.upgrade, lambda settings: schema.require_current(sessions.open(settings))):
        with pytest.raises(UnsuitableDatabase, match="not a database of this service"):
            refused(settings)
    assert file.read_bytes() == b"no database, but somebody's notes" * 100


def test_tables_without_a_version_are_refused_in_words(empty: RegistrySettings) -> None:
    schema.upgrade(empty)
    database = sessions.open(empty)
    with database.write() as session:
        session.execute(text("DELETE FROM alembic_version"))
    database.dispose()
    with pytest.raises(UnsuitableDatabase, match="nothing was changed"):
        schema.upgrade(empty)
