"""Engines, sessions, and the transaction at the edge, for SQLite and PostgreSQL. Knows no table.

Functions of this room take a session and never commit: `with database.write() as session:` does, once, at its end.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import DeclarativeBase, Session

from registry.database import file_systems
from registry.errors import DatabaseFull, DatabaseUnavailable
from registry.settings import RegistrySettings

BUSY_SECONDS: Final = 30
"""How long a writer waits for the others on SQLite, a caller for a free connection, and PostgreSQL for a transaction
that stands still."""

_SILENCE: Final = {
    "connect_timeout": 10,
    "tcp_user_timeout": BUSY_SECONDS * 1000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
}
"""How long a PostgreSQL that is far away may say nothing at all. Left to the system, a line that was cut without a word
holds its caller up for a quarter of an hour when it sends, and for two hours when it waits for an answer."""

_OUTAGES: Final = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
    )
)

_FULL: Final = frozenset((sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE))
"""What a disk without room comes to: at a change, at the change of a log, at the first look of a process."""


class Database:
    """The database as all threads of a process share it. Raises NetworkFileSystem for SQLite on one.

    Opening connects to nothing; `schema.require_current` says whether the right tables are there.
    """

    def __init__(self, url: str | URL) -> None:
        self.url = make_url(url)
        if self.url.get_backend_name() == "sqlite":
            file_systems.require_local(file_of(self.url))
            self._writer, self._reader = sqlite_engine(self.url, "BEGIN IMMEDIATE"), sqlite_engine(self.url, "BEGIN")
            event.listen(self._reader, "connect", _refuse_writes)
        else:
            self._writer = _postgresql_engine(self.url)
            self._reader = self._writer.execution_options(postgresql_readonly=True)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block, and is rolled back by any error in it.

        On SQLite it holds the one write lock from its first statement. Raises DatabaseUnavailable.
        """
        with translated(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that can change nothing, and holds up no writer. Raises DatabaseUnavailable."""
        with translated(), Session(self._reader, expire_on_commit=False) as session:
            yield session

    def dispose(self) -> None:
        """Close all connections; further use opens new ones."""
        self._writer.dispose()
        self._reader.dispose()


def open(settings: RegistrySettings) -> Database:  # noqa: A001 - `sessions.open`
    """The database of these settings. Raises NetworkFileSystem."""
    return Database(settings.url)


def file_of(url: URL) -> Path:
    """The file of an SQLite database."""
    assert url.database is not None
    return Path(url.database).absolute()


def insert(session: Session, table: type[DeclarativeBase]) -> postgresql.Insert:
    """An INSERT that knows ON CONFLICT, which SQLAlchemy keeps in the dialects; both write it alike."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)  # type: ignore[return-value]
    return postgresql.insert(table)


def sqlite_engine(url: URL, begin: str) -> Engine:
    """An engine whose transactions open with the statement `begin`.

    A transaction that reads first and writes later cannot wait for another writer, it fails at once; so writers take
    the lock at the start (BEGIN IMMEDIATE). The driver's own handling of transactions is off: it opens none to read.
    """
    engine = create_engine(
        url,
        creator=partial(connect_sqlite, file_of(url)),
        json_serializer=_strict_json,
        pool_size=10,
        max_overflow=30,
        pool_timeout=BUSY_SECONDS,
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def connect_sqlite(file: Path) -> sqlite3.Connection:
    """Never creates the file: only a migration may, with the right mode."""
    connection = sqlite3.connect(
        f"{file.as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _refuse_writes(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def _postgresql_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        json_serializer=_strict_json,
        pool_size=5,
        max_overflow=10,
        pool_timeout=BUSY_SECONDS,
        pool_pre_ping=True,  # a server that was restarted has closed every connection in the pool
        connect_args={name: value for name, value in _SILENCE.items() if name not in url.query},
    )
    event.listen(engine, "connect", _leave_no_locks)
    return engine


def _leave_no_locks(connection: DBAPIConnection, _record: object) -> None:
    """A process that stands still within a transaction would keep its rows locked, and nobody could take its run."""
    connection.cursor().execute(f"SET idle_in_transaction_session_timeout = '{BUSY_SECONDS}s'")
    connection.commit()


def _strict_json(value: Any) -> str:
    """NaN is no JSON: PostgreSQL would refuse it, and SQLite keep it until a reader fails."""
    return json.dumps(value, allow_nan=False)


@contextmanager
def translated() -> Iterator[None]:
    """Outages under a name of this room: the callers wait them out, and need not know the library."""
    try:
        yield
    except (exc.DBAPIError, exc.TimeoutError, sqlite3.OperationalError) as error:
        cause = getattr(error, "orig", None) or error
        if not _passes(error, cause):
            raise
        said = str(cause).partition("\n")[0]
        if isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode in _FULL:
            raise DatabaseFull(
                "the disk of the database is full: nothing was changed, and room must be made", said
            ) from error
        raise DatabaseUnavailable("the database did not answer in time; try again shortly", said) from error


def _passes(error: Exception, cause: BaseException) -> bool:
    """SQLite uses one class of errors for outages and for mistakes, such as a missing table.

    PostgreSQL ends a transaction that stood still with an error of a class for mistakes, and the connection with it.
    """
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in _OUTAGES  # some are Python's own
    cut = isinstance(error, exc.DBAPIError) and error.connection_invalidated
    return cut or isinstance(error, (exc.OperationalError, exc.InterfaceError, exc.TimeoutError))
