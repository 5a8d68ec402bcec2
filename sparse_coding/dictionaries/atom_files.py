"""The atoms of several dictionaries and their matched pairs <-> one safetensors file.

Knows arrays; not how a dictionary was learned or matched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

from sparse_coding.data import tensor_files

FORMAT: Final = "sae.atoms/1"


@dataclass(frozen=True, eq=False)
class Atoms:
    """The used atoms of a dictionary, and their pairs with the model's atoms."""

    atoms: Float32[np.ndarray, "n d"]
    """In scaled units."""
    indices: Int64[np.ndarray, " n"]
    """Their indices in the whole dictionary; for a model, their latents."""
    pairs: Int64[np.ndarray, "p 2"]
    """Row of the model's `atoms` and row of these, by falling |cosine|; empty for the model itself."""
    cosines: Float64[np.ndarray, " p"]
    """|cosine| of each pair."""

    @property
    def mean_cosine(self) -> float | None:
        """`pw_mcc`; None without pairs."""
        return float(self.cosines.mean()) if len(self.cosines) else None


def write(
    path: Path, dictionaries: Mapping[str, Atoms], *, image_shape: tuple[int, int, int] | None, n_latents: int
) -> None:
    """Write the non-empty of `atoms.METHOD`, `pairs.METHOD` and `cosines.METHOD`; equal contents give equal bytes.

    The document has `image_shape` ([channels, height, width], or null), the `methods` in their order, `indices` of
    each, and the model's `n_latents`.
    """
    document = {
        "format": FORMAT,
        "image_shape": image_shape,
        "methods": list(dictionaries),
        "indices": {method: own.indices.tolist() for method, own in dictionaries.items()},
        "n_latents": n_latents,
    }
    named = {
        f"{part}.{method}": torch.from_numpy(array)
        for method, own in dictionaries.items()
        for part, array in (("atoms", own.atoms), ("pairs", own.pairs), ("cosines", own.cosines))
        if array.size
    }
    tensor_files.write(path, named, document)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the document of a file. Raises `UnreadableFile` and `UnsupportedFormat`."""
    return tensor_files.read(path, FORMAT)
