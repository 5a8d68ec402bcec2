"""Every transition tells of itself, once, under a number without a gap; nothing else does."""

import threading
from typing import Any

import pytest

from registry import checkpoints, events, metrics, runs
from registry.database.tables import TERMINAL, Run
from registry.errors import Fenced, RunFinished


def told(desk: Any, run: Run, after: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """Types and data of the run's events; their numbers are looked at here, for all tests."""
    found = desk.see(events.read, run.id, after)
    assert [event.seq for event in found] == list(range(after + 1, after + 1 + len(found)))
    assert desk.get(run).event_seq == after + len(found)
    assert {event.type for event in found} <= set(events.TYPES)
    assert all(event.created_at >= run.created_at for event in found)
    return [(event.type, event.data) for event in found]


def test_a_run_that_goes_well_tells_its_whole_life(desk: Any) -> None:
    run = desk.running()
    desk.do(runs.renew, run.id, run.fence, 60)
    desk.do(runs.describe, run.id, run.fence, {"threads": 1})
    desk.do(runs.record, run.id, run.fence, progress={"epoch": 0})
    batch = [runs.MetricRecord(member, epoch, {"loss": 1.0}) for epoch in (3, 4, 5) for member in (0, 1)]
    desk.do(runs.record, run.id, run.fence, progress={"epoch": 5}, metrics=batch)
    desk.do(checkpoints.add, run.id, run.fence, epoch=5, stored=desk.blob("a"))
    for _ in range(2):  # said twice, told once
        desk.do(runs.succeed, run.id, run.fence, result={})
    assert told(desk, run) == [
        ("queued", {"reason": "created"}),
        ("running", {"reason": "claimed", "attempt": 1, "epoch": 0}),
        ("metrics", {"after": 2, "epoch": 5}),
        ("checkpoint", {"epoch": 5, "digest": desk.blob("a").sha256}),
        ("succeeded", {"reason": "succeeded", "attempt": 1}),
    ]


def test_an_event_of_metrics_says_what_to_ask_the_curves_for(desk: Any) -> None:
    run = desk.running()
    batches = [range(1, 4), range(4, 5), range(5, 9)]
    for batch in batches:
        desk.do(runs.record, run.id, run.fence, metrics=[runs.MetricRecord(0, epoch, {}) for epoch in batch])
    spans = [data for kind, data in told(desk, run) if kind == "metrics"]
    for batch, span in zip(batches, spans, strict=True):
        rows = desk.see(metrics.read, run.id, span["after"])
        assert [row.epoch for row in rows if row.epoch <= span["epoch"]] == list(batch)


def test_a_failure_that_waits_says_why_and_how_long(desk: Any) -> None:
    run = desk.fail(desk.running(), may_pass=True)
    kind, data = told(desk, run, after=2)[0]
    assert kind == "queued"
    assert data.pop("available_at") == run.available_at.isoformat()
    assert data == {"reason": "failed", "attempt": 1, "code": "BROKEN", "detail": "It broke."}


def test_a_failure_for_good_is_the_last_event_however_often_it_is_said(desk: Any) -> None:
    run = desk.running()
    for _ in range(2):
        desk.fail(run, may_pass=False)
    why = {"reason": "failed", "attempt": 1, "code": "BROKEN", "detail": "It broke."}
    assert told(desk, run, after=2) == [("failed", why)]


def test_a_lost_worker_is_told_of_with_what_becomes_of_the_run(desk: Any) -> None:
    run = desk.lapsed()
    desk.do(runs.reap)
    desk.do(runs.reap)
    [(kind, data)] = told(desk, run, after=2)
    assert (kind, data["reason"], data["code"], data["attempt"]) == ("queued", "lost", "WORKER_LOST", 1)
    claimed = desk.claim()
    desk.arrange(claimed, failures=2, lease_expires_at=claimed.created_at)
    desk.do(runs.reap)
    assert [kind for kind, _ in told(desk, run, after=3)] == ["running", "failed"]


def test_the_last_attempt_that_is_given_back_says_why_the_run_failed(desk: Any) -> None:
    run = desk.running(attempt=50, fence=50)
    desk.do(runs.release, run.id, run.fence)
    [(kind, data)] = told(desk, run, after=2)
    assert (kind, data["reason"], data["code"]) == ("failed", "released", "TOO_MANY_ATTEMPTS")


def test_a_run_that_is_given_back_and_claimed_again_says_where_it_goes_on(desk: Any) -> None:
    run = desk.running()
    desk.do(checkpoints.add, run.id, run.fence, epoch=4, stored=desk.blob("a"))
    desk.do(runs.release, run.id, run.fence)
    desk.claim()
    assert told(desk, run, after=3) == [
        ("queued", {"reason": "released", "attempt": 1}),
        ("running", {"reason": "claimed", "attempt": 2, "epoch": 4}),
    ]


@pytest.mark.parametrize("force", [False, True])
def test_a_cancel_is_told_once_however_often_it_is_asked_for(desk: Any, force: bool) -> None:
    run = desk.running()
    for _ in range(2):
        desk.do(runs.cancel, run.id)
    if force:
        desk.do(runs.cancel, run.id, force=True)
    else:
        desk.do(runs.acknowledge_stop, run.id, run.fence)
    ended = {"reason": "cancelled" if force else "stopped", "attempt": 1}
    assert told(desk, run, after=2) == [("stop_requested", {"wish": "cancel"}), ("cancelled", ended)]


def test_pausing_and_resuming_are_told(desk: Any) -> None:
    run = desk.enqueue()
    for _ in range(2):
        desk.do(runs.pause, run.id)
    for _ in range(2):
        desk.do(runs.resume, run.id)
    desk.claim()
    for verb in (runs.pause, runs.resume, runs.pause, runs.pause):
        desk.do(verb, run.id)
    desk.do(runs.acknowledge_stop, run.id, 1)
    desk.do(runs.cancel, run.id)
    assert told(desk, run) == [
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


def test_a_transition_that_is_undone_tells_nothing(desk: Any) -> None:
    run = desk.running()

    def record_and_fail(session: Any) -> None:
        runs.record(session, run.id, run.fence, metrics=[runs.MetricRecord(0, 1, {})])
        runs.succeed(session, run.id, run.fence + 1, result={})

    with pytest.raises(Fenced):
        desk.do(record_and_fail)
    assert told(desk, run, after=2) == []


def test_a_page_begins_after_what_was_seen(desk: Any) -> None:
    run = desk.running()
    for epoch in range(1, 6):
        desk.do(runs.record, run.id, run.fence, metrics=[runs.MetricRecord(0, epoch, {})])
    assert [event.seq for event in desk.see(events.read, run.id, 3, 2)] == [4, 5]
    assert desk.see(events.read, run.id, 7) == []


def test_who_follows_while_others_write_sees_every_number_once_and_in_order(desk: Any) -> None:
    """A worker and two impatient clients write at the same time; numbers of a sequence would show gaps here."""
    run = desk.running()

    def work() -> None:
        for epoch in range(1, 31):
            desk.do(runs.record, run.id, run.fence, metrics=[runs.MetricRecord(0, epoch, {})])
        desk.do(runs.succeed, run.id, run.fence, result={})

    def meddle() -> None:
        for verb in (runs.pause, runs.resume) * 15:
            try:
                desk.do(verb, run.id)
            except RunFinished:
                return

    writers = [threading.Thread(target=target) for target in (work, meddle, meddle)]
    for writer in writers:
        writer.start()
    seen: list[int] = []
    last = ""
    while last not in TERMINAL:
        assert seen or writers[0].is_alive(), "the run has an end"
        for event in desk.see(events.read, run.id, seen[-1] if seen else 0):
            seen.append(event.seq)
            last = event.type
    for writer in writers:
        writer.join()
    assert seen == list(range(1, desk.get(run).event_seq + 1))
