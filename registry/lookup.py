"""What references of models mean at this moment, for services that ask at every request: without ORM and without a
transaction per request.

On SQLite, answers are kept until anybody commits, which `PRAGMA data_version` tells in microseconds. PostgreSQL has no
such counter, so that every look is a query; several references are looked up by one.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from registry.database import sessions
from registry.database.sessions import Database

_REFERENCE: Final = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]{0,62})(?:@(?:(?P<version>[1-9][0-9]{0,8})|(?P<alias>[a-z][a-z0-9-]{0,30})))?"
)
_LATEST: Final = "SELECT name, version, digest FROM model_versions WHERE name = :name ORDER BY version DESC LIMIT 1"
_VERSION: Final = "SELECT name, version, digest FROM model_versions WHERE name = :name AND version = :version"
_ALIAS: Final = (
    "SELECT v.name, v.version, v.digest FROM aliases a"
    " JOIN model_versions v ON v.name = a.name AND v.version = a.version WHERE a.name = :name AND a.alias = :alias"
)
MAX_KEPT: Final = 10_000
"""References that are kept: clients may send any number of different ones."""


@dataclass(frozen=True)
class Found:
    """A version of a model."""

    reference: str
    """`name@version`."""
    digest: str
    """SHA-256 of its weights file."""


class Lookup:
    """References to versions, on any database: one transaction for all references of a call. Thread-safe."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, references: Iterable[str]) -> Mapping[str, Found]:
        """The versions that these references mean, without those that mean none. Raises DatabaseUnavailable."""
        wanted = [(reference, parsed) for reference in references if (parsed := _parsed(reference)) is not None]
        if not wanted:
            return {}
        found: dict[str, Found] = {}
        with self._database.read() as session:
            for reference, (query, values) in wanted:
                row = session.execute(text(query), values).one_or_none()
                if row is not None:
                    found[reference] = _found(*row)
        return found


class KeptLookup:
    """References to versions on SQLite, kept as long as nothing is committed. For one thread at a time; never waits.

    A commit by any process is seen by the next call.
    """

    def __init__(self, database: Database) -> None:
        self._connection = sessions.connect_sqlite(sessions.file_of(database.url))
        self._connection.execute("PRAGMA query_only = ON")
        self._connection.execute("PRAGMA busy_timeout = 0")
        self._data_version: int | None = None
        self._kept: dict[str, Found | None] = {}

    def find(self, reference: str) -> Found | None:
        """The version that a reference means; None if it means none. Raises DatabaseUnavailable at once."""
        try:
            self._drop_after_a_commit()
            if reference not in self._kept:
                self._kept[reference] = self._query(reference)
            return self._kept[reference]
        except sqlite3.Error:
            with sessions.translated():
                raise

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _drop_after_a_commit(self) -> None:
        # the number changes with commits of other connections, and this one never writes
        (now,) = self._connection.execute("PRAGMA data_version").fetchone()
        if now != self._data_version or len(self._kept) >= MAX_KEPT:
            self._kept.clear()
            self._data_version = now

    def _query(self, reference: str) -> Found | None:
        parsed = _parsed(reference)
        if parsed is None:
            return None
        row: sqlite3.Row | None = self._connection.execute(*parsed).fetchone()
        return None if row is None else _found(*row)


def _parsed(reference: str) -> tuple[str, dict[str, str | int]] | None:
    """The query of a reference, and its parameters; None for what is no reference."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        return None
    name, version, alias = match["name"], match["version"], match["alias"]
    if version is not None:
        return _VERSION, {"name": name, "version": int(version)}
    return (_LATEST, {"name": name}) if alias is None else (_ALIAS, {"name": name, "alias": alias})


def _found(name: str, version: int, digest: str) -> Found:
    return Found(f"{name}@{version}", digest)
