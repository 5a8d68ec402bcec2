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
from testing.registry_harness import RegistryHarness


def test_versions_count_up_and_a_plain_name_means_the_latest(harness: RegistryHarness) -> None:
    first, second = harness.published("a"), harness.published("a")
    harness.published("b")
    assert (first.model_version, second.model_version) == (1, 2)
    assert harness.read(models.resolve, "a").run_id == second.id
    assert harness.read(models.resolve, "a@1").run_id == first.id
    assert [version.reference for version in harness.read(models.versions, "a", limit=10).items] == ["a@2", "a@1"]
    assert [version.reference for version in harness.read(models.page, limit=10).items] == ["b@1", "a@2"]


def test_a_version_holds_all_that_is_needed_to_use_it(harness: RegistryHarness) -> None:
    run = harness.published("a")
    version = harness.read(models.resolve, "a")
    assert (version.digest, version.dataset_name) == (harness.blob(f"weights {run.id}").sha256, "digits")
    assert version.dataset_digest == harness.blob("dataset").sha256
    assert (version.spec, version.spec_version, version.result, version.aliases) == ({"a": 1}, 1, {"mse": 0.5}, [])


def test_runs_that_publish_at_the_same_time_get_different_numbers(harness: RegistryHarness) -> None:
    ready = [harness.running() for _ in range(12)]
    start = Barrier(12)

    def publish(run: Any) -> int:
        start.wait()
        return int(harness.succeed(run, "crowded").model_version or 0)

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(publish, ready)) == list(range(1, 13))


def test_a_number_is_never_given_twice(harness: RegistryHarness) -> None:
    harness.published("a")
    harness.published("a")
    harness.write(models.delete_version, "a", 2)
    assert harness.read(models.resolve, "a").version == 1
    harness.write(models.delete_version, "a", 1)
    with pytest.raises(ModelNotFound):
        harness.read(models.resolve, "a")
    assert harness.read(models.page, limit=10).items == []
    assert harness.published("a").model_version == 3


def test_an_alias_moves_and_holds_its_version(harness: RegistryHarness) -> None:
    for _ in range(2):
        harness.published("a")
    assert harness.write(models.set_alias, "a", "production", 1).aliases == ["production"]
    harness.write(models.set_alias, "a", "best", 1)
    assert harness.read(models.resolve, "a@production").version == 1
    assert harness.read(models.resolve, "a@1").aliases == ["best", "production"]
    with pytest.raises(VersionInUse, match="best"):
        harness.write(models.delete_version, "a", 1)
    assert harness.write(models.set_alias, "a", "production", 2).aliases == ["production"]
    harness.write(models.delete_alias, "a", "best")
    harness.write(models.delete_version, "a", 1)
    with pytest.raises(AliasNotFound):
        harness.read(models.resolve, "a@best")


def test_a_deleted_version_frees_its_weights_and_leaves_no_pointer(harness: RegistryHarness) -> None:
    run = harness.published("a")
    harness.write(models.delete_version, "a", 1)
    with harness.database.read() as session:
        assert session.query(RunOutput).count() == 0
    assert (harness.get(run).model_name, harness.get(run).model_version) == (None, None)
    assert harness.get(run).state == "succeeded"


def test_what_a_run_published_is_found_by_the_run_in_the_order_of_its_members(harness: RegistryHarness) -> None:
    other, run = harness.published("a"), harness.running()
    dataset = harness.blob("dataset")
    publish = [
        models.Publication(name, {}, 1, {}, harness.blob(name), "digits", dataset.sha256, member=member)
        for name, member in (("a", 1), ("b", 0), ("c", 2))
    ]
    harness.write(runs.succeed, run.id, run.fence, result={}, publish=publish)
    assert [version.reference for version in harness.read(models.of_run, run.id)] == ["b@1", "a@2", "c@1"]
    assert [version.reference for version in harness.read(models.of_run, other.id)] == ["a@1"]
    harness.write(models.delete_version, "a", 2)
    assert [version.member for version in harness.read(models.of_run, run.id)] == [0, 2]


def test_what_a_run_made_is_found_by_its_role(harness: RegistryHarness) -> None:
    run = harness.published("a")
    assert harness.read(run_blobs.output, run.id, "weights") == harness.blob(f"weights {run.id}").sha256
    with pytest.raises(NotFound, match="no output atoms"):
        harness.read(run_blobs.output, run.id, "atoms")
    with pytest.raises(NotFound):
        harness.read(run_blobs.output, "nothing", "weights")


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


def test_a_reference_that_leads_nowhere_says_why(harness: RegistryHarness, subtests: pytest.Subtests) -> None:
    harness.published("a")
    for reference, error in LEADS_NOWHERE:
        with subtests.test(ascii(reference)):
            with pytest.raises(error) as caught:
                harness.read(models.resolve, reference)
            assert type(caught.value) is error
            assert len(str(caught.value)) < 200


def test_an_alias_that_could_be_mistaken_is_refused(harness: RegistryHarness, subtests: pytest.Subtests) -> None:
    harness.published("a")
    for alias in ("", "A", "1", "-a", "a_b", "a" * 32, "a\n", "latest!"):
        with subtests.test(ascii(alias)), pytest.raises(InvalidAlias):
            harness.write(models.set_alias, "a", alias, 1)


@pytest.mark.parametrize("version", [0, -1, 2, 2**31, 2**63])
def test_an_alias_needs_a_version(harness: RegistryHarness, version: int) -> None:
    harness.published("a")
    with pytest.raises(VersionNotFound):
        harness.write(models.set_alias, "a", "production", version)
    with pytest.raises(VersionNotFound):
        harness.write(models.delete_version, "a", version)


def test_taking_away_what_is_not_there_is_an_error(harness: RegistryHarness) -> None:
    harness.published("a")
    with pytest.raises(AliasNotFound):
        harness.write(models.delete_alias, "a", "production")
    for name in ("b", "a\0"):
        with pytest.raises(ModelNotFound):
            harness.write(models.delete_alias, name, "production")
        with pytest.raises(ModelNotFound):
            harness.write(models.delete_version, name, 1)
        with pytest.raises(ModelNotFound):
            harness.write(models.versions, name, limit=1)


def test_a_reserved_name_publishes_nothing(harness: RegistryHarness) -> None:
    run = harness.running()
    with pytest.raises(ReservedName):
        harness.succeed(run, "stats")
    assert harness.get(run).state == "running"


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a@1", "a" * 64])
def test_a_name_that_cannot_be_called_is_refused_before_the_work(name: str) -> None:
    with pytest.raises(InvalidReference):
        models.require_name(name)


def test_a_failed_publication_takes_nothing_of_the_success_with_it(harness: RegistryHarness) -> None:
    run = harness.running()
    unknown = models.Publication("a", {}, 1, {}, harness.blob("w"), "digits", harness.blob("never registered").sha256)
    with pytest.raises(IntegrityError):
        harness.write(runs.succeed, run.id, run.fence, result={}, publish=[unknown])
    assert harness.get(run).state == "running"
    assert harness.succeed(run, "a").model_version == 1
