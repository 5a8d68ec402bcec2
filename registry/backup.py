"""Backup while the service is running: a snapshot of the database, and exactly the files that it references.

The copy is written beside its target and renamed at the end, so it is complete or absent. Work in progress is not part
of it. A PostgreSQL database is left to its own tools; only its files are copied.
"""

import errno
import hashlib
import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, select

from registry.database import sessions
from registry.database.tables import Artifact
from registry.errors import ArtifactMissing, BackupFailed
from registry.settings import RegistrySettings
from registry.stores import directory
from registry.stores.directory import DirectoryStore
from registry.stores.protocol import Stored

DATABASE: Final = "registry.sqlite3"
"""The copy is a data folder, so it uses the default names of the settings."""
ARTIFACTS: Final = "artifacts"
_NO_LINK: Final = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS)


@dataclass(frozen=True)
class Copied:
    """Contents of a backup."""

    files: int
    bytes: int
    linked: int
    """Number of files that are hard links to the store's, and take no space of their own."""
    database: bool
    """False for PostgreSQL."""


def make(settings: RegistrySettings, target: Path) -> Copied:
    """Copy database and files to the new or empty folder `target`. Each file is verified against its SHA-256.

    Nothing is deleted from the store meanwhile; everything else continues. Raises BackupFailed, StoreBusy,
    DatabaseUnavailable and OSError, with `target` unchanged.
    """
    target = target.expanduser().absolute()
    _require_place(target, settings)
    store, on_sqlite = DirectoryStore(settings.artifacts_dir), settings.url.get_backend_name() == "sqlite"
    with _unfinished(target) as folder:
        with store.steady():
            blobs = _copy_database(settings.url, folder / DATABASE) if on_sqlite else _registered(settings)
            linked = [_copy_blob(store, stored, folder / ARTIFACTS) for stored in blobs]
        for place in [*folder.rglob("*"), folder]:
            directory.sync(place)
        folder.replace(target)
        directory.sync(target.parent)
    return Copied(len(blobs), sum(stored.bytes for stored in blobs), sum(linked), on_sqlite)


def _require_place(target: Path, settings: RegistrySettings) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BackupFailed(f"{target} is not a folder: name a new or an empty one")
    if target.is_dir() and any(target.iterdir()):
        raise BackupFailed(f"{target} is not empty, and a backup never overwrites files: name a new or an empty folder")
    if target.resolve().is_relative_to(settings.data_dir.resolve()):
        raise BackupFailed(f"{target} is inside the data folder: name a folder outside of it")


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """Create a private folder beside the target; it is deleted if anything fails."""
    folder = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise BackupFailed(f"{target} cannot be created; expected a new or empty folder: {error.strerror}") from error
    try:
        (folder / ARTIFACTS).mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_database(url: URL, copy: Path) -> list[Stored]:
    """Make a consistent snapshot with SQLite's online backup; returns the blobs that it references."""
    copy.touch(mode=0o600)
    with (
        sessions.translated(),
        closing(sessions.connect_sqlite(sessions.file_of(url))) as source,
        closing(sqlite3.connect(copy)) as into,
    ):
        source.backup(into)
        into.execute("PRAGMA journal_mode = DELETE")  # a single file, without a write-ahead log
        if into.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise BackupFailed(
                "the copy of the database is damaged, so the database may be damaged too: the copy was deleted"
            )
        return [Stored(*row) for row in into.execute("SELECT sha256, bytes FROM artifacts ORDER BY sha256")]


def _registered(settings: RegistrySettings) -> list[Stored]:
    """The blobs that a database references now; the database itself is not copied."""
    database = sessions.open(settings)
    try:
        with database.read() as session:
            rows = session.execute(select(Artifact.sha256, Artifact.bytes).order_by(Artifact.sha256)).all()
            return [Stored(row.sha256, row.bytes) for row in rows]
    finally:
        database.dispose()


def _copy_blob(store: DirectoryStore, stored: Stored, folder: Path) -> bool:
    """Link the blob into the folder, or copy it, and verify its digest. Returns whether it is a link."""
    target = folder / stored.sha256[:2] / stored.sha256
    target.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        linked = _link_or_copy(store.path(stored.sha256), target)
        with target.open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest() == stored.sha256
    except ArtifactMissing:
        whole = linked = False
    if not whole:
        raise BackupFailed(
            f"the file {stored.sha256} ({stored.bytes:,} bytes), which the database references, is missing or damaged "
            "in the store; nothing was copied: restore it from an earlier backup, or delete what references it"
        )
    return linked


def _link_or_copy(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        shutil.copy(source, target)
        return False
    return True
