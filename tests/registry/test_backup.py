"""A backup holds the database as it was at one moment and every file that it names, or it is not there."""

import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select, update

from registry import backup, collection, datasets
from registry.__main__ import main
from registry.database import schema, sessions
from registry.database.clock import now_ms
from registry.database.tables import Artifact, Dataset
from registry.errors import BackupFailed
from registry.settings import RegistrySettings
from registry.stores.directory import DirectoryStore
from registry.stores.protocol import Stored
from testing.registry_harness import RegistryHarness

FACTS = datasets.Facts("images", (1, 8, 8), 64, 80, 20)


@pytest.fixture
def store(settings: RegistrySettings) -> DirectoryStore:
    return DirectoryStore(settings.artifacts_dir)


@pytest.fixture
def enter(harness: RegistryHarness, store: DirectoryStore, tmp_path: Path) -> Callable[[str], Stored]:
    """Store a file and let a dataset of the same name name it."""

    def enter(name: str) -> Stored:
        source = tmp_path / f"source-{name}"
        source.write_text(name)
        stored = store.put(source)
        harness.write(datasets.enter, name=name, stored=stored, facts=FACTS)
        return stored

    return enter


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_backup_is_a_data_folder_with_what_the_database_names(
    settings: RegistrySettings, store: DirectoryStore, enter: Callable[[str], Stored], tmp_path: Path
) -> None:
    one, two = enter("one"), enter("two")
    (tmp_path / "source").write_text("a file without a row")
    store.put(tmp_path / "source")
    target = tmp_path / "copies" / "monday"
    copied = backup.make(settings, target)
    on_sqlite = settings.database_url is None
    assert copied == backup.Copied(files=2, bytes=6, linked=2, database=on_sqlite)
    named = {f"artifacts/{stored.sha256[:2]}/{stored.sha256}" for stored in (one, two)}
    assert files(target) == named | ({"registry.sqlite3"} if on_sqlite else set())
    assert list(target.parent.iterdir()) == [target]
    if on_sqlite:
        restored = RegistrySettings(data_dir=target)
        database = sessions.open(restored)
        schema.require_current(database)
        with database.read() as session:
            assert set(session.scalars(select(Dataset.name))) == {"one", "two"}
        database.dispose()


def test_without_links_files_are_copied(
    settings: RegistrySettings, enter: Callable[[str], Stored], tmp_path: Path
) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    stored = enter("one")
    target = memory / f"sae-backup-{os.getpid()}"
    copied = backup.make(settings, target)
    place = DirectoryStore(target / "artifacts").path(stored.sha256)
    assert (copied.linked, place.read_text(), place.stat().st_mode & 0o777) == (0, "one", 0o444)
    for path in sorted(target.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    target.rmdir()


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_file_that_is_missing_or_damaged_stops_it_and_nothing_is_left(
    settings: RegistrySettings, store: DirectoryStore, enter: Callable[[str], Stored], tmp_path: Path, damage: str
) -> None:
    enter("one")
    place = store.path(enter("two").sha256)
    place.chmod(0o600)
    place.unlink() if damage == "missing" else place.write_text("TWO")
    target = tmp_path / "empty"
    target.mkdir()
    with pytest.raises(BackupFailed, match=place.name):
        backup.make(settings, target)
    assert list(target.iterdir()) == []
    assert list(tmp_path.glob(".*")) == []


def test_a_place_that_is_taken_is_refused(
    settings: RegistrySettings, enter: Callable[[str], Stored], tmp_path: Path
) -> None:
    enter("one")
    full, file, link = tmp_path / "full", tmp_path / "file", tmp_path / "link"
    full.mkdir()
    (full / "mine").write_text("mine")
    file.write_text("mine")
    link.symlink_to(tmp_path / "elsewhere")
    for target in (full, file, link, settings.data_dir / "copy", settings.data_dir):
        with pytest.raises(BackupFailed):
            backup.make(settings, target)
    assert ((full / "mine").read_text(), file.read_text()) == ("mine", "mine")
    assert not (settings.data_dir / "copy").exists()


def test_while_all_goes_on_every_copy_is_whole(
    harness: RegistryHarness, settings: RegistrySettings, enter: Callable[[str], Stored], tmp_path: Path
) -> None:
    """Datasets come, go and are collected at once, while one copy is made after the other."""
    enter("anchor")
    done = threading.Event()
    failures: list[BaseException] = []
    rules = collection.Rules(keep_last=2, seconds=3600)
    store = DirectoryStore(settings.artifacts_dir)

    def change() -> None:
        try:
            number = 0
            while not done.is_set():
                number += 1
                stored = enter(f"set-{number % 3}")
                harness.write(datasets.delete, f"set-{number % 3}")
                os.utime(store.path(stored.sha256), (1, 1))
                old = update(Artifact).where(Artifact.sha256 == stored.sha256)
                harness.write(lambda session, old=old: session.execute(old.values(touched_at=now_ms() - 10**9)))
                list(collection.collect(harness.database, store, rules, orphaned=True))
        except Exception as error:
            failures.append(error)

    changing = threading.Thread(target=change)
    changing.start()
    copies = [tmp_path / f"copy-{number}" for number in range(6)]
    try:
        for copy in copies:
            backup.make(settings, copy)
    finally:
        done.set()
        changing.join()
    assert failures == []
    for copy in copies:
        if settings.database_url is None:
            with closing(sqlite3.connect(copy / "registry.sqlite3")) as database:
                named = {row[0] for row in database.execute("SELECT sha256 FROM artifacts")}
            assert named == {path.name for path in copy.glob("artifacts/??/*")}
        assert files(copy)


def test_the_command_says_what_it_copied_and_what_it_did_not(
    settings: RegistrySettings,
    enter: Callable[[str], Stored],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enter("one")
    monkeypatch.setenv("SAE_DATA_DIR", str(settings.data_dir))
    if settings.database_url:
        monkeypatch.setenv("SAE_DATABASE_URL", settings.database_url)
    target = tmp_path / "copy"
    assert main(["backup", str(target)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{target}: 1 files, 3 bytes, 1 of them shared with the store\n")
    assert ("pg_dump" in said) == (settings.database_url is not None)
    assert main(["backup", str(target)]) == 1
    assert "not empty" in capsys.readouterr().err
