"""One-to-one matching of the atoms of two dictionaries by |cosine|.

Knows models and arrays of atoms; not which latents are dead.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64

from sparse_coding.analysis import assignment
from sparse_coding.data import variation
from sparse_coding.data.batches import CHUNK_ROWS
from sparse_coding.models.weights import TrainedModel

PW_MCC: Final = "pw_mcc"
VERSIONS: Final[Mapping[str, int]] = {PW_MCC: 2}
"""Formula id -> version, which grows with every change of its numbers: cached results of an older one are not read."""


@dataclass(frozen=True, eq=False)
class Dictionary:
    """The contribution of each latent of a model to the output, in raw units."""

    atoms: Float32[np.ndarray, "n d"]
    """One row for each latent."""
    kind: Literal["decoder", "difference"]
    """`decoder`: columns of a decoder that is one linear map. `difference`: decode(e_j) - decode(0)."""


class Pair(NamedTuple):
    """Two matched atoms."""

    first: int
    second: int
    cosine: float
    """Its magnitude, in [0, 1]."""
    sign: int
    """-1 if the atoms point in opposite directions, else 1."""


@dataclass(frozen=True)
class Matching:
    """Every atom of the smaller dictionary with its partner in the other, by falling |cosine|."""

    pairs: tuple[Pair, ...]

    @property
    def mean(self) -> float:
        """`pw_mcc`, pairwise mean correlation coefficient: mean |cosine| over the pairs; NaN without any."""
        return float(np.mean([pair.cosine for pair in self.pairs])) if self.pairs else np.nan


def dictionary(model: TrainedModel) -> Dictionary:
    """The atoms of a model.

    A decoder with hidden layers or a sigmoid output is not a linear map and has no columns: its difference images at
    amplitude 1 are used instead.
    """
    if not model.spec.model.hidden and model.spec.model.output == "identity":
        return Dictionary(_columns(model), "decoder")
    return Dictionary(_differences(model), "difference")


@torch.inference_mode()
def _columns(model: TrainedModel) -> Float32[np.ndarray, "n d"]:
    """The decoder's only weight matrix, transposed, and multiplied by the span that the scaling divides inputs by."""
    columns = next(model.autoencoder.decoder.parameters()).t()
    span = model.preprocessing.span
    atoms: np.ndarray = (columns if span is None else columns * span).cpu().numpy().copy()
    return atoms


def _differences(model: TrainedModel) -> Float32[np.ndarray, "n d"]:
    zero = model.decode(np.zeros((1, model.n_latents), np.float32))
    atoms = np.empty((model.n_latents, model.n_inputs), np.float32)
    for start in range(0, model.n_latents, CHUNK_ROWS):  # all one-hot codes at once would be n x n
        latents = np.arange(start, min(start + CHUNK_ROWS, model.n_latents))
        codes = np.zeros((len(latents), model.n_latents), np.float32)
        codes[np.arange(len(latents)), latents] = 1
        atoms[latents] = variation.difference(model.decode(codes), zero)
    return atoms


def match(first: Float[np.ndarray, "m d"], second: Float[np.ndarray, "n d"]) -> Matching:
    """The one-to-one matching of min(m, n) pairs with the largest sum of |cosine| (Hungarian algorithm).

    One to one, because with the nearest atom for each, many copies of one atom could all match well; |cosine|, because
    the sign of an atom of K-SVD or PCA is arbitrary.
    Pairs are sorted by falling |cosine|, of equals the lower index of `first` first. A zero atom has cosine 0 with all.
    Exchanging the arguments gives the same pairs mirrored, even if atoms tie.
    """
    if (len(first), first.tobytes()) > (len(second), second.tobytes()):  # a fixed order, so that ties agree
        mirrored = match(second, first).pairs
        return _sorted([Pair(pair.second, pair.first, pair.cosine, pair.sign) for pair in mirrored])
    cosines = _unit(first) @ _unit(second).T
    rows, columns = assignment.best(np.abs(cosines))
    found = zip(rows.tolist(), columns.tolist(), cosines[rows, columns].tolist(), strict=True)
    return _sorted([Pair(i, j, min(abs(cosine), 1.0), -1 if cosine < 0 else 1) for i, j, cosine in found])


def _sorted(pairs: list[Pair]) -> Matching:
    return Matching(tuple(sorted(pairs, key=lambda pair: (-pair.cosine, pair.first))))


def _unit(atoms: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    """Rows of length 1; a zero row stays zero."""
    rows = atoms.astype(np.float64)
    largest = np.abs(rows).max(1, initial=0, keepdims=True)
    rows = rows / np.where(largest > 0, largest, 1)  # first, so that no square overflows or underflows
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.where(lengths > 0, lengths, 1)
    return unit
