"""A registry to test on, made by the migrations, once on SQLite and once on PostgreSQL; and short words for arranging.

Arranging may go past the rules (a lease that is over, a run that failed before); what is tested never does.
"""

import hashlib
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from sqlalchemy import update

from registry import artifacts, models, run_blobs, runs
from registry.database import schema, sessions, tables
from registry.database.tables import Run
from registry.settings import RegistrySettings
from registry.stores.protocol import Stored

T = TypeVar("T")

LATER = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

def upgrade():
    sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table("runs", recreate="always" if sqlite else "never") as batch:
        batch.add_column(sa.Column("note", sa.Text()))
    {more}
"""


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated PostgreSQL database for one test after another: making a new one for each takes ten times as long."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE registry_tests")
    url = postgres_url.replace("/postgres?", "/registry_tests?")
    schema.upgrade(RegistrySettings(data_dir=tmp_path_factory.mktemp("postgres"), database_url=url))
    return url


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a migrated SQLite database, to be copied for every test."""
    settings = RegistrySettings(data_dir=tmp_path_factory.mktemp("sqlite") / "data")
    schema.upgrade(settings)
    return settings.data_dir


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RegistrySettings]:
    """Settings of a migrated and empty registry."""
    shutil.copytree(request.getfixturevalue("migrated_sqlite"), tmp_path / "data")
    if request.param == "sqlite":
        yield RegistrySettings(data_dir=tmp_path / "data")
        return
    url = request.getfixturevalue("migrated_postgres")
    yield RegistrySettings(data_dir=tmp_path / "data", database_url=url)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {', '.join(tables.Base.metadata.tables)}")


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> RegistrySettings:
    """Settings of a place where nothing is yet."""
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    return RegistrySettings(data_dir=tmp_path / "data", database_url=url)


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make this the next release, with one migration more: `later(more="...")`; `later.over()` returns to this one."""
    now = schema.scripts()
    folder = tmp_path / "later"

    def begin(more: str = "") -> None:
        shutil.copytree(now, folder, ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "versions" / "0002_later.py").write_text(LATER.format(more=more))
        monkeypatch.setattr(schema, "scripts", lambda: folder)

    begin.over = lambda: monkeypatch.setattr(schema, "scripts", lambda: now)  # type: ignore[attr-defined]
    return begin


@pytest.fixture
def database(settings: RegistrySettings) -> Iterator[sessions.Database]:
    database = sessions.open(settings)
    yield database
    database.dispose()


def blob(content: str) -> Stored:
    """What a store would say of a file with this content."""
    return Stored(hashlib.sha256(content.encode()).hexdigest(), len(content))


@dataclass(frozen=True)
class Desk:
    """Verbs of the registry, each in a transaction of its own."""

    database: sessions.Database
    blob = staticmethod(blob)

    def do(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with self.database.write() as session:
            return function(session, *args, **kwargs)

    def see(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with self.database.read() as session:
            return function(session, *args, **kwargs)

    def enqueue(self, **asked: Any) -> Run:
        return self.do(runs.enqueue, **{"kind": "train", "spec": {"a": 1}, "spec_version": 1} | asked).run

    def claim(self, owner: str = "worker", devices: Collection[str] = ("auto", "cpu")) -> Run | None:
        return self.do(runs.claim, owner=owner, lease_seconds=60, devices=devices)

    def running(self, **columns: Any) -> Run:
        """A run that has been claimed, with these columns arranged."""
        run = self.enqueue()
        claimed = self.claim()
        assert claimed is not None
        assert claimed.id == run.id
        return self.arrange(claimed, **columns)

    def lapsed(self, **columns: Any) -> Run:
        """A running run whose lease is over, but which nobody has reaped."""
        run = self.running()
        return self.arrange(run, **{"lease_expires_at": run.created_at} | columns)

    def arrange(self, run: Run, **columns: Any) -> Run:
        if columns:
            self.do(lambda session: session.execute(update(Run).where(Run.id == run.id).values(**columns)))
        return self.get(run)

    def get(self, run: Run) -> Run:
        return self.see(runs.get, run.id)

    def succeed(self, run: Run, name: str = "model") -> Run:
        """End a running run with a version of the model, trained on the blob `dataset` under the name `digits`."""
        weights, dataset = blob(f"weights {run.id}"), blob("dataset")
        self.do(artifacts.register, dataset)
        publication = models.Publication(name, {"a": 1}, 1, {"mse": 0.5}, weights, "digits", dataset.sha256)
        outputs = [run_blobs.Output("weights", 0, weights)]
        return self.do(runs.succeed, run.id, run.fence, result={"mse": 0.5}, outputs=outputs, publish=[publication])

    def published(self, name: str = "model") -> Run:
        """A run that has published a version of the model."""
        return self.succeed(self.running(), name)

    def fail(self, run: Run, *, may_pass: bool) -> Run:
        return self.do(runs.fail, run.id, run.fence, code="BROKEN", detail="It broke.", may_pass=may_pass)


@pytest.fixture
def desk(database: sessions.Database) -> Desk:
    return Desk(database)
