"""Stores blobs as read-only files in a folder. Files are moved in by rename."""

import errno
import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from registry.errors import ArtifactMissing, StoreBusy
from registry.stores.protocol import Idle, Stored

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_READ_ONLY: Final = 0o444
_UNFINISHED: Final = ".incoming-"
_LOCK: Final = ".lock"
_LOCK_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.05


class DirectoryStore:
    """Blobs as read-only files `root/ab/<sha256>`, where `ab` are the first two digits."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path) -> Stored:
        """Move `source` into the store by rename, or by a durable copy if it is on another file system.

        An existing blob stays and gets a new time, which marks it as used. Raises OSError if `source` is not a regular
        file.
        """
        stored = _measure(source)
        target = self._place(stored.sha256)
        _make_folder(target.parent)
        with self.steady():
            if _is_stored(target, stored) and _touch(target):
                source.unlink()
                return stored
            source.chmod(_READ_ONLY)
            os.utime(source)
            try:
                source.replace(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                _copy(source, target)
                source.unlink()
            sync(target.parent)
        return stored

    def path(self, sha256: str) -> Path:
        """The blob's file. Raises ArtifactMissing, also if `sha256` is not a digest."""
        if _SHA256.fullmatch(sha256) is None or not (place := self._place(sha256)).is_file():
            raise ArtifactMissing("a file that the database references is missing from the artifact store")
        return place

    def remove(self, sha256: str) -> None:
        """Delete the blob's file if it exists."""
        if _SHA256.fullmatch(sha256) is not None:
            self._place(sha256).unlink(missing_ok=True)

    def idle(self, seconds: float) -> Iterator[Idle]:
        """Blobs last stored, and incomplete files last written, more than `seconds` ago."""
        before = self._now() - seconds
        for folder in sorted(self._root.glob("[0-9a-f][0-9a-f]")):
            for place in sorted(folder.iterdir()):
                if (found := _if_idle(place, before)) is not None:
                    yield found

    def require_free(self) -> None:
        """Raises StoreBusy during a backup or garbage collection; to be called before rows of files are deleted."""
        with self._locked(fcntl.LOCK_EX):
            return

    def clear(self, names: Collection[str], seconds: float) -> list[Idle]:
        """Delete those of the files that are still idle, under the store's lock; returns them. Raises StoreBusy."""
        if not names:
            return []
        with self._locked(fcntl.LOCK_EX):
            before = self._now() - seconds
            found = [(place, _if_idle(place, before)) for place in self._places(names)]
            for place, idle in found:
                if idle is not None:
                    place.unlink()
            return [idle for _, idle in found if idle is not None]

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Prevent garbage collection during the block. Raises StoreBusy if one is running and does not end in time."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """Lock the store, with a time limit: a lock left behind by one host must not block the others for ever."""
        self._root.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + _LOCK_SECONDS
        with self._open_lock() as held:
            while True:
                try:
                    fcntl.flock(held, kind | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StoreBusy(
                            "the artifact store is locked by a backup or by garbage collection; try again shortly"
                        ) from None
                    time.sleep(_POLL_SECONDS)
            yield

    def _open_lock(self) -> IO[str]:
        """Open the lock file for writing, as network storage requires, or for reading if another user created it."""
        try:
            return (self._root / _LOCK).open("a")
        except PermissionError:
            return (self._root / _LOCK).open()

    def _now(self) -> float:
        """The time by the file system's clock, which may be another machine's."""
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._root) as probe:
            return os.fstat(probe.fileno()).st_mtime

    def _places(self, names: Iterable[str]) -> Iterator[Path]:
        """Paths of blobs, and of incomplete files, which can be in any of the folders."""
        for name in names:
            if _SHA256.fullmatch(name) is not None:
                yield self._place(name)
            elif name.startswith(_UNFINISHED):
                yield from self._root.glob(f"[0-9a-f][0-9a-f]/{name}")

    def _place(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256


def _measure(source: Path) -> Stored:
    """Sync a regular file to disk, and return its digest and size; symbolic links are not followed."""
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "an artifact must be a regular file")
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(descriptor)
        return Stored(digest, os.fstat(descriptor).st_size)


def _is_stored(target: Path, stored: Stored) -> bool:
    """Whether the blob exists; a file of another size is damaged, and will be replaced."""
    return target.is_file() and target.stat().st_size == stored.bytes


def _if_idle(place: Path, before: float) -> Idle | None:
    """The file if it exists, belongs to the store and was last stored or written before that time."""
    if _SHA256.fullmatch(place.name) is None and not place.name.startswith(_UNFINISHED):
        return None
    try:
        facts = place.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Idle(place.name, facts.st_size) if stat.S_ISREG(facts.st_mode) and facts.st_mtime < before else None


def _touch(target: Path) -> bool:
    """Update the file's time. Returns False for a file of another user, which will be replaced by ours."""
    try:
        os.utime(target)
    except PermissionError:
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(f"{_UNFINISHED}{uuid.uuid4().hex}")
    try:
        shutil.copyfile(source, temporary)
        temporary.chmod(_READ_ONLY)
        sync(temporary)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Create a folder durably, which requires a sync of its parent."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Sync a file's content, or a folder's entries, to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
