"""Real workers with real trainers on a real registry: what becomes of a run, whatever happens to those who have it."""

import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry import datasets, models, workers
from registry.database.tables import RunInput, RunOutput
from sparse_coding.models import weights
from sparse_coding.specs import runs as run_specs
from testing.waiting import eventually
from testing.worker_harness import WorkerHarness

SMALL = {"n_latents": 16, "hidden": [16]}
ENDLESS = {"epochs": 100_000, "batch_size": 64}


def events(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


# --- runs that are left alone ----------------------------------------------------------------------------------------


def test_a_built_in_dataset_is_imported_once_and_a_run_on_it_succeeds(either_empty_harness: WorkerHarness) -> None:
    harness = either_empty_harness
    imported = harness.enqueue(kind="import", dataset="digits")
    run = harness.enqueue(name="small", model=SMALL, training={"epochs": 3})
    harness.run_until_idle()

    dataset = harness.read(datasets.get, "digits")
    assert (dataset.builtin, dataset.train_rows, dataset.image_shape) == (True, 1437, [1, 8, 8])
    imported = harness.get(imported)
    assert (imported.state, imported.model_name, imported.dataset_digest) == ("succeeded", None, dataset.digest)
    assert imported.result == {"dataset": "digits", "digest": dataset.digest, "train_rows": 1437, "test_rows": 360}

    run = harness.get(run)
    assert (run.state, run.model_name, run.model_version, run.failures) == ("succeeded", "small", 1, 0)
    version = harness.read(models.resolve, "small")
    assert (version.run_id, version.result, version.dataset_digest) == (run.id, run.result, dataset.digest)
    assert run_specs.parse(version.spec, version.spec_version).model.n_latents == 16
    assert harness.blobs(RunOutput, run) == [version.digest]
    assert harness.blobs(RunInput, run) == [dataset.digest]
    assert weights.read(harness.path(version.digest)).n_inputs == 64

    assert harness.epochs(run) == [1, 2, 3]
    assert run.result["train_seconds"] == pytest.approx(sum(row.record["seconds"] for row in harness.metrics(run)))
    assert run.progress["epoch"] == 3
    assert harness.attempts(run)[0].environment["threads"] == 1
    assert list(harness.settings.work_dir.iterdir()) == []


def test_runs_that_cannot_succeed_fail_for_good_and_say_why(harness: WorkerHarness) -> None:
    absent = harness.enqueue(dataset={"name": "mnist"})
    diverging = harness.enqueue(
        model={"n_latents": 16, "hidden": [16] * 8, "output": "identity"},
        sparsity={"kind": "l1"},
        training={"epochs": 3, "learning_rate": 10},
    )
    garbled = harness.enqueue(model={"n_latents": 16, "wings": 2})
    reserved = harness.enqueue(name="stats", model=SMALL, training={"epochs": 1})
    log = harness.run_until_idle()
    reasons = {run.id: (run.state, run.error_code) for run in map(harness.get, (absent, diverging, garbled, reserved))}
    assert reasons == {
        absent.id: ("failed", "DATASET_UNAVAILABLE"),
        diverging.id: ("failed", "TRAINING_DIVERGED"),
        garbled.id: ("failed", "SPEC_NOT_UNDERSTOOD"),
        reserved.id: ("failed", "RESERVED_NAME"),
    }
    assert "sources/mnist/" in harness.get(absent).error_detail
    assert "model" in harness.get(garbled).error_detail
    assert harness.get(diverging).model_name is None
    assert harness.read(models.page, limit=10).items == []
    assert [event["event"] for event in events(log) if event["level"] == "error"] == []


def test_a_name_that_was_taken_meanwhile_fails_the_run_and_not_the_worker(empty_harness: WorkerHarness) -> None:
    harness = empty_harness
    run = harness.enqueue(kind="import", dataset="digits")
    worker = harness.worker()
    trainer = harness.trainer_of(worker)
    os.kill(trainer, signal.SIGSTOP)
    harness.add_digits(test_rows=100)
    os.kill(trainer, signal.SIGCONT)
    eventually("the failure", lambda: harness.get(run).state == "failed")
    assert harness.get(run).error_code == "DATASET_EXISTS"
    assert worker.poll() is None


def test_a_spec_of_a_later_release_waits_for_a_worker_that_knows_it(harness: WorkerHarness) -> None:
    run = harness.enqueue(spec_version=run_specs.SPEC_VERSION + 1)
    harness.run_until_idle()
    run = harness.get(run)
    assert (run.state, run.failures) == ("queued", 1)
    assert run.available_at > datetime.now(UTC)


# --- workers that have nothing to do ----------------------------------------------------------------------------------


def test_an_idle_worker_says_that_it_lives_and_leaves_at_once(harness: WorkerHarness) -> None:
    worker = harness.worker(idle_seconds=60)
    (row,) = eventually("a sign of life", lambda: harness.read(workers.alive, 60))
    assert (row.pid, row.device, row.threads) == (worker.pid, "cpu", 1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0
    assert harness.read(workers.alive, 60) == []


# --- the surroundings ------------------------------------------------------------------------------------------------


def test_a_trainer_gets_no_secrets_of_the_service(harness: WorkerHarness) -> None:
    harness.enqueue(model=SMALL, training=ENDLESS)
    worker = harness.worker(own_fork_server=True, api_key="a-secret-of-the-service", database_url=harness.settings.url)
    environment = Path(f"/proc/{harness.trainer_of(worker)}/environ").read_bytes()
    names = [entry.partition(b"=")[0] for entry in environment.split(b"\0")]
    assert not [name for name in names if name.startswith(b"SAE_")]
    assert b"OMP_NUM_THREADS=1" in environment.split(b"\0")
    assert b"GOMP_SPINCOUNT=10000" in environment.split(b"\0")
    worker.send_signal(signal.SIGTERM)
    worker.wait_for_event("trainer_asked_to_stop")
    worker.send_signal(signal.SIGTERM)
    log = worker.ended()
    assert "a-secret-of-the-service" not in log
    assert str(harness.settings.url) not in log


def test_a_database_without_tables_is_refused_in_one_sentence(harness: WorkerHarness, tmp_path: Path) -> None:
    worker = harness.worker(data_dir=tmp_path / "empty")
    log = worker.ended()
    assert worker.returncode == 1
    assert log.count("\n") == 1
    assert "python -m registry migrate" in log


def test_a_setting_that_makes_no_sense_is_refused_by_its_name(harness: WorkerHarness) -> None:
    worker = harness.worker(lease_seconds=1)
    log = worker.ended()
    assert worker.returncode == 1
    assert "SAE_LEASE_SECONDS" in log
    assert "Traceback" not in log


def test_cuda_that_is_demanded_in_vain_is_refused_in_one_sentence(harness: WorkerHarness) -> None:
    worker = harness.worker({"CUDA_VISIBLE_DEVICES": ""}, device="cuda")
    log = worker.ended()
    assert worker.returncode == 1
    assert "SAE_DEVICE is cuda" in log
    assert "Traceback" not in log


def test_a_run_for_cuda_is_left_to_a_worker_that_has_it(harness: WorkerHarness) -> None:
    run = harness.enqueue(device="cuda")
    harness.run_until_idle(device="cpu")
    assert harness.get(run).state == "queued"


def test_a_worker_that_may_choose_looks_for_cuda_and_works_meanwhile(harness: WorkerHarness) -> None:
    run = harness.enqueue(kind="import", dataset="digits")
    harness.run_until_idle(device="auto")
    assert harness.get(run).state == "succeeded"
    assert harness.get(run).result["digest"] == harness.read(datasets.get, "digits").digest, "it was there already"
