"""The state of a sweep <-> one safetensors file, written when all members have completed an epoch.

Every member is written as a single network, so that a sweep begun with stacked networks can continue without stacking,
and the reverse. It does not know when to write one.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from sparse_coding import errors
from sparse_coding.data import tensor_files
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.sweep import SweepSpec
from sparse_coding.training import checkpoint
from sparse_coding.training.sweeps import Ensemble

FORMAT: Final = "sae.sweep-checkpoint/1"

_LEARNED_FROM: Final = ("base", "grid", "members", "reference")
"""Parts of a spec that determine the weights; name, device and priority do not."""


def write(path: Path, ensembles: Sequence[Ensemble], spec: SweepSpec) -> None:
    """Write the state at `path` atomically; of a diverged member only the fact and its reason.

    Raises `ValueError` for a state inside an epoch, which cannot be continued.
    """
    tensors: dict[str, Tensor] = {}
    described: list[dict[str, Any]] = []
    for ensemble in ensembles:
        checkpoint.require_whole(ensemble.state)
        every = _tensors(ensemble)
        for place, member in enumerate(ensemble.members):
            described.append(_described(ensemble, member.number))
            if member.number not in ensemble.diverged:
                tensors |= {f"{member.number}.{name}": _of(ensemble, tensor, place) for name, tensor in every.items()}
    document = {
        "format": FORMAT,
        "spec_version": run_specs.SPEC_VERSION,
        "spec": run_specs.document(spec),
        "members": described,
    }
    tensor_files.write(path, tensors, document)


def read(path: Path, ensembles: Sequence[Ensemble], spec: SweepSpec) -> None:
    """Restore the state in a file into ensembles that were just started.

    Raises `CheckpointMismatch` if it belongs to another spec, `UnreadableFile`, and `UnsupportedFormat` for a file of
    another kind or of a later release.
    """
    tensors, document = tensor_files.read(path, FORMAT)
    stored, own = _stored_spec(document), run_specs.document(spec)
    if any(stored.get(part) != own[part] for part in _LEARNED_FROM):
        raise errors.CheckpointMismatch("The checkpoint was written for another sweep than the one to continue.")
    members = _members(document)
    for ensemble in ensembles:
        if any(member.number not in members for member in ensemble.members):
            raise errors.UnreadableFile("The file's metadata do not describe every member of the sweep.")
        _restore(ensemble, tensors, members)


def _stored_spec(document: Mapping[str, Any]) -> dict[str, Any]:
    """The spec in the file's metadata, upgraded to this release's version; empty if there is none."""
    stored, version = document.get("spec"), document.get("spec_version")
    if isinstance(version, int) and version > run_specs.SPEC_VERSION:
        raise errors.UnsupportedFormat("The file was written by a later release.")
    return run_specs.upgrade(stored, version) if isinstance(stored, dict) and isinstance(version, int) else {}


def _tensors(ensemble: Ensemble) -> dict[str, Tensor]:
    return {**ensemble.state.autoencoder.state_dict(), **checkpoint.moments_of(ensemble.state.optimizer)}


def _of(ensemble: Ensemble, tensor: Tensor, place: int) -> Tensor:
    """One member's part of a tensor of its ensemble."""
    return tensor[place] if ensemble.state.autoencoder.stacked else tensor


def _described(ensemble: Ensemble, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "epoch": ensemble.state.epoch,
        "steps": ensemble.state.optimizer.steps,
        "diverged": ensemble.diverged.get(number),
    }


def _members(document: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    """The description of each member by number; entries of a damaged file that cannot be read are skipped."""
    entries = document.get("members")
    described = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return {entry["number"]: entry for entry in described if type(entry.get("number")) is int}


def _restore(ensemble: Ensemble, tensors: Mapping[str, Tensor], members: Mapping[int, Mapping[str, Any]]) -> None:
    like = _tensors(ensemble)
    numbers = [member.number for member in ensemble.members]
    ensemble.diverged = {number: str(why) for number in numbers if (why := members[number].get("diverged"))}
    own: dict[str, Tensor] = {}
    # a diverged member has no tensors in the file; in a stack it keeps its initial ones, because a stack has no gaps
    for name, tensor in like.items():
        parts = [
            _of(ensemble, tensor, place).cpu() if number in ensemble.diverged else _found(tensors, f"{number}.{name}")
            for place, number in enumerate(numbers)
        ]
        own[name] = (torch.stack(parts) if ensemble.state.autoencoder.stacked else parts[0]).to(tensor.device)
    tensor_files.expect(own, like)
    moments = {name: own.pop(name) for name in list(own) if name.startswith("adam.")}
    ensemble.state.autoencoder.load_state_dict(own)
    checkpoint.restore(ensemble.state.optimizer, moments, checkpoint.count_in(members[numbers[0]], "steps"))
    ensemble.state.epoch = checkpoint.count_in(members[numbers[0]], "epoch")


def _found(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in tensors:
        raise errors.UnreadableFile(f"The file holds no {name}.")
    return tensors[name]
