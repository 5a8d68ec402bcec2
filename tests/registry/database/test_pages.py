"""Pages, newest first: each row once, whatever is added in between, and no cursor but our own."""

import base64
import json
from typing import Any

import pytest
from sqlalchemy.orm import Session

from registry import datasets, models, runs
from registry.database import pages
from registry.database.identifiers import is_id, new_id
from registry.errors import InvalidCursor
from testing.registry_harness import RegistryHarness

VECTORS = datasets.Facts("vectors", None, 5, 10, 0)


def add_run(harness: RegistryHarness, number: int) -> str:
    return harness.enqueue(priority=number % 2).id


def add_dataset(harness: RegistryHarness, number: int) -> str:
    stored = harness.blob(str(number))
    return harness.write(datasets.enter, name=f"d{number}", stored=stored, facts=VECTORS).dataset.id


def add_model(harness: RegistryHarness, number: int) -> str:
    harness.published(f"m{number}")
    return harness.read(models.resolve, f"m{number}").id


def add_version(harness: RegistryHarness, _: int) -> str:
    harness.published("versions")
    return harness.read(models.resolve, "versions").id


def versions(session: Session, **options: Any) -> pages.Page[Any]:
    return models.versions(session, "versions", **options)


LISTS = {
    "runs": (add_run, runs.page),
    "datasets": (add_dataset, datasets.page),
    "models": (add_model, models.page),
    "versions": (add_version, versions),
}


@pytest.mark.parametrize("name", LISTS)
def test_every_row_comes_once_and_newest_first_while_rows_are_added(harness: RegistryHarness, name: str) -> None:
    add, page = LISTS[name]
    made = [add(harness, number) for number in range(7)]
    seen, cursor, number = [], None, 7
    while True:
        found: Any = harness.read(page, limit=3, cursor=cursor)
        seen += [row.id for row in found.items]
        cursor = found.next_cursor
        if cursor is None:
            break
        add(harness, number)
        number += 1
    assert seen == made[::-1]


@pytest.mark.parametrize(("asked", "given"), [(-5, 1), (0, 1), (2, 2), (200, 200), (201, 200), (10**9, 200)])
def test_a_limit_is_moved_into_its_bounds(harness: RegistryHarness, asked: int, given: int) -> None:
    rows = [{"kind": "train", "spec": {}, "spec_version": 1} for _ in range(max(3, given + 1))]
    harness.write(lambda session: [runs.enqueue(session, **row) for row in rows])
    found = harness.read(runs.page, limit=asked)
    assert len(found.items) == given
    assert found.next_cursor is not None


def test_a_last_page_that_is_full_says_that_it_is_the_last(harness: RegistryHarness) -> None:
    for number in range(4):
        add_run(harness, number)
    first = harness.read(runs.page, limit=2)
    assert harness.read(runs.page, limit=2, cursor=first.next_cursor).next_cursor is None


def test_runs_are_listed_by_state_kind_and_dataset(harness: RegistryHarness) -> None:
    imported, waiting = harness.enqueue(kind="import", dataset_name="digits"), harness.enqueue(dataset_name="faces")
    harness.claim()
    assert [run.id for run in harness.read(runs.page, limit=9, state="queued").items] == [waiting.id]
    assert [run.id for run in harness.read(runs.page, limit=9, kind="import").items] == [imported.id]
    assert [run.id for run in harness.read(runs.page, limit=9, dataset="faces").items] == [waiting.id]
    assert harness.read(runs.page, limit=9, state="queued", kind="import").items == []
    assert harness.read(runs.page, limit=9, kind="import", dataset="faces").items == []


def test_models_are_listed_by_run_and_dataset(harness: RegistryHarness) -> None:
    first, second = harness.published("a"), harness.published("a")
    other = harness.published("b")
    listed = [
        [version.reference for version in harness.read(models.page, limit=9, **asked).items]
        for asked in ({"run_id": first.id}, {"run_id": other.id, "dataset": "digits"}, {"dataset": "faces"})
    ]
    assert listed == [["a@1"], ["b@1"], []]
    by_name = harness.read(models.versions, "a", limit=9, run_id=second.id, dataset="digits").items
    assert [version.reference for version in by_name] == ["a@2"]
    assert harness.read(models.versions, "a", limit=9, run_id=other.id).items == []


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


FOREIGN = [
    "",
    "x",
    "?",
    "é",
    "\0",
    "\ud800",
    new_id(),
    "A" * 100_000,
    encoded(None),
    encoded(3),
    encoded(True),
    encoded(1.5),
    encoded("\0"),
    encoded("' OR 1=1"),
    encoded([new_id()]),
    encoded({"id": new_id()}),
    base64.urlsafe_b64encode(b"[" * 70).decode(),
]


def test_a_cursor_that_is_not_ours_is_refused(harness: RegistryHarness, subtests: pytest.Subtests) -> None:
    for cursor in FOREIGN:
        with subtests.test(ascii(cursor[:10])), pytest.raises(InvalidCursor):
            harness.read(runs.page, limit=1, cursor=cursor)


def test_a_list_by_number_takes_only_numbers(harness: RegistryHarness, subtests: pytest.Subtests) -> None:
    harness.published("versions")
    for value in (new_id(), 0, -1, 2**31, True):
        with subtests.test(str(value)), pytest.raises(InvalidCursor):
            harness.read(versions, limit=1, cursor=encoded(value))


def test_identifiers_are_uuids_that_sort_in_the_order_of_their_making() -> None:
    made = [new_id() for _ in range(2000)]
    assert made == sorted(made)
    assert len(set(made)) == 2000
    assert all(is_id(one) and one[14] == "7" and one[19] in "89ab" for one in made)


@pytest.mark.parametrize(
    "refuse",
    ["", "x", new_id().upper(), new_id() + "\n", f"{{{new_id()}}}"],
    ids=["empty", "letter", "upper case", "newline", "braces"],
)
def test_what_is_no_identifier_is_known_without_asking(refuse: str) -> None:
    assert not is_id(refuse)
