"""Databases as released schemas left them, dumps of real ones: brought forward, they lose nothing, and are in use."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, select, text, update

from registry import artifacts, checkpoints, collection, datasets, events, models, run_blobs, runs
from registry.database import schema, sessions
from registry.database.clock import now_ms
from registry.database.tables import LIVE, TERMINAL, Alias, Artifact, IdempotencyKey, ModelVersion, Run
from registry.settings import RegistrySettings
from registry.stores.directory import DirectoryStore
from testing.next_release import NextRelease

FOLDER = Path(__file__).parent / "released"
DUMPS = sorted(FOLDER.glob("*.sql"))
BACKENDS = ("sqlite", "postgresql")

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Released:
    """A database of an earlier release, or of this one, as it came out of its dump."""

    settings: RegistrySettings
    tables: dict[str, Rows]


@pytest.fixture(params=DUMPS, ids=[dump.stem for dump in DUMPS])
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Released:
    dump = request.param.read_text()
    folder = tmp_path / "data"
    if request.param.stem.endswith("sqlite"):
        settings = RegistrySettings(data_dir=folder)
        folder.mkdir()
        with closing(sqlite3.connect(sessions.file_of(settings.url))) as connection:
            connection.executescript(dump)
    else:
        settings = RegistrySettings(data_dir=folder, database_url=request.getfixturevalue("postgres_database"))
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            connection.execute(dump)
    return Released(settings, contents(settings))


@pytest.fixture
def upgraded(released: Released) -> Iterator[sessions.Database]:
    """Its database, brought to this release's schema."""
    schema.upgrade(released.settings)
    database = sessions.open(released.settings)
    schema.require_current(database)
    yield database
    database.dispose()


def contents(settings: RegistrySettings) -> dict[str, Rows]:
    """Every row of every table, column by column."""
    engine = create_engine(settings.url)
    with engine.connect() as connection:
        names = inspect(connection).get_table_names()
        found = {name: connection.execute(text(f"SELECT * FROM {name}")).mappings().all() for name in names}
    engine.dispose()
    return {name: [dict(row) for row in rows] for name, rows in found.items()}


def ordered(rows: Rows, columns: set[str]) -> list[str]:
    return sorted(repr([(name, row[name]) for name in sorted(columns)]) for row in rows)


def require_intact(before: dict[str, Rows], after: dict[str, Rows]) -> None:
    """Every row is there with every column that still exists."""
    for name in (before.keys() & after.keys()) - {"alembic_version"}:
        columns = before[name][0].keys() & (after[name] or [{}])[0].keys()
        assert columns, f"nothing is left of {name}"
        assert ordered(after[name], columns) == ordered(before[name], columns), name


def test_every_schema_has_its_dumps() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.scripts()))
    config.set_main_option("path_separator", "os")
    revisions = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    wanted = {f"{revision}.{backend}.sql" for revision in revisions for backend in BACKENDS}
    assert {dump.name for dump in DUMPS} == wanted, f"make those of a new schema: {FOLDER.name}/README.md says how"


def test_a_dump_tells_nothing_of_where_it_was_made_and_is_small() -> None:
    for dump in DUMPS:
        assert not re.search(r"/tmp|/home|/root|/work|\.local\b", dump.read_text())
        assert dump.stat().st_size < 200_000


def test_a_dump_has_seen_life(released: Released) -> None:
    tables = released.tables
    assert {name for name, rows in tables.items() if not rows} == set()
    assert {row["state"] for row in tables["runs"]} == {*LIVE, *TERMINAL}
    assert {row["kind"] for row in tables["runs"]} >= {"train", "sweep", "baselines", "import"}
    assert {row["stop_requested"] for row in tables["runs"]} >= {None, "pause"}
    outcomes = {row["outcome"] for row in tables["attempts"]}
    assert outcomes >= {"succeeded", "failed", "released", "stopped", "lost", None}
    assert {row["type"] for row in tables["run_events"]} >= {*events.STATES, "stop_requested", "checkpoint", "metrics"}


def test_an_upgrade_keeps_every_row_with_every_column_that_still_exists(released: Released) -> None:
    schema.upgrade(released.settings)
    require_intact(released.tables, contents(released.settings))


def test_an_upgrade_beyond_this_release_rebuilds_a_table_and_keeps_every_row(
    released: Released, later: NextRelease
) -> None:
    later()
    schema.upgrade(released.settings)
    after = contents(released.settings)
    assert after["alembic_version"] == [{"version_num": "0002"}]
    assert {row["note"] for row in after["runs"]} == {None}
    require_intact(released.tables, after)


def test_runs_and_what_happened_to_them_are_read(released: Released, upgraded: sessions.Database) -> None:
    with upgraded.read() as session:
        page = runs.page(session, limit=200)
        assert {run.id for run in page.items} == {row["id"] for row in released.tables["runs"]}
        for run in page.items:
            stored_events = events.read(session, run.id)
            assert [event.seq for event in stored_events] == list(range(1, run.event_seq + 1))
            assert [event.type for event in stored_events if event.type in events.STATES][-1] == run.state
            kept = checkpoints.latest(session, run.id)
            assert kept is None or kept.epoch > 0
            assert (run.finished_at is not None) == (run.state in TERMINAL)


def test_models_and_datasets_are_found(released: Released, upgraded: sessions.Database) -> None:
    with upgraded.read() as session:
        for version in session.scalars(select(ModelVersion)):
            assert models.resolve(session, version.reference) == version
            assert version.digest == run_blobs.output(session, version.run_id, "weights") or version.member > 0
        for alias in session.scalars(select(Alias)):
            assert models.resolve(session, f"{alias.name}@{alias.alias}").version == alias.version
        names = {row["name"] for row in released.tables["datasets"]}
        assert {dataset.name for dataset in datasets.page(session, limit=200).items} == names
        assert {datasets.get(session, name).name for name in names} == names


def test_the_queue_goes_on(released: Released, upgraded: sessions.Database) -> None:
    """The run that was worked on is paused, as requested; what is paused is resumed; all are claimed, in order."""
    waiting = [row["id"] for row in released.tables["runs"] if row["state"] in ("queued", "paused")]
    busy = [(row["id"], row["lease_owner"]) for row in released.tables["runs"] if row["state"] == "running"]
    with upgraded.write() as session:
        assert runs.reap(session, [owner for _, owner in busy]) == [run_id for run_id, _ in busy]
        assert {runs.get(session, run_id).state for run_id, _ in busy} == {"paused"}
        for run_id in [*waiting, *(run_id for run_id, _ in busy)]:
            runs.resume(session, run_id)
    taken = []
    while run := claim(upgraded):
        taken.append(run)
    assert {run.id for run in taken} == {*waiting, *(run_id for run_id, _ in busy)}
    assert [run.priority for run in taken] == sorted((run.priority for run in taken), reverse=True)


def claim(database: sessions.Database) -> Run | None:
    with database.write() as session:
        return runs.claim(session, owner="me", lease_seconds=60, devices=["auto", "cpu", "cuda"])


def test_a_request_that_is_repeated_is_known(upgraded: sessions.Database) -> None:
    """Within a day: that is how long a key is honoured, and these are as old as their dump."""
    with upgraded.write() as session:
        session.execute(update(IdempotencyKey).values(created_at=now_ms()))
        for known in session.scalars(select(IdempotencyKey)).all():
            asked: dict[str, Any] = {"kind": "train", "spec": {}, "spec_version": 1}
            again = runs.enqueue(session, **asked, idempotency_key=known.key, request_sha256=known.request_sha256)
            assert (again.replayed, again.run.id) == (True, known.run_id)


def test_a_collection_takes_nothing_that_is_named(released: Released, upgraded: sessions.Database) -> None:
    store, rules = DirectoryStore(released.settings.artifacts_dir), collection.Rules(keep_last=2, seconds=0)
    list(collection.collect(upgraded, store, rules))
    with upgraded.read() as session:
        named = {digest for column in artifacts.references() for digest in session.scalars(select(column))}
        assert set(session.scalars(select(Artifact.sha256))) == named
    assert named < {row["sha256"] for row in released.tables["artifacts"]}, "and takes what is not"
    after = contents(released.settings)
    for table in ("runs", "run_outputs", "model_versions", "datasets"):
        require_intact({table: released.tables[table]}, after)
