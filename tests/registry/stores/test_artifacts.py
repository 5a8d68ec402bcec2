"""Blobs: written once, durably, under their own digest, and registered before anything refers to them."""

import errno
import hashlib
import os
import re
import stat
from pathlib import Path

import pytest

from registry import artifacts, datasets
from registry.database.tables import Artifact
from registry.errors import ArtifactMissing
from registry.stores.directory import DirectoryStore
from registry.stores.protocol import Stored
from testing.registry_harness import RegistryHarness


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "artifacts")


def written(folder: Path, content: bytes, name: str = "source") -> Path:
    source = folder / name
    source.write_bytes(content)
    return source


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


@pytest.mark.parametrize("content", [b"", b"hello", os.urandom(3_000_000)], ids=["empty", "short", "long"])
def test_a_blob_is_adopted_under_its_digest(store: DirectoryStore, tmp_path: Path, content: bytes) -> None:
    source = written(tmp_path, content)
    inode = source.stat().st_ino
    stored = store.put(source)
    assert stored == Stored(hashlib.sha256(content).hexdigest(), len(content))
    place = store.path(stored.sha256)
    assert place == tmp_path / "artifacts" / stored.sha256[:2] / stored.sha256
    assert place.read_bytes() == content
    assert place.stat().st_ino == inode, "renamed, not copied"
    assert files(tmp_path) == [place], "and nothing is left"


def test_a_blob_cannot_be_written_to(store: DirectoryStore, tmp_path: Path) -> None:
    place = store.path(store.put(written(tmp_path, b"hello")).sha256)
    assert stat.S_IMODE(place.stat().st_mode) == 0o444


def test_a_blob_that_is_there_is_not_overwritten_but_wanted_again(store: DirectoryStore, tmp_path: Path) -> None:
    first = store.put(written(tmp_path, b"hello"))
    before = store.path(first.sha256).stat()
    os.utime(store.path(first.sha256), (1, 1))
    assert store.put(written(tmp_path, b"hello")) == first
    after = store.path(first.sha256).stat()
    assert after.st_ino == before.st_ino
    assert after.st_mtime_ns >= before.st_mtime_ns
    assert files(tmp_path) == [store.path(first.sha256)]


def test_a_blob_that_a_crash_cut_short_is_replaced(store: DirectoryStore, tmp_path: Path) -> None:
    place = store.path(store.put(written(tmp_path, b"hello")).sha256)
    place.chmod(0o644)
    place.write_bytes(b"he")
    stored = store.put(written(tmp_path, b"hello"))
    assert store.path(stored.sha256).read_bytes() == b"hello"


@pytest.fixture
def another_file_system(tmp_path: Path) -> Path:
    """A folder from which nothing can be renamed into `tmp_path`."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    folder = memory / f"sae-{os.getpid()}"
    folder.mkdir()
    return folder


def test_a_blob_from_another_file_system_is_copied(
    store: DirectoryStore, tmp_path: Path, another_file_system: Path
) -> None:
    source = written(another_file_system, b"from afar")
    stored = store.put(source)
    place = store.path(stored.sha256)
    assert (place.read_bytes(), stat.S_IMODE(place.stat().st_mode)) == (b"from afar", 0o444)
    assert not source.exists()
    assert files(tmp_path) == [place]
    another_file_system.rmdir()


def test_what_is_stored_is_on_the_disk_before_it_has_its_name(
    store: DirectoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def watched_replace(self: Path, target: Path) -> Path:
        steps.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    store.put(written(tmp_path, b"hello"))
    assert steps[-1] == "folder", "the name lasts, too"
    assert steps.index("file") < steps.index("name") < len(steps) - 1


@pytest.mark.parametrize(
    ("kind", "number"),
    [("missing", errno.ENOENT), ("folder", errno.EISDIR), ("link", errno.ELOOP), ("pipe", errno.EINVAL)],
)
def test_only_a_regular_file_is_adopted(store: DirectoryStore, tmp_path: Path, kind: str, number: int) -> None:
    source = tmp_path / "source"
    if kind == "folder":
        source.mkdir()
    elif kind == "link":
        source.symlink_to(written(tmp_path, b"secret", "elsewhere"))
    elif kind == "pipe":
        os.mkfifo(source)
    with pytest.raises(OSError, match=re.escape(f"[Errno {number}]")):
        store.put(source)
    assert not files(tmp_path / "artifacts")


def test_a_path_is_only_ever_that_of_a_blob(store: DirectoryStore, tmp_path: Path, subtests: pytest.Subtests) -> None:
    outside = written(tmp_path, b"outside", "outside")
    (tmp_path / "artifacts").mkdir()
    leading_out = [str(outside), f"../{tmp_path.name}/outside"]
    shaped_wrongly = ["", "ab", "A" * 64, "0" * 63 + "/", "0" * 64 + "\n", "\0" * 64]
    for sha256 in [*leading_out, *shaped_wrongly, "0" * 64]:
        with subtests.test(sha256[:9]):
            with pytest.raises(ArtifactMissing) as caught:
                store.path(sha256)
            assert str(tmp_path) not in str(caught.value)
            store.remove(sha256)
            assert files(tmp_path) == [outside]


def test_a_removed_blob_is_missing_and_may_be_removed_again(store: DirectoryStore, tmp_path: Path) -> None:
    stored = store.put(written(tmp_path, b"hello"))
    for _ in range(2):
        store.remove(stored.sha256)
    with pytest.raises(ArtifactMissing):
        store.path(stored.sha256)


def test_a_blob_is_registered_once_and_then_touched(harness: RegistryHarness) -> None:
    harness.write(artifacts.register, harness.blob("hello"))
    with harness.database.write() as session:
        row = session.get_one(Artifact, harness.blob("hello").sha256)
        made = row.created_at
        row.touched_at = made - (made - made.replace(year=2000))
    harness.write(artifacts.register, harness.blob("hello"))
    with harness.database.read() as session:
        row = session.get_one(Artifact, harness.blob("hello").sha256)
    assert (row.bytes, row.created_at) == (5, made)
    assert row.touched_at >= made


def test_bytes_are_counted_once_and_only_while_something_needs_them(harness: RegistryHarness) -> None:
    assert harness.read(artifacts.bytes_in_use) == 0
    for content in ("hello", "you"):
        harness.write(artifacts.register, harness.blob(content))
    assert harness.read(artifacts.bytes_in_use) == 0
    facts = datasets.Facts(
        kind="vectors", image_shape=None, n_inputs=1, train_rows=1, test_rows=1, minimum=0.0, maximum=1.0, classes=None
    )
    for name in ("first", "second"):
        harness.write(datasets.enter, name=name, stored=harness.blob("hello"), facts=facts)
    assert harness.read(artifacts.bytes_in_use) == 5
    harness.write(datasets.delete, "first")
    assert harness.read(artifacts.bytes_in_use) == 5
    harness.write(datasets.delete, "second")
    assert harness.read(artifacts.bytes_in_use) == 0
