"""Cached results, stored under the hash of everything that they depend on.

A result never becomes wrong, because its key covers the digests of its inputs, so nothing is ever invalidated. A row
does not record what these inputs were: `collection` deletes results by age.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry import artifacts
from registry.database import sessions
from registry.database.tables import Analysis
from registry.stores.protocol import Stored


def find(session: Session, key: str) -> str | None:
    """Find the SHA-256 of a result's blob; None if it is not cached. `key` is also a SHA-256 in hexadecimal."""
    return session.scalar(select(Analysis.sha256).where(Analysis.key == key))


def keep(session: Session, key: str, kind: str, stored: Stored) -> None:
    """Cache a result. An earlier one under the same key stays, because clients may have read it."""
    artifacts.register(session, stored)
    values = {"key": key, "kind": kind, "sha256": stored.sha256}
    session.execute(sessions.insert(session, Analysis).values(values).on_conflict_do_nothing())
