"""Real workers on sweeps and baselines: what is published and recorded."""

from typing import Any

import pytest
from sqlalchemy import select

from registry import models, runs
from registry.database.tables import ModelVersion, Run, RunInput, RunOutput
from sparse_coding.dictionaries import atom_files
from sparse_coding.models import weights
from sparse_coding.specs import runs as run_specs
from testing.processes import is_alive
from testing.waiting import eventually
from testing.worker_harness import WorkerHarness

BASE = {"dataset": {"name": "digits"}, "model": {"n_latents": 16, "hidden": [16]}}
SHORT = {**BASE, "training": {"epochs": 3}}
ENDLESS = {**BASE, "training": {"epochs": 100_000, "batch_size": 64}}
WEIGHTS = {"sparsity.weight": [0.001, 0.1]}


def enqueue(harness: WorkerHarness, inputs: dict[str, str] | None = None, **document: Any) -> Run:
    columns = {"kind": document["kind"], "spec": document, "spec_version": run_specs.SPEC_VERSION}
    return harness.write(runs.enqueue, **columns, dataset_name="digits", inputs=inputs).run


def sweep(harness: WorkerHarness, **document: Any) -> Run:
    return enqueue(harness, kind="sweep", **document)


def versions(harness: WorkerHarness, run: Run) -> dict[int, ModelVersion]:
    found = harness.read(
        lambda session: list(session.scalars(select(ModelVersion).where(ModelVersion.run_id == run.id)))
    )
    return {version.member: version for version in found}


def tensors(harness: WorkerHarness, version: ModelVersion) -> dict[str, bytes]:
    network = weights.read(harness.path(version.digest)).autoencoder.state_dict()
    return {name: tensor.numpy().tobytes() for name, tensor in network.items()}


def test_every_member_of_a_sweep_becomes_a_model_with_curves_of_its_own(either_empty_harness: WorkerHarness) -> None:
    harness = either_empty_harness
    run = sweep(harness, name="sw", base=SHORT, grid=WEIGHTS, reference=True)
    harness.run_until_idle()
    run, made = harness.get(run), versions(harness, run)
    assert run.state == "succeeded", run.error_detail
    assert (run.model_name, run.model_version) == (None, None), "no one model is the sweep's"
    assert {number: version.reference for number, version in made.items()} == {
        0: "sw-0@1",
        1: "sw-1@1",
        2: "sw-reference@1",
    }
    assert sorted(harness.blobs(RunOutput, run)) == sorted(version.digest for version in made.values())
    assert [(row.member, row.epoch) for row in harness.metrics(run)] == [(m, e) for e in (1, 2, 3) for m in (0, 1, 2)]
    total = sum(row.record["seconds"] for row in harness.metrics(run))
    assert run.result["train_seconds"] == pytest.approx(total)
    for row in run.result["members"]:
        version = made[row["member"]]
        assert version.name == row["name"]
        assert version.result["varied"] == row["varied"]
        assert version.result["mse"] == row["mse"]
        model = weights.read(harness.path(version.digest))
        assert run_specs.document(model.spec) == version.spec
        assert row["probe_rows"] == 1294  # nine tenths of 1,437
        assert 0.1 < row["probe_accuracy"] <= 1


def test_a_member_has_the_weights_that_a_run_of_its_own_has(harness: WorkerHarness) -> None:
    run = sweep(harness, name="sw", base=SHORT, grid=WEIGHTS)
    harness.run_until_idle(threads=2)
    member = versions(harness, run)[1]
    alone = {**member.spec, "name": "alone"}
    lone = harness.write(
        runs.enqueue, kind="train", spec=alone, spec_version=run_specs.SPEC_VERSION, dataset_name="digits"
    ).run
    harness.run_until_idle(threads=1)
    assert tensors(harness, versions(harness, lone)[0]) == tensors(harness, member), (
        "one core each, as alone on one core"
    )


def test_a_diverged_member_is_reported_and_the_others_are_published(harness: WorkerHarness) -> None:
    base = {**SHORT, "model": {"n_latents": 16, "hidden": [16] * 8, "output": "identity"}, "sparsity": {"kind": "l1"}}
    run = sweep(harness, name="sw", base=base, grid={"training.learning_rate": [0.001, 10.0]})
    hopeless = sweep(harness, name="none", base=base, grid={"training.learning_rate": [9.0, 10.0]})
    harness.run_until_idle()
    run, hopeless = harness.get(run), harness.get(hopeless)
    assert run.state == "succeeded", run.error_detail
    assert list(versions(harness, run)) == [0]
    good, bad = run.result["members"]
    assert (good["diverged"], bad["mse"], bad["pareto"]) == (None, None, False)
    assert "no longer a finite number" in bad["diverged"]
    assert (hopeless.state, hopeless.error_code) == ("failed", "TRAINING_DIVERGED")


def test_a_sweep_is_cancelled_like_any_other_run(harness: WorkerHarness) -> None:
    run = sweep(harness, name="sw", base=ENDLESS, grid=WEIGHTS)
    worker = harness.worker(threads=2)
    trainer = harness.trainer_of(worker)
    harness.wait_until_training(run)
    harness.write(runs.cancel, run.id)
    eventually("the cancellation", lambda: harness.get(run).state == "cancelled")
    assert not is_alive(trainer)
    assert versions(harness, run) == {}


@pytest.fixture
def model(harness: WorkerHarness) -> ModelVersion:
    """A trained model of the digits."""
    run = harness.enqueue(name="small", model={"n_latents": 16, "hidden": []}, training={"epochs": 20})
    harness.run_until_idle()
    return versions(harness, run)[0]


def baselines(harness: WorkerHarness, model: ModelVersion, **document: Any) -> Run:
    inputs = {"model": model.digest, "dataset": model.dataset_digest}
    return enqueue(harness, inputs, kind="baselines", model=model.reference, **document)


def test_baselines_stand_in_one_table_and_their_atoms_in_one_file(harness: WorkerHarness, model: ModelVersion) -> None:
    run = baselines(harness, model, fit_rows=300, iterations=2)
    harness.run_until_idle()
    run = harness.get(run)
    assert run.state == "succeeded", run.error_detail
    methods = [entry["method"] for entry in run.result["entries"]]
    assert methods == ["model", "model.truncated", "ksvd", "minibatch", "pca", "pca.truncated", "raw"]
    assert (run.result["fit_rows"], run.result["model"]) == (300, "small@1")
    assert all(entry["seconds"] >= 0 for entry in run.result["entries"])
    stored, described = atom_files.read(harness.path(harness.blobs(RunOutput, run)[0]))
    assert described["methods"] == ["model", "ksvd", "minibatch", "pca"]
    assert stored["atoms.ksvd"].shape[1] == 64
    assert sorted(harness.blobs(RunInput, run)) == sorted([model.digest, model.dataset_digest])
    assert versions(harness, run) == {}


def test_baselines_use_the_model_that_was_chosen_even_if_its_version_is_gone(
    harness: WorkerHarness, model: ModelVersion
) -> None:
    run = baselines(harness, model, fit_rows=100, methods=["raw"])
    harness.write(models.delete_version, model.name, model.version)
    harness.run_until_idle()
    assert harness.get(run).state == "succeeded"


def test_baselines_are_cancelled_between_two_steps(harness: WorkerHarness, model: ModelVersion) -> None:
    run = baselines(harness, model, fit_rows=1000, iterations=1000, methods=["ksvd"])
    worker = harness.worker()
    eventually("progress", lambda: (harness.get(run).progress or {}).get("epochs") == 100)
    harness.write(runs.cancel, run.id)
    eventually("the cancellation", lambda: harness.get(run).state == "cancelled")
    assert worker.poll() is None
