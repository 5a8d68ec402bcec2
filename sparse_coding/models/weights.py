"""A finished model <-> one safetensors file that can be used without anything else.

The metadata hold the spec, shapes, preprocessing and formula ids. Knows no model names, versions or registry.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float32, Float64, Shaped
from torch import Tensor

from sparse_coding import errors
from sparse_coding.data import tensor_files
from sparse_coding.data.batches import CHUNK_ROWS
from sparse_coding.data.preprocessing import Preprocessing
from sparse_coding.models import autoencoder as networks
from sparse_coding.models import objectives
from sparse_coding.models.autoencoder import Autoencoder
from sparse_coding.models.few_rows import Layers
from sparse_coding.specs import feasibility
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.training import TrainSpec

FORMAT: Final = "sae.model/1"


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network with its preprocessing: numpy rows in, numpy rows out. Raw units are [0, 1] for images."""

    autoencoder: Autoencoder
    preprocessing: Preprocessing
    spec: TrainSpec
    formulas: Mapping[str, str]

    @property
    def n_inputs(self) -> int:
        return self.autoencoder.n_inputs

    @property
    def n_latents(self) -> int:
        return self.autoencoder.n_latents

    @cached_property
    def n_weights(self) -> tuple[int, int]:
        """Number of weights of the encoder and of the decoder, without biases."""
        encoder, decoder = (
            sum(weight.numel() for weight in part.parameters() if weight.ndim == 2)
            for part in (self.autoencoder.encoder, self.autoencoder.decoder)
        )
        return encoder, decoder

    @cached_property
    def _layers(self) -> Layers:
        return Layers(self.autoencoder)

    @property
    def is_on_cpu(self) -> bool:
        """Whether it computes on the CPU."""
        return self._device.type == "cpu"

    @cached_property
    def _device(self) -> torch.device:
        return next(self.autoencoder.parameters()).device

    def prepare(self, stored: Shaped[np.ndarray, "B ..."]) -> Float32[np.ndarray, "B d"]:
        """Resize and flatten rows of the model's own dataset, in raw units. Raises `WrongWidth`."""
        return self.prepare_from(stored, self.preprocessing.means)

    def prepare_from(
        self, stored: Shaped[np.ndarray, "B ..."], means: Float64[np.ndarray, " d"] | None
    ) -> Float32[np.ndarray, "B d"]:
        """Prepare rows of any dataset, stored with its `means` subtracted. Raises `WrongWidth`."""
        return self.preprocessing.from_dataset(self.preprocessing.rows(stored), means)

    def network_inputs(self, stored: Shaped[np.ndarray, "B ..."]) -> Float32[np.ndarray, "B d"]:
        """Rows of the model's dataset as the network gets them: resized, in raw units, then scaled."""
        scaled = self.preprocessing.to_inputs(torch.from_numpy(self.prepare(stored)).to(self._device))
        return self._array(scaled)

    def check_range(self, rows: Float32[np.ndarray, "B d"]) -> None:
        """Raises `InputsOutOfRange` for rows in raw units outside [0, 1], if the model accepts only those.

        A model of images accepts only [0, 1], whatever its output: a value of 255 there is a byte that was not divided.
        """
        images = self.preprocessing.image_shape is not None
        bounded = self.spec.model.output == "sigmoid" and self.preprocessing.scaling == "none"
        if (images or bounded) and (rows.min() < 0 or rows.max() > 1):
            why = "learned from images and accepts pixels" if images else "has a sigmoid output and accepts inputs"
            low, high = float(rows.min()), float(rows.max())
            # nothing below 0 or not far beyond 1 is a byte
            remedy = ": divide bytes by 255, or send them as uint8" if images and low >= 0 and high >= 2 else ""
            raise errors.InputsOutOfRange(
                f"The model {why} in [0, 1]; the smallest is {low:.9g}, the largest {high:.9g}{remedy}."
            )

    def encode(self, rows: Float32[np.ndarray, "B d"]) -> Float32[np.ndarray, "B n"]:
        """The codes of rows in raw units. Raises `WrongWidth`."""
        _check_width(rows, self.n_inputs, "inputs")
        return self._in_chunks(lambda chunk: self._layers.encode(self.preprocessing.to_inputs(chunk)), rows)

    @torch.inference_mode()
    def encode_chunk(self, raw: Shaped[Tensor, "B d"]) -> Float32[np.ndarray, "B n"]:
        """The codes of one chunk of resized rows in their stored type (uint8, or float32 in raw units)."""
        return self._array(self.autoencoder.encode(self.preprocessing.to_inputs(raw.to(self._device))))

    def decode(self, codes: Float32[np.ndarray, "B n"]) -> Float32[np.ndarray, "B d"]:
        """The reconstructions of codes, in raw units. Raises `WrongWidth`."""
        _check_width(codes, self.n_latents, "latents")
        return self._in_chunks(lambda chunk: self.preprocessing.undo(self._layers.decode(chunk)), codes)

    def reconstruct(
        self, rows: Float32[np.ndarray, "B d"]
    ) -> tuple[Float32[np.ndarray, "B d"], Float32[np.ndarray, " B"]]:
        """Reconstructions in raw units, and each row's `mse.mean` in scaled units. Raises `WrongWidth`."""
        _check_width(rows, self.n_inputs, "inputs")
        both = self._in_chunks(self._reconstructed, rows)
        return both[:, :-1], both[:, -1]

    def _reconstructed(self, chunk: Tensor) -> Tensor:
        x = self.preprocessing.to_inputs(chunk)
        r = self._layers.decode(self._layers.encode(x))
        return torch.cat([self.preprocessing.undo(r), row_mse(r, x)[:, None]], dim=1)

    @torch.inference_mode()
    def _in_chunks(self, compute: Callable[[Tensor], Tensor], rows: np.ndarray) -> np.ndarray:
        """Apply `compute` to 1,024 rows at a time, so that the hidden layers' memory does not grow with the rows."""
        values = torch.from_numpy(np.array(rows))
        if len(rows) <= CHUNK_ROWS:
            return self._array(compute(values.to(self._device)))
        chunks = torch.split(values, CHUNK_ROWS)
        return self._array(torch.cat([compute(chunk.to(self._device)).cpu() for chunk in chunks]))

    @staticmethod
    def _array(computed: Tensor) -> np.ndarray:
        array: np.ndarray = computed.cpu().numpy()
        return array


def row_mse(r: Float32[Tensor, "B d"], x: Float32[Tensor, "#B d"]) -> Float32[Tensor, " B"]:
    """Each row's `mse.mean`; summed in float64, so that wide rows lose no digits."""
    return (r - x).square().mean(1, dtype=torch.float64).float()


def _check_width(rows: np.ndarray, width: int, what: str) -> None:
    if rows.shape[1] != width:
        raise errors.WrongWidth(f"The model has {width} {what}; the rows have {rows.shape[1]} values.")


def write(path: Path, autoencoder: Autoencoder, spec: TrainSpec, preprocessing: Preprocessing) -> None:
    """Write the model at `path`; the same model gives the same bytes in every process."""
    document = {"format": FORMAT, **describe(spec, preprocessing)}
    tensor_files.write(path, {**autoencoder.state_dict(), **preprocessing_tensors(preprocessing)}, document)


def read(path: Path, device: str | torch.device = "cpu") -> TrainedModel:
    """The model in a file. Raises `UnreadableFile`, and `UnsupportedFormat` for one of another kind or release."""
    tensors, document = tensor_files.read(path, FORMAT)
    spec = described_spec(document)
    network, preprocessing = assemble(tensors, document, spec, device)
    return TrainedModel(network, preprocessing, spec, objectives.objective_for(spec.sparsity).formulas)


def describe(spec: TrainSpec, preprocessing: Preprocessing) -> dict[str, Any]:
    """The metadata that describe a network in a file, as JSON values."""
    return {
        "spec_version": run_specs.SPEC_VERSION,
        "spec": run_specs.document(spec),
        "n_inputs": preprocessing.n_inputs,
        "image_shape": preprocessing.image_shape,
        "preprocessing": preprocessing.document(),
        "formulas": objectives.objective_for(spec.sparsity).formulas,
    }


def preprocessing_tensors(preprocessing: Preprocessing) -> dict[str, Tensor]:
    """The tensors `scaling.minimum` and `scaling.span`, if it scales, and `centering.means`, if rows are centred."""
    named = {"scaling.minimum": preprocessing.minimum, "scaling.span": preprocessing.span}
    if preprocessing.means is not None:
        named["centering.means"] = torch.from_numpy(preprocessing.means.copy())
    return {name: tensor for name, tensor in named.items() if tensor is not None}


def described_spec(document: Mapping[str, Any]) -> TrainSpec:
    """The spec in a file's metadata. Raises `UnsupportedFormat` for a later release's, `UnreadableFile` without one."""
    version = document.get("spec_version")
    if isinstance(version, int) and version > run_specs.SPEC_VERSION:
        raise errors.UnsupportedFormat("The file was written by a later release.")
    try:
        spec = run_specs.parse(document["spec"], document["spec_version"])
    except (KeyError, TypeError, ValueError) as error:
        raise errors.UnreadableFile("The file's metadata hold no valid spec.") from error
    if not isinstance(spec, TrainSpec):
        raise errors.UnreadableFile("The spec in the file's metadata is not one of a training run.")
    return spec


def assemble(
    tensors: Mapping[str, Tensor], document: Mapping[str, Any], spec: TrainSpec, device: str | torch.device
) -> tuple[Autoencoder, Preprocessing]:
    """Network and preprocessing from a file's tensors and document. Raises `UnreadableFile` if they do not match."""
    n_inputs, image_shape = _shape(document, spec)
    # shapes are compared before any memory is allocated for them: a file may claim any size
    network = networks.skeleton(spec.model, spec.sparsity, n_inputs)
    scaling = torch.empty(n_inputs, device="meta") if spec.dataset.scaling == "minmax" else None
    means = np.empty(n_inputs) if _is_centred(document) else None
    like = Preprocessing(n_inputs, image_shape, spec.dataset.image_size, scaling, scaling, means)
    tensor_files.expect(tensors, {**network.state_dict(), **preprocessing_tensors(like)})
    network.load_state_dict({name: tensors[name] for name in network.state_dict()}, assign=True)
    scales = tensors.get("scaling.minimum"), tensors.get("scaling.span")
    means = tensors["centering.means"].numpy() if means is not None else None
    if document.get("preprocessing") != like.document() or (scales[1] is not None and not bool((scales[1] > 0).all())):
        raise errors.UnreadableFile("The preprocessing in the file is not the one that its spec describes.")
    return network.to(device), Preprocessing(n_inputs, image_shape, like.image_size, *scales, means).to(device)


def _is_centred(document: Mapping[str, Any]) -> bool:
    preparation = document.get("preprocessing")
    return isinstance(preparation, dict) and preparation.get("centered") is True


def _shape(document: Mapping[str, Any], spec: TrainSpec) -> tuple[int, tuple[int, int, int] | None]:
    image_shape, n_inputs = document.get("image_shape"), document.get("n_inputs")
    sizes = [n_inputs] if image_shape is None else image_shape
    if not isinstance(sizes, list) or not all(type(size) is int and size > 0 for size in sizes):
        raise errors.UnreadableFile("The file's metadata hold no valid shape of the inputs.")
    width = math.prod(sizes)
    if width != n_inputs or len(sizes) != (1 if image_shape is None else 3):
        raise errors.UnreadableFile("The shapes of the inputs in the file's metadata contradict each other.")
    if feasibility.count_parameters(spec.model, width) > feasibility.MAX_PARAMETERS:
        raise errors.UnreadableFile("The network in the file is larger than the largest that can be trained here.")
    return width, None if image_shape is None else (sizes[0], sizes[1], sizes[2])
