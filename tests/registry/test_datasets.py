"""Datasets by name: entered once, never changed, deleted only when nothing needs them."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from registry import datasets, models, run_blobs
from registry.database.tables import RunInput
from registry.errors import DatasetExists, DatasetInUse, DatasetNotFound

IMAGES = datasets.Facts("images", (1, 8, 8), 64, 80, 20, classes=("cat", "dog"))
VECTORS = datasets.Facts("vectors", None, 5, 10, 0, minimum=-1.5, maximum=2.25)


def enter(desk: Any, name: str = "digits", content: str = "dataset", **more: Any) -> datasets.Entered:
    return desk.do(datasets.enter, **{"name": name, "stored": desk.blob(content), "facts": IMAGES} | more)


def test_a_dataset_is_kept_as_it_was_entered(desk: Any) -> None:
    assert enter(desk, "pictures", builtin=True).created
    enter(desk, "numbers", "abc", facts=VECTORS)
    pictures, numbers = desk.see(datasets.get, "pictures"), desk.see(datasets.get, "numbers")
    assert (pictures.kind, pictures.image_shape, pictures.n_inputs) == ("images", [1, 8, 8], 64)
    assert (pictures.classes, pictures.train_rows, pictures.test_rows) == (["cat", "dog"], 80, 20)
    assert (pictures.builtin, pictures.minimum) == (True, None)
    assert (numbers.kind, numbers.image_shape, numbers.classes) == ("vectors", None, None)
    assert (numbers.minimum, numbers.maximum, numbers.bytes, numbers.builtin) == (-1.5, 2.25, 3, False)
    assert numbers.digest == desk.blob("abc").sha256


def test_the_same_file_again_is_no_error_and_another_one_is(desk: Any) -> None:
    first = enter(desk)
    again = enter(desk)
    assert (again.created, again.dataset.id) == (False, first.dataset.id)
    with pytest.raises(DatasetExists, match="digits"):
        enter(desk, content="other")
    assert desk.see(datasets.get, "digits").digest == desk.blob("dataset").sha256


def test_one_of_many_that_enter_at_the_same_time_creates(desk: Any) -> None:
    start = Barrier(8)

    def attempt(_: int) -> bool:
        start.wait()
        return enter(desk).created

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == [False] * 7 + [True]


def test_a_file_may_go_by_several_names(desk: Any) -> None:
    oldest = enter(desk, "one").dataset
    enter(desk, "two")
    assert desk.see(datasets.by_digest, oldest.digest).name == "one"
    desk.do(datasets.delete, "one")
    assert desk.see(datasets.by_digest, oldest.digest).name == "two"
    assert desk.see(datasets.by_digest, "0" * 64) is None


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_dataset_that_an_unfinished_run_names_stays(desk: Any, state: str) -> None:
    enter(desk)
    run = desk.enqueue(dataset_name="digits")
    if state == "running":
        desk.claim()
    else:
        desk.arrange(run, state=state)
    with pytest.raises(DatasetInUse, match="unfinished"):
        desk.do(datasets.delete, "digits")


def test_a_dataset_that_a_model_learned_from_stays_until_the_model_goes(desk: Any) -> None:
    enter(desk)
    desk.published("model")
    with pytest.raises(DatasetInUse, match="model"):
        desk.do(datasets.delete, "digits")
    desk.do(models.delete_version, "model", 1)
    desk.do(datasets.delete, "digits")
    with pytest.raises(DatasetNotFound):
        desk.see(datasets.get, "digits")


def test_an_ended_run_remembers_the_digest_but_no_longer_keeps_the_file(desk: Any) -> None:
    digest = enter(desk).dataset.digest
    enter(desk, "copy")
    desk.enqueue(dataset_name="digits")
    run = desk.claim()
    desk.do(run_blobs.attach_dataset, run.id, run.fence, digest)
    desk.fail(run, may_pass=False)
    desk.do(datasets.delete, "digits")
    assert pinned(desk) == 1, "the copy is the same file"
    desk.do(datasets.delete, "copy")
    assert pinned(desk) == 0
    assert desk.get(run).dataset_digest == digest


def pinned(desk: Any) -> int:
    with desk.database.read() as session:
        return session.query(RunInput).count()


@pytest.mark.parametrize("name", ["nothing", "", "..", "A", "a\0b", "a" * 10_000])
def test_what_is_not_there_is_not_found_and_not_repeated_at_length(desk: Any, name: str) -> None:
    for verb in (datasets.get, datasets.delete):
        with pytest.raises(DatasetNotFound) as caught:
            desk.do(verb, name)
        assert len(str(caught.value)) < 120


def test_whoever_enters_a_dataset_while_others_delete_it_finds_it_or_makes_it(desk: Any) -> None:
    start = Barrier(4)

    def attempt(number: int) -> int:
        start.wait()
        seen = 0
        for _ in range(60):
            if number % 2:
                seen += enter(desk).created
            else:
                with contextlib.suppress(DatasetNotFound):
                    desk.do(datasets.delete, "digits")
        return seen

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(4))) >= 1
