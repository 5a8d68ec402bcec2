"""Real workers on sweeps and baselines: what is published and recorded."""

from typing import Any

import pytest
from sqlalchemy import select

from registry import models, runs
from registry.database.tables import ModelVersion, Run, RunInput, RunOutput
from sparse_coding.dictionaries import atom_files
from sparse_coding.models import weights
from sparse_coding.specs import runs as run_specs

BASE = {"dataset": {"name": "digits"}, "model": {"n_latents": 16, "hidden": [16]}}
SHORT = {**BASE, "training": {"epochs": 3}}
ENDLESS = {**BASE, "training": {"epochs": 100_000, "batch_size": 64}}
WEIGHTS = {"sparsity.weight": [0.001, 0.1]}


def enqueue(yard: Any, inputs: dict[str, str] | None = None, **document: Any) -> Run:
    columns = {"kind": document["kind"], "spec": document, "spec_version": run_specs.SPEC_VERSION}
    return yard.do(runs.enqueue, **columns, dataset_name="digits", inputs=inputs).run


def sweep(yard: Any, **document: Any) -> Run:
    return enqueue(yard, kind="sweep", **document)


def versions(yard: Any, run: Run) -> dict[int, ModelVersion]:
    found = yard.see(lambda session: list(session.scalars(select(ModelVersion).where(ModelVersion.run_id == run.id))))
    return {version.member: version for version in found}


def tensors(yard: Any, version: ModelVersion) -> dict[str, bytes]:
    network = weights.read(yard.path(version.digest)).autoencoder.state_dict()
    return {name: tensor.numpy().tobytes() for name, tensor in network.items()}


def test_every_member_of_a_sweep_becomes_a_model_with_curves_of_its_own(either_yard: Any) -> None:
    yard = either_yard
    run = sweep(yard, name="sw", base=SHORT, grid=WEIGHTS, reference=True)
    yard.drained()
    run, made = yard.get(run), versions(yard, run)
    assert run.state == "succeeded", run.error_detail
    assert (run.model_name, run.model_version) == (None, None), "no one model is the sweep's"
    assert {number: version.reference for number, version in made.items()} == {
        0: "sw-0@1",
        1: "sw-1@1",
        2: "sw-reference@1",
    }
    assert sorted(yard.blobs(RunOutput, run)) == sorted(version.digest for version in made.values())
    assert [(row.member, row.epoch) for row in yard.metrics(run)] == [(m, e) for e in (1, 2, 3) for m in (0, 1, 2)]
    total = sum(row.record["seconds"] for row in yard.metrics(run))
    assert run.result["train_seconds"] == pytest.approx(total)
    for row in run.result["members"]:
        version = made[row["member"]]
        assert version.name == row["name"]
        assert version.result["varied"] == row["varied"]
        assert version.result["mse"] == row["mse"]
        model = weights.read(yard.path(version.digest))
        assert run_specs.document(model.spec) == version.spec
        assert row["probe_rows"] == 1294  # nine tenths of 1,437
        assert 0.1 < row["probe_accuracy"] <= 1


def test_a_member_has_the_weights_that_a_run_of_its_own_has(yard: Any) -> None:
    run = sweep(yard, name="sw", base=SHORT, grid=WEIGHTS)
    yard.drained(threads=2)
    member = versions(yard, run)[1]
    alone = {**member.spec, "name": "alone"}
    lone = yard.do(
        runs.enqueue, kind="train", spec=alone, spec_version=run_specs.SPEC_VERSION, dataset_name="digits"
    ).run
    yard.drained(threads=1)
    assert tensors(yard, versions(yard, lone)[0]) == tensors(yard, member), "one core each, as alone on one core"


def test_a_member_that_diverges_is_told_of_and_the_others_are_published(yard: Any) -> None:
    base = {**SHORT, "model": {"n_latents": 16, "hidden": [16] * 8, "output": "identity"}, "sparsity": {"kind": "l1"}}
    run = sweep(yard, name="sw", base=base, grid={"training.learning_rate": [0.001, 10.0]})
    hopeless = sweep(yard, name="none", base=base, grid={"training.learning_rate": [9.0, 10.0]})
    yard.drained()
    run, hopeless = yard.get(run), yard.get(hopeless)
    assert run.state == "succeeded", run.error_detail
    assert list(versions(yard, run)) == [0]
    good, bad = run.result["members"]
    assert (good["diverged"], bad["mse"], bad["pareto"]) == (None, None, False)
    assert "no longer a finite number" in bad["diverged"]
    assert (hopeless.state, hopeless.error_code) == ("failed", "TRAINING_DIVERGED")


def test_a_sweep_is_cancelled_like_any_other_run(yard: Any) -> None:
    run = sweep(yard, name="sw", base=ENDLESS, grid=WEIGHTS)
    worker = yard.worker(threads=2)
    trainer = yard.trainer_of(worker)
    yard.training(run)
    yard.do(runs.cancel, run.id)
    yard.eventually("the cancellation", lambda: yard.get(run).state == "cancelled")
    assert not yard.lives(trainer)
    assert versions(yard, run) == {}


@pytest.fixture
def model(yard: Any) -> ModelVersion:
    """A trained model of the digits."""
    run = yard.enqueue(name="small", model={"n_latents": 16, "hidden": []}, training={"epochs": 20})
    yard.drained()
    return versions(yard, run)[0]


def baselines(yard: Any, model: ModelVersion, **document: Any) -> Run:
    inputs = {"model": model.digest, "dataset": model.dataset_digest}
    return enqueue(yard, inputs, kind="baselines", model=model.reference, **document)


def test_baselines_stand_in_one_table_and_their_atoms_in_one_file(yard: Any, model: ModelVersion) -> None:
    run = baselines(yard, model, fit_rows=300, iterations=2)
    yard.drained()
    run = yard.get(run)
    assert run.state == "succeeded", run.error_detail
    methods = [entry["method"] for entry in run.result["entries"]]
    assert methods == ["model", "model.truncated", "ksvd", "minibatch", "pca", "pca.truncated", "raw"]
    assert (run.result["fit_rows"], run.result["model"]) == (300, "small@1")
    assert all(entry["seconds"] >= 0 for entry in run.result["entries"])
    stored, described = atom_files.read(yard.path(yard.blobs(RunOutput, run)[0]))
    assert described["methods"] == ["model", "ksvd", "minibatch", "pca"]
    assert stored["atoms.ksvd"].shape[1] == 64
    assert sorted(yard.blobs(RunInput, run)) == sorted([model.digest, model.dataset_digest])
    assert versions(yard, run) == {}


def test_baselines_use_the_model_that_was_chosen_even_if_its_version_is_gone(yard: Any, model: ModelVersion) -> None:
    run = baselines(yard, model, fit_rows=100, methods=["raw"])
    yard.do(models.delete_version, model.name, model.version)
    yard.drained()
    assert yard.get(run).state == "succeeded"


def test_baselines_are_cancelled_between_two_steps(yard: Any, model: ModelVersion) -> None:
    run = baselines(yard, model, fit_rows=1000, iterations=1000, methods=["ksvd"])
    worker = yard.worker()
    yard.eventually("progress", lambda: (yard.get(run).progress or {}).get("epochs") == 100)
    yard.do(runs.cancel, run.id)
    yard.eventually("the cancellation", lambda: yard.get(run).state == "cancelled")
    assert worker.poll() is None
