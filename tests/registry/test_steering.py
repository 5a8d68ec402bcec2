"""Pausing, resuming and cancelling, alone and one against the other: what wins, and what changes nothing."""

from collections.abc import Callable

import pytest

from registry import checkpoints, runs
from registry.database.tables import Run
from registry.errors import RunFinished, RunNotFound
from testing.registry_harness import RegistryHarness

UNKNOWN = "018f0000-0000-7000-8000-000000000000"


def test_a_queued_run_is_paused_at_once_and_not_claimed(harness: RegistryHarness) -> None:
    run = harness.enqueue()
    for _ in range(2):
        paused = harness.write(runs.pause, run.id)
        assert (paused.state, paused.stop_requested, paused.fence) == ("paused", None, 0)
    assert harness.claim() is None
    assert paused.finished_at is None


def test_a_resumed_run_waits_behind_those_that_waited_meanwhile(harness: RegistryHarness) -> None:
    first = harness.enqueue()
    harness.write(runs.pause, first.id)
    second = harness.enqueue()
    resumed = harness.write(runs.resume, first.id)
    assert (resumed.state, resumed.attempt, resumed.failures) == ("queued", 0, 0)
    harness.arrange(resumed, available_at=max(resumed.available_at, second.available_at))  # within one millisecond
    harness.arrange(second, available_at=first.available_at)
    assert [harness.claim().id, harness.claim().id] == [second.id, first.id]


def test_pausing_a_running_run_is_a_request_that_its_worker_follows(harness: RegistryHarness) -> None:
    run = harness.running()
    for _ in range(2):
        requested = harness.write(runs.pause, run.id)
        assert (requested.state, requested.stop_requested, requested.fence) == ("running", "pause", run.fence)
    harness.write(checkpoints.add, run.id, run.fence, epoch=3, stored=harness.blob("a"))
    stopped = harness.write(runs.acknowledge_stop, run.id, run.fence)
    assert (stopped.state, stopped.stop_requested, stopped.lease_owner) == ("paused", None, None)
    assert harness.write(runs.resume, run.id).state == "queued"
    again = harness.claim()
    assert (again.id, again.attempt, again.failures) == (run.id, 2, 0)


@pytest.mark.parametrize("verb", [runs.acknowledge_stop, runs.release])
def test_a_stop_request_withdrawn_too_late_puts_the_run_back_into_the_queue(
    harness: RegistryHarness, verb: Callable[..., Run]
) -> None:
    run = harness.running()
    harness.write(runs.pause, run.id)
    for _ in range(2):
        resumed = harness.write(runs.resume, run.id)
        assert (resumed.state, resumed.stop_requested) == ("running", None)
    assert harness.write(verb, run.id, run.fence).state == "queued"


def test_a_cancel_wins_over_a_pause_whichever_came_first(harness: RegistryHarness) -> None:
    for verbs in ((runs.pause, runs.cancel), (runs.cancel, runs.pause), (runs.cancel, runs.resume)):
        run = harness.running()
        for verb in verbs:
            requested = harness.write(verb, run.id)
        assert (requested.state, requested.stop_requested) == ("running", "cancel")
        assert harness.write(runs.acknowledge_stop, run.id, run.fence).state == "cancelled"


def test_a_resume_changes_nothing_of_a_run_that_is_not_paused(harness: RegistryHarness) -> None:
    queued = harness.enqueue()
    assert harness.write(runs.resume, queued.id).available_at == queued.available_at
    running = harness.claim()
    same = harness.write(runs.resume, running.id)
    assert (same.state, same.stop_requested, same.lease_expires_at) == ("running", None, running.lease_expires_at)


def test_success_wins_over_a_pause_that_came_late(harness: RegistryHarness) -> None:
    run = harness.running()
    harness.write(runs.pause, run.id)
    assert harness.write(runs.succeed, run.id, run.fence, result={}).state == "succeeded"


@pytest.mark.parametrize("end", ["succeeded", "failed", "cancelled"])
@pytest.mark.parametrize("verb", [runs.pause, runs.resume])
def test_a_run_that_has_ended_is_not_steered_any_more(
    harness: RegistryHarness, verb: Callable[..., Run], end: str
) -> None:
    run = harness.running()
    if end == "succeeded":
        harness.write(runs.succeed, run.id, run.fence, result={})
    elif end == "failed":
        harness.fail(run, may_pass=False)
    else:
        harness.write(runs.cancel, run.id, force=True)
    before = harness.get(run)
    with pytest.raises(RunFinished, match=end):
        harness.write(verb, run.id)
    assert (harness.get(run).state, harness.get(run).event_seq) == (end, before.event_seq)


@pytest.mark.parametrize("run_id", [UNKNOWN, "", "\0"])
@pytest.mark.parametrize("verb", [runs.pause, runs.resume])
def test_an_unknown_run_is_not_steered(harness: RegistryHarness, verb: Callable[..., Run], run_id: str) -> None:
    with pytest.raises(RunNotFound):
        harness.write(verb, run_id)
