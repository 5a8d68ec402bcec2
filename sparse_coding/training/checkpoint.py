"""The state of training <-> one safetensors file, written between two epochs.

It holds the weights, Adam's moments and the numbers of epochs and steps. The order of rows follows from the spec's
seed and the epoch, so nothing else (no generator state, no position) is needed to continue bit for bit. It does not
know when to write one.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from sparse_coding import errors
from sparse_coding.data import tensor_files
from sparse_coding.data.preprocessing import Preprocessing
from sparse_coding.models import weights
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.training import TrainSpec
from sparse_coding.training import loop
from sparse_coding.training.adam import Adam
from sparse_coding.training.loop import TrainingState

FORMAT: Final = "sae.checkpoint/1"
_LEARNED_FROM: Final = ("dataset", "model", "sparsity", "training")
"""Parts of a spec that determine the weights; name, device and priority do not."""


def write(path: Path, state: TrainingState, spec: TrainSpec, preprocessing: Preprocessing) -> None:
    """Write the state at `path` atomically.

    Raises `ValueError` for a state inside an epoch, which cannot be continued.
    """
    require_whole(state)
    document = {
        "format": FORMAT,
        **weights.describe(spec, preprocessing),
        "epoch": state.epoch,
        "steps": state.optimizer.steps,
    }
    network = state.autoencoder.state_dict()
    tensor_files.write(
        path, {**network, **weights.preprocessing_tensors(preprocessing), **moments_of(state.optimizer)}, document
    )


def read(path: Path, spec: TrainSpec, device: str | torch.device) -> TrainingState:
    """The state in a file, on `device`. Raises `CheckpointMismatch` if it belongs to another spec.

    Raises `UnreadableFile`, and `UnsupportedFormat` for a file of another kind or of a later release.
    """
    tensors, document = tensor_files.read(path, FORMAT)
    stored = run_specs.document(weights.described_spec(document))
    if any(stored[part] != run_specs.document(spec)[part] for part in _LEARNED_FROM):
        raise errors.CheckpointMismatch("The checkpoint was written for another spec than the one to continue.")
    moments = {name: tensors.pop(name) for name in list(tensors) if name.startswith("adam.")}
    network, _ = weights.assemble(tensors, document, spec, device)
    state = TrainingState(network, loop.optimizer_for(network, spec.training), count_in(document, "epoch"))
    restore(state.optimizer, moments, count_in(document, "steps"))
    return state


def require_whole(state: TrainingState) -> None:
    """Raises `ValueError` for a state inside an epoch."""
    if state.rows:
        raise ValueError(f"the state is inside epoch {state.epoch + 1}: training cannot continue from there")


def moments_of(optimizer: Adam) -> dict[str, Tensor]:
    """Adam's running means by name."""
    return _named("exp_avg", optimizer.exp_avg) | _named("exp_avg_sq", optimizer.exp_avg_sq)


def restore(optimizer: Adam, moments: Mapping[str, Tensor], steps: int) -> None:
    """Restore Adam's running means and number of steps. Raises `UnreadableFile` for other names or shapes."""
    tensor_files.expect(moments, moments_of(optimizer))
    exp_avg = {name: moments[f"adam.exp_avg.{name}"] for name in optimizer.exp_avg}
    exp_avg_sq = {name: moments[f"adam.exp_avg_sq.{name}"] for name in optimizer.exp_avg_sq}
    optimizer.restore(exp_avg, exp_avg_sq, steps)


def _named(moment: str, means: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {f"adam.{moment}.{name}": mean for name, mean in means.items()}


def count_in(document: Mapping[str, Any], name: str) -> int:
    """A count in a file's document. Raises `UnreadableFile` if it is missing or negative."""
    count = document.get(name)
    if type(count) is not int or count < 0:
        raise errors.UnreadableFile(f"The file's metadata hold no number of {name}.")
    return count
