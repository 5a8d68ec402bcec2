"""A worker that has lost its run changes nothing any more, whatever it does and however it lost it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from registry import checkpoints, models, run_blobs, runs
from registry.database import tables
from registry.database.tables import Run
from registry.errors import Fenced
from testing.registry_harness import RegistryHarness


def everything(harness: RegistryHarness) -> dict[str, list[Any]]:
    """All rows of all tables."""
    with harness.database.read() as session:
        return {
            name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
            for name, table in tables.Base.metadata.tables.items()
        }


def reaped(harness: RegistryHarness) -> Run:
    run = harness.lapsed()
    harness.write(runs.reap)
    return run


def reaped_and_claimed_again(harness: RegistryHarness) -> Run:
    run = reaped(harness)
    assert harness.claim("successor").id == run.id
    return run


def claimed_again_by_the_same_worker(harness: RegistryHarness) -> Run:
    run = harness.running()
    harness.write(runs.release, run.id, run.fence)
    assert harness.claim(run.lease_owner).id == run.id
    return run


def cancelled_by_force(harness: RegistryHarness) -> Run:
    run = harness.running()
    harness.write(runs.cancel, run.id, force=True)
    return run


def already_ended(harness: RegistryHarness) -> Run:
    run = harness.running()
    harness.write(runs.cancel, run.id)
    harness.write(runs.acknowledge_stop, run.id, run.fence)
    return run


WRITES: dict[str, Callable[[Any, Run], object]] = {
    "renew": lambda harness, run: harness.write(runs.renew, run.id, run.fence, 60),
    "stop request": lambda harness, run: harness.read(runs.stop_request, run.id, run.fence),
    "describe": lambda harness, run: harness.write(runs.describe, run.id, run.fence, {"threads": 1}),
    "record progress": lambda harness, run: harness.write(runs.record, run.id, run.fence, progress={"epoch": 9}),
    "record metrics": lambda harness, run: harness.write(
        runs.record, run.id, run.fence, metrics=[runs.MetricRecord(0, 9, {"loss": 9})]
    ),
    "attach_dataset": lambda harness, run: harness.write(
        run_blobs.attach_dataset, run.id, run.fence, harness.blob("x").sha256
    ),
    "add_checkpoint": lambda harness, run: harness.write(
        checkpoints.add, run.id, run.fence, epoch=9, stored=harness.blob("zombie")
    ),
    "succeed": lambda harness, run: harness.write(
        runs.succeed,
        run.id,
        run.fence,
        result={"mse": 0},
        outputs=[run_blobs.Output("weights", 0, harness.blob("zombie"))],
        publish=[models.Publication("zombie", {}, 1, {}, harness.blob("zombie"), "digits", harness.blob("x").sha256)],
    ),
    "fail that may pass": lambda harness, run: harness.fail(run, may_pass=True),
    "fail for good": lambda harness, run: harness.fail(run, may_pass=False),
    "release": lambda harness, run: harness.write(runs.release, run.id, run.fence),
    "acknowledge_stop": lambda harness, run: harness.write(runs.acknowledge_stop, run.id, run.fence),
}
REPEATABLE = {already_ended: "acknowledge_stop", claimed_again_by_the_same_worker: "release"}
"""Ways to lose a run that the worker itself reported: that call is idempotent."""


@pytest.mark.parametrize("lose", [reaped, reaped_and_claimed_again, cancelled_by_force, already_ended])
def test_nothing_that_a_zombie_does_changes_anything(
    harness: RegistryHarness, lose: Callable[[Any], Run], subtests: pytest.Subtests
) -> None:
    run = lose(harness)
    before = everything(harness)
    for name in WRITES.keys() - {REPEATABLE.get(lose)}:
        with subtests.test(name):
            with pytest.raises(Fenced, match="no longer holds the run"):
                WRITES[name](harness, run)
            assert everything(harness) == before


def test_a_workers_name_is_no_token(harness: RegistryHarness, subtests: pytest.Subtests) -> None:
    run = claimed_again_by_the_same_worker(harness)
    before = everything(harness)
    for name in WRITES.keys() - {REPEATABLE[claimed_again_by_the_same_worker]}:
        with subtests.test(name):
            with pytest.raises(Fenced):
                WRITES[name](harness, run)
            assert everything(harness) == before


def test_a_run_is_fenced_before_anybody_claims_it_again(harness: RegistryHarness) -> None:
    run = harness.lapsed()
    assert harness.claim("successor") is None, "a lease that is over is not a queue"
    harness.write(runs.reap)
    with pytest.raises(Fenced):
        harness.write(runs.renew, run.id, run.fence, 60)
    assert harness.claim("successor").fence == run.fence + 2


def test_the_holder_of_a_run_is_not_hindered_by_its_predecessor(harness: RegistryHarness) -> None:
    run = reaped_and_claimed_again(harness)
    with pytest.raises(Fenced):
        harness.fail(run, may_pass=False)
    successor = harness.get(run)
    assert harness.write(runs.succeed, run.id, successor.fence, result={}).state == "succeeded"


def test_an_end_said_twice_changes_nothing_for_the_run_that_has_gone_on(harness: RegistryHarness) -> None:
    run = claimed_again_by_the_same_worker(harness)
    before = everything(harness)
    assert harness.write(runs.release, run.id, run.fence).state == "running", "as another attempt has it by now"
    assert everything(harness) == before


def test_a_run_is_not_taken_away_while_its_worker_is_writing(harness: RegistryHarness) -> None:
    if harness.database.url.get_backend_name() == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    run = harness.lapsed()
    with harness.database.write() as session:
        runs.record(session, run.id, run.fence)  # what else it writes follows in this transaction
        assert harness.write(runs.reap) == []
    assert harness.write(runs.reap) == [run.id]
