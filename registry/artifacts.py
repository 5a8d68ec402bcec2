"""Rows for blobs: which are registered, which are referenced, and their sizes.

`collection` deletes unreferenced rows and files, by a file's time, which is that of its last `put`.
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
    """Insert the blob's row, or update its time, so that `collection` sees that it is in use again."""
    values = {"sha256": stored.sha256, "bytes": stored.bytes, "created_at": now_ms(), "touched_at": now_ms()}
    statement = sessions.insert(session, Artifact).values(values)
    session.execute(statement.on_conflict_do_update(index_elements=["sha256"], set_={"touched_at": now_ms()}))


def bytes_in_use(session: Session) -> int:
    """Total size of all referenced blobs; unreferenced ones are left to `collection`."""
    used = union(*(select(column) for column in references()))
    return int(session.scalar(select(func.coalesce(func.sum(Artifact.bytes), 0)).where(Artifact.sha256.in_(used))) or 0)


def freed(session: Session, digests: Collection[str]) -> int:
    """Total size of those of the blobs that are no longer referenced."""
    unused = [Artifact.sha256.not_in(select(column)) for column in references()]
    size = select(func.coalesce(func.sum(Artifact.bytes), 0)).where(Artifact.sha256.in_(digests), *unused)
    return int(session.scalar(size) or 0)


def references() -> list[Column[Any]]:
    """All columns that refer to a blob, taken from the schema."""
    keys = [key for table in Artifact.metadata.sorted_tables for key in table.foreign_keys]
    return [key.parent for key in keys if key.column.table is Artifact.__table__]
