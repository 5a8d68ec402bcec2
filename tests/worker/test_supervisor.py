"""Real workers with real trainers on a real registry: what becomes of a run, whatever happens to those who have it."""

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from registry import checkpoints, datasets, models, workers
from registry.tables import Run, RunInput, RunOutput
from sparse_coding import spec, weights

SMALL = {"n_latents": 16, "hidden": [16]}
ENDLESS = {"epochs": 100_000, "batch_size": 64}
LONG = {"epochs": 150, "batch_size": 480}
"""Enough epochs that there is time to interrupt."""


def events(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def weights_of(yard: Any, run: Run) -> str:
    """The digest of what a run published."""
    assert run.state == "succeeded", run.error_detail
    return yard.see(models.resolve, f"{run.model_name}@{run.model_version}").digest


# --- runs that are left alone ----------------------------------------------------------------------------------------


def test_a_built_in_is_brought_in_once_and_a_run_on_it_publishes_its_model(either_yard: Any) -> None:
    yard = either_yard
    imported = yard.enqueue(kind="import", dataset="digits")
    run = yard.enqueue(name="small", model=SMALL, training={"epochs": 3})
    yard.drained()

    dataset = yard.see(datasets.get, "digits")
    assert (dataset.builtin, dataset.train_rows, dataset.image_shape) == (True, 1437, [1, 8, 8])
    imported = yard.get(imported)
    assert (imported.state, imported.model_name, imported.dataset_digest) == ("succeeded", None, dataset.digest)
    assert imported.result == {"dataset": "digits", "digest": dataset.digest, "train_rows": 1437, "test_rows": 360}

    run = yard.get(run)
    assert (run.state, run.model_name, run.model_version, run.failures) == ("succeeded", "small", 1, 0)
    version = yard.see(models.resolve, "small")
    assert (version.run_id, version.result, version.dataset_digest) == (run.id, run.result, dataset.digest)
    assert spec.parse(version.spec, version.spec_version).model.n_latents == 16
    assert yard.blobs(RunOutput, run) == [version.digest]
    assert yard.blobs(RunInput, run) == [dataset.digest]
    assert weights.read(yard.path(version.digest)).n_inputs == 64

    assert yard.epochs(run) == [1, 2, 3]
    assert run.result["train_seconds"] == pytest.approx(sum(row.record["seconds"] for row in yard.metrics(run)))
    assert run.progress["epoch"] == 3
    assert yard.attempts(run)[0].environment["threads"] == 1
    assert list(yard.settings.work_dir.iterdir()) == []


def test_runs_that_cannot_succeed_fail_for_good_and_say_why(yard: Any) -> None:
    absent = yard.enqueue(dataset={"name": "mnist"})
    diverging = yard.enqueue(
        model={"n_latents": 16, "hidden": [16] * 8, "output": "identity"},
        sparsity={"kind": "l1"},
        training={"epochs": 3, "learning_rate": 10},
    )
    garbled = yard.enqueue(model={"n_latents": 16, "wings": 2})
    reserved = yard.enqueue(name="stats", model=SMALL, training={"epochs": 1})
    log = yard.drained()
    reasons = {run.id: (run.state, run.error_code) for run in map(yard.get, (absent, diverging, garbled, reserved))}
    assert reasons == {
        absent.id: ("failed", "DATASET_UNAVAILABLE"),
        diverging.id: ("failed", "TRAINING_DIVERGED"),
        garbled.id: ("failed", "SPEC_NOT_UNDERSTOOD"),
        reserved.id: ("failed", "RESERVED_NAME"),
    }
    assert "sources/mnist/" in yard.get(absent).error_detail
    assert "model" in yard.get(garbled).error_detail
    assert yard.get(diverging).model_name is None
    assert yard.see(models.page, limit=10).items == []
    assert [event["event"] for event in events(log) if event["level"] == "error"] == []


def test_a_name_that_was_taken_meanwhile_fails_the_run_and_not_the_worker(bare_yard: Any) -> None:
    yard = bare_yard
    run = yard.enqueue(kind="import", dataset="digits")
    worker = yard.worker()
    trainer = yard.trainer_of(worker)
    os.kill(trainer, signal.SIGSTOP)
    yard.know_digits(test_rows=100)
    os.kill(trainer, signal.SIGCONT)
    yard.eventually("the failure", lambda: yard.get(run).state == "failed")
    assert yard.get(run).error_code == "DATASET_EXISTS"
    assert worker.poll() is None


def test_a_spec_of_a_later_release_waits_for_a_worker_that_knows_it(yard: Any) -> None:
    run = yard.enqueue(spec_version=spec.SPEC_VERSION + 1)
    yard.drained()
    run = yard.get(run)
    assert (run.state, run.failures) == ("queued", 1)
    assert run.available_at > datetime.now(UTC)


# --- workers that leave ----------------------------------------------------------------------------------------------


def test_ctrl_c_gives_the_run_back_and_another_worker_ends_with_the_same_weights(yard: Any) -> None:
    run = yard.enqueue(name="interrupted", model=SMALL, training=LONG)
    worker = yard.worker(checkpoint_seconds=0)
    trainer = yard.trainer_of(worker)
    yard.hear(worker, "checkpoint_kept")
    os.killpg(worker.pid, signal.SIGINT)  # as a terminal does to its foreground processes
    assert worker.wait(timeout=60) == 0
    assert not yard.lives(trainer)
    released = yard.get(run)
    assert (released.state, released.failures, released.lease_owner) == ("queued", 0, None)
    assert 0 < yard.see(checkpoints.latest, run.id).epoch < LONG["epochs"]

    whole = yard.enqueue(name="whole", model=SMALL, training=LONG)
    yard.drained()
    run, whole = yard.get(run), yard.get(whole)
    assert weights_of(yard, run) != weights_of(yard, whole), "the files name their models"
    assert tensors_of(yard, run) == tensors_of(yard, whole)
    assert yard.epochs(run) == list(range(1, LONG["epochs"] + 1))
    assert [attempt.outcome for attempt in yard.attempts(run)] == ["released", "succeeded"]
    recorded = sum(row.record["seconds"] for row in yard.metrics(run))
    assert run.result["train_seconds"] == pytest.approx(recorded), "of both attempts"


def tensors_of(yard: Any, run: Run) -> dict[str, bytes]:
    """The published weights, as bytes."""
    network = weights.read(yard.path(weights_of(yard, run))).autoencoder.state_dict()
    return {name: tensor.numpy().tobytes() for name, tensor in network.items()}


def test_a_second_signal_kills_at_once_and_still_gives_the_run_back(yard: Any) -> None:
    run = yard.enqueue(model=SMALL, training=ENDLESS)
    worker = yard.worker()
    trainer = yard.trainer_of(worker)
    os.kill(trainer, signal.SIGSTOP)  # it will not write a checkpoint, nor stop
    worker.send_signal(signal.SIGTERM)
    yard.hear(worker, "trainer_asked_to_stop")
    assert yard.lives(trainer)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=10) == 0
    assert not yard.lives(trainer)
    assert (yard.get(run).state, yard.get(run).failures) == ("queued", 0)


def test_an_idle_worker_says_that_it_lives_and_leaves_at_once(yard: Any) -> None:
    worker = yard.worker(idle_seconds=60)
    (row,) = yard.eventually("a sign of life", lambda: yard.see(workers.alive, 60))
    assert (row.pid, row.device, row.threads) == (worker.pid, "cpu", 1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=10) == 0
    assert yard.see(workers.alive, 60) == []


# --- processes that die ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "state", "code"),
    [(signal.SIGKILL, "queued", "OUT_OF_MEMORY_OR_KILLED"), (signal.SIGSEGV, "failed", "CRASHED")],
)
def test_a_trainer_that_dies_is_charged_to_its_run(yard: Any, number: int, state: str, code: str) -> None:
    run = yard.enqueue(model=SMALL, training=ENDLESS)
    os.kill(yard.trainer_of(yard.worker()), number)
    yard.eventually("the charge", lambda: yard.get(run).state != "running")
    after = yard.get(run)
    assert (after.state, after.failures) == (state, 1)
    assert yard.attempts(run)[0].error_code == code
    if state == "queued":
        assert after.available_at > datetime.now(UTC) + timedelta(seconds=3), "it waits before the next attempt"


def test_a_trainer_that_stalls_is_killed_and_charged(yard: Any) -> None:
    run = yard.enqueue(model=SMALL, training=ENDLESS)
    trainer = yard.trainer_of(yard.worker(stall_seconds=0.5))
    os.kill(trainer, signal.SIGSTOP)
    yard.eventually("the charge", lambda: yard.get(run).state == "queued")
    assert not yard.lives(trainer)
    assert yard.attempts(run)[0].error_code == "STALLED"


def test_a_killed_worker_leaves_no_trainer_and_the_next_one_goes_on(yard: Any) -> None:
    run = yard.enqueue(model=SMALL, training=ENDLESS)
    worker = yard.worker()
    trainer = yard.trainer_of(worker)
    worker.kill()
    yard.eventually("the death of the trainer", lambda: not yard.lives(trainer))
    assert yard.get(run).state == "running"
    (left_behind,) = yard.settings.work_dir.iterdir()
    over = datetime.now(UTC) - timedelta(seconds=1)
    yard.do(lambda session: session.execute(update(Run).values(lease_expires_at=over)))
    yard.worker()
    yard.eventually("the next attempt", lambda: yard.get(run).attempt == 2)
    assert (yard.get(run).failures, yard.attempts(run)[0].error_code) == (1, "WORKER_LOST")
    yard.eventually("the sweeping", lambda: not left_behind.exists())


# --- the surroundings ------------------------------------------------------------------------------------------------


def test_training_goes_on_while_the_database_is_away(postgres_yard: Any, away: Any) -> None:
    yard = postgres_yard
    epochs = 6 * LONG["epochs"]
    run = yard.enqueue(name="patient", model=SMALL, training=LONG | {"epochs": epochs})
    worker = yard.worker(exit_when_idle=True)
    yard.hear(worker, "trainer_ready")
    with away(yard):
        yard.hear(worker, "database_away")
    _, log = worker.communicate(timeout=60)
    assert worker.returncode == 0, log
    assert yard.get(run).state == "succeeded"
    assert yard.get(run).attempt == 1
    assert yard.epochs(run) == list(range(1, epochs + 1)), "no metric is lost"


def test_a_trainer_is_told_nothing_of_the_house(yard: Any) -> None:
    yard.enqueue(model=SMALL, training=ENDLESS)
    worker = yard.worker(api_key="a-secret-of-the-house", database_url=yard.settings.url)
    environment = Path(f"/proc/{yard.trainer_of(worker)}/environ").read_bytes()
    names = [entry.partition(b"=")[0] for entry in environment.split(b"\0")]
    assert not [name for name in names if name.startswith(b"SAE_")]
    assert b"OMP_NUM_THREADS=1" in environment.split(b"\0")
    assert b"GOMP_SPINCOUNT=10000" in environment.split(b"\0")
    worker.send_signal(signal.SIGTERM)
    yard.hear(worker, "trainer_asked_to_stop")
    worker.send_signal(signal.SIGTERM)
    _, log = worker.communicate(timeout=60)
    assert "a-secret-of-the-house" not in log
    assert str(yard.settings.url) not in log


def test_a_database_without_tables_is_refused_in_one_sentence(yard: Any, tmp_path: Any) -> None:
    worker = yard.worker(data_dir=tmp_path / "empty")
    _, log = worker.communicate(timeout=60)
    assert worker.returncode == 1
    assert log.count("\n") == 1
    assert "python -m registry migrate" in log


def test_a_setting_that_makes_no_sense_is_refused_by_its_name(yard: Any) -> None:
    worker = yard.worker(lease_seconds=1)
    _, log = worker.communicate(timeout=60)
    assert worker.returncode == 1
    assert "SAE_LEASE_SECONDS" in log
    assert "Traceback" not in log


def test_cuda_that_is_demanded_in_vain_is_refused_in_one_sentence(yard: Any) -> None:
    worker = yard.worker({"CUDA_VISIBLE_DEVICES": ""}, device="cuda")
    _, log = worker.communicate(timeout=60)
    assert worker.returncode == 1
    assert "SAE_DEVICE is cuda" in log
    assert "Traceback" not in log


def test_a_run_for_cuda_is_left_to_a_worker_that_has_it(yard: Any) -> None:
    run = yard.enqueue(device="cuda")
    yard.drained(device="cpu")
    assert yard.get(run).state == "queued"


def test_a_worker_that_may_choose_looks_for_cuda_and_works_meanwhile(yard: Any) -> None:
    run = yard.enqueue(kind="import", dataset="digits")
    yard.drained(device="auto")
    assert yard.get(run).state == "succeeded"
    assert yard.get(run).result["digest"] == yard.see(datasets.get, "digits").digest, "it was there already"
