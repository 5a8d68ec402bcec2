"""Every transition tells of itself, once, under a number without a gap; nothing else does."""

import threading
from typing import Any

import pytest
from sqlalchemy.orm import Session

from registry import checkpoints, events, metrics, runs
from registry.database.tables import TERMINAL, Run
from registry.errors import Fenced, RunFinished
from testing.registry_harness import RegistryHarness


def reported(harness: RegistryHarness, run: Run, after: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """Types and data of the run's events; their numbers are looked at here, for all tests."""
    found = harness.read(events.read, run.id, after)
    assert [event.seq for event in found] == list(range(after + 1, after + 1 + len(found)))
    assert harness.get(run).event_seq == after + len(found)
    assert {event.type for event in found} <= set(events.TYPES)
    assert all(event.created_at >= run.created_at for event in found)
    return [(event.type, event.data) for event in found]


def test_a_run_that_goes_well_tells_its_whole_life(harness: RegistryHarness) -> None:
    run = harness.running()
    harness.write(runs.renew, run.id, run.fence, 60)
    harness.write(runs.describe, run.id, run.fence, {"threads": 1})
    harness.write(runs.record, run.id, run.fence, progress={"epoch": 0})
    batch = [runs.MetricRecord(member, epoch, {"loss": 1.0}) for epoch in (3, 4, 5) for member in (0, 1)]
    harness.write(runs.record, run.id, run.fence, progress={"epoch": 5}, metrics=batch)
    harness.write(checkpoints.add, run.id, run.fence, epoch=5, stored=harness.blob("a"))
    for _ in range(2):  # requested twice, reported once
        harness.write(runs.succeed, run.id, run.fence, result={})
    assert reported(harness, run) == [
        ("queued", {"reason": "created"}),
        ("running", {"reason": "claimed", "attempt": 1, "epoch": 0}),
        ("metrics", {"after": 2, "epoch": 5}),
        ("checkpoint", {"epoch": 5, "digest": harness.blob("a").sha256}),
        ("succeeded", {"reason": "succeeded", "attempt": 1}),
    ]


def test_an_event_of_metrics_says_what_to_ask_the_curves_for(harness: RegistryHarness) -> None:
    run = harness.running()
    batches = [range(1, 4), range(4, 5), range(5, 9)]
    for batch in batches:
        harness.write(runs.record, run.id, run.fence, metrics=[runs.MetricRecord(0, epoch, {}) for epoch in batch])
    spans = [data for kind, data in reported(harness, run) if kind == "metrics"]
    for batch, span in zip(batches, spans, strict=True):
        rows = harness.read(metrics.read, run.id, span["after"])
        assert [row.epoch for row in rows if row.epoch <= span["epoch"]] == list(batch)


def test_a_failure_that_waits_says_why_and_how_long(harness: RegistryHarness) -> None:
    run = harness.fail(harness.running(), may_pass=True)
    kind, data = reported(harness, run, after=2)[0]
    assert kind == "queued"
    assert data.pop("available_at") == run.available_at.isoformat()
    assert data == {"reason": "failed", "attempt": 1, "code": "BROKEN", "detail": "It broke."}


def test_a_failure_for_good_is_the_last_event_however_often_it_is_said(harness: RegistryHarness) -> None:
    run = harness.running()
    for _ in range(2):
        harness.fail(run, may_pass=False)
    why = {"reason": "failed", "attempt": 1, "code": "BROKEN", "detail": "It broke."}
    assert reported(harness, run, after=2) == [("failed", why)]


def test_a_lost_worker_is_reported_with_the_next_state_of_the_run(harness: RegistryHarness) -> None:
    run = harness.lapsed()
    harness.write(runs.reap)
    harness.write(runs.reap)
    [(kind, data)] = reported(harness, run, after=2)
    assert (kind, data["reason"], data["code"], data["attempt"]) == ("queued", "lost", "WORKER_LOST", 1)
    claimed = harness.claim()
    harness.arrange(claimed, failures=2, lease_expires_at=claimed.created_at)
    harness.write(runs.reap)
    assert [kind for kind, _ in reported(harness, run, after=3)] == ["running", "failed"]


def test_the_last_attempt_that_is_given_back_says_why_the_run_failed(harness: RegistryHarness) -> None:
    run = harness.running(attempt=50, fence=50)
    harness.write(runs.release, run.id, run.fence)
    [(kind, data)] = reported(harness, run, after=2)
    assert (kind, data["reason"], data["code"]) == ("failed", "released", "TOO_MANY_ATTEMPTS")


def test_a_run_that_is_given_back_and_claimed_again_says_where_it_goes_on(harness: RegistryHarness) -> None:
    run = harness.running()
    harness.write(checkpoints.add, run.id, run.fence, epoch=4, stored=harness.blob("a"))
    harness.write(runs.release, run.id, run.fence)
    harness.claim()
    assert reported(harness, run, after=3) == [
        ("queued", {"reason": "released", "attempt": 1}),
        ("running", {"reason": "claimed", "attempt": 2, "epoch": 4}),
    ]


@pytest.mark.parametrize("force", [False, True])
def test_a_cancel_is_one_event_however_often_it_is_requested(harness: RegistryHarness, force: bool) -> None:
    run = harness.running()
    for _ in range(2):
        harness.write(runs.cancel, run.id)
    if force:
        harness.write(runs.cancel, run.id, force=True)
    else:
        harness.write(runs.acknowledge_stop, run.id, run.fence)
    ended = {"reason": "cancelled" if force else "stopped", "attempt": 1}
    assert reported(harness, run, after=2) == [("stop_requested", {"wish": "cancel"}), ("cancelled", ended)]


def test_pausing_and_resuming_are_events(harness: RegistryHarness) -> None:
    run = harness.enqueue()
    for _ in range(2):
        harness.write(runs.pause, run.id)
    for _ in range(2):
        harness.write(runs.resume, run.id)
    harness.claim()
    for verb in (runs.pause, runs.resume, runs.pause, runs.pause):
        harness.write(verb, run.id)
    harness.write(runs.acknowledge_stop, run.id, 1)
    harness.write(runs.cancel, run.id)
    assert reported(harness, run) == [
        ("queued", {"reason": "created"}),
        ("paused", {"reason": "asked"}),
        ("queued", {"reason": "resumed"}),
        ("running", {"reason": "claimed", "attempt": 1, "epoch": 0}),
        ("stop_requested", {"wish": "pause"}),
        ("stop_withdrawn", {"wish": "pause"}),
        ("stop_requested", {"wish": "pause"}),
        ("paused", {"reason": "stopped", "attempt": 1}),
        ("cancelled", {"reason": "asked"}),
    ]


def test_a_transition_that_is_undone_tells_nothing(harness: RegistryHarness) -> None:
    run = harness.running()

    def record_and_fail(session: Session) -> None:
        runs.record(session, run.id, run.fence, metrics=[runs.MetricRecord(0, 1, {})])
        runs.succeed(session, run.id, run.fence + 1, result={})

    with pytest.raises(Fenced):
        harness.write(record_and_fail)
    assert reported(harness, run, after=2) == []


def test_a_page_begins_after_what_was_seen(harness: RegistryHarness) -> None:
    run = harness.running()
    for epoch in range(1, 6):
        harness.write(runs.record, run.id, run.fence, metrics=[runs.MetricRecord(0, epoch, {})])
    assert [event.seq for event in harness.read(events.read, run.id, 3, 2)] == [4, 5]
    assert harness.read(events.read, run.id, 7) == []


def test_who_follows_while_others_write_sees_every_number_once_and_in_order(harness: RegistryHarness) -> None:
    """A worker and two impatient clients write at the same time; numbers of a sequence would show gaps here."""
    run = harness.running()

    def work() -> None:
        for epoch in range(1, 31):
            harness.write(runs.record, run.id, run.fence, metrics=[runs.MetricRecord(0, epoch, {})])
        harness.write(runs.succeed, run.id, run.fence, result={})

    def meddle() -> None:
        for verb in (runs.pause, runs.resume) * 15:
            try:
                harness.write(verb, run.id)
            except RunFinished:
                return

    writers = [threading.Thread(target=target) for target in (work, meddle, meddle)]
    for writer in writers:
        writer.start()
    seen: list[int] = []
    last = ""
    while last not in TERMINAL:
        assert seen or writers[0].is_alive(), "the run has an end"
        for event in harness.read(events.read, run.id, seen[-1] if seen else 0):
            seen.append(event.seq)
            last = event.type
    for writer in writers:
        writer.join()
    assert seen == list(range(1, harness.get(run).event_seq + 1))
