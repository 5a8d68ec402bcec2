"""Datasets by name: entered once, never changed, deleted only when nothing needs them."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from registry import datasets, models, run_blobs
from registry.database.tables import RunInput
from registry.errors import DatasetExists, DatasetInUse, DatasetNotFound
from testing.registry_harness import RegistryHarness

IMAGES = datasets.Facts("images", (1, 8, 8), 64, 80, 20, classes=("cat", "dog"))
VECTORS = datasets.Facts("vectors", None, 5, 10, 0, minimum=-1.5, maximum=2.25)


def enter(harness: RegistryHarness, name: str = "digits", content: str = "dataset", **more: Any) -> datasets.Entered:
    return harness.write(datasets.enter, **{"name": name, "stored": harness.blob(content), "facts": IMAGES} | more)


def test_a_dataset_is_kept_as_it_was_entered(harness: RegistryHarness) -> None:
    assert enter(harness, "pictures", builtin=True).created
    enter(harness, "numbers", "abc", facts=VECTORS)
    pictures, numbers = harness.read(datasets.get, "pictures"), harness.read(datasets.get, "numbers")
    assert (pictures.kind, pictures.image_shape, pictures.n_inputs) == ("images", [1, 8, 8], 64)
    assert (pictures.classes, pictures.train_rows, pictures.test_rows) == (["cat", "dog"], 80, 20)
    assert (pictures.builtin, pictures.minimum) == (True, None)
    assert (numbers.kind, numbers.image_shape, numbers.classes) == ("vectors", None, None)
    assert (numbers.minimum, numbers.maximum, numbers.bytes, numbers.builtin) == (-1.5, 2.25, 3, False)
    assert numbers.digest == harness.blob("abc").sha256


def test_the_same_file_again_is_no_error_and_another_one_is(harness: RegistryHarness) -> None:
    first = enter(harness)
    again = enter(harness)
    assert (again.created, again.dataset.id) == (False, first.dataset.id)
    with pytest.raises(DatasetExists, match="digits"):
        enter(harness, content="other")
    assert harness.read(datasets.get, "digits").digest == harness.blob("dataset").sha256


def test_one_of_many_that_enter_at_the_same_time_creates(harness: RegistryHarness) -> None:
    start = Barrier(8)

    def attempt(_: int) -> bool:
        start.wait()
        return enter(harness).created

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == [False] * 7 + [True]


def test_a_file_may_go_by_several_names(harness: RegistryHarness) -> None:
    oldest = enter(harness, "one").dataset
    enter(harness, "two")
    assert harness.read(datasets.by_digest, oldest.digest).name == "one"
    harness.write(datasets.delete, "one")
    assert harness.read(datasets.by_digest, oldest.digest).name == "two"
    assert harness.read(datasets.by_digest, "0" * 64) is None


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_dataset_that_an_unfinished_run_names_stays(harness: RegistryHarness, state: str) -> None:
    enter(harness)
    run = harness.enqueue(dataset_name="digits")
    if state == "running":
        harness.claim()
    else:
        harness.arrange(run, state=state)
    with pytest.raises(DatasetInUse, match="unfinished"):
        harness.write(datasets.delete, "digits")


def test_a_dataset_that_a_model_learned_from_stays_until_the_model_goes(harness: RegistryHarness) -> None:
    enter(harness)
    harness.published("model")
    with pytest.raises(DatasetInUse, match="model"):
        harness.write(datasets.delete, "digits")
    harness.write(models.delete_version, "model", 1)
    harness.write(datasets.delete, "digits")
    with pytest.raises(DatasetNotFound):
        harness.read(datasets.get, "digits")


def test_an_ended_run_remembers_the_digest_but_no_longer_keeps_the_file(harness: RegistryHarness) -> None:
    digest = enter(harness).dataset.digest
    enter(harness, "copy")
    harness.enqueue(dataset_name="digits")
    run = harness.claim()
    harness.write(run_blobs.attach_dataset, run.id, run.fence, digest)
    harness.fail(run, may_pass=False)
    harness.write(datasets.delete, "digits")
    assert pinned(harness) == 1, "the copy is the same file"
    harness.write(datasets.delete, "copy")
    assert pinned(harness) == 0
    assert harness.get(run).dataset_digest == digest


def pinned(harness: RegistryHarness) -> int:
    with harness.database.read() as session:
        return session.query(RunInput).count()


@pytest.mark.parametrize("name", ["nothing", "", "..", "A", "a\0b", "a" * 10_000])
def test_what_is_not_there_is_not_found_and_not_repeated_at_length(harness: RegistryHarness, name: str) -> None:
    for verb in (datasets.get, datasets.delete):
        with pytest.raises(DatasetNotFound) as caught:
            harness.write(verb, name)
        assert len(str(caught.value)) < 120


def test_whoever_enters_a_dataset_while_others_delete_it_finds_it_or_makes_it(harness: RegistryHarness) -> None:
    start = Barrier(4)

    def attempt(number: int) -> int:
        start.wait()
        seen = 0
        for _ in range(60):
            if number % 2:
                seen += enter(harness).created
            else:
                with contextlib.suppress(DatasetNotFound):
                    harness.write(datasets.delete, "digits")
        return seen

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(4))) >= 1
