"""What single latents look like, and which inputs activate them, over HTTP: statistics, pictures and grids of them.

The statistics of all latents come from one pass over the test split and are kept. What a feature is stands in the
workshop (`feature_images`), how tiles become files in `feature_pictures`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
import safetensors.numpy
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from registry.errors import InvalidCursor
from service.analyses import cache
from service.errors import LatentNotFound
from service.http import paths, problems, representations
from service.http.pages import MAX_PAGE, Cursor, Limit, NextCursor
from service.http.representations import JSON, PNG, PictureForm, Representation
from service.inference import checks
from service.pictures import features as feature_pictures
from service.pictures import png
from service.pictures.features import Amplitude, AmplitudeQuery, Look, Mode, ModeQuery
from service.references import Chosen, ChosenDep
from service.state import AppState, AppStateDep
from sparse_coding.analysis import feature_images, sparsity
from sparse_coding.models.weights import TrainedModel

router = APIRouter(prefix=paths.V1, tags=["analyses"])

OFFERS: Final = (JSON, PNG)
SPLIT: Final = "test"
"""Statistics and the inputs that activate a latent most are taken from rows that it was not trained on."""
MAX_TOP: Final = 32
LARGE_SIDE: Final = 256
"""Side in pixels that the picture of one latent aims at."""

Sort = Literal["index", "lifetime_sparsity"]


class Feature(BaseModel):
    """One latent's statistics over the test split."""

    latent: int
    lifetime_sparsity: float = Field(description="Fraction of rows that activate it (above 0.1).")
    mean: float = Field(description="Mean activation over all rows.")
    max: float = Field(description="Greatest activation.")
    p95: float | None = Field(description="95th percentile of its positive activations; null without any.")
    dead: bool = Field(description="No row activates it.")


class FeaturePage(BaseModel):
    """Latents in the order asked for."""

    model: str
    mode: Mode
    amplitude: Amplitude
    num_samples: int = Field(description="Rows of the test split that the statistics were computed on: all that fit.")
    items: list[Feature]
    next_cursor: NextCursor


class TopInput(BaseModel):
    """One of the rows that activate a latent most."""

    split: str
    index: int
    activation: float
    label: str | None = Field(description="Name of its class; null without labels.")


class FeatureAnswer(Feature):
    """One latent: its statistics, what it looks like, and what activates it."""

    model: str
    mode: Mode
    amplitude: Amplitude
    pixels: list[Any] | None = Field(description="[height][width], or [height][width][3]; null for a model of vectors.")
    top_inputs: list[TopInput] = Field(description="Largest activation first; rows that leave it at 0 are left out.")


@dataclass(frozen=True)
class _Page:
    """Which latents are asked for."""

    sort: Sort
    cursor: str | None
    limit: int


@dataclass(frozen=True)
class Statistics:
    """What one pass over the test split says of all n latents."""

    lifetime_sparsity: np.ndarray
    mean: np.ndarray
    max: np.ndarray
    p95: np.ndarray
    """NaN for a latent without a positive activation."""
    dead: np.ndarray
    top_indices: np.ndarray
    """[n, MAX_TOP or fewer]: rows by falling activation."""
    top_activations: np.ndarray
    num_samples: np.ndarray
    """[1]: rows that were looked at."""

    def of(self, latent: int) -> dict[str, Any]:
        p95 = float(self.p95[latent])
        return {
            "latent": latent,
            "lifetime_sparsity": float(self.lifetime_sparsity[latent]),
            "mean": float(self.mean[latent]),
            "max": float(self.max[latent]),
            "p95": None if math.isnan(p95) else p95,
            "dead": bool(self.dead[latent]),
        }


@router.get(
    "/models/{model}/features",
    summary="List features",
    response_class=Response,
    responses={
        200: representations.described(FeaturePage, PNG),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 413, 503),
    },
)
async def list_features(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    mode: ModeQuery = "raw",
    amplitude: AmplitudeQuery = 1.0,
    limit: Limit = 64,
    sort: Annotated[Sort, Query(description="By number, or the most used first.")] = "index",
    cursor: Cursor = None,
    form: PictureForm = None,
) -> Response:
    """Statistics of the latents; as PNG, a grid of their feature images that is ceil(sqrt(n)) wide.

    In the grid each tile has a contrast of its own: `raw` from its minimum (black) to its maximum (white), `difference`
    symmetric about mid grey. Dead latents have a coloured frame. The text chunk `latents` names what is shown.
    """
    wanted = representations.choose(request, OFFERS, form)
    page = _Page(sort, cursor, min(limit, MAX_PAGE))
    content = await cache.answer(request, app_state, _list, app_state, chosen, Look(mode, amplitude), page, wanted)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


@router.get(
    "/models/{model}/features/{latent}",
    summary="Get a feature",
    response_class=Response,
    responses={
        200: representations.described(FeatureAnswer, PNG),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 503),
    },
)
async def get_feature(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    latent: Annotated[int, Path(ge=0, le=65_535, description="A latent, from 0.", examples=[3])],
    mode: ModeQuery = "raw",
    amplitude: AmplitudeQuery = 1.0,
    top: Annotated[int, Query(ge=0, le=MAX_TOP, description="How many of the inputs that activate it most.")] = 8,
    form: PictureForm = None,
) -> Response:
    """One latent: its image, its statistics, and the inputs of the test split that activate it most."""
    wanted = representations.choose(request, OFFERS, form)
    content = await cache.answer(
        request, app_state, _get, app_state, chosen, Look(mode, amplitude), latent, top, wanted
    )
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


def _list(app_state: AppState, chosen: Chosen, look: Look, page: _Page, wanted: Representation) -> bytes:
    model = app_state.models.get(chosen.version.digest)
    if wanted == PNG:
        checks.image_shape(model)
    statistics = statistics_of(app_state, chosen, model)
    shown, following = _turn(statistics, chosen.version.digest, page)
    if wanted == PNG:
        return _grid(app_state, chosen, model, statistics, look, shown)
    document: dict[str, Any] = {"model": chosen.version.reference, **vars(look)}
    document |= {"num_samples": int(statistics.num_samples[0])}
    document |= {"items": [statistics.of(latent) for latent in shown], "next_cursor": following}
    return representations.json_bytes(document)


def _turn(statistics: Statistics, digest: str, page: _Page) -> tuple[list[int], str | None]:
    """The latents of one page, and the cursor of the next. A cursor belongs to one model version and one order."""
    count = len(statistics.dead)
    order = np.arange(count) if page.sort == "index" else np.argsort(-statistics.lifetime_sparsity, kind="stable")
    suffix = f".{page.sort}.{digest[:12]}"
    start = 0
    if page.cursor is not None:
        number = page.cursor.removesuffix(suffix)
        if number == page.cursor or not number.isascii() or not number.isdecimal() or not 0 < int(number) < count:
            raise InvalidCursor("the cursor is not `next_cursor` of a page of this model in this order")
        start = int(number)
    end = start + page.limit
    return order[start:end].tolist(), f"{end}{suffix}" if end < count else None


def _get(app_state: AppState, chosen: Chosen, look: Look, latent: int, top: int, wanted: Representation) -> bytes:
    model = app_state.models.get(chosen.version.digest)
    if latent >= model.n_latents:
        raise LatentNotFound(f"latents of this model are numbered from 0 to {model.n_latents - 1}")
    if wanted == PNG:
        checks.image_shape(model)
    statistics = statistics_of(app_state, chosen, model)
    if wanted == PNG:
        return _one(chosen, model, statistics, look, latent)
    document: dict[str, Any] = {"model": chosen.version.reference, **vars(look), **statistics.of(latent)}
    document["pixels"] = _pixels(model, statistics, look, latent)
    document["top_inputs"] = _top_inputs(app_state, chosen, statistics, latent, top)
    return representations.json_bytes(document)


def statistics_of(app_state: AppState, chosen: Chosen, model: TrainedModel) -> Statistics:
    """The statistics of a model's latents over the test split of its dataset, computed once and kept."""
    inputs_of = {
        "model": chosen.version.digest,
        "dataset": chosen.version.dataset_digest,
        "split": SPLIT,
        "top": MAX_TOP,
    }
    content = cache.kept(app_state, "features", inputs_of, lambda: _measure(app_state, chosen, model))
    return Statistics(**safetensors.numpy.load(content))


def _measure(app_state: AppState, chosen: Chosen, model: TrainedModel) -> bytes:
    """One pass over the split; the result as safetensors, one array for each field of `Statistics`."""
    rows = cache.dataset(app_state, chosen.version.dataset_digest).split(SPLIT).rows
    codes = sparsity.encode_all(model, rows[: cache.fitting(model, len(rows))])
    tops = [feature_images.top_inputs(codes, latent, MAX_TOP) for latent in range(model.n_latents)]
    return safetensors.numpy.save(
        {
            **vars(feature_images.statistics(codes)),
            "top_indices": np.stack([indices for indices, _ in tops]),
            "top_activations": np.stack([activations for _, activations in tops]),
            "num_samples": np.array([len(codes)]),
        }
    )


def _top_inputs(
    app_state: AppState, chosen: Chosen, statistics: Statistics, latent: int, top: int
) -> list[dict[str, Any]]:
    source = cache.dataset(app_state, chosen.version.dataset_digest)
    labels = source.split(SPLIT).labels
    indices, activations = statistics.top_indices[latent, :top], statistics.top_activations[latent, :top]
    return [
        {
            "split": SPLIT,
            "index": index,
            "activation": activation,
            "label": None if labels is None or source.classes is None else source.classes[labels[index]],
        }
        for index, activation in zip(indices.tolist(), activations.tolist(), strict=True)
        if activation > 0
    ]


def _pixels(model: TrainedModel, statistics: Statistics, look: Look, latent: int) -> np.ndarray | None:
    if model.preprocessing.image_shape is None:
        return None
    image = feature_pictures.images(model, statistics.p95, look, [latent])[0]
    return np.asarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))


def _grid(
    app_state: AppState, chosen: Chosen, model: TrainedModel, statistics: Statistics, look: Look, shown: Sequence[int]
) -> bytes:
    """A picture of several latents, wide enough to be about square."""
    feature_pictures.check_tiles(app_state, model, len(shown))
    images = feature_pictures.images(model, statistics.p95, look, shown)
    dead = [position for position, latent in enumerate(shown) if statistics.dead[latent]]
    sheet = png.grid(
        feature_pictures.tiles(look, images),
        columns=math.ceil(math.sqrt(len(shown))),
        gap=feature_pictures.GAP,
        scale=png.whole_factor(images[0, 0]),
        marked=dead,
    )
    facts = {"latents": list(shown), "dead": [shown[position] for position in dead]}
    return png.encode(sheet, feature_pictures.text(chosen.version.reference, look, images, facts))


def _one(chosen: Chosen, model: TrainedModel, statistics: Statistics, look: Look, latent: int) -> bytes:
    """A picture of one latent and nothing around it, larger than in a grid."""
    images = feature_pictures.images(model, statistics.p95, look, [latent])
    scale = png.whole_factor(images[0, 0], side=LARGE_SIDE)
    sheet = png.grid(feature_pictures.tiles(look, images), columns=1, gap=0, scale=scale)
    facts = {"latents": [latent], "dead": [latent] if statistics.dead[latent] else []}
    return png.encode(sheet, feature_pictures.text(chosen.version.reference, look, images, facts))
