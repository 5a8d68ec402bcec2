"""Workers that are asked to leave: they keep a checkpoint, give their run back uncharged, and end with 0."""

import os
import signal
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from registry import checkpoints, workers
from registry.database.tables import Run

NEVER = 3600.0
"""Seconds; a test that waited for this grace would fail."""


def is_given_back(yard: Any, run: Run) -> None:
    after = yard.get(run)
    assert (after.state, after.failures, after.lease_owner) == ("queued", 0, None)
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["released"]
    assert list(yard.settings.work_dir.iterdir()) == []


@pytest.mark.parametrize("kind", ["train", "sweep"])
def test_a_run_that_is_given_back_goes_on_elsewhere_and_ends_the_same(knowing_yard: Any, whole: Any, kind: str) -> None:
    yard = knowing_yard
    run = yard.ask(kind, "interrupted")
    worker = yard.worker(checkpoint_seconds=NEVER)
    trainer = yard.trainer_of(worker)
    yard.eventually("training", lambda: yard.epochs(run))
    os.kill(trainer, signal.SIGSTOP)  # so that it is not done before it is asked
    os.killpg(worker.pid, signal.SIGINT if kind == "train" else signal.SIGTERM)  # as a terminal does, or a container
    yard.hear(worker, "trainer_asked_to_stop")
    os.kill(trainer, signal.SIGCONT)
    assert worker.wait(timeout=60) == 0
    assert not yard.lives(trainer)
    is_given_back(yard, run)
    done = yard.see(checkpoints.latest, run.id).epoch
    assert done == max(yard.epochs(run)), "not an epoch is lost"
    assert yard.see(workers.alive, 60) == [], "it is known that it left"

    yard.worker()
    assert yard.end(run) == whole.ends[kind]
    assert [(attempt.outcome, attempt.resumed_epoch) for attempt in yard.attempts(run)] == [
        ("released", None),
        ("succeeded", done),
    ]
    assert yard.story(run) == ["queued", "running", "queued", "running", "succeeded"]
    recorded = sum(row.record["seconds"] for row in yard.metrics(run))
    assert yard.get(run).result["train_seconds"] == pytest.approx(recorded), "of both attempts"


def test_baselines_that_are_given_back_begin_anew_and_end_the_same(knowing_yard: Any, whole: Any) -> None:
    yard = knowing_yard
    run = yard.ask("baselines", judged=whole.judged)
    worker = yard.worker()
    trainer = yard.trainer_of(worker)
    yard.eventually("progress", lambda: (yard.get(run).progress or {}).get("epoch"))
    os.kill(trainer, signal.SIGSTOP)
    worker.terminate()
    yard.hear(worker, "trainer_asked_to_stop")
    os.kill(trainer, signal.SIGCONT)
    assert worker.wait(timeout=60) == 0
    is_given_back(yard, run)
    yard.worker()
    assert yard.end(run) == whole.ends["baselines"]
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["released", "succeeded"]


def test_heartbeats_stop_last_and_a_second_signal_is_immediate(knowing_yard: Any) -> None:
    """A trainer that does not come to its end holds up the worker for as long as it may, and the run stays its own."""
    yard = knowing_yard
    run = yard.ask("train")
    worker = yard.worker(grace_seconds=NEVER, stall_seconds=NEVER, renew_seconds=0.3)
    trainer = yard.trainer_of(worker)
    os.kill(trainer, signal.SIGSTOP)
    worker.terminate()
    yard.hear(worker, "trainer_asked_to_stop")
    for _ in range(3):
        before = yard.get(run).lease_expires_at
        yard.eventually("a renewal", lambda before=before: yard.get(run).lease_expires_at > before)
    assert yard.lives(trainer)
    worker.terminate()
    assert worker.wait(timeout=20) == 0
    assert not yard.lives(trainer)
    is_given_back(yard, run)


def test_a_database_that_does_not_answer_holds_up_no_worker_that_was_asked_twice(postgres_yard: Any) -> None:
    yard = postgres_yard
    run = yard.ask("train")
    worker = yard.worker(grace_seconds=NEVER)
    yard.training(run)
    trainer = yard.trainer_of(worker)
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(yard.settings.database_url) as connection:
        connection.execute("LOCK TABLE runs, workers IN ACCESS EXCLUSIVE MODE")
        yard.eventually("a wait", lambda: yard.see(lambda session: session.scalar(text(waits))))
        yard.eventually("the end", lambda: worker.terminate() or worker.poll() is not None)  # two at once count as one
        assert worker.returncode == 1
    assert "worker_cut_off" in worker.communicate()[1]
    yard.eventually("the death of the trainer", lambda: not yard.lives(trainer))
    assert yard.get(run).state == "running", "its lease, or the proof of its worker's death, gives it to another"


def test_a_trainer_that_does_not_stop_is_killed_when_the_grace_is_over(knowing_yard: Any) -> None:
    yard = knowing_yard
    run = yard.ask("train")
    worker = yard.worker(grace_seconds=0.5)
    trainer = yard.trainer_of(worker)
    os.kill(trainer, signal.SIGSTOP)
    worker.terminate()
    assert worker.wait(timeout=20) == 0
    assert not yard.lives(trainer)
    is_given_back(yard, run)
