"""A copy of the whole archive while it is in use: the database, and exactly the files that this copy of it names.

Written beside its place and renamed at the end, so that it is there whole or not at all. Knows no other folders: work
in progress is no part of a copy. A PostgreSQL database is left to its own tools; of it only the files are copied.
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
"""The copy is a data folder: it has the names that the settings give by default."""
ARTIFACTS: Final = "artifacts"
_NO_LINK: Final = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS)


@dataclass(frozen=True)
class Copied:
    """What a backup holds."""

    files: int
    bytes: int
    linked: int
    """Of the files, those that share their content with the store's, and need no room of their own."""
    database: bool
    """False for PostgreSQL."""


def make(settings: RegistrySettings, target: Path) -> Copied:
    """Copy the archive to the folder `target`, which is new or empty. Each file is compared with its SHA-256.

    Nothing is removed from the store meanwhile; all else goes on. Raises BackupFailed, StoreBusy,
    DatabaseUnavailable and OSError, with `target` as it was.
    """
    target = target.expanduser().absolute()
    _require_place(target, settings)
    store, on_sqlite = DirectoryStore(settings.artifacts_dir), settings.url.get_backend_name() == "sqlite"
    with _unfinished(target) as folder:
        with store.steady():
            named = _copy_database(settings.url, folder / DATABASE) if on_sqlite else _named_by(settings)
            linked = [_take(store, stored, folder / ARTIFACTS) for stored in named]
        for place in [*folder.rglob("*"), folder]:
            directory.sync(place)
        folder.replace(target)
        directory.sync(target.parent)
    return Copied(len(named), sum(stored.bytes for stored in named), sum(linked), on_sqlite)


def _require_place(target: Path, settings: RegistrySettings) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BackupFailed(f"{target} is no folder: name a new or an empty one")
    if target.is_dir() and any(target.iterdir()):
        raise BackupFailed(f"{target} is not empty, and a backup overwrites nothing: name a new or an empty folder")
    if target.resolve().is_relative_to(settings.data_dir.resolve()):
        raise BackupFailed(f"{target} lies in the data folder itself: name a folder outside of it")


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A private folder beside the target, gone if anything goes wrong."""
    folder = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise BackupFailed(f"{target} cannot be made, a new or empty folder was expected: {error.strerror}") from error
    try:
        (folder / ARTIFACTS).mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy_database(url: URL, copy: Path) -> list[Stored]:
    """SQLite's own online copy, as the database was at one moment; what it names."""
    copy.touch(mode=0o600)
    with (
        sessions.translated(),
        closing(sessions.connect_sqlite(sessions.file_of(url))) as source,
        closing(sqlite3.connect(copy)) as into,
    ):
        source.backup(into)
        into.execute("PRAGMA journal_mode = DELETE")  # one file, without a log beside it
        if into.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            raise BackupFailed("the copy of the database is damaged, so the database may be: nothing was kept")
        return [Stored(*row) for row in into.execute("SELECT sha256, bytes FROM artifacts ORDER BY sha256")]


def _named_by(settings: RegistrySettings) -> list[Stored]:
    """What a database names now that is not copied here."""
    database = sessions.open(settings)
    try:
        with database.read() as session:
            rows = session.execute(select(Artifact.sha256, Artifact.bytes).order_by(Artifact.sha256)).all()
            return [Stored(row.sha256, row.bytes) for row in rows]
    finally:
        database.dispose()


def _take(store: DirectoryStore, stored: Stored, folder: Path) -> bool:
    """Link the blob into the folder, or copy it, and compare it with its digest; whether it is linked."""
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
            f"the file {stored.sha256} ({stored.bytes:,} bytes), which the database names, is missing from the store "
            "or damaged; nothing was copied: bring it back from an earlier backup, or delete what needs it"
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
