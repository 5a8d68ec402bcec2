"""What a deletion frees: the bytes of what nothing else needs, and not of what something does."""

from typing import Any

import pytest

from registry import artifacts, checkpoints, datasets, models, run_blobs, runs
from registry.errors import RunInUse, VersionInUse

FACTS = datasets.Facts("images", (1, 8, 8), 64, 80, 20)


def test_a_run_frees_what_it_alone_kept(desk: Any) -> None:
    for content in ("shared", "mine"):
        desk.do(artifacts.register, desk.blob(content))
    desk.do(datasets.enter, name="digits", stored=desk.blob("shared"), facts=FACTS)
    first, second = desk.running(), desk.running()
    for run in (first, second):
        desk.do(run_blobs.attach_dataset, run.id, run.fence, desk.blob("shared").sha256)
        desk.do(checkpoints.add, run.id, run.fence, epoch=1, stored=desk.blob("checkpoint of both"))
    desk.do(checkpoints.add, first.id, first.fence, epoch=2, stored=desk.blob("mine"))
    desk.do(checkpoints.add, first.id, first.fence, epoch=3, stored=desk.blob("mine"))
    for run in (first, second):
        desk.fail(run, may_pass=False)
    before = desk.see(artifacts.bytes_in_use)
    assert desk.do(runs.delete, first.id) == len("mine")
    assert desk.do(runs.delete, second.id) == len("checkpoint of both")
    assert desk.do(datasets.delete, "digits") == len("shared")
    assert before == len("minecheckpoint of bothshared")
    assert desk.see(artifacts.bytes_in_use) == 0


def test_a_version_frees_its_weights_when_no_run_reads_them_any_more(desk: Any) -> None:
    desk.published()
    weights = desk.see(models.resolve, "model").digest
    ended, waiting = (desk.enqueue(kind="baselines", inputs={"model": weights}) for _ in range(2))
    desk.do(runs.cancel, ended.id)
    assert desk.do(models.delete_version, "model", 1) == 0, "a run that waits will read them"
    assert desk.see(run_blobs.input_of, ended.id, "model") is None
    assert desk.see(run_blobs.input_of, waiting.id, "model") == weights
    desk.do(runs.cancel, waiting.id)
    assert desk.do(runs.delete, waiting.id) == desk.blob(f"weights {'0' * 36}").bytes


def test_a_version_frees_nothing_while_another_has_the_same_weights(desk: Any) -> None:
    run = desk.published()
    weights, dataset = desk.blob(f"weights {run.id}"), desk.blob("dataset")
    twin = models.Publication("twin", {}, 1, {}, weights, "digits", dataset.sha256, member=1)
    desk.do(models.publish, run.id, twin)
    reader = desk.enqueue(kind="baselines", inputs={"model": weights.sha256})
    desk.do(runs.cancel, reader.id)
    assert desk.do(models.delete_version, "model", 1) == 0
    assert desk.see(run_blobs.input_of, reader.id, "model") == weights.sha256
    assert desk.do(models.delete_version, "twin", 1) == weights.bytes


def test_a_sweep_is_deleted_after_the_last_of_its_models(desk: Any) -> None:
    run = desk.running()
    dataset = desk.blob("dataset")
    desk.do(artifacts.register, dataset)
    made = [desk.blob(f"member {member}") for member in (0, 1)]
    publish = [
        models.Publication(f"sw-{member}", {}, 1, {}, stored, "digits", dataset.sha256, member=member)
        for member, stored in enumerate(made)
    ]
    outputs = [run_blobs.Output("weights", member, stored) for member, stored in enumerate(made)]
    desk.do(runs.succeed, run.id, run.fence, result={}, outputs=outputs, publish=publish)
    desk.do(models.set_alias, "sw-1", "best", 1)
    assert desk.do(models.delete_version, "sw-0", 1) == made[0].bytes
    with pytest.raises(VersionInUse):
        desk.do(models.delete_version, "sw-1", 1)
    with pytest.raises(RunInUse):
        desk.do(runs.delete, run.id)
    desk.do(models.delete_alias, "sw-1", "best")
    assert desk.do(models.delete_version, "sw-1", 1) == made[1].bytes
    assert desk.do(runs.delete, run.id) == 0
