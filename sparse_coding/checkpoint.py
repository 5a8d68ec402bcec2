"""The state of training <-> one safetensors file, written between two epochs.

It holds weights, Adam's moments and the number of epochs and steps; the order of rows follows from the spec's seed
and the epoch, so nothing else is needed to go on bit for bit. It does not know when to write one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from sparse_coding import errors, spec, tensor_files, training, weights
from sparse_coding.preprocessing import Preprocessing
from sparse_coding.spec import TrainSpec
from sparse_coding.training import TrainingState

FORMAT: Final = "sae.checkpoint/1"
MOMENTS: Final = ("exp_avg", "exp_avg_sq")
"""Adam's two running means, under torch's names."""

_LEARNED_FROM: Final = ("dataset", "model", "sparsity", "training")
"""Parts of a spec that decide what is learned; name, device and priority do not."""


def write(path: Path, state: TrainingState, asked: TrainSpec, preprocessing: Preprocessing) -> None:
    """Write the state at `path`, whole or not at all.

    Raises `ValueError` for a state that was left inside an epoch: it could not be continued.
    """
    require_whole(state)
    document = {
        "format": FORMAT,
        **weights.describe(asked, preprocessing),
        "epoch": state.epoch,
        "steps": steps_of(state),
    }
    network = state.autoencoder.state_dict()
    tensor_files.write(path, {**network, **weights.scaling_tensors(preprocessing), **moments_of(state)}, document)


def read(path: Path, asked: TrainSpec, device: str | torch.device) -> TrainingState:
    """The state in a file, on `device`. Raises `CheckpointMismatch` if it belongs to another spec.

    Raises `UnreadableFile`, and `UnsupportedFormat` for a file of another kind or of a later release.
    """
    tensors, document = tensor_files.read(path, FORMAT)
    stored = spec.document(weights.described_spec(document))
    if any(stored[part] != spec.document(asked)[part] for part in _LEARNED_FROM):
        raise errors.CheckpointMismatch("The checkpoint was written for another spec than the one to go on with.")
    moments = {name: tensors.pop(name) for name in list(tensors) if name.startswith("adam.")}
    network, _ = weights.assemble(tensors, document, asked, device)
    state = TrainingState(network, training.optimizer_for(network, asked.training), count_in(document, "epoch"))
    restore(state, moments, count_in(document, "steps"))
    return state


def require_whole(state: TrainingState) -> None:
    """Raises `ValueError` for a state that was left inside an epoch."""
    if state.rows:
        raise ValueError(f"the state was left inside epoch {state.epoch + 1}: nothing can go on from there")


def steps_of(state: TrainingState) -> int:
    """Steps behind, the same for every weight; 0 before the first."""
    return max((int(entry["step"]) for entry in state.optimizer.state.values()), default=0)


def moments_of(state: TrainingState) -> dict[str, Tensor]:
    """Adam's running means by name, zeros before the first step."""
    moments = {}
    for name, weight in state.autoencoder.named_parameters():
        entry = state.optimizer.state.get(weight, {})
        for moment in MOMENTS:
            moments[f"adam.{moment}.{name}"] = entry.get(moment, torch.zeros_like(weight))
    return moments


def restore(state: TrainingState, moments: Mapping[str, Tensor], steps: int) -> None:
    """Give the optimiser its running means and its number of steps back. Raises `UnreadableFile` for others."""
    tensor_files.expect(moments, moments_of(state))
    for name, weight in state.autoencoder.named_parameters():
        entry = {moment: moments[f"adam.{moment}.{name}"].to(weight.device) for moment in MOMENTS}
        state.optimizer.state[weight] = {"step": torch.tensor(float(steps), device=weight.device), **entry}


def count_in(document: Mapping[str, Any], name: str) -> int:
    """A number in a file's document. Raises `UnreadableFile` where there is none."""
    count = document.get(name)
    if type(count) is not int or count < 0:
        raise errors.UnreadableFile(f"The file's metadata hold no number of {name}.")
    return count
