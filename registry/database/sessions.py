"""Engines, sessions and transactions for SQLite and PostgreSQL.

Functions of the registry take a session and never commit: `with database.write() as session:` commits once, at its end.
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
"""Seconds that a writer waits for other writers on SQLite, a caller for a free connection, and PostgreSQL for an idle
transaction."""

_CONNECTION_TIMEOUTS: Final = {
    "connect_timeout": 10,
    "tcp_user_timeout": BUSY_SECONDS * 1000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
}
"""How long a remote PostgreSQL may be silent. With the system's defaults, a silently broken connection blocks a caller
for a quarter of an hour when it sends, and for two hours when it waits for an answer."""

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
"""Errors of a full disk: at a write, at a write to the log, when a process first opens the database."""


class Database:
    """The database, shared by all threads of a process. Raises NetworkFileSystem for SQLite on a network file system.

    Creating it does not connect; `schema.require_current` checks whether the right tables exist.
    """

    def __init__(self, url: str | URL) -> None:
        self.url = make_url(url)
        if self.is_sqlite:
            file_systems.require_local(file_of(self.url))
            self._writer, self._reader = sqlite_engine(self.url, "BEGIN IMMEDIATE"), sqlite_engine(self.url, "BEGIN")
            event.listen(self._reader, "connect", _refuse_writes)
        else:
            self._writer = _postgresql_engine(self.url)
            # READ COMMITTED would show each query what was committed after the one before it
            self._reader = self._writer.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite; else it is PostgreSQL."""
        return self.url.get_backend_name() == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block, and is rolled back on any error.

        On SQLite it holds the write lock from its first statement. Raises DatabaseUnavailable.
        """
        with translated(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A read-only transaction, which does not block writers. All its queries see the database at one time, that of
        the first. Raises DatabaseUnavailable.
        """
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
    """An INSERT with ON CONFLICT, which SQLAlchemy offers per dialect; both dialects have the same syntax."""
    if session.get_bind().dialect.name == "sqlite":
        return sqlite.insert(table)  # type: ignore[return-value]
    return postgresql.insert(table)


def sqlite_engine(url: URL, begin: str) -> Engine:
    """An engine whose transactions start with the statement `begin`.

    A transaction that reads first and writes later cannot wait for another writer; it fails immediately. Writers
    therefore take the lock at the start (BEGIN IMMEDIATE). The driver's own transaction handling is off, because it
    starts none for reading.
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
    """Connect to an existing file. Only a migration creates it, with the right mode."""
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
        pool_pre_ping=True,  # a restarted server has closed all connections in the pool
        connect_args={name: value for name, value in _CONNECTION_TIMEOUTS.items() if name not in url.query},
    )
    event.listen(engine, "connect", _limit_idle_transactions)
    return engine


def _limit_idle_transactions(connection: DBAPIConnection, _record: object) -> None:
    """Limit idle transactions: a suspended process would keep its rows locked, and nobody could take over its run."""
    connection.cursor().execute(f"SET idle_in_transaction_session_timeout = '{BUSY_SECONDS}s'")
    connection.commit()


def _strict_json(value: Any) -> str:
    """Reject NaN, which is not JSON: PostgreSQL would refuse it, and SQLite would store it until a reader fails."""
    return json.dumps(value, allow_nan=False)


@contextmanager
def translated() -> Iterator[None]:
    """Turn outages into DatabaseUnavailable, so that callers can wait and need not know the library."""
    try:
        yield
    except (exc.DBAPIError, exc.TimeoutError, sqlite3.OperationalError) as error:
        cause = getattr(error, "orig", None) or error
        if not _is_outage(error, cause):
            raise
        driver_message = str(cause).partition("\n")[0]
        if isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode in _FULL:
            raise DatabaseFull(
                "the disk of the database is full: nothing was changed; free some disk space", driver_message
            ) from error
        raise DatabaseUnavailable("the database did not respond in time; try again shortly", driver_message) from error


def _is_outage(error: Exception, cause: BaseException) -> bool:
    """Whether the error is an outage. SQLite uses one class for outages and for bugs, such as a missing table.

    PostgreSQL ends an idle transaction with an error of a class for bugs, and closes the connection.
    """
    if isinstance(cause, sqlite3.Error):
        return (
            getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in _OUTAGES
        )  # some errors are raised by Python's module itself
    cut = isinstance(error, exc.DBAPIError) and error.connection_invalidated
    return cut or isinstance(error, (exc.OperationalError, exc.InterfaceError, exc.TimeoutError))
