"""How features become pictures: a way of looking at latents, tiles with contrasts of their own, and words about them.

What a feature is stands in the workshop (`feature_images`). Knows no routes, and not why a latent is shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
from fastapi import Query
from pydantic import Field

from service.http import representations
from service.inference import checks, inputs
from service.pictures import png
from service.storage import Storage
from sparse_coding.analysis import feature_images
from sparse_coding.errors import TooManyRows
from sparse_coding.models.weights import TrainedModel

GAP: Final = 4
"""Pixels between tiles."""

Mode = Literal["raw", "difference"]
ModeQuery = Annotated[
    Mode, Query(description="`raw`: the decoded one-hot code. `difference`: what it adds to the decoded zero code.")
]
Amplitude = float | Literal["p95"]
AmplitudeQuery = Annotated[
    Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | Literal["p95"],
    Query(description="Activation of the one latent; `p95`: the 95th percentile of its own positive activations."),
]

_CONTRASTS: Final = {
    "raw": "each tile from its minimum (black) to its maximum (white)",
    "difference": "each tile symmetric: 0 is mid grey, its largest magnitude black or white",
}


@dataclass(frozen=True)
class Look:
    """How a latent is made visible."""

    mode: Mode
    amplitude: Amplitude


def check_tiles(storage: Storage, model: TrainedModel, count: int) -> None:
    """Raises `TooManyRows` where so many pictures of a model are more than one answer may hold."""
    most = min(storage.settings.max_images, max(1, inputs.MAX_NUMBERS // model.preprocessing.n_inputs))
    if count > most:
        raise TooManyRows(f"at most {most} pictures of this model fit into one answer; {count} were asked for")


def images(model: TrainedModel, p95: np.ndarray, look: Look, shown: Sequence[int]) -> np.ndarray:
    """Feature images, float32 [m, channels, height, width]; `p95` has every latent's own amplitude, or NaN."""
    found = feature_images.decoded(model, shown, mode=look.mode, amplitude=look.amplitude, p95=p95)
    return checks.finite(found, "pictures")


def tiles(look: Look, pictures: np.ndarray) -> np.ndarray:
    """Feature images as uint8, each with the contrast that fits its mode."""
    return png.spread(pictures) if look.mode == "raw" else png.centred(pictures)


def text(reference: str, look: Look, pictures: np.ndarray, facts: Mapping[str, Any]) -> dict[str, str]:
    """What a picture says of itself, as tEXt chunks; all but sentences and names is JSON."""
    inner = tuple(range(1, pictures.ndim))
    ranges = np.stack([pictures.min(axis=inner), pictures.max(axis=inner)], axis=1)
    return {
        **{name: representations.json_bytes(fact).decode() for name, fact in {**facts, "ranges": ranges}.items()},
        "contrast": _CONTRASTS[look.mode],
        "mode": look.mode,
        "amplitude": str(look.amplitude),
        "model": reference,
    }
