"""Every row of the table of transitions, by its effect on the run and on the record of its attempts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from registry import attempts, checkpoints, metrics, models, run_blobs, runs
from registry.database.tables import TERMINAL, Attempt, Run
from registry.errors import Fenced, QueueFull, RunFinished, RunInUse, RunIsLive, RunNotFound
from testing.registry_harness import RegistryHarness

UNKNOWN = "018f0000-0000-7000-8000-000000000000"


def outcomes(harness: RegistryHarness, run: Run) -> list[str | None]:
    return [attempt.outcome for attempt in harness.read(attempts.of_run, run.id)]


def free(run: Run) -> bool:
    return run.lease_owner is None and run.lease_expires_at is None and run.stop_requested is None


def test_a_new_run_waits_with_all_that_was_asked(harness: RegistryHarness) -> None:
    spec = {"z": 1, "a": [1, 2.5, None, "é"]}
    run = harness.enqueue(kind="import", spec=spec, spec_version=7, priority=3, device="cuda", dataset_name="digits")
    seen = harness.get(run)
    assert (seen.state, seen.kind, seen.priority, seen.device) == ("queued", "import", 3, "cuda")
    assert (list(seen.spec), seen.spec, seen.spec_version, seen.dataset_name) == (["z", "a"], spec, 7, "digits")
    assert (seen.attempt, seen.failures, seen.fence) == (0, 0, 0)
    assert abs(seen.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert seen.started_at is None


def test_a_claim_opens_an_attempt_under_a_new_fence_with_a_lease(harness: RegistryHarness) -> None:
    run = harness.enqueue()
    claimed = harness.claim("me")
    assert (claimed.id, claimed.state, claimed.fence, claimed.attempt) == (run.id, "running", 1, 1)
    assert claimed.lease_owner == "me"
    assert claimed.lease_expires_at - claimed.started_at == timedelta(seconds=60)
    [attempt] = harness.read(attempts.of_run, run.id)
    assert (attempt.fence, attempt.attempt, attempt.worker_id, attempt.outcome) == (1, 1, "me", None)
    assert attempt.resumed_epoch is None


def test_a_renewal_extends_the_lease_and_returns_the_stop_request(harness: RegistryHarness) -> None:
    run = harness.running()
    assert harness.write(runs.renew, run.id, run.fence, 3600) is None
    assert harness.get(run).lease_expires_at > run.lease_expires_at + timedelta(minutes=50)
    harness.write(runs.cancel, run.id)
    assert harness.write(runs.renew, run.id, run.fence, 60) == "cancel"
    assert harness.read(runs.stop_request, run.id, run.fence) == "cancel"


def test_a_late_renewal_saves_a_run_that_nobody_has_reaped(harness: RegistryHarness) -> None:
    run = harness.lapsed()
    harness.write(runs.renew, run.id, run.fence, 60)
    assert harness.write(runs.reap) == []
    assert harness.get(run).state == "running"


def test_success_publishes_the_next_version_and_frees_the_worker(harness: RegistryHarness) -> None:
    run = harness.published("digits-kl")
    assert (run.state, run.result, run.model_name, run.model_version) == ("succeeded", {"mse": 0.5}, "digits-kl", 1)
    assert free(run)
    assert run.finished_at is not None
    assert run.error_code is None
    version = harness.read(models.resolve, "digits-kl")
    assert (version.run_id, version.reference) == (run.id, "digits-kl@1")
    assert outcomes(harness, run) == ["succeeded"]


def test_success_wins_over_a_late_stop_request(harness: RegistryHarness) -> None:
    run = harness.running()
    harness.write(runs.cancel, run.id)
    done = harness.write(runs.succeed, run.id, run.fence, result={})
    assert (done.state, done.result, done.stop_requested, done.model_name) == ("succeeded", {}, None, None)


def test_success_said_twice_by_one_attempt_publishes_once(harness: RegistryHarness) -> None:
    run = harness.running()
    first, second = harness.succeed(run), harness.succeed(run)
    assert first.model_version == second.model_version == 1
    assert len(harness.read(models.versions, "model", limit=10).items) == 1


@pytest.mark.parametrize(("failures", "seconds"), [(0, 10), (1, 20)])
def test_an_error_that_may_pass_is_tried_again_after_a_growing_wait(
    harness: RegistryHarness, failures: int, seconds: int
) -> None:
    run = harness.running(failures=failures)
    before = datetime.now(UTC)
    again = harness.fail(run, may_pass=True)
    assert (again.state, again.failures, again.error_code, again.finished_at) == ("queued", failures + 1, None, None)
    assert free(again)
    assert timedelta(seconds=0.75 * seconds) < again.available_at - before < timedelta(seconds=1.25 * seconds + 5)
    assert harness.claim() is None, "not before its time"
    [attempt] = harness.read(attempts.of_run, run.id)
    assert (attempt.outcome, attempt.error_code, attempt.error_detail) == ("failed", "BROKEN", "It broke.")


@pytest.mark.parametrize(
    ("columns", "may_pass"),
    [({}, False), ({"failures": 2}, True), ({"attempt": 50, "fence": 50}, True)],
    ids=["permanent", "third failure", "fiftieth attempt"],
)
def test_a_permanent_error_or_the_limits_fail_the_run(
    harness: RegistryHarness, columns: dict[str, int], may_pass: bool
) -> None:
    run = harness.running(**columns)
    failed = harness.fail(run, may_pass=may_pass)
    assert (failed.state, failed.error_code) == ("failed", "BROKEN")
    assert failed.error_detail.startswith("It broke.")
    assert ("then create it again" in failed.error_detail) == may_pass, "it says what can be done"
    assert free(failed)
    assert failed.finished_at is not None


@pytest.mark.parametrize(("stop", "state"), [("cancel", "cancelled"), ("pause", "paused")])
def test_an_error_that_may_pass_gives_way_to_a_stop_request(harness: RegistryHarness, stop: str, state: str) -> None:
    run = harness.fail(harness.running(stop_requested=stop), may_pass=True)
    assert (run.state, run.stop_requested) == (state, None)
    assert (run.finished_at is not None) == (state in TERMINAL)


def test_a_detail_that_a_database_cannot_keep_is_made_fit(harness: RegistryHarness) -> None:
    run = harness.running()
    failed = harness.write(runs.fail, run.id, run.fence, code="X", detail="a\0b" + "c" * 10_000, may_pass=False)
    assert failed.error_detail.startswith("abccc")
    assert len(failed.error_detail) == 4000


def test_a_released_run_keeps_its_place_and_is_not_charged(harness: RegistryHarness) -> None:
    run = harness.running(failures=2)
    harness.enqueue()
    back = harness.write(runs.release, run.id, run.fence)
    assert (back.state, back.failures, back.available_at) == ("queued", 2, run.available_at)
    assert free(back)
    assert outcomes(harness, run) == ["released"]
    assert harness.claim().id == run.id, "it has waited longest"


@pytest.mark.parametrize(("stop", "state"), [("cancel", "cancelled"), ("pause", "paused")])
@pytest.mark.parametrize(("verb", "outcome"), [("release", "released"), ("acknowledge_stop", "stopped")])
def test_a_run_that_is_given_back_goes_as_requested(
    harness: RegistryHarness, verb: str, outcome: str, stop: str, state: str
) -> None:
    run = harness.running(stop_requested=stop)
    back = harness.write(getattr(runs, verb), run.id, run.fence)
    assert back.state == state
    assert free(back)
    assert outcomes(harness, run) == [outcome]
    assert harness.write(getattr(runs, verb), run.id, run.fence).state == state, "may be said twice"


def test_the_fiftieth_attempt_is_the_last_even_if_it_is_given_back(harness: RegistryHarness) -> None:
    run = harness.running(attempt=50, fence=50)
    back = harness.write(runs.release, run.id, run.fence)
    assert (back.state, back.error_code) == ("failed", "TOO_MANY_ATTEMPTS")


@pytest.mark.parametrize("state", ["queued", "paused"])
@pytest.mark.parametrize("force", [False, True])
def test_a_run_that_nobody_works_on_is_cancelled_at_once(harness: RegistryHarness, state: str, force: bool) -> None:
    run = harness.arrange(harness.enqueue(), state=state)
    cancelled = harness.write(runs.cancel, run.id, force=force)
    assert (cancelled.state, cancelled.fence) == ("cancelled", 0)
    assert cancelled.finished_at is not None
    assert harness.claim() is None


def test_cancelling_a_running_run_is_a_request_that_its_worker_follows(harness: RegistryHarness) -> None:
    run = harness.running()
    requested = harness.write(runs.cancel, run.id)
    assert (requested.state, requested.stop_requested, requested.fence) == ("running", "cancel", run.fence)
    assert harness.write(runs.cancel, run.id).stop_requested == "cancel", "asking again changes nothing"
    assert harness.write(runs.acknowledge_stop, run.id, run.fence).state == "cancelled"
    assert outcomes(harness, run) == ["stopped"]


def test_a_forced_cancel_ends_a_running_run_and_fences_its_worker(harness: RegistryHarness) -> None:
    run = harness.running()
    cancelled = harness.write(runs.cancel, run.id, force=True)
    assert (cancelled.state, cancelled.fence) == ("cancelled", run.fence + 1)
    assert free(cancelled)
    assert outcomes(harness, run) == ["cancelled"]
    with pytest.raises(Fenced):
        harness.write(runs.renew, run.id, run.fence, 60)


@pytest.mark.parametrize("force", [False, True])
def test_an_ended_run_cannot_be_cancelled(harness: RegistryHarness, force: bool) -> None:
    run = harness.published()
    with pytest.raises(RunFinished, match="succeeded"):
        harness.write(runs.cancel, run.id, force=force)
    assert harness.get(run).state == "succeeded"


@pytest.mark.parametrize(
    ("columns", "state", "code"),
    [
        ({}, "queued", None),
        ({"stop_requested": "cancel"}, "cancelled", None),
        ({"stop_requested": "pause"}, "paused", None),
        ({"failures": 2}, "failed", "WORKER_LOST"),
        ({"attempt": 50, "fence": 50}, "failed", "WORKER_LOST"),
        ({"failures": 2, "stop_requested": "cancel"}, "cancelled", None),
    ],
)
def test_a_lease_that_is_over_takes_the_run_away(
    harness: RegistryHarness, columns: dict[str, Any], state: str, code: str | None
) -> None:
    run = harness.lapsed()
    if "attempt" in columns:  # its attempt was opened under the first fence
        harness.write(lambda session: session.execute(update(Attempt).values(fence=50)))
    run = harness.arrange(run, **columns)
    assert harness.write(runs.reap) == [run.id]
    reaped = harness.get(run)
    assert (reaped.state, reaped.error_code) == (state, code)
    assert (reaped.fence, reaped.failures) == (run.fence + 1, run.failures + 1)
    assert free(reaped)
    assert outcomes(harness, run) == ["lost"]
    assert harness.write(runs.reap) == [], "nothing is reaped twice"


def test_only_leases_that_are_over_are_reaped(harness: RegistryHarness) -> None:
    live, waiting = harness.running(), harness.enqueue()
    assert harness.write(runs.reap) == []
    assert (harness.get(live).state, harness.get(waiting).state) == ("running", "queued")


def test_a_run_that_loses_three_workers_at_the_same_place_fails(harness: RegistryHarness) -> None:
    run = harness.enqueue()
    for _ in range(3):
        claimed = harness.claim()
        harness.arrange(claimed, lease_expires_at=claimed.created_at)
        harness.write(runs.reap)
        harness.arrange(run, available_at=run.available_at)
    assert (harness.get(run).state, harness.get(run).attempt) == ("failed", 3)
    assert "then create the run again" in harness.get(run).error_detail
    assert outcomes(harness, run) == ["lost"] * 3


@pytest.mark.parametrize("dead", [["worker"], ["another"], []])
def test_a_worker_that_is_proven_dead_loses_its_run_before_its_lease_is_over(
    harness: RegistryHarness, dead: list[str]
) -> None:
    run = harness.running()
    assert harness.write(runs.reap, dead) == ([run.id] if dead == ["worker"] else [])
    assert harness.get(run).state == ("queued" if dead == ["worker"] else "running")


def test_a_run_goes_on_at_once_after_its_first_loss_and_waits_after_the_second(harness: RegistryHarness) -> None:
    run = harness.running()
    harness.write(runs.reap, ["worker"])
    assert harness.get(run).available_at == run.available_at, "its place in the queue"
    before = harness.claim().started_at
    harness.write(runs.reap, ["worker"])
    waiting = harness.get(run)
    assert (waiting.state, waiting.failures) == ("queued", 2)
    assert timedelta(seconds=15) < waiting.available_at - before < timedelta(seconds=30)


def test_a_newer_checkpoint_clears_the_failures_and_an_equal_one_does_not(harness: RegistryHarness) -> None:
    run = harness.running(failures=2)
    harness.write(checkpoints.add, run.id, run.fence, epoch=4, stored=harness.blob("a"))
    assert harness.get(run).failures == 0
    run = harness.arrange(run, failures=2)
    harness.write(checkpoints.add, run.id, run.fence, epoch=4, stored=harness.blob("b"))
    assert harness.get(run).failures == 2
    assert harness.read(checkpoints.latest, run.id).sha256 == harness.blob("b").sha256
    assert [found.epoch for found in harness.read(checkpoints.of_run, run.id)] == [4]
    assert harness.read(checkpoints.get, run.id, 4).bytes == 1


def test_an_attempt_that_resumes_finds_only_the_metrics_up_to_its_checkpoint(harness: RegistryHarness) -> None:
    run = harness.running()
    records = [runs.MetricRecord(0, epoch, {"loss": epoch / 10}) for epoch in range(1, 8)]
    harness.write(runs.record, run.id, run.fence, progress={"epoch": 7}, metrics=records)
    for epoch in (2, 5):
        harness.write(checkpoints.add, run.id, run.fence, epoch=epoch, stored=harness.blob(str(epoch)))
    harness.write(runs.release, run.id, run.fence)
    again = harness.claim()
    assert (again.fence, again.attempt, again.progress) == (2, 2, None)
    assert again.started_at == run.started_at
    assert [metric.epoch for metric in harness.read(metrics.read, run.id)] == [1, 2, 3, 4, 5]
    assert [attempt.resumed_epoch for attempt in harness.read(attempts.of_run, run.id)] == [None, 5]


def test_an_attempt_from_the_start_finds_no_metrics(harness: RegistryHarness) -> None:
    run = harness.running()
    harness.write(runs.record, run.id, run.fence, metrics=[runs.MetricRecord(0, 1, {"loss": 1.0})])
    harness.write(runs.release, run.id, run.fence)
    harness.claim()
    assert harness.read(metrics.read, run.id) == []


def test_metrics_come_in_ascending_order_and_a_batch_may_be_sent_again(harness: RegistryHarness) -> None:
    run = harness.running()
    batch = [runs.MetricRecord(member, epoch, {"loss": member + epoch}) for epoch in (2, 1) for member in (1, 0)]
    for _ in range(2):
        harness.write(runs.record, run.id, run.fence, metrics=batch)
    read = harness.read(metrics.read, run.id)
    assert [(metric.epoch, metric.member) for metric in read] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    assert [metric.epoch for metric in harness.read(metrics.read, run.id, after=1, limit=1)] == [2]


def test_progress_and_environment_are_kept(harness: RegistryHarness) -> None:
    run = harness.running()
    harness.write(runs.record, run.id, run.fence, progress={"epoch": 1, "eta_seconds": None})
    harness.write(runs.describe, run.id, run.fence, {"device": "cpu", "threads": 2})
    assert harness.get(run).progress == {"epoch": 1, "eta_seconds": None}
    assert harness.read(attempts.of_run, run.id)[0].environment == {"device": "cpu", "threads": 2}


@pytest.mark.parametrize("state", ["queued", "running", "paused"])
def test_a_live_run_cannot_be_deleted(harness: RegistryHarness, state: str) -> None:
    run = harness.running() if state == "running" else harness.arrange(harness.enqueue(), state=state)
    with pytest.raises(RunIsLive):
        harness.write(runs.delete, run.id)


def test_a_run_is_deleted_with_all_that_was_recorded_of_it(harness: RegistryHarness) -> None:
    run = harness.enqueue(idempotency_key="key", request_sha256="0" * 64)
    harness.claim()
    harness.write(runs.record, run.id, 1, metrics=[runs.MetricRecord(0, 1, {})])
    harness.write(checkpoints.add, run.id, 1, epoch=1, stored=harness.blob("checkpoint"))
    harness.write(run_blobs.attach_dataset, run.id, 1, harness.blob("checkpoint").sha256)
    harness.write(runs.succeed, run.id, 1, result={}, outputs=[run_blobs.Output("weights", 0, harness.blob("weights"))])
    harness.write(runs.delete, run.id)
    with pytest.raises(RunNotFound):
        harness.get(run)
    assert harness.enqueue(idempotency_key="key", request_sha256="1" * 64).id != run.id, "its key is free"


def test_a_run_that_a_model_comes_from_stays_until_the_model_goes(harness: RegistryHarness) -> None:
    run = harness.published()
    with pytest.raises(RunInUse):
        harness.write(runs.delete, run.id)
    harness.write(models.delete_version, "model", 1)
    assert harness.get(run).model_name is None
    harness.write(runs.delete, run.id)


@pytest.mark.parametrize("run_id", [UNKNOWN, "", "x", "\0", UNKNOWN.upper() + "A"])
def test_an_unknown_run_is_not_found(harness: RegistryHarness, run_id: str) -> None:
    for verb in (runs.get, runs.cancel, runs.delete):
        with pytest.raises(RunNotFound):
            harness.write(verb, run_id)


def test_the_queue_takes_so_many_and_no_more(harness: RegistryHarness) -> None:
    harness.enqueue(max_queued=1, idempotency_key="key", request_sha256="0" * 64)
    with pytest.raises(QueueFull):
        harness.enqueue(max_queued=1, idempotency_key="other", request_sha256="0" * 64)
    assert harness.read(runs.counts) == dict.fromkeys(TERMINAL, 0) | {"queued": 1, "running": 0, "paused": 0}
    harness.enqueue(max_queued=1, idempotency_key="key", request_sha256="0" * 64)  # a replay is always accepted
    harness.enqueue(max_queued=2, idempotency_key="other", request_sha256="1" * 64)  # the refused one left no key


def test_a_paused_run_keeps_its_place_in_the_count_and_may_always_come_back(harness: RegistryHarness) -> None:
    paused = harness.enqueue(max_queued=1)
    harness.write(runs.pause, paused.id)
    with pytest.raises(QueueFull):
        harness.enqueue(max_queued=1)
    harness.enqueue(max_queued=2)
    assert harness.write(runs.resume, paused.id).state == "queued", "though two wait already"
    with pytest.raises(QueueFull):
        harness.enqueue(max_queued=2)
