"""How features become pictures: tiles with contrasts of their own, grids of them, and words about them.

What a feature is, `sparse_coding.analysis.feature_images` defines.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from service.answers.looks import Look
from service.inference import checks, inputs
from service.pictures import png, words
from service.storage import Storage
from sparse_coding import analysis
from sparse_coding.errors import TooManyRows

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel

GAP: Final = 4
"""Pixels between tiles."""
LARGE_SIDE: Final = 256
"""Side in pixels that the picture of one latent aims at."""

_CONTRASTS: Final = {"raw": words.SPREAD, "difference": words.SYMMETRIC}


def check_tiles(storage: Storage, model: "TrainedModel", count: int) -> None:
    """Raises `TooManyRows` where so many pictures of a model are more than one answer may hold."""
    most = min(storage.settings.max_images, max(1, inputs.MAX_NUMBERS // model.preprocessing.n_inputs))
    if count > most:
        raise TooManyRows(f"at most {most} pictures of this model fit into one answer; {count} were requested")


def images(model: "TrainedModel", p95: np.ndarray, look: Look, shown: Sequence[int]) -> np.ndarray:
    """Feature images, float32 [m, channels, height, width]; `p95` has every latent's own amplitude, or NaN."""
    found = analysis.feature_images.decoded(model, shown, mode=look.mode, amplitude=look.amplitude, p95=p95)
    return checks.finite(found, "pictures")


def pixels(model: "TrainedModel", p95: np.ndarray, look: Look, latent: int) -> np.ndarray | None:
    """One feature image as [height, width] or [height, width, 3]; None for a model of vectors."""
    if model.preprocessing.image_shape is None:
        return None
    image = images(model, p95, look, [latent])[0]
    return np.asarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))


def tiles(look: Look, pictures: np.ndarray) -> np.ndarray:
    """Feature images as uint8, each with the contrast that fits its mode."""
    return png.spread(pictures) if look.mode == "raw" else png.centred(pictures)


def grid(reference: str, look: Look, pictures: np.ndarray, shown: Sequence[int], dead: Sequence[int]) -> bytes:
    """A PNG of several feature images, wide enough to be about square; `dead` latents have a coloured frame."""
    sheet = png.grid(
        tiles(look, pictures),
        columns=math.ceil(math.sqrt(len(shown))),
        gap=GAP,
        scale=png.whole_factor(pictures[0, 0]),
        marked=[position for position, latent in enumerate(shown) if latent in dead],
    )
    return png.encode(sheet, text(reference, look, pictures, {"latents": list(shown), "dead": list(dead)}))


def single(reference: str, look: Look, pictures: np.ndarray, latent: int, *, dead: bool) -> bytes:
    """A PNG of one feature image and nothing around it, larger than in a grid."""
    scale = png.whole_factor(pictures[0, 0], side=LARGE_SIDE)
    sheet = png.grid(tiles(look, pictures), columns=1, gap=0, scale=scale)
    facts = {"latents": [latent], "dead": [latent] if dead else []}
    return png.encode(sheet, text(reference, look, pictures, facts))


def text(reference: str, look: Look, pictures: np.ndarray, facts: Mapping[str, Any]) -> dict[str, str]:
    """What a picture says about itself, as tEXt chunks; all but sentences and names is JSON."""
    inner = tuple(range(1, pictures.ndim))
    ranges = np.stack([pictures.min(axis=inner), pictures.max(axis=inner)], axis=1)
    return {
        **words.chunks({**facts, "ranges": ranges}),
        "contrast": _CONTRASTS[look.mode],
        "mode": look.mode,
        "amplitude": str(look.amplitude),
        "model": reference,
    }
