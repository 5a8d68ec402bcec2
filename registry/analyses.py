"""Computed answers, kept by the hash of all that they depend on. Knows no formula.

An answer never becomes wrong, because its key holds the digests of its inputs; so nothing here is ever invalidated. Nor
does a row say what these were: `collection` goes by its age.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from registry import artifacts
from registry.database import sessions
from registry.database.tables import Analysis
from registry.stores.protocol import Stored


def find(session: Session, key: str) -> str | None:
    """The SHA-256 of the answer's blob, if it has been computed; `key` is a SHA-256 in hexadecimal, too."""
    return session.scalar(select(Analysis.sha256).where(Analysis.key == key))


def keep(session: Session, key: str, kind: str, stored: Stored) -> None:
    """Remember an answer. One that is there already stays: whoever was first has been read by now."""
    artifacts.register(session, stored)
    values = {"key": key, "kind": kind, "sha256": stored.sha256}
    session.execute(sessions.insert(session, Analysis).values(values).on_conflict_do_nothing())
