"""Blobs, named by their SHA-256, written once and never changed. Knows nothing of what is in them.

A blob is durable before a row refers to it: what breaks off in between leaves an unreferenced file, never a row
without its file. Rows are registered here; rows and files that nothing refers to are left for a collector.
"""

import errno
import hashlib
import os
import re
import shutil
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Column, func, select, union
from sqlalchemy.orm import Session

from registry import sessions
from registry.clock import now_ms
from registry.errors import ArtifactMissing
from registry.tables import Artifact

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_READ_ONLY: Final = 0o444


@dataclass(frozen=True)
class Stored:
    """A blob that is in the store, durably."""

    sha256: str
    bytes: int


class ArtifactStore(Protocol):
    """Where blobs are kept."""

    def put(self, source: Path) -> Stored:
        """Take over the file `source`, which is gone from its place afterwards."""

    def path(self, sha256: str) -> Path:
        """A local file with the blob, to be read or mapped, never written. Raises ArtifactMissing."""

    def remove(self, sha256: str) -> None:
        """Forget the blob; one that is not there is no error."""


class DirectoryStore:
    """Blobs as read-only files `root/ab/<sha256>`, where `ab` are the first two digits."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path) -> Stored:
        """Adopt `source` by renaming it, or by a durable copy where it lies on another file system.

        A blob that is there already stays as it is. Raises OSError if `source` is not a regular file.
        """
        stored = _measure(source)
        target = self._place(stored.sha256)
        _make_folder(target.parent)
        if _holds(target, stored):
            source.unlink()
            return stored
        source.chmod(_READ_ONLY)
        try:
            source.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _copy(source, target)
            source.unlink()
        _sync_folder(target.parent)
        return stored

    def path(self, sha256: str) -> Path:
        """The blob's file. Raises ArtifactMissing, also for what is no digest."""
        if _SHA256.fullmatch(sha256) is None or not (place := self._place(sha256)).is_file():
            raise ArtifactMissing("a file that the registry knows of is missing from the artifact store")
        return place

    def remove(self, sha256: str) -> None:
        """Delete the blob's file if it is there."""
        if _SHA256.fullmatch(sha256) is not None:
            self._place(sha256).unlink(missing_ok=True)

    def _place(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256


def register(session: Session, stored: Stored) -> None:
    """Insert the blob's row, or touch it, so that a collector sees that it is wanted again."""
    values = {"sha256": stored.sha256, "bytes": stored.bytes, "created_at": now_ms(), "touched_at": now_ms()}
    statement = sessions.insert(session, Artifact).values(values)
    session.execute(statement.on_conflict_do_update(index_elements=["sha256"], set_={"touched_at": now_ms()}))


def bytes_in_use(session: Session) -> int:
    """What the blobs take to which something refers; those that nothing needs any more wait for a collector."""
    used = union(*(select(column) for column in _references()))
    return int(session.scalar(select(func.coalesce(func.sum(Artifact.bytes), 0)).where(Artifact.sha256.in_(used))) or 0)


def _references() -> list[Column[Any]]:
    """Every column that names a blob, as the schema knows them."""
    keys = [key for table in Artifact.metadata.sorted_tables for key in table.foreign_keys]
    return [key.parent for key in keys if key.column.table is Artifact.__table__]


def _measure(source: Path) -> Stored:
    """Digest and size of a regular file, once its content is on the disk; symbolic links are not followed."""
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "an artifact is made from a regular file")
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(descriptor)
        return Stored(digest, os.fstat(descriptor).st_size)


def _holds(target: Path, stored: Stored) -> bool:
    """Whether the blob is there; a file of another size is what a broken disk left, and is replaced."""
    return target.is_file() and target.stat().st_size == stored.bytes


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(f".incoming-{uuid.uuid4().hex}")
    try:
        shutil.copyfile(source, temporary)
        temporary.chmod(_READ_ONLY)
        _sync(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """A new folder's own entry must last, too."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


_sync_folder = _sync
