"""Blobs as read-only files in a folder, adopted by rename. Understands nothing of what is in them."""

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
_LOOK_AGAIN_SECONDS: Final = 0.05


class DirectoryStore:
    """Blobs as read-only files `root/ab/<sha256>`, where `ab` are the first two digits."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, source: Path) -> Stored:
        """Adopt `source` by renaming it, or by a durable copy where it lies on another file system.

        A blob that is there already stays, but for its time, which says that it is wanted again. Raises OSError if
        `source` is not a regular file.
        """
        stored = _measure(source)
        target = self._place(stored.sha256)
        _make_folder(target.parent)
        with self.steady():
            if _holds(target, stored) and _wanted_again(target):
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
        """The blob's file. Raises ArtifactMissing, also for what is no digest."""
        if _SHA256.fullmatch(sha256) is None or not (place := self._place(sha256)).is_file():
            raise ArtifactMissing("a file that the registry knows of is missing from the artifact store")
        return place

    def remove(self, sha256: str) -> None:
        """Delete the blob's file if it is there."""
        if _SHA256.fullmatch(sha256) is not None:
            self._place(sha256).unlink(missing_ok=True)

    def idle(self, seconds: float) -> Iterator[Idle]:
        """Blobs that were last put, and beginnings of some that were last written, longer ago than that."""
        before = self._now() - seconds
        for folder in sorted(self._root.glob("[0-9a-f][0-9a-f]")):
            for place in sorted(folder.iterdir()):
                if (found := _if_idle(place, before)) is not None:
                    yield found

    def require_free(self) -> None:
        """Raises StoreBusy while somebody copies or clears the store: ask before rows are deleted for its files."""
        with self._locked(fcntl.LOCK_EX):
            return

    def clear(self, names: Collection[str], seconds: float) -> list[Idle]:
        """Remove those of the files that are still idle, while nobody puts any; what went. Raises StoreBusy."""
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
        """Nothing is cleared during the block. Raises StoreBusy if clearing does not come to its end."""
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """Bounded, because a lock that one host forgot on shared storage must not stop the others for ever."""
        self._root.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + _LOCK_SECONDS
        with self._open_lock() as held:
            while True:
                try:
                    fcntl.flock(held, kind | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise StoreBusy("the artifact store is being copied or cleared; try again shortly") from None
                    time.sleep(_LOOK_AGAIN_SECONDS)
            yield

    def _open_lock(self) -> IO[str]:
        """For writing, which locks on network storage need; but an operator may have made the file as another user."""
        try:
            return (self._root / _LOCK).open("a")
        except PermissionError:
            return (self._root / _LOCK).open()

    def _now(self) -> float:
        """By the clock of the file system, which may be another machine's."""
        self._root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._root) as probe:
            return os.fstat(probe.fileno()).st_mtime

    def _places(self, names: Iterable[str]) -> Iterator[Path]:
        """Where blobs are, and beginnings of blobs, which lie in any of the folders."""
        for name in names:
            if _SHA256.fullmatch(name) is not None:
                yield self._place(name)
            elif name.startswith(_UNFINISHED):
                yield from self._root.glob(f"[0-9a-f][0-9a-f]/{name}")

    def _place(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256


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


def _if_idle(place: Path, before: float) -> Idle | None:
    """The file, if it is one of the store's, is there and was last put or written before that time."""
    if _SHA256.fullmatch(place.name) is None and not place.name.startswith(_UNFINISHED):
        return None
    try:
        facts = place.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return Idle(place.name, facts.st_size) if stat.S_ISREG(facts.st_mode) and facts.st_mtime < before else None


def _wanted_again(target: Path) -> bool:
    """Renew the file's time; a file of another user's, to whom that is left, is replaced by ours instead."""
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
    """A new folder's own entry must last, too."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        sync(folder.parent)


def sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, last."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
