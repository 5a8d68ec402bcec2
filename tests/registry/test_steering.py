"""Pausing, resuming and cancelling, alone and one against the other: what wins, and what changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from registry import checkpoints, runs
from registry.database.tables import Run
from registry.errors import RunFinished, RunNotFound

UNKNOWN = "018f0000-0000-7000-8000-000000000000"


def test_a_queued_run_is_paused_at_once_and_not_claimed(desk: Any) -> None:
    run = desk.enqueue()
    for _ in range(2):
        paused = desk.do(runs.pause, run.id)
        assert (paused.state, paused.stop_requested, paused.fence) == ("paused", None, 0)
    assert desk.claim() is None
    assert paused.finished_at is None


def test_a_resumed_run_waits_behind_those_that_waited_meanwhile(desk: Any) -> None:
    first = desk.enqueue()
    desk.do(runs.pause, first.id)
    second = desk.enqueue()
    resumed = desk.do(runs.resume, first.id)
    assert (resumed.state, resumed.attempt, resumed.failures) == ("queued", 0, 0)
    desk.arrange(resumed, available_at=max(resumed.available_at, second.available_at))  # within one millisecond
    desk.arrange(second, available_at=first.available_at)
    assert [desk.claim().id, desk.claim().id] == [second.id, first.id]


def test_pausing_a_running_run_is_a_wish_and_its_worker_follows_it(desk: Any) -> None:
    run = desk.running()
    for _ in range(2):
        wished = desk.do(runs.pause, run.id)
        assert (wished.state, wished.stop_requested, wished.fence) == ("running", "pause", run.fence)
    desk.do(checkpoints.add, run.id, run.fence, epoch=3, stored=desk.blob("a"))
    stopped = desk.do(runs.acknowledge_stop, run.id, run.fence)
    assert (stopped.state, stopped.stop_requested, stopped.lease_owner) == ("paused", None, None)
    assert desk.do(runs.resume, run.id).state == "queued"
    again = desk.claim()
    assert (again.id, again.attempt, again.failures) == (run.id, 2, 0)


@pytest.mark.parametrize("verb", [runs.acknowledge_stop, runs.release])
def test_a_wish_that_is_withdrawn_too_late_puts_the_run_back_into_the_queue(
    desk: Any, verb: Callable[..., Run]
) -> None:
    run = desk.running()
    desk.do(runs.pause, run.id)
    for _ in range(2):
        resumed = desk.do(runs.resume, run.id)
        assert (resumed.state, resumed.stop_requested) == ("running", None)
    assert desk.do(verb, run.id, run.fence).state == "queued"


def test_a_cancel_wins_over_a_pause_whichever_came_first(desk: Any) -> None:
    for verbs in ((runs.pause, runs.cancel), (runs.cancel, runs.pause), (runs.cancel, runs.resume)):
        run = desk.running()
        for verb in verbs:
            wished = desk.do(verb, run.id)
        assert (wished.state, wished.stop_requested) == ("running", "cancel")
        assert desk.do(runs.acknowledge_stop, run.id, run.fence).state == "cancelled"


def test_a_resume_changes_nothing_of_a_run_that_is_not_paused(desk: Any) -> None:
    queued = desk.enqueue()
    assert desk.do(runs.resume, queued.id).available_at == queued.available_at
    running = desk.claim()
    same = desk.do(runs.resume, running.id)
    assert (same.state, same.stop_requested, same.lease_expires_at) == ("running", None, running.lease_expires_at)


def test_success_wins_over_a_pause_that_came_late(desk: Any) -> None:
    run = desk.running()
    desk.do(runs.pause, run.id)
    assert desk.do(runs.succeed, run.id, run.fence, result={}).state == "succeeded"


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
@pytest.mark.parametrize("verb", [runs.pause, runs.resume])
def test_a_run_that_has_ended_is_not_steered_any_more(desk: Any, verb: Callable[..., Run], end: str) -> None:
    run = desk.running()
    if end == "succeeded":
        desk.do(runs.succeed, run.id, run.fence, result={})
    elif end == "failed":
        desk.fail(run, may_pass=False)
    else:
        desk.do(runs.cancel, run.id, force=True)
    before = desk.get(run)
    with pytest.raises(RunFinished, match=end):
        desk.do(verb, run.id)
    assert (desk.get(run).state, desk.get(run).event_seq) == (end, before.event_seq)


@pytest.mark.parametrize("run_id", [UNKNOWN, "", "\0"])
@pytest.mark.parametrize("verb", [runs.pause, runs.resume])
def test_an_unknown_run_is_not_steered(desk: Any, verb: Callable[..., Run], run_id: str) -> None:
    with pytest.raises(RunNotFound):
        desk.do(verb, run_id)
