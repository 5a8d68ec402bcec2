"""Schema version: migrated by `upgrade`, checked by all other processes.

This module makes migrations safe; the migrations themselves are the scripts in alembic/, which the wheel contains as
`registry.migrations`. Their file names begin with their revisions, so that alembic is imported for a migration only.
"""

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, create_engine, event, exc, inspect

from registry.database import file_systems, sessions
from registry.errors import MigrationFailed, SchemaMissing, SchemaTooNew, SchemaTooOld, UnsuitableDatabase
from registry.settings import RegistrySettings

_MIGRATE: Final = "run `sae up` or `python -m registry migrate`"
LOCK: Final = 0x5AE_5C4E3A
"""Key of the advisory lock that a migration holds on PostgreSQL: an arbitrary number."""


def upgrade(settings: RegistrySettings) -> None:
    """Create the folders, and migrate the database to the schema of this release. Idempotent.

    Only one process migrates at a time; an older SQLite file is copied first. Raises NetworkFileSystem, SchemaTooNew,
    MigrationFailed, UnsuitableDatabase and DatabaseUnavailable, each with nothing changed.
    """
    for folder in settings.folders:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _as_unsuitable():
        if settings.url.get_backend_name() == "sqlite":
            _upgrade_file(settings.url)
        else:
            _upgrade(settings.url)


def require_current(database: sessions.Database) -> None:
    """Raises SchemaMissing, SchemaTooOld, SchemaTooNew or UnsuitableDatabase unless the schema is this release's."""
    if database.url.get_backend_name() == "sqlite" and not sessions.file_of(database.url).is_file():
        raise SchemaMissing(f"there is no database yet: {_MIGRATE}")
    with _as_unsuitable(), database.read() as session:
        found = _version(session.connection())
    head = revisions()[-1]
    if found is None:
        raise SchemaMissing(f"the database has no tables yet: {_MIGRATE}")
    if found != head:
        _require_known(found)
        raise SchemaTooOld(f"the database's schema is {found}, and this release works with {head}: {_MIGRATE}")


@contextmanager
def _as_unsuitable() -> Iterator[None]:
    """Turn errors caused by the database's content into UnsuitableDatabase, without the library's SQL."""
    try:
        yield
    except (sqlite3.DatabaseError, exc.DatabaseError) as error:
        raise UnsuitableDatabase(
            "this is not a database of this service, or it is damaged; nothing was changed: move it away, "
            "restore a copy, or set another SAE_DATABASE_URL"
        ) from error


def scripts() -> Path:
    """The folder of the migrations: inside an installed wheel, or beside this package in a checkout."""
    here = Path(__file__).parents[1]
    return next(folder for folder in (here / "migrations", here.parent / "alembic") if (folder / "env.py").is_file())


def revisions() -> list[str]:
    """The revisions that this release knows, in ascending order: the beginnings of the scripts' names."""
    return sorted(file.name.partition("_")[0] for file in (scripts() / "versions").glob("[0-9]*_*.py"))


def _upgrade_file(url: URL) -> None:
    file = sessions.file_of(url)
    file_systems.require_local(file)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _migration_lock(file), sessions.translated():
        file.touch(mode=0o600)
        _copy_older(file)
        _upgrade(url)


def _upgrade(url: URL) -> None:
    with sessions.translated(), _migrating(url) as connection:
        found = _version(connection)
        if found is not None:
            _require_known(found)
        if found != revisions()[-1]:
            from registry.database import migration

            migration.apply(scripts(), connection)


@contextmanager
def _migrating(url: URL) -> Iterator[Connection]:
    """A connection whose transaction contains the whole migration."""
    if url.get_backend_name() == "sqlite":
        engine = sessions.sqlite_engine(url, "BEGIN IMMEDIATE")
        event.listen(engine, "connect", _disable_foreign_keys)
    else:
        engine = create_engine(url)
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            yield connection
            if engine.dialect.name == "sqlite":
                _require_references(connection)
    finally:
        engine.dispose()


def _disable_foreign_keys(connection: sqlite3.Connection, _record: object) -> None:
    """Disable foreign keys: SQLite alters a table by dropping and renaming it, which could delete rows of others.

    The setting is ignored within a transaction, so it is made before.
    """
    connection.execute("PRAGMA foreign_keys = OFF")


def _require_references(connection: Connection) -> None:
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if dangling:
        tables = ", ".join(sorted({str(row[0]) for row in dangling}))
        raise MigrationFailed(f"{len(dangling)} rows would have dangling references ({tables}); nothing was changed")


@contextmanager
def _migration_lock(file: Path) -> Iterator[None]:
    """Lock the file against other migrations. The kernel releases the lock if its holder dies."""
    lock = file.with_name(f"{file.name}.migrating")
    lock.touch(mode=0o600)
    with lock.open("r+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _copy_older(file: Path) -> None:
    """Make a consistent copy of a database that is about to be migrated, beside it."""
    with closing(sessions.connect_sqlite(file)) as connection:
        found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone() if found else None
        if version is None or version[0] == revisions()[-1]:
            return
        _require_known(version[0])
        copy = file.with_name(f"{file.name}.{version[0]}.{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}")
        copy.touch(mode=0o600)
        connection.execute("VACUUM INTO ?", [str(copy)])


def _version(connection: Connection) -> str | None:
    """The revision of the database; None without tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return version


def _require_known(version: str) -> None:
    if version not in revisions():
        raise SchemaTooNew(
            f"the database's schema ({version}) belongs to a later release than this one: install that release, "
            "or use a copy of the database from before"
        )
