"""Workers that stand still until their lease is over, and then go on: they find themselves fenced and touch nothing."""

import hashlib
import os
import signal
import time
from typing import Any

import pytest
from sqlalchemy import select, text

from registry import checkpoints, events, runs
from registry.database.tables import Checkpoint, Run, RunEvent

LEASE = {"lease_seconds": 30, "renew_seconds": 5}
"""The shortest lease that can be set."""


def columns(rows: Any) -> list[dict[str, Any]]:
    return [{name: value for name, value in vars(row).items() if not name.startswith("_")} for row in rows]


def everything(yard: Any, run: Run) -> list[Any]:
    """All that the registry knows of a run, and whether its checkpoints are what their names say."""
    kept = yard.see(lambda session: list(session.scalars(select(Checkpoint).where(Checkpoint.run_id == run.id))))
    hashes = [hashlib.sha256(yard.path(one.sha256).read_bytes()).hexdigest() for one in kept]
    assert hashes == [one.sha256 for one in kept]
    told: list[RunEvent] = yard.see(events.read, run.id)
    return [columns(rows) for rows in ([yard.get(run)], kept, told, yard.metrics(run), yard.attempts(run))]


def goes_on(*processes: int) -> None:
    for pid in processes:
        os.kill(pid, signal.SIGCONT)


def gives_up(yard: Any, zombie: Any, trainer: int, folder: str) -> None:
    """The zombie notices, ends its trainer, and cleans up after itself."""
    yard.hear(zombie, "run_given_up")
    yard.eventually("the death of its trainer", lambda: not yard.lives(trainer))
    yard.eventually("the end of its folder", lambda: not (yard.settings.work_dir / folder).exists())


def takes_another(yard: Any, zombie: Any) -> None:
    """The worker goes on to claim other runs; there is nobody else to do so."""
    other = yard.enqueue(kind="import", dataset="digits")
    yard.eventually("another run", lambda: yard.get(other).state == "succeeded")
    assert f"-{zombie.pid}-" in yard.attempts(other)[0].worker_id


@pytest.mark.parametrize(("kind", "stopped"), [("train", "both"), ("sweep", "supervisor")])
def test_a_worker_that_stood_still_touches_nothing_of_its_successor(
    knowing_yard: Any, whole: Any, kind: str, stopped: str
) -> None:
    """The successor has committed a newer checkpoint, and stands still itself, so that nothing may change."""
    yard = knowing_yard
    run = yard.ask(kind)
    zombie = yard.worker(checkpoint_seconds=0)
    trainer = yard.checkpointed(run, zombie)
    yard.stop(zombie)
    held = yard.get(run)
    folder = f"{run.id}-{held.fence}"
    if stopped == "supervisor":  # the trainer goes on, and nobody takes over what it makes
        os.kill(trainer, signal.SIGCONT)
        waiting = yard.settings.work_dir / folder
        yard.eventually("more checkpoints", lambda: len(list(waiting.glob("checkpoint-*.safetensors"))) > 1)
    first = yard.see(checkpoints.latest, run.id)
    yard.let_lapse(run)
    successor = yard.worker(checkpoint_seconds=0)
    heir = yard.checkpointed(run, successor)
    yard.stop(successor)
    before = everything(yard, run)
    assert yard.see(checkpoints.latest, run.id).epoch > first.epoch
    assert (yard.get(run).attempt, yard.get(run).fence) == (2, held.fence + 2)

    goes_on(zombie.pid, *([trainer] if stopped == "both" else []))
    gives_up(yard, zombie, trainer, folder)
    takes_another(yard, zombie)
    assert everything(yard, run) == before
    goes_on(successor.pid, heir)
    assert yard.end(run) == whole.ends[kind]
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["lost", "succeeded"]


def test_a_result_that_comes_too_late_is_no_second_one(knowing_yard: Any) -> None:
    """The zombie's trainer has come to its end, for all that it says fits into the pipe; and its successor's has."""
    yard = knowing_yard
    run = yard.enqueue(name="late", model={"n_latents": 16, "hidden": [16]}, training={"epochs": 50})
    zombie = yard.worker(checkpoint_seconds=3600)
    yard.hear(zombie, "trainer_ready")
    trainer = yard.trainer_of(zombie)
    yard.stop(zombie)
    folder = yard.settings.work_dir / f"{run.id}-{yard.get(run).fence}"
    yard.eventually("its weights", lambda: (folder / "weights.safetensors").exists())
    yard.let_lapse(run)
    successor = yard.worker()
    end = yard.end(run)
    successor.terminate()
    successor.wait(timeout=60)
    before = everything(yard, run)
    goes_on(zombie.pid)
    gives_up(yard, zombie, trainer, folder.name)
    assert everything(yard, run) == before
    assert yard.end(run) == end


def test_a_lease_that_is_really_over_goes_to_another_worker(both_yards: Any, whole: Any) -> None:
    """Nothing is arranged. On SQLite the trainer goes on alone; on PostgreSQL it stands still, too, and so does a
    transaction of its supervisor, which has locked the run: the server ends it by itself."""
    stopped = []
    for yard in both_yards:
        run = yard.ask("train")
        zombie = yard.worker(checkpoint_seconds=0, **LEASE)
        stopped.append((yard, run, zombie, yard.checkpointed(run, zombie)))
    for yard, run, zombie, trainer in stopped:
        if yard.settings.url.get_backend_name() == "sqlite":
            yard.stop(zombie)
            goes_on(trainer)
        else:
            stop_within_a_transaction(yard, run, zombie)
    began = time.monotonic()
    successors = [yard.worker(reap_seconds=1, **LEASE) for yard, *_ in stopped]
    for yard, run, *_ in stopped:
        assert yard.end(run) == whole.ends["train"]
        assert time.monotonic() - began < 100
        first, second = yard.attempts(run)
        assert (first.outcome, first.error_code, second.outcome) == ("lost", "WORKER_LOST", "succeeded")
        lapse = (first.ended_at - yard.see(events.read, run.id)[0].created_at).total_seconds()
        assert lapse > LEASE["lease_seconds"], "not before the lease was over"
    for (yard, run, zombie, trainer), successor in zip(stopped, successors, strict=True):
        successor.terminate()
        successor.wait(timeout=60)
        before = everything(yard, run)
        goes_on(zombie.pid, trainer)
        gives_up(yard, zombie, trainer, f"{run.id}-1")
        assert everything(yard, run) == before


def stop_within_a_transaction(yard: Any, run: Run, worker: Any) -> None:
    """SIGSTOP a worker whose transaction waits for a lock on the run, and then gets it, on PostgreSQL."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with yard.database.write() as session:
        session.execute(select(Run.id).where(Run.id == run.id).with_for_update())
        yard.eventually("a wait", lambda: yard.see(lambda other: other.scalar(text(waits))))
        os.kill(worker.pid, signal.SIGSTOP)
    yard.eventually("a lock", lambda: not yard.see(lambda other: other.scalar(text(waits))))
    skips = select(Run.id).where(Run.id == run.id).with_for_update(skip_locked=True)
    assert yard.do(lambda session: session.scalar(skips)) is None
    assert yard.see(runs.get, run.id).state == "running"
