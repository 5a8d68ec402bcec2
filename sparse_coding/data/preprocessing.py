"""Preparation of rows for a network; it is part of the model and stored in its weights file.

Three kinds of rows: dataset rows as they are stored; raw rows of the model's width (uint8, or float32 in raw units:
[0, 1] for images); scaled inputs, which the network gets. Knows no networks and no files.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Shaped, UInt8
from PIL import Image
from torch import Tensor

from sparse_coding import errors
from sparse_coding.data import sampling, variation
from sparse_coding.data.batches import CHUNK_ROWS
from sparse_coding.data.datasets import Dataset
from sparse_coding.specs.training import DatasetChoice

Raw = UInt8[np.ndarray, "n d"] | Float32[np.ndarray, "n d"]


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """Resizing of images, division of bytes by 255, and scaling per input."""

    n_inputs: int
    image_shape: tuple[int, int, int] | None
    """[channels, height, width] after resizing; None for vectors."""
    image_size: int | None
    """Height and width that images are resized to; None does not resize."""
    minimum: Float32[Tensor, " n_inputs"] | None = None
    """Smallest value of each input over the training rows, in raw units; None without scaling."""
    span: Float32[Tensor, " n_inputs"] | None = None
    """Largest minus smallest value of each input; 1 if they differ by no more than rounding."""
    means: Float64[np.ndarray, " n_inputs"] | None = None
    """The column means of a centred dataset, which were subtracted before its rows became float32; else None.

    The raw units of such a model are the stored ones, with the means subtracted, except in rows that clients send or
    get.
    """

    @property
    def scaling(self) -> Literal["none", "minmax"]:
        return "none" if self.minimum is None else "minmax"

    @property
    def error_units(self) -> Literal["raw", "scaled"]:
        """Units of errors, which are measured on the inputs of the network: after scaling, if there is one."""
        return "raw" if self.scaling == "none" else "scaled"

    def to(self, device: str | torch.device) -> "Preprocessing":
        """This preprocessing with its tensors on `device`."""
        if self.minimum is None or self.span is None:
            return self
        moved = self.minimum.to(device), self.span.to(device)
        return replace(self, minimum=moved[0], span=moved[1])

    def rows(self, stored: Shaped[np.ndarray, "n ..."]) -> Raw:
        """Dataset rows, resized and flattened, in their stored type.

        Images are resized by Pillow's bicubic filter on bytes, so that nothing leaves [0, 255]. Raises `WrongWidth`.
        """
        if self.image_size is not None and stored.ndim == 4:
            stored = _resized(stored, self.image_size)
        flat = stored.reshape(len(stored), -1)
        self._check_width(flat.shape[1])
        return flat

    def from_body(self, sent: Shaped[np.ndarray, "..."]) -> Float32[np.ndarray, "n d"]:
        """Convert rows that a client sent, already of the model's width, to float32 in raw units.

        Flat, or as images: [n, height, width], with several channels [n, channels, height, width]. uint8 is
        divided by 255, and accepted by models of images only. The dataset's `means` are subtracted in float64, because
        an offset that is large against the spread would leave few digits of it in float32; for the same reason such
        a model accepts no narrower type than float64.
        Raises `UnsupportedDtype`, `EmptyInput`, `WrongWidth` and `NotFinite`.
        """
        self._check_dtype(sent.dtype)
        if self.means is not None and sent.dtype.itemsize < 8:
            raise errors.UnsupportedDtype(
                "The model learned from a centred dataset, whose columns may have offsets that only float64 holds: "
                f"send float64 or JSON; {sent.dtype} came."
            )
        if sent.size == 0:
            raise errors.EmptyInput("At least one row of at least one value is required; got none.")
        self._check_shape(sent.shape)
        flat = sent.reshape(len(sent), -1)
        if self.means is None and sent.dtype == np.float32:
            values = flat
        else:
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found below
                values = (flat if self.means is None else flat - self.means).astype(np.float32)
        if not np.isfinite(values).all():
            raise errors.NotFinite("Every value must be a finite float32; got a NaN or an infinity.")
        return values / np.float32(255) if sent.dtype == np.uint8 else values

    def from_dataset(self, rows: Raw, means: Float64[np.ndarray, " d"] | None) -> Float32[np.ndarray, "n d"]:
        """Convert resized rows of any dataset, stored with its `means` subtracted, to float32 in raw units.

        Raises `UnsupportedDtype` for images if this is a model of vectors.
        """
        if rows.dtype == np.uint8 and self.image_shape is None:
            raise errors.UnsupportedDtype("The model learned from vectors, and the rows of this dataset are images.")
        if rows.dtype == np.uint8:
            return np.divide(rows, np.float32(255))
        own, others = (np.zeros(self.n_inputs) if known is None else known for known in (self.means, means))
        moved: np.ndarray = (
            np.array(rows) if np.array_equal(own, others) else (rows + (others - own)).astype(np.float32)
        )
        return moved

    def to_body(self, rows: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"] | Float64[np.ndarray, "n d"]:
        """Rows in the units of a client: with the dataset's `means` added, in float64, which has digits for both."""
        return rows if self.means is None else rows + self.means

    def to_inputs(self, raw: Shaped[Tensor, "*networks n d"]) -> Float[Tensor, "*networks n d"]:
        """Convert raw rows, uint8 or floating point, to inputs of the network: bytes divided by 255, then scaled.

        Values outside the range that the scaling was fitted on are not clamped.
        """
        values = raw.to(torch.float32).div_(255) if raw.dtype is torch.uint8 else raw
        if self.minimum is None or self.span is None:
            return values
        return (values - self.minimum).div_(self.span)

    def undo(self, scaled: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
        """Convert scaled inputs or reconstructions back to raw units: [0, 1] for images."""
        if self.minimum is None or self.span is None:
            return scaled
        return scaled * self.span + self.minimum

    def document(self) -> dict[str, Any]:
        """Its metadata in a file; the numbers that it computes with are tensors of that file."""
        entries = {"image_size": self.image_size, "scaling": self.scaling}
        # only if it is true: files from before centred datasets lack the key
        return entries if self.means is None else {**entries, "centered": True}

    def _check_dtype(self, dtype: np.dtype[Any]) -> None:
        if dtype == np.uint8 and self.image_shape is None:
            raise errors.UnsupportedDtype(
                "The model learned from vectors, and uint8 stands for pixels, which are divided by 255: send float32 "
                "or float64, in the units of the dataset that it learned from."
            )
        if dtype != np.uint8 and dtype.kind != "f":
            wanted = "floating-point numbers" if self.image_shape is None else "floating-point numbers or uint8"
            raise errors.UnsupportedDtype(f"Inputs of this model are {wanted}; got {dtype}.")

    def _check_width(self, width: int) -> None:
        if width != self.n_inputs:
            raise errors.WrongWidth(f"The model takes {self.n_inputs} values per row; got {width}.")

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        allowed: list[tuple[int, ...]] = [(self.n_inputs,)]
        if self.image_shape is not None:
            allowed += [self.image_shape[1:]] if self.image_shape[0] == 1 else [self.image_shape]
        if shape[1:] not in allowed:
            wanted = " or ".join("rows x " + " x ".join(map(str, form)) for form in allowed)
            raise errors.WrongWidth(f"The model takes {wanted}; got {' x '.join(map(str, shape))}.")


def fit(choice: DatasetChoice, dataset: Dataset) -> Preprocessing:
    """The preprocessing that a spec describes, with its scaling fitted on the rows that it learns from."""
    shape = dataset.image_shape
    if shape is not None and choice.image_size is not None:
        shape = (shape[0], choice.image_size, choice.image_size)
    width = dataset.n_inputs if shape is None else math.prod(shape)
    unscaled = Preprocessing(width, shape, choice.image_size if shape is not None else None, means=dataset.means)
    if choice.scaling == "none":
        return unscaled
    train, learned = dataset.split("train").rows, sampling.learned(choice, dataset)
    pieces = np.array_split(learned, range(CHUNK_ROWS, len(learned), CHUNK_ROWS))
    minimum, span = range_of(unscaled, (train[piece] for piece in pieces))
    return replace(unscaled, minimum=minimum, span=span)


def range_of(unscaled: Preprocessing, pieces: Iterable[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Smallest value of each input over all pieces of stored rows, and its span; 1 if it does not vary."""
    minimum = torch.full((unscaled.n_inputs,), math.inf)
    maximum = torch.full((unscaled.n_inputs,), -math.inf)
    for piece in pieces:
        values = unscaled.to_inputs(torch.from_numpy(np.array(unscaled.rows(piece))))
        minimum, maximum = torch.minimum(minimum, values.amin(0)), torch.maximum(maximum, values.amax(0))
    # an input that varies only by rounding would be scaled to noise in [0, 1]
    return minimum, torch.where(variation.varies(minimum, maximum), maximum - minimum, 1.0)


def _resized(images: UInt8[np.ndarray, "n c h w"], size: int) -> UInt8[np.ndarray, "n c size size"]:
    if images.shape[2:] == (size, size):
        return images
    result = np.empty((*images.shape[:2], size, size), np.uint8)
    for source, target in zip(images.reshape(-1, *images.shape[2:]), result.reshape(-1, size, size), strict=True):
        target[:] = Image.fromarray(source).resize((size, size), Image.Resampling.BICUBIC)
    return result
