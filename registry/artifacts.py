"""Rows for blobs: which are registered, which are referred to, and what they take.

Rows and files that nothing refers to are left to `collection`, which goes by a file's time: that of its last `put`.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Column, func, select, union
from sqlalchemy.orm import Session

from registry.database import sessions
from registry.database.clock import now_ms
from registry.database.tables import Artifact
from registry.stores.protocol import Stored


def register(session: Session, stored: Stored) -> None:
    """Insert the blob's row, or touch it, so that a collector sees that it is wanted again."""
    values = {"sha256": stored.sha256, "bytes": stored.bytes, "created_at": now_ms(), "touched_at": now_ms()}
    statement = sessions.insert(session, Artifact).values(values)
    session.execute(statement.on_conflict_do_update(index_elements=["sha256"], set_={"touched_at": now_ms()}))


def bytes_in_use(session: Session) -> int:
    """What the blobs take to which something refers; those that nothing needs any more wait for a collector."""
    used = union(*(select(column) for column in references()))
    return int(session.scalar(select(func.coalesce(func.sum(Artifact.bytes), 0)).where(Artifact.sha256.in_(used))) or 0)


def freed(session: Session, digests: Collection[str]) -> int:
    """What those of the blobs take to which nothing refers any more."""
    unused = [Artifact.sha256.not_in(select(column)) for column in references()]
    size = select(func.coalesce(func.sum(Artifact.bytes), 0)).where(Artifact.sha256.in_(digests), *unused)
    return int(session.scalar(size) or 0)


def references() -> list[Column[Any]]:
    """Every column that names a blob, as the schema knows them."""
    keys = [key for table in Artifact.metadata.sorted_tables for key in table.foreign_keys]
    return [key.parent for key in keys if key.column.table is Artifact.__table__]
