"""Names, numbers and aliases of models."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from registry import models, run_blobs, runs
from registry.database.tables import RunOutput
from registry.errors import (
    AliasNotFound,
    InvalidAlias,
    InvalidReference,
    ModelNotFound,
    NotFound,
    ReservedName,
    VersionInUse,
    VersionNotFound,
)


def test_versions_count_up_and_a_plain_name_means_the_latest(desk: Any) -> None:
    first, second = desk.published("a"), desk.published("a")
    desk.published("b")
    assert (first.model_version, second.model_version) == (1, 2)
    assert desk.see(models.resolve, "a").run_id == second.id
    assert desk.see(models.resolve, "a@1").run_id == first.id
    assert [version.reference for version in desk.see(models.versions, "a", limit=10).items] == ["a@2", "a@1"]
    assert [version.reference for version in desk.see(models.page, limit=10).items] == ["b@1", "a@2"]


def test_a_version_holds_all_that_is_needed_to_use_it(desk: Any) -> None:
    run = desk.published("a")
    version = desk.see(models.resolve, "a")
    assert (version.digest, version.dataset_name) == (desk.blob(f"weights {run.id}").sha256, "digits")
    assert version.dataset_digest == desk.blob("dataset").sha256
    assert (version.spec, version.spec_version, version.result, version.aliases) == ({"a": 1}, 1, {"mse": 0.5}, [])


def test_runs_that_publish_at_the_same_time_get_different_numbers(desk: Any) -> None:
    ready = [desk.running() for _ in range(12)]
    start = Barrier(12)

    def publish(run: Any) -> int:
        start.wait()
        return desk.succeed(run, "crowded").model_version

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(publish, ready)) == list(range(1, 13))


def test_a_number_is_never_given_twice(desk: Any) -> None:
    desk.published("a")
    desk.published("a")
    desk.do(models.delete_version, "a", 2)
    assert desk.see(models.resolve, "a").version == 1
    desk.do(models.delete_version, "a", 1)
    with pytest.raises(ModelNotFound):
        desk.see(models.resolve, "a")
    assert desk.see(models.page, limit=10).items == []
    assert desk.published("a").model_version == 3


def test_an_alias_moves_and_holds_its_version(desk: Any) -> None:
    for _ in range(2):
        desk.published("a")
    assert desk.do(models.set_alias, "a", "production", 1).aliases == ["production"]
    desk.do(models.set_alias, "a", "best", 1)
    assert desk.see(models.resolve, "a@production").version == 1
    assert desk.see(models.resolve, "a@1").aliases == ["best", "production"]
    with pytest.raises(VersionInUse, match="best"):
        desk.do(models.delete_version, "a", 1)
    assert desk.do(models.set_alias, "a", "production", 2).aliases == ["production"]
    desk.do(models.delete_alias, "a", "best")
    desk.do(models.delete_version, "a", 1)
    with pytest.raises(AliasNotFound):
        desk.see(models.resolve, "a@best")


def test_a_deleted_version_frees_its_weights_and_leaves_no_pointer(desk: Any) -> None:
    run = desk.published("a")
    desk.do(models.delete_version, "a", 1)
    with desk.database.read() as session:
        assert session.query(RunOutput).count() == 0
    assert (desk.get(run).model_name, desk.get(run).model_version) == (None, None)
    assert desk.get(run).state == "succeeded"


def test_what_a_run_published_is_found_by_the_run_in_the_order_of_its_members(desk: Any) -> None:
    other, run = desk.published("a"), desk.running()
    dataset = desk.blob("dataset")
    publish = [
        models.Publication(name, {}, 1, {}, desk.blob(name), "digits", dataset.sha256, member=member)
        for name, member in (("a", 1), ("b", 0), ("c", 2))
    ]
    desk.do(runs.succeed, run.id, run.fence, result={}, publish=publish)
    assert [version.reference for version in desk.see(models.of_run, run.id)] == ["b@1", "a@2", "c@1"]
    assert [version.reference for version in desk.see(models.of_run, other.id)] == ["a@1"]
    desk.do(models.delete_version, "a", 2)
    assert [version.member for version in desk.see(models.of_run, run.id)] == [0, 2]


def test_what_a_run_made_is_found_by_its_role(desk: Any) -> None:
    run = desk.published("a")
    assert desk.see(run_blobs.output, run.id, "weights") == desk.blob(f"weights {run.id}").sha256
    with pytest.raises(NotFound, match="no output atoms"):
        desk.see(run_blobs.output, run.id, "atoms")
    with pytest.raises(NotFound):
        desk.see(run_blobs.output, "nothing", "weights")


LEADS_NOWHERE = [
    ("nothing", ModelNotFound),
    ("nothing@1", ModelNotFound),
    ("nothing@production", ModelNotFound),
    ("a@2", VersionNotFound),
    ("a@999999999", VersionNotFound),
    ("a@production", AliasNotFound),
    ("", InvalidReference),
    ("@", InvalidReference),
    ("a@", InvalidReference),
    ("a@0", InvalidReference),
    ("a@-1", InvalidReference),
    ("a@01", InvalidReference),
    ("a@9999999999", InvalidReference),
    ("a@1@2", InvalidReference),
    ("a@Production", InvalidReference),
    ("a@" + "b" * 32, InvalidReference),
    ("A", InvalidReference),
    ("..", InvalidReference),
    ("a/b", InvalidReference),
    ("a\0", InvalidReference),
    ("a\n", InvalidReference),
    ("a" * 64, InvalidReference),
]


def test_a_reference_that_leads_nowhere_says_why(desk: Any, subtests: pytest.Subtests) -> None:
    desk.published("a")
    for reference, error in LEADS_NOWHERE:
        with subtests.test(reference):
            with pytest.raises(error) as caught:
                desk.see(models.resolve, reference)
            assert type(caught.value) is error
            assert len(str(caught.value)) < 200


def test_an_alias_that_could_be_mistaken_is_refused(desk: Any, subtests: pytest.Subtests) -> None:
    desk.published("a")
    for alias in ("", "A", "1", "-a", "a_b", "a" * 32, "a\n", "latest!"):
        with subtests.test(alias), pytest.raises(InvalidAlias):
            desk.do(models.set_alias, "a", alias, 1)


@pytest.mark.parametrize("version", [0, -1, 2, 2**31, 2**63])
def test_an_alias_needs_a_version(desk: Any, version: int) -> None:
    desk.published("a")
    with pytest.raises(VersionNotFound):
        desk.do(models.set_alias, "a", "production", version)
    with pytest.raises(VersionNotFound):
        desk.do(models.delete_version, "a", version)


def test_taking_away_what_is_not_there_is_an_error(desk: Any) -> None:
    desk.published("a")
    with pytest.raises(AliasNotFound):
        desk.do(models.delete_alias, "a", "production")
    for name in ("b", "a\0"):
        with pytest.raises(ModelNotFound):
            desk.do(models.delete_alias, name, "production")
        with pytest.raises(ModelNotFound):
            desk.do(models.delete_version, name, 1)
        with pytest.raises(ModelNotFound):
            desk.do(models.versions, name, limit=1)


def test_a_reserved_name_publishes_nothing(desk: Any) -> None:
    run = desk.running()
    with pytest.raises(ReservedName):
        desk.succeed(run, "stats")
    assert desk.get(run).state == "running"


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a@1", "a" * 64])
def test_a_name_that_cannot_be_called_is_refused_before_the_work(name: str) -> None:
    with pytest.raises(InvalidReference):
        models.require_name(name)


def test_a_failed_publication_takes_nothing_of_the_success_with_it(desk: Any) -> None:
    run = desk.running()
    unknown = models.Publication("a", {}, 1, {}, desk.blob("w"), "digits", desk.blob("never registered").sha256)
    with pytest.raises(IntegrityError):
        desk.do(runs.succeed, run.id, run.fence, result={}, publish=[unknown])
    assert desk.get(run).state == "running"
    assert desk.succeed(run, "a").model_version == 1
