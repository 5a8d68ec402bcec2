"""A state that was written down goes on as if it had never stopped."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors
import safetensors.torch
import torch

from sparse_coding import errors
from sparse_coding.data.datasets import Dataset
from sparse_coding.models import weights
from sparse_coding.specs.training import TrainSpec
from sparse_coding.training import checkpoint, loop
from sparse_coding.training.loop import EpochRecord, TrainingData, TrainingState

Ask = Callable[..., TrainSpec]
Prepare = Callable[..., tuple[TrainingState, TrainingData]]


def run(state: TrainingState, data: TrainingData, asked: TrainSpec, until: int) -> list[EpochRecord]:
    found = []
    for moment in loop.epochs(state, data, asked):
        if isinstance(moment, EpochRecord):
            found.append(moment)
            if moment.epoch == until:
                break
    return found


@pytest.mark.slow
@pytest.mark.parametrize("stop", [0, 1, 3])
@pytest.mark.parametrize("sparsity", [{"kind": "kl"}, {"kind": "l1"}], ids=str)
def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(
    digits: Dataset, ask: Ask, prepare: Prepare, tmp_path: Path, stop: int, sparsity: dict[str, Any]
) -> None:
    asked = ask(sparsity=sparsity, training={"epochs": 4}, dataset={"scaling": "minmax"})
    whole, data = prepare(asked, digits)
    expected = run(whole, data, asked, 4)
    first, data = prepare(asked, digits)
    before = run(first, data, asked, stop) if stop else []
    checkpoint.write(tmp_path / "c.safetensors", first, asked, data.preprocessing)
    resumed = checkpoint.read(tmp_path / "c.safetensors", asked, "cpu")
    assert resumed.epoch == stop
    assert before + run(resumed, data, asked, 4) == expected
    for weight, twin in zip(whole.autoencoder.parameters(), resumed.autoencoder.parameters(), strict=True):
        assert torch.equal(weight, twin)
    assert whole.optimizer.steps == resumed.optimizer.steps
    for name, mean in whole.optimizer.exp_avg.items():
        assert torch.equal(mean, resumed.optimizer.exp_avg[name])
        assert torch.equal(whole.optimizer.exp_avg_sq[name], resumed.optimizer.exp_avg_sq[name])


def test_the_same_state_gives_the_same_bytes(digits: Dataset, ask: Ask, prepare: Prepare, tmp_path: Path) -> None:
    asked, written = ask(), []
    for name in ("a", "b"):
        state, data = prepare(asked, digits)
        run(state, data, asked, 1)
        checkpoint.write(tmp_path / name, state, asked, data.preprocessing)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]


def test_a_state_inside_an_epoch_is_not_written(digits: Dataset, ask: Ask, prepare: Prepare, tmp_path: Path) -> None:
    asked = ask(training={"batch_size": 16})
    state, data = prepare(asked, digits)
    next(loop.epochs(state, data, asked))
    with pytest.raises(ValueError, match="inside epoch 1"):
        checkpoint.write(tmp_path / "c", state, asked, data.preprocessing)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def written(digits: Dataset, ask: Ask, prepare: Prepare, tmp_path: Path) -> Path:
    state, data = prepare(ask(), digits)
    checkpoint.write(tmp_path / "c", state, ask(), data.preprocessing)
    return tmp_path / "c"


@pytest.mark.parametrize(
    "other",
    [
        {"training": {"seed": 1}},
        {"training": {"learning_rate": 0.5}},
        {"sparsity": {"kind": "l1"}},
        {"model": {"n_latents": 13}},
        {"dataset": {"image_size": 28}},
    ],
    ids=str,
)
def test_a_checkpoint_of_another_spec_is_refused(written: Path, ask: Ask, other: dict[str, Any]) -> None:
    with pytest.raises(errors.CheckpointMismatch):
        checkpoint.read(written, ask(**other), "cpu")


def test_name_and_priority_do_not_matter_to_what_was_learned(written: Path, ask: Ask) -> None:
    renamed = ask().model_copy(update={"name": "another", "priority": 7})
    assert checkpoint.read(written, renamed, "cpu").epoch == 0


def test_a_model_is_no_checkpoint_and_a_checkpoint_no_model(
    digits: Dataset, ask: Ask, prepare: Prepare, written: Path, tmp_path: Path
) -> None:
    state, data = prepare(ask(), digits)
    weights.write(tmp_path / "w", state.autoencoder, ask(), data.preprocessing)
    with pytest.raises(errors.UnsupportedFormat, match=r"sae\.checkpoint/1"):
        checkpoint.read(tmp_path / "w", ask(), "cpu")
    with pytest.raises(errors.UnsupportedFormat, match=r"sae\.model/1"):
        weights.read(written)


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        ({"adam.exp_avg.encoder.0.bias": torch.zeros(25)}, {}),
        ({"adam.exp_avg.extra": torch.zeros(1)}, {}),
        ({}, {"epoch": -1}),
        ({}, {"steps": "many"}),
        ({}, {"epoch": None}),
    ],
)
def test_a_damaged_checkpoint_is_refused(written: Path, ask: Ask, tensor: dict[str, Any], said: dict[str, Any]) -> None:
    with safetensors.safe_open(written, "pt") as file:
        document = json.loads(file.metadata()["sae"])
    tensors = safetensors.torch.load_file(written)
    safetensors.torch.save_file({**tensors, **tensor}, written, {"sae": json.dumps({**document, **said})})
    with pytest.raises(errors.UnreadableFile):
        checkpoint.read(written, ask(), "cpu")
