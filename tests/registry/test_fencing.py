"""A worker that has lost its run changes nothing any more, whatever it does and however it lost it."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from registry import checkpoints, models, run_blobs, runs
from registry.database import tables
from registry.database.tables import Run
from registry.errors import Fenced


def everything(desk: Any) -> dict[str, list[Any]]:
    """All rows of all tables."""
    with desk.database.read() as session:
        return {
            name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key.columns))]
            for name, table in tables.Base.metadata.tables.items()
        }


def reaped(desk: Any) -> Run:
    run = desk.lapsed()
    desk.do(runs.reap)
    return run


def reaped_and_claimed_again(desk: Any) -> Run:
    run = reaped(desk)
    assert desk.claim("successor").id == run.id
    return run


def claimed_again_by_the_same_worker(desk: Any) -> Run:
    run = desk.running()
    desk.do(runs.release, run.id, run.fence)
    assert desk.claim(run.lease_owner).id == run.id
    return run


def cancelled_by_force(desk: Any) -> Run:
    run = desk.running()
    desk.do(runs.cancel, run.id, force=True)
    return run


def already_ended(desk: Any) -> Run:
    run = desk.running()
    desk.do(runs.cancel, run.id)
    desk.do(runs.acknowledge_stop, run.id, run.fence)
    return run


WRITES: dict[str, Callable[[Any, Run], object]] = {
    "renew": lambda desk, run: desk.do(runs.renew, run.id, run.fence, 60),
    "stop request": lambda desk, run: desk.see(runs.stop_request, run.id, run.fence),
    "describe": lambda desk, run: desk.do(runs.describe, run.id, run.fence, {"threads": 1}),
    "record progress": lambda desk, run: desk.do(runs.record, run.id, run.fence, progress={"epoch": 9}),
    "record metrics": lambda desk, run: desk.do(
        runs.record, run.id, run.fence, metrics=[runs.MetricRecord(0, 9, {"loss": 9})]
    ),
    "attach_dataset": lambda desk, run: desk.do(run_blobs.attach_dataset, run.id, run.fence, desk.blob("x").sha256),
    "add_checkpoint": lambda desk, run: desk.do(
        checkpoints.add, run.id, run.fence, epoch=9, stored=desk.blob("zombie")
    ),
    "succeed": lambda desk, run: desk.do(
        runs.succeed,
        run.id,
        run.fence,
        result={"mse": 0},
        outputs=[run_blobs.Output("weights", 0, desk.blob("zombie"))],
        publish=[models.Publication("zombie", {}, 1, {}, desk.blob("zombie"), "digits", desk.blob("x").sha256)],
    ),
    "fail that may pass": lambda desk, run: desk.fail(run, may_pass=True),
    "fail for good": lambda desk, run: desk.fail(run, may_pass=False),
    "release": lambda desk, run: desk.do(runs.release, run.id, run.fence),
    "acknowledge_stop": lambda desk, run: desk.do(runs.acknowledge_stop, run.id, run.fence),
}
REPEATABLE = {already_ended: "acknowledge_stop", claimed_again_by_the_same_worker: "release"}
"""Ways to lose a run that the worker itself reported: that call is idempotent."""


@pytest.mark.parametrize("lose", [reaped, reaped_and_claimed_again, cancelled_by_force, already_ended])
def test_nothing_that_a_zombie_does_changes_anything(
    desk: Any, lose: Callable[[Any], Run], subtests: pytest.Subtests
) -> None:
    run = lose(desk)
    before = everything(desk)
    for name in WRITES.keys() - {REPEATABLE.get(lose)}:
        with subtests.test(name):
            with pytest.raises(Fenced, match="no longer holds the run"):
                WRITES[name](desk, run)
            assert everything(desk) == before


def test_a_workers_name_is_no_token(desk: Any, subtests: pytest.Subtests) -> None:
    run = claimed_again_by_the_same_worker(desk)
    before = everything(desk)
    for name in WRITES.keys() - {REPEATABLE[claimed_again_by_the_same_worker]}:
        with subtests.test(name):
            with pytest.raises(Fenced):
                WRITES[name](desk, run)
            assert everything(desk) == before


def test_a_run_is_fenced_before_anybody_claims_it_again(desk: Any) -> None:
    run = desk.lapsed()
    assert desk.claim("successor") is None, "a lease that is over is not a queue"
    desk.do(runs.reap)
    with pytest.raises(Fenced):
        desk.do(runs.renew, run.id, run.fence, 60)
    assert desk.claim("successor").fence == run.fence + 2


def test_the_holder_of_a_run_is_not_hindered_by_its_predecessor(desk: Any) -> None:
    run = reaped_and_claimed_again(desk)
    with pytest.raises(Fenced):
        desk.fail(run, may_pass=False)
    successor = desk.get(run)
    assert desk.do(runs.succeed, run.id, successor.fence, result={}).state == "succeeded"


def test_an_end_said_twice_changes_nothing_for_the_run_that_has_gone_on(desk: Any) -> None:
    run = claimed_again_by_the_same_worker(desk)
    before = everything(desk)
    assert desk.do(runs.release, run.id, run.fence).state == "running", "as another attempt has it by now"
    assert everything(desk) == before


def test_a_run_is_not_taken_away_while_its_worker_is_writing(desk: Any) -> None:
    if desk.database.url.get_backend_name() == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    run = desk.lapsed()
    with desk.database.write() as session:
        runs.record(session, run.id, run.fence)  # what else it writes follows in this transaction
        assert desk.do(runs.reap) == []
    assert desk.do(runs.reap) == [run.id]
