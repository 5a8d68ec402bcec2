"""What nothing needs goes, and nothing else does, whoever puts, publishes and deletes at the same time."""

import os
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from registry import analyses, artifacts, checkpoints, collection, datasets, models, run_blobs, runs
from registry.collection import Rules
from registry.database import tables
from registry.database.clock import now_ms
from registry.database.tables import Analysis, Artifact, Run
from registry.errors import StoreBusy, UnsuitableDatabase
from registry.metrics import MetricRecord
from registry.settings import RegistrySettings
from registry.stores import directory
from registry.stores.directory import DirectoryStore
from registry.stores.protocol import Stored
from testing.registry_harness import RegistryHarness

DAY = 86_400.0
RULES = Rules(keep_last=2, seconds=DAY)
FACTS = datasets.Facts("images", (1, 8, 8), 64, 80, 20)


@pytest.fixture
def store(settings: RegistrySettings) -> DirectoryStore:
    return DirectoryStore(settings.artifacts_dir)


@pytest.fixture
def put(store: DirectoryStore, tmp_path: Path) -> Callable[[str], Stored]:
    def put(content: str) -> Stored:
        source = tmp_path / f"source-{threading.get_ident()}"
        source.write_text(content)
        return store.put(source)

    return put


def age(harness: RegistryHarness, store: DirectoryStore, seconds: float = DAY + 60) -> None:
    """Let everything have been wanted last so long ago."""
    long_ago = now_ms() - round(seconds * 1000)
    harness.write(lambda session: session.execute(update(Artifact).values(touched_at=long_ago)))
    for file in blobs(store):
        made = file.stat().st_mtime - seconds
        os.utime(file, (made, made))


def blobs(store: DirectoryStore) -> list[Path]:
    return sorted(store._root.glob("[0-9a-f][0-9a-f]/*"))


def rows(harness: RegistryHarness) -> set[str]:
    return set(harness.read(lambda session: session.scalars(select(Artifact.sha256)).all()))


def collected(harness: RegistryHarness, store: DirectoryStore, rules: Rules = RULES) -> dict[str, str]:
    """What a survey finds and a collection then removes."""
    found = {gone.name: gone.why for gone in collection.survey(harness.database, store, rules)}
    gone = {gone.name: gone.why for gone in collection.collect(harness.database, store, rules, orphaned=True)}
    assert gone == found
    return gone


def checkpoint(
    harness: RegistryHarness, put: Callable[[str], Stored], run: Run, epoch: int, mse: float | None
) -> Stored:
    stored = put(f"{run.id} {epoch}")
    if mse is not None:
        record = [MetricRecord(0, epoch, {"test_mse": mse}), MetricRecord(1, epoch, {"test_mse": 9.0})]
        harness.write(runs.record, run.id, run.fence, metrics=record)
    harness.write(checkpoints.add, run.id, run.fence, epoch=epoch, stored=stored)
    return stored


def epochs(harness: RegistryHarness, run: Run) -> list[int]:
    return [row.epoch for row in harness.read(checkpoints.of_run, run.id)]


# --- blobs and files -------------------------------------------------------------------------------------------------


def test_every_table_that_names_a_blob_holds_it(
    harness: RegistryHarness, store: DirectoryStore, put: Callable[[str], Stored]
) -> None:
    names = ("dataset", "input", "checkpoint", "output", "weights", "analysis", "unused")
    made = {name: put(name) for name in names}
    for stored in made.values():
        harness.write(artifacts.register, stored)
    harness.write(datasets.enter, name="digits", stored=made["dataset"], facts=FACTS)
    run = harness.running()
    harness.write(run_blobs.attach_dataset, run.id, run.fence, made["input"].sha256)
    harness.write(checkpoints.add, run.id, run.fence, epoch=1, stored=made["checkpoint"])
    version = models.Publication("model", {}, 1, {"mse": 0.5}, made["weights"], "digits", made["dataset"].sha256)
    outputs = [run_blobs.Output("atoms", 0, made["output"])]
    harness.write(runs.succeed, run.id, run.fence, result={"mse": 0.5}, outputs=outputs, publish=[version])
    harness.write(analyses.keep, "0" * 64, "probe", made["analysis"])
    age(harness, store)
    assert collected(harness, store) == {made["unused"].sha256: collection.UNUSED}
    left = {stored.sha256 for name, stored in made.items() if name != "unused"}
    assert rows(harness) == {file.name for file in blobs(store)} == left


def test_the_tables_that_name_a_blob_are_those_of_the_schema() -> None:
    named = {str(column) for column in artifacts.references()}
    assert named == {
        "analyses.sha256",
        "checkpoints.sha256",
        "datasets.digest",
        "model_versions.dataset_digest",
        "model_versions.digest",
        "run_inputs.sha256",
        "run_outputs.sha256",
    }, "a new table that names a blob: the test above must hold one by it, too"
    digests = {
        str(column)
        for table in tables.Base.metadata.sorted_tables
        for column in table.columns
        if getattr(column.type, "length", None) == 64 and table is not Artifact.__table__
    }
    assert digests - named == {"analyses.key", "idempotency_keys.request_sha256", "runs.dataset_digest"}, (
        "digests of something else, and what an ended run remembers without holding it"
    )


def test_what_was_wanted_today_stays(
    harness: RegistryHarness, store: DirectoryStore, put: Callable[[str], Stored]
) -> None:
    known, orphan = put("known"), put("orphan")
    harness.write(artifacts.register, known)
    assert collected(harness, store) == {}
    age(harness, store, DAY - 60)
    assert collected(harness, store) == {}
    age(harness, store)
    harness.write(artifacts.register, known)
    put("orphan")
    assert collected(harness, store) == {}, "registered and put again"
    age(harness, store)
    assert collected(harness, store) == {known.sha256: collection.UNUSED, orphan.sha256: collection.ORPHANED}
    assert (rows(harness), blobs(store)) == (set(), [])


def test_a_file_outlives_its_row_while_somebody_puts_it_again(
    harness: RegistryHarness, store: DirectoryStore, put: Callable[[str], Stored]
) -> None:
    stored = put("wanted again")
    harness.write(artifacts.register, stored)
    age(harness, store)
    put("wanted again")
    assert list(collection.collect(harness.database, store, RULES, orphaned=True)) == []
    assert rows(harness) == set()
    harness.write(datasets.enter, name="digits", stored=stored, facts=FACTS)
    age(harness, store)
    assert collected(harness, store) == {}
    assert store.path(stored.sha256).read_text() == "wanted again"


def test_orphans_are_left_to_the_operator_with_incomplete_files_of_dead_writers(
    harness: RegistryHarness, store: DirectoryStore, put: Callable[[str], Stored]
) -> None:
    harness.write(datasets.enter, name="digits", stored=put("held"), facts=FACTS)
    orphan = put("orphan")
    folder = store.path(orphan.sha256).parent
    (folder / ".incoming-0123").write_text("half")
    (folder / "README").write_text("not ours")
    age(harness, store)
    assert list(collection.collect(harness.database, store, RULES)) == []
    assert collected(harness, store) == {orphan.sha256: collection.ORPHANED, ".incoming-0123": collection.ORPHANED}
    assert (folder / "README").exists()


def test_a_database_that_knows_no_file_clears_no_store(
    harness: RegistryHarness, store: DirectoryStore, put: Callable[[str], Stored]
) -> None:
    put("another database's")
    age(harness, store)
    for look in (collection.survey, collection.collect):
        with pytest.raises(UnsuitableDatabase):
            list(look(harness.database, store, RULES, **({"orphaned": True} if look is collection.collect else {})))
    assert len(blobs(store)) == 1


def test_nothing_is_cleared_while_the_store_is_being_copied(
    harness: RegistryHarness, store: DirectoryStore, put: Callable[[str], Stored], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "_LOCK_SECONDS", 0.0)
    stored = put("unused")
    harness.write(artifacts.register, stored)
    age(harness, store)
    with store.steady():
        put("meanwhile")
        with pytest.raises(StoreBusy):
            list(collection.collect(harness.database, store, RULES))
        with pytest.raises(StoreBusy):
            store.clear([stored.sha256], DAY)
    assert store.path(stored.sha256).exists()
    assert rows(harness) == {stored.sha256}, "or its file would be a orphan"


def test_a_lock_that_another_user_made_locks_all_the_same(store: DirectoryStore, put: Callable[[str], Stored]) -> None:
    put("first")
    lock = store._root / ".lock"
    lock.chmod(0o444)
    if not os.getuid():
        os.chown(lock, 1, 1)
    put("second")
    store.require_free()


# --- checkpoints -----------------------------------------------------------------------------------------------------


def test_a_run_keeps_its_newest_checkpoints_and_its_best(
    harness: RegistryHarness, put: Callable[[str], Stored]
) -> None:
    run = harness.running()
    for epoch, mse in enumerate((0.9, 0.2, 0.5, 0.3, 0.4), start=1):
        checkpoint(harness, put, run, epoch, mse)
    assert harness.write(collection.prune, run.id, 0) == []
    assert harness.write(collection.prune, run.id, 9) == []
    assert harness.write(collection.prune, run.id, 2) == [harness.blob(f"{run.id} {epoch}").sha256 for epoch in (1, 3)]
    assert epochs(harness, run) == [2, 4, 5]
    harness.fail(run, may_pass=False)
    harness.write(collection.prune, run.id, 2)
    assert epochs(harness, run) == [2, 5], "ended: the last and the best"


def test_without_figures_the_newest_is_the_best(harness: RegistryHarness, put: Callable[[str], Stored]) -> None:
    run = harness.running()
    for epoch in (1, 2, 3):
        checkpoint(harness, put, run, epoch, None)
    harness.write(collection.prune, run.id, 1)
    assert epochs(harness, run) == [3]


def test_a_checkpoint_that_two_runs_share_goes_with_the_second(
    harness: RegistryHarness, store: DirectoryStore, put: Callable[[str], Stored]
) -> None:
    first = harness.running()
    shared, *_ = [checkpoint(harness, put, first, epoch, 1 / epoch) for epoch in (1, 2, 3)]
    second = harness.running()
    harness.write(checkpoints.add, second.id, second.fence, epoch=1, stored=put(f"{first.id} 1"))
    age(harness, store)
    assert collected(harness, store) == {}
    assert (epochs(harness, first), epochs(harness, second)) == ([2, 3], [1])
    for epoch in (2, 3):
        checkpoint(harness, put, second, epoch, float(epoch))
    age(harness, store)
    assert set(collected(harness, store)) == {shared.sha256}
    assert epochs(harness, second) == [2, 3]


def test_a_young_blob_of_an_old_checkpoint_waits_for_its_time(
    harness: RegistryHarness, store: DirectoryStore, put: Callable[[str], Stored]
) -> None:
    run = harness.running()
    made = [checkpoint(harness, put, run, epoch, 1 / epoch) for epoch in (1, 2, 3)]
    assert collected(harness, store) == {}
    assert epochs(harness, run) == [2, 3]
    age(harness, store)
    assert set(collected(harness, store)) == {made[0].sha256}


# --- answers ---------------------------------------------------------------------------------------------------------


def test_an_answer_goes_when_it_is_old_unless_something_else_is_the_same_file(
    harness: RegistryHarness, store: DirectoryStore, put: Callable[[str], Stored]
) -> None:
    old, young, shared = put("old"), put("young"), put("shared")
    harness.write(datasets.enter, name="digits", stored=shared, facts=FACTS)
    for number, stored in enumerate((old, old, young, shared)):
        harness.write(analyses.keep, f"{number:064}", "probe", stored)
    month_ago = harness.read(datasets.get, "digits").created_at - timedelta(days=30)
    outdated = update(Analysis).where(Analysis.sha256 != young.sha256).values(created_at=month_ago)
    harness.write(lambda session: session.execute(outdated))
    age(harness, store)
    assert collected(harness, store) == {}, "without a rule answers stay"
    assert collected(harness, store, Rules(2, DAY, answers=31 * DAY)) == {}
    assert collected(harness, store, Rules(2, DAY, answers=29 * DAY)) == {old.sha256: collection.ANSWER}
    assert [harness.read(analyses.find, f"{number:064}") for number in range(4)] == [None, None, young.sha256, None]
    assert rows(harness) == {young.sha256, shared.sha256}


def test_more_results_than_one_transaction_deletes_are_all_deleted(
    harness: RegistryHarness, store: DirectoryStore, put: Any
) -> None:
    answer, kept = put("answer"), put("kept")
    harness.write(datasets.enter, name="digits", stored=kept, facts=FACTS)
    for number in range(collection.BATCH + 1):
        harness.write(analyses.keep, f"{number:064}", "probe", answer)
    harness.write(lambda session: session.execute(update(Analysis).values(created_at=_LONG_AGO)))
    age(harness, store)
    assert collected(harness, store, Rules(2, DAY, answers=DAY)) == {answer.sha256: collection.ANSWER}


# --- all at once -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_collectors_and_writers_at_the_same_time_leave_every_row_its_file(
    harness: RegistryHarness, store: DirectoryStore, put: Callable[[str], Stored]
) -> None:
    """Each writer has few contents: it puts, names, unnames and ages them, and then puts the same ones again."""
    anchor = put("anchor")
    harness.write(datasets.enter, name="anchor", stored=anchor, facts=FACTS)
    made = {seed: harness.published(f"first-{seed}") for seed in (1, 3)}
    failures: list[BaseException] = []
    done = threading.Event()

    def enter(seed: int, stored: Stored) -> str:
        harness.write(datasets.enter, name=f"set-{seed}", stored=stored, facts=FACTS)
        return harness.read(datasets.get, f"set-{seed}").digest

    def publish(seed: int, stored: Stored) -> str:
        publication = models.Publication(f"model-{seed}", {}, 1, {}, stored, "anchor", anchor.sha256, member=1)
        harness.write(models.publish, made[seed].id, publication)
        return harness.read(models.resolve, f"model-{seed}").digest

    def unname(seed: int) -> None:
        if seed in made:
            version = harness.read(models.resolve, f"model-{seed}")
            harness.write(models.delete_version, version.name, version.version)
        else:
            harness.write(datasets.delete, f"set-{seed}")

    def write(seed: int) -> None:
        draw = random.Random(seed)
        for _ in range(20):
            stored = put(f"content {seed} {draw.randrange(2)}")
            digest = publish(seed, stored) if seed in made else enter(seed, stored)
            assert store.path(digest).read_text().startswith(f"content {seed}")
            unname(seed)
            os.utime(store.path(digest), (1, 1))
            wanted = update(Artifact).where(Artifact.sha256 == digest)
            harness.write(lambda session, wanted=wanted: session.execute(wanted.values(touched_at=_LONG_AGO)))

    def clear() -> None:
        while not done.is_set():
            cleared.extend(collection.collect(harness.database, store, RULES, orphaned=True))

    def watched(work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except Exception as error:
            failures.append(error)

    cleared: list[collection.Gone] = []
    clearers = [threading.Thread(target=watched, args=(clear,)) for _ in range(2)]
    writers = [threading.Thread(target=watched, args=(write, seed)) for seed in range(4)]
    for thread in clearers + writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in clearers:
        thread.join()
    assert failures == []
    assert len(cleared) > 10, "they met"
    harness.write(datasets.delete, "anchor")
    harness.write(lambda session: session.execute(update(Artifact).values(touched_at=_LONG_AGO)))
    collected(harness, store)
    held = {version.digest for version in (harness.read(models.resolve, f"first-{seed}") for seed in made)}
    assert held <= rows(harness), "what is named stays"


_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
