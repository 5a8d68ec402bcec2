"""What a deletion frees: the bytes of what nothing else needs, and not of what something does."""

import pytest

from registry import artifacts, checkpoints, datasets, models, run_blobs, runs
from registry.errors import RunInUse, VersionInUse
from testing.registry_harness import RegistryHarness

FACTS = datasets.Facts("images", (1, 8, 8), 64, 80, 20)


def test_a_run_frees_what_it_alone_kept(harness: RegistryHarness) -> None:
    for content in ("shared", "mine"):
        harness.write(artifacts.register, harness.blob(content))
    harness.write(datasets.enter, name="digits", stored=harness.blob("shared"), facts=FACTS)
    first, second = harness.running(), harness.running()
    for run in (first, second):
        harness.write(run_blobs.attach_dataset, run.id, run.fence, harness.blob("shared").sha256)
        harness.write(checkpoints.add, run.id, run.fence, epoch=1, stored=harness.blob("checkpoint of both"))
    harness.write(checkpoints.add, first.id, first.fence, epoch=2, stored=harness.blob("mine"))
    harness.write(checkpoints.add, first.id, first.fence, epoch=3, stored=harness.blob("mine"))
    for run in (first, second):
        harness.fail(run, may_pass=False)
    before = harness.read(artifacts.bytes_in_use)
    assert harness.write(runs.delete, first.id) == len("mine")
    assert harness.write(runs.delete, second.id) == len("checkpoint of both")
    assert harness.write(datasets.delete, "digits") == len("shared")
    assert before == len("minecheckpoint of bothshared")
    assert harness.read(artifacts.bytes_in_use) == 0


def test_a_version_frees_its_weights_when_no_run_reads_them_any_more(harness: RegistryHarness) -> None:
    harness.published()
    weights = harness.read(models.resolve, "model").digest
    ended, waiting = (harness.enqueue(kind="baselines", inputs={"model": weights}) for _ in range(2))
    harness.write(runs.cancel, ended.id)
    assert harness.write(models.delete_version, "model", 1) == 0, "a run that waits will read them"
    assert harness.read(run_blobs.input_of, ended.id, "model") is None
    assert harness.read(run_blobs.input_of, waiting.id, "model") == weights
    harness.write(runs.cancel, waiting.id)
    assert harness.write(runs.delete, waiting.id) == harness.blob(f"weights {'0' * 36}").bytes


def test_a_version_frees_nothing_while_another_has_the_same_weights(harness: RegistryHarness) -> None:
    run = harness.published()
    weights, dataset = harness.blob(f"weights {run.id}"), harness.blob("dataset")
    twin = models.Publication("twin", {}, 1, {}, weights, "digits", dataset.sha256, member=1)
    harness.write(models.publish, run.id, twin)
    reader = harness.enqueue(kind="baselines", inputs={"model": weights.sha256})
    harness.write(runs.cancel, reader.id)
    assert harness.write(models.delete_version, "model", 1) == 0
    assert harness.read(run_blobs.input_of, reader.id, "model") == weights.sha256
    assert harness.write(models.delete_version, "twin", 1) == weights.bytes


def test_a_sweep_is_deleted_after_the_last_of_its_models(harness: RegistryHarness) -> None:
    run = harness.running()
    dataset = harness.blob("dataset")
    harness.write(artifacts.register, dataset)
    made = [harness.blob(f"member {member}") for member in (0, 1)]
    publish = [
        models.Publication(f"sw-{member}", {}, 1, {}, stored, "digits", dataset.sha256, member=member)
        for member, stored in enumerate(made)
    ]
    outputs = [run_blobs.Output("weights", member, stored) for member, stored in enumerate(made)]
    harness.write(runs.succeed, run.id, run.fence, result={}, outputs=outputs, publish=publish)
    harness.write(models.set_alias, "sw-1", "best", 1)
    assert harness.write(models.delete_version, "sw-0", 1) == made[0].bytes
    with pytest.raises(VersionInUse):
        harness.write(models.delete_version, "sw-1", 1)
    with pytest.raises(RunInUse):
        harness.write(runs.delete, run.id)
    harness.write(models.delete_alias, "sw-1", "best")
    assert harness.write(models.delete_version, "sw-1", 1) == made[1].bytes
    assert harness.write(runs.delete, run.id) == 0
