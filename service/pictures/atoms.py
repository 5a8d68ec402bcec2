"""Pictures of the atoms that a baselines run left: a grid of one dictionary, and pairs matched with the model's."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from service.errors import MethodNotFound
from service.inference import inputs
from service.pictures import features, pairs, png, words
from sparse_coding.errors import NotAnImage

OWN: Final = "model"
"""The method that is the model itself."""


@dataclass(frozen=True)
class AtomsFile:
    """What a run left of every dictionary: named arrays and a document, as `atom_files` writes them."""

    arrays: Mapping[str, np.ndarray]
    document: dict[str, Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        """[channels, height, width] of an atom. Raises `NotAnImage`."""
        shape = self.document["image_shape"]
        if shape is None:
            raise NotAnImage("the model was trained on vectors: its atoms have no picture")
        channels, height, width = shape
        return channels, height, width

    def of(self, part: str, method: str) -> np.ndarray:
        """`atoms`, `pairs` or `cosines` of a method. Raises `MethodNotFound` where the run left none."""
        found = self.arrays.get(f"{part}.{method}")
        if found is None:
            available = ", ".join(name.partition(".")[2] for name in self.arrays if name.startswith(f"{part}."))
            raise MethodNotFound(f"this run left {part} of {available or 'no method'}; {method} is not among them")
        return found

    def images(self, method: str, rows: np.ndarray) -> np.ndarray:
        """Atoms as [m, channels, height, width]."""
        chosen: np.ndarray = self.of("atoms", method)[rows]
        return chosen.reshape(len(rows), *self.shape)

    def numbers(self, method: str, rows: np.ndarray) -> list[int]:
        """Which atoms of the whole dictionary these are; of the model, which latents."""
        return [self.document["indices"][method][row] for row in rows]

    def fitting(self, most: int) -> int:
        """The number of atoms in one picture: at most `most`, or fewer large ones."""
        return max(1, min(most, inputs.MAX_NUMBERS // math.prod(self.shape)))


def grid(file: AtomsFile, method: str, limit: int, max_images: int) -> bytes:
    """A PNG of the first atoms of one dictionary. Raises `NotAnImage` and `MethodNotFound`."""
    count = len(file.of("atoms", method))
    shown = np.arange(min(limit, count, file.fitting(max_images)))
    tiles = png.centred(file.images(method, shown))
    columns, scale = math.ceil(math.sqrt(len(tiles))), png.whole_factor(tiles[0, 0])
    sheet = png.grid(tiles, columns=columns, gap=features.GAP, scale=scale)
    return png.encode(sheet, {"method": method, **_text({"atoms": file.numbers(method, shown), "of": count})})


def matched(file: AtomsFile, method: str, limit: int, max_images: int) -> bytes:
    """A PNG of the model's atoms, each above its match. Raises `NotAnImage` and `MethodNotFound`."""
    chosen = file.of("pairs", method)[: max(1, min(limit, file.fitting(max_images) // 2))]
    own, other = file.images(OWN, chosen[:, 0]), file.images(method, chosen[:, 1])
    turned = (own * other).sum(axis=(1, 2, 3), dtype=np.float64) < 0
    facts = {
        "latents": file.numbers(OWN, chosen[:, 0]),
        "atoms": file.numbers(method, chosen[:, 1]),
        "turned": file.numbers(method, chosen[turned, 1]),
        "cosines": file.of("cosines", method)[: len(chosen)],
    }
    sheet = pairs.symmetric(own, np.where(turned[:, None, None, None], -other, other))
    return png.encode(sheet, {"layout": f"the model's atom above that of {method}", **_text(facts)})


def _text(facts: dict[str, Any]) -> dict[str, str]:
    """What a picture says about itself, as tEXt chunks in JSON."""
    return {**words.chunks(facts), "contrast": words.SYMMETRIC}
