"""Workers that stand still until their lease is over, and then go on: they find themselves fenced and touch nothing."""

import hashlib
import os
import signal
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import select, text

from registry import checkpoints, events, runs
from registry.database.tables import Checkpoint, Run, RunEvent
from testing.processes import is_alive, stop
from testing.waiting import PATIENCE, eventually
from testing.worker_harness import Uninterrupted, WorkerHarness
from testing.worker_process import WorkerProcess

LEASE = {"lease_seconds": 30, "renew_seconds": 5}
"""The shortest lease that can be set."""


def columns(rows: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in vars(row).items() if not name.startswith("_")} for row in rows]


def everything(harness: WorkerHarness, run: Run) -> list[Any]:
    """All that the registry knows of a run, and whether its checkpoints are what their names say."""
    kept = harness.read(lambda session: list(session.scalars(select(Checkpoint).where(Checkpoint.run_id == run.id))))
    hashes = [hashlib.sha256(harness.path(one.sha256).read_bytes()).hexdigest() for one in kept]
    assert hashes == [one.sha256 for one in kept]
    stored_events: list[RunEvent] = harness.read(events.read, run.id)
    rows_of = ([harness.get(run)], kept, stored_events, harness.metrics(run), harness.attempts(run))
    return [columns(rows) for rows in rows_of]


def goes_on(*processes: int) -> None:
    """Let processes go on; the first of them may kill another before that one's turn comes."""
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def gives_up(harness: WorkerHarness, zombie: WorkerProcess, trainer: int, folder: str) -> None:
    """The zombie notices, ends its trainer, and cleans up after itself."""
    zombie.wait_for_event("run_given_up")
    eventually("the death of its trainer", lambda: not is_alive(trainer))
    eventually("the end of its folder", lambda: not (harness.settings.work_dir / folder).exists())


def takes_another(harness: WorkerHarness, zombie: WorkerProcess) -> None:
    """The worker goes on to claim other runs; there is nobody else to do so."""
    other = harness.enqueue(kind="import", dataset="digits")
    eventually("another run", lambda: harness.get(other).state == "succeeded")
    assert f"-{zombie.pid}-" in harness.attempts(other)[0].worker_id


@pytest.mark.parametrize(("kind", "stopped"), [("train", "both"), ("sweep", "supervisor")])
def test_a_worker_that_stood_still_touches_nothing_of_its_successor(
    either_harness: WorkerHarness, uninterrupted: Uninterrupted, kind: str, stopped: str
) -> None:
    """The successor has committed a newer checkpoint, and stands still itself, so that nothing may change."""
    harness = either_harness
    run = harness.request(kind)
    zombie = harness.worker(checkpoint_seconds=0)
    trainer = harness.stop_trainer_at_checkpoint(run, zombie)
    harness.stop(zombie)
    held = harness.get(run)
    folder = f"{run.id}-{held.fence}"
    if stopped == "supervisor":  # the trainer goes on, and nobody takes over what it makes
        os.kill(trainer, signal.SIGCONT)
        waiting = harness.settings.work_dir / folder
        eventually("more checkpoints", lambda: len(list(waiting.glob("checkpoint-*.safetensors"))) > 1)
    first = harness.read(checkpoints.latest, run.id)
    harness.expire_lease(run)
    successor = harness.worker(checkpoint_seconds=0)
    heir = harness.stop_trainer_at_checkpoint(run, successor)
    harness.stop(successor)
    before = everything(harness, run)
    assert harness.read(checkpoints.latest, run.id).epoch > first.epoch
    assert (harness.get(run).attempt, harness.get(run).fence) == (2, held.fence + 2)

    goes_on(zombie.pid, *([trainer] if stopped == "both" else []))
    gives_up(harness, zombie, trainer, folder)
    takes_another(harness, zombie)
    assert everything(harness, run) == before
    goes_on(successor.pid, heir)
    assert harness.outcome(run) == uninterrupted.outcomes[kind]
    assert [attempt.outcome for attempt in harness.attempts(run)] == ["lost", "succeeded"]


def test_a_result_that_comes_too_late_is_no_second_one(either_harness: WorkerHarness) -> None:
    """The zombie's trainer has come to its end, for all that it says fits into the pipe; and its successor's has."""
    harness = either_harness
    run = harness.enqueue(name="late", model={"n_latents": 16, "hidden": [16]}, training={"epochs": 50})
    zombie = harness.worker(checkpoint_seconds=3600)
    zombie.wait_for_event("trainer_ready")
    trainer = harness.trainer_of(zombie)
    harness.stop(zombie)
    folder = harness.settings.work_dir / f"{run.id}-{harness.get(run).fence}"
    eventually("its weights", lambda: (folder / "weights.safetensors").exists())
    harness.expire_lease(run)
    successor = harness.worker()
    end = harness.outcome(run)
    successor.terminate()
    successor.wait(PATIENCE)
    before = everything(harness, run)
    goes_on(zombie.pid)
    gives_up(harness, zombie, trainer, folder.name)
    assert everything(harness, run) == before
    assert harness.outcome(run) == end


def test_a_lease_that_is_really_over_goes_to_another_worker(
    both_harnesses: list[WorkerHarness], uninterrupted: Uninterrupted
) -> None:
    """Nothing is arranged. On SQLite the trainer goes on alone; on PostgreSQL it stands still, too, and so does a
    transaction of its supervisor, which has locked the run: the server ends it by itself."""
    stopped = []
    for harness in both_harnesses:
        run = harness.request("train")
        zombie = harness.worker(checkpoint_seconds=0, **LEASE)
        stopped.append((harness, run, zombie, harness.stop_trainer_at_checkpoint(run, zombie)))
    for harness, run, zombie, trainer in stopped:
        if harness.settings.url.get_backend_name() == "sqlite":
            harness.stop(zombie)
            goes_on(trainer)
        else:
            stop_within_a_transaction(harness, run, zombie)
    successors = [harness.worker(reap_seconds=1, **LEASE) for harness, *_ in stopped]
    for harness, run, *_ in stopped:
        assert harness.outcome(run) == uninterrupted.outcomes["train"]
        first, second = harness.attempts(run)
        assert (first.outcome, first.error_code, second.outcome) == ("lost", "WORKER_LOST", "succeeded")
        lapse = (first.ended_at - harness.read(events.read, run.id)[0].created_at).total_seconds()
        assert lapse > LEASE["lease_seconds"], "not before the lease was over"
    for (harness, run, zombie, trainer), successor in zip(stopped, successors, strict=True):
        successor.terminate()
        successor.wait(PATIENCE)
        before = everything(harness, run)
        goes_on(zombie.pid, trainer)
        gives_up(harness, zombie, trainer, f"{run.id}-1")
        assert everything(harness, run) == before


def stop_within_a_transaction(harness: WorkerHarness, run: Run, worker: WorkerProcess) -> None:
    """SIGSTOP a worker whose transaction waits for a lock on the run, and then gets it, on PostgreSQL."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with harness.database.write() as session:
        session.execute(select(Run.id).where(Run.id == run.id).with_for_update())
        eventually("a wait", lambda: harness.read(lambda other: other.scalar(text(waits))))
        stop(worker.pid)  # wholly, else it may still commit once it has the lock
    eventually("a lock", lambda: not harness.read(lambda other: other.scalar(text(waits))))
    skips = select(Run.id).where(Run.id == run.id).with_for_update(skip_locked=True)
    assert harness.write(lambda session: session.scalar(skips)) is None
    assert harness.read(runs.get, run.id).state == "running"
