"""To which classes a model's latents answer, over HTTP: numbers, a heat map, pictures of the most and least selective.

Computed once for each split and kept. The definitions stand in the workshop, the drawing in `selectivity_chart`
and `feature_pictures`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
import safetensors.numpy
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from service.analyses import cache
from service.charts import selectivity as selectivity_chart
from service.charts import style
from service.http import paths, problems, representations
from service.http.representations import JSON, PNG, ChartForm, PictureForm, Representation
from service.inference import checks
from service.pictures import features as feature_pictures
from service.pictures import lettering, png
from service.pictures.features import Amplitude, AmplitudeQuery, Look, Mode, ModeQuery
from service.references import Chosen, ChosenDep
from service.routes.v1 import features
from service.routes.v1.sparsity import Latents
from service.state import AppState, AppStateDep
from sparse_coding.analysis import selectivity, sparsity
from sparse_coding.analysis.selectivity import Selectivity
from sparse_coding.errors import NoLabels, TooManyRows
from sparse_coding.models.weights import TrainedModel

router = APIRouter(prefix=paths.V1, tags=["analyses"])

OFFERS: Final = (JSON, *style.FORMS)
PICTURES: Final = (PNG, JSON)
LISTED: Final = 16
"""Latents that an answer names as the most and the least selective, and for every class."""
SHOWN: Final = {"most": 16, "least": 16, "classes": 8}
"""Latents of a picture, or of each of its lines, unless another number is asked for."""
MAX_MEANS: Final = 2**22
"""Classes x latents of one answer."""
FORMULAS: Final = {
    "selectivity": selectivity.FORMULAS["selectivity"],
    "class_mean": selectivity.FORMULAS["class_means"],
}
"""Of a latent that is listed."""

SplitName = Literal["train", "test"]
SplitQuery = Annotated[SplitName, Query(description="Rows of which split of the dataset that it was trained on.")]
Which = Literal["most", "least", "classes"]


class SelectiveLatent(BaseModel):
    """One latent, and the class that it answers to most."""

    latent: int
    selectivity: float = Field(description="From 0 (answers to all classes alike) to 1 (to one alone).")
    preferred_class: str
    class_mean: float = Field(description="Its mean activation over the rows of that class.")


class SelectivityAnswer(BaseModel):
    """How the latents answer to the classes of a dataset."""

    model: str
    split: SplitName
    num_samples: int = Field(description="Rows really used: all that fit.")
    classes: list[str]
    class_means: list[list[float | None]] = Field(
        description="[class][latent]: mean activation over the rows of a class; null for a class without rows."
    )
    selectivity: list[float] = Field(
        description="Per latent (mu_max - mu_rest) / (mu_max + mu_rest), mu_max the largest class mean and mu_rest the "
        "mean of the others; 0 for a silent latent."
    )
    preferred_class: list[int | None] = Field(
        description="Per latent the class with the largest mean, as a position in `classes`; null for a silent latent."
    )
    mean_selectivity: float = Field(description="Over all latents, silent ones as 0.")
    silent_latents: Latents = Field(description="0 on every row; they are not listed below.")
    most_selective: list[SelectiveLatent] = Field(description=f"At most {LISTED}, by falling selectivity.")
    least_selective: list[SelectiveLatent] = Field(description=f"At most {LISTED}, by rising selectivity.")
    per_class: dict[str, list[int]] = Field(
        description=f"For every class at most {LISTED} latents that prefer it, by falling selectivity."
    )
    formulas: dict[str, str]


class SelectiveFeatures(BaseModel):
    """The latents of a picture, in its order."""

    model: str
    split: SplitName
    which: Which
    mode: Mode
    amplitude: Amplitude
    items: list[SelectiveLatent]
    formulas: dict[str, str]


@dataclass(frozen=True)
class _Choice:
    """Which latents are asked for, and how they shall look."""

    which: Which
    limit: int
    look: Look


@dataclass(frozen=True)
class _Measured:
    """The selectivity of a model's latents, and of what."""

    model: str
    split: SplitName
    classes: tuple[str, ...]
    rows: int
    found: Selectivity

    def item(self, latent: int) -> dict[str, Any]:
        preferred = self.found.preferred[latent]
        return {
            "latent": int(latent),
            "selectivity": float(self.found.index[latent]),
            "preferred_class": self.classes[preferred],
            "class_mean": float(self.found.class_means[preferred, latent]),
        }

    def document(self) -> dict[str, Any]:
        found = self.found
        silent = np.flatnonzero(found.silent)
        return {
            "model": self.model,
            "split": self.split,
            "num_samples": self.rows,
            "classes": self.classes,
            "class_means": found.class_means,
            "selectivity": found.index,
            "preferred_class": [
                None if speechless else preferred
                for preferred, speechless in zip(found.preferred.tolist(), found.silent, strict=True)
            ],
            "mean_selectivity": found.mean,
            "silent_latents": {"count": len(silent), "indices": silent},
            "most_selective": [self.item(latent) for latent in found.most(LISTED)],
            "least_selective": [self.item(latent) for latent in found.least(LISTED)],
            "per_class": dict(zip(self.classes, found.by_class(LISTED), strict=True)),
            "formulas": selectivity.FORMULAS,
        }

    def lines(self, choice: _Choice) -> list[list[int]]:
        """The latents of a picture; those of a class are a line of their own."""
        if choice.which == "classes":
            return [latents.tolist() for latents in self.found.by_class(choice.limit)]
        chosen = self.found.most if choice.which == "most" else self.found.least
        return [chosen(choice.limit).tolist()]


@router.get(
    "/models/{model}/selectivity",
    summary="Selectivity for classes",
    response_class=Response,
    responses={
        200: representations.described(SelectivityAnswer, *style.FORMS),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 409, 413, 503),
    },
)
async def get_selectivity(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    split: SplitQuery = "test",
    form: ChartForm = None,
) -> Response:
    """Mean activations by class and latent, and how selective every latent is; as a chart, a heat map.

    In the heat map the latents stand by preferred class and falling selectivity, each in units of its own largest class
    mean. A dataset without labels is answered with 409.
    """
    wanted = representations.choose(request, OFFERS, form)
    content = await cache.answer(request, app_state, _answer, app_state, chosen, split, wanted)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


@router.get(
    "/models/{model}/selectivity/features",
    summary="Selective features",
    response_class=Response,
    responses={
        200: representations.described(SelectiveFeatures, PNG, picture_first=True),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 409, 413, 503),
    },
)
async def draw_selectivity(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    split: SplitQuery = "test",
    which: Annotated[
        Which,
        Query(description="The most or the least selective latents, or those that prefer each class, a line each."),
    ] = "most",
    limit: Annotated[
        int | None, Query(ge=1, le=200, description="How many, or of each class how many; 16, or 8 of each class.")
    ] = None,
    mode: ModeQuery = "difference",
    amplitude: AmplitudeQuery = 1.0,
    form: PictureForm = None,
) -> Response:
    """Feature images of the most or the least selective latents; with `classes` a line of them for every class.

    Each line has the name of its class beside it; a class that fewer latents prefer has blank tiles. Silent latents are
    left out. The text chunk `latents` names what is shown.
    """
    wanted = representations.choose(request, PICTURES, form)
    choice = _Choice(which, SHOWN[which] if limit is None else limit, Look(mode, amplitude))
    content = await cache.answer(request, app_state, _features, app_state, chosen, split, choice, wanted)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


def _answer(app_state: AppState, chosen: Chosen, split: SplitName, wanted: Representation) -> bytes:
    document = _measured(app_state, chosen, app_state.models.get(chosen.version.digest), split).document()
    if wanted == JSON:
        return representations.json_bytes(document)
    return style.render(selectivity_chart.heat_map(document), wanted)


def _measured(app_state: AppState, chosen: Chosen, model: TrainedModel, split: SplitName) -> _Measured:
    """Computed once and kept. Raises `NoLabels`, and `TooManyRows` where the table of means would be too large."""
    source = cache.dataset(app_state, chosen.version.dataset_digest)
    labels, classes = source.split(split).labels, source.classes
    if labels is None or classes is None:
        raise NoLabels(f"selectivity needs the class of every row; the dataset has no labels in its {split} split")
    if len(classes) * model.n_latents > MAX_MEANS:
        raise TooManyRows(
            f"classes times latents may be {MAX_MEANS}; they are {len(classes) * model.n_latents} for this model"
        )
    rows = cache.fitting(model, len(labels))
    inputs = {"model": chosen.version.digest, "dataset": chosen.version.dataset_digest, "split": split, "rows": rows}

    def measure() -> bytes:
        codes = sparsity.encode_all(model, source.split(split).rows[:rows])
        return safetensors.numpy.save(vars(selectivity.analyse(codes, labels[:rows], len(classes))))

    found = Selectivity(**safetensors.numpy.load(cache.kept(app_state, "selectivity", inputs, measure)))
    return _Measured(chosen.version.reference, split, classes, rows, found)


def _features(app_state: AppState, chosen: Chosen, split: SplitName, choice: _Choice, wanted: Representation) -> bytes:
    model = app_state.models.get(chosen.version.digest)
    if wanted == PNG:
        checks.image_shape(model)
    measured = _measured(app_state, chosen, model, split)
    lines = measured.lines(choice)
    if wanted == PNG:
        feature_pictures.check_tiles(app_state, model, len(lines) * _longest(lines))
        return _picture(model, measured, choice, features.statistics_of(app_state, chosen, model).p95)
    items = [measured.item(latent) for line in lines for latent in line]
    document = {"model": measured.model, "split": split, "which": choice.which, **vars(choice.look), "items": items}
    return representations.json_bytes({**document, "formulas": FORMULAS})


def _longest(lines: Sequence[Sequence[int]]) -> int:
    """Tiles of the longest line; a picture has one even where there is nothing to show."""
    return max(1, *map(len, lines))


def _picture(model: TrainedModel, measured: _Measured, choice: _Choice, p95: np.ndarray) -> bytes:
    """Lines one below the other, or one line broken where it makes the picture about square."""
    lines = measured.lines(choice)
    shown = [latent for line in lines for latent in line]
    width = _longest(lines)
    images = feature_pictures.images(model, p95, choice.look, shown)
    tiles = np.full((len(lines) * width, *images.shape[1:]), png.PAPER, np.uint8)
    places = [row * width + place for row, line in enumerate(lines) for place in range(len(line))]
    tiles[places] = feature_pictures.tiles(choice.look, images)
    columns = width if choice.which == "classes" else math.ceil(math.sqrt(width))
    scale = png.whole_factor(tiles[0, 0])
    step = feature_pictures.GAP + scale * tiles.shape[2]
    above = max(0, lettering.LINE - step) if choice.which == "classes" else 0
    sheet = png.grid(tiles, columns=columns, gap=feature_pictures.GAP, scale=scale, above=above)
    if choice.which == "classes":
        sheet = _named(sheet, measured.classes, step + above)
    facts = {
        "latents": lines if choice.which == "classes" else shown,
        "selectivity": [float(measured.found.index[latent]) for latent in shown],
        "classes": measured.classes,
    }
    words = {"which": choice.which, "split": measured.split}
    return png.encode(sheet, {**feature_pictures.text(measured.model, choice.look, images, facts), **words})


def _named(sheet: np.ndarray, classes: Sequence[str], step: int) -> np.ndarray:
    """Lines that are `step` pixels apart, with the name of its class beside each."""
    gap = 2 * feature_pictures.GAP
    names = [_name(number, name) for number, name in enumerate(classes)]
    margin = np.full((len(sheet), max(map(lettering.width, names)) + gap, *sheet.shape[2:]), png.PAPER, np.uint8)
    middles = [feature_pictures.GAP // 2 + step * number + step // 2 for number in range(len(names))]
    words = [lettering.Word(name, gap, middle) for name, middle in zip(names, middles, strict=True)]
    return lettering.written(np.concatenate([margin, sheet], axis=1), words)


def _name(number: int, name: str) -> str:
    """The name of a class, or its number where the font lacks a letter of it."""
    short = lettering.shortened(name)
    return short if lettering.is_legible(short) else f"class {number}"
