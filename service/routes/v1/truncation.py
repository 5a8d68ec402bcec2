"""How much of a model's codes is needed, over HTTP: errors by number of latents kept, a chart, strips of pictures.

What rows of a dataset give is computed once and kept; rows in a body are computed each time. The definitions stand in
the workshop, the drawing in `truncation_chart`.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import numpy as np
import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from service.analyses import cache
from service.charts import style
from service.charts import truncation as truncation_chart
from service.errors import Fault, InvalidRequest
from service.http import paths, problems, representations
from service.http.body_limits import body_limit
from service.http.representations import JSON, PNG, ChartForm, PictureForm, Representation
from service.inference import checks, inputs
from service.inference.inputs import Body, DatasetRows, NumberRows
from service.pictures import features as feature_pictures
from service.pictures import lettering, png
from service.references import Chosen, ChosenDep
from service.state import AppState, AppStateDep
from sparse_coding.analysis import truncation
from sparse_coding.errors import TooManyRows
from sparse_coding.models.weights import TrainedModel

router = APIRouter(prefix=paths.V1, tags=["analyses"])

OFFERS: Final = (JSON, *style.FORMS)
PICTURES: Final = (PNG, JSON)
MAX_ROWS: Final = 1000
MAX_LINES: Final = 16
MAX_STEPS: Final = 32
NUMBER: Final = 44
"""Pixels that the number above a picture may take: of six digits."""
FORMULAS: Final = {name: truncation.FORMULAS[name] for name in ("mse", "sufficient_latents")}
"""Of a line of pictures."""

SplitName = Literal["train", "test"]
SplitQuery = Annotated[SplitName, Query(description="Rows of which split of the dataset that it was trained on.")]
StepsQuery = Annotated[
    str | None,
    Query(
        max_length=200,
        pattern=r"^[0-9]{1,6}(,[0-9]{1,6})*$",
        description=f"Numbers of latents kept, separated by commas, at most {MAX_STEPS}; else 1, 2, 4, 8 and so on.",
        examples=["1,2,4,8"],
    ),
]


class Quartiles(BaseModel):
    """Of the rows, between neighbours in proportion."""

    lower_quartile: float
    median: float
    upper_quartile: float


class ErrorCurve(BaseModel):
    """Mean squared error from the 0, 1, 2 ... n_latents largest latents of each row's code."""

    mean: list[float] = Field(description="Over the rows.")
    lower_quartile: list[float]
    median: list[float]
    upper_quartile: list[float]


class RowsTruncation(BaseModel):
    """How much of a code is needed, and what each latent is worth."""

    model: str
    num_samples: int = Field(description="Rows really used: fewer where the split is shorter or the model very wide.")
    latents_kept: list[int] = Field(description="0 ... n_latents.")
    mse: ErrorCurve
    full_mse: float = Field(description="Of the whole code: the last of the means.")
    sufficient_latents: int = Field(
        description="The smallest number from which on the mean is never more than `tolerance` above `full_mse`."
    )
    sufficient_latents_of_rows: Quartiles = Field(description="The same number of each row by itself.")
    tolerance: float
    importance: list[float] = Field(
        description="Per latent, by how much the mean error rises when it alone is silenced; below 0 where it falls."
    )
    most_important: list[int] = Field(description="At most 16 latents, by falling importance.")
    error_units: Literal["raw", "scaled"] = Field(description="`scaled` for a model with `minmax`.")
    formulas: dict[str, str]


class SplitTruncation(RowsTruncation):
    """The same, for the first rows of a split."""

    split: SplitName


class StripLine(BaseModel):
    """One row, and what comes back from some of its latents."""

    latents_kept: list[int] = Field(
        description="Of each picture behind the original, rising: those asked for, the sufficient number, and all."
    )
    mse: list[float]
    sufficient_latents: int = Field(
        description="One of these numbers: the smallest from which on this row's error is near enough."
    )


class Strip(BaseModel):
    """The lines of a picture."""

    model: str
    lines: list[StripLine]
    tolerance: float
    error_units: Literal["raw", "scaled"]
    formulas: dict[str, str]


@dataclass(frozen=True)
class _Line:
    """One row's numbers of latents, rising, the sufficient one among them, and the error of each number."""

    kept: list[int]
    sufficient: int
    curve: np.ndarray

    @property
    def mse(self) -> list[float]:
        return [float(self.curve[count]) for count in self.kept]


_BODY: Final = inputs.described(DatasetRows, NumberRows, tensor_name="inputs", examples=inputs.EXAMPLES)


@router.get(
    "/models/{model}/truncation",
    summary="Truncation of codes",
    response_class=Response,
    responses={
        200: representations.described(SplitTruncation, *style.FORMS),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 413, 503),
    },
)
async def get_truncation(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    split: SplitQuery = "test",
    rows: Annotated[int, Query(ge=1, le=MAX_ROWS, description="The first so many rows.")] = truncation.NUM_ROWS,
    form: ChartForm = None,
) -> Response:
    """Errors of a split's rows from their m largest latents alone, for every m, and what each latent is worth.

    `sufficient_latents` is the smallest m from which on the error stays within 10 % of the full code's. The chart shows
    the mean and the quartiles of the rows against m.
    """
    wanted = representations.choose(request, OFFERS, form)
    content = await cache.answer(request, app_state, _of_split, app_state, chosen, split, rows, wanted)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


@router.post(
    "/models/{model}/truncation",
    summary="Truncation of inputs' codes",
    response_class=Response,
    responses={
        200: representations.described(RowsTruncation, *style.FORMS),
        **problems.responses(404, 406, 409, 503),
    },
    openapi_extra=_BODY,
)
@body_limit("max_body_bytes")
async def truncate(request: Request, chosen: ChosenDep, app_state: AppStateDep, form: ChartForm = None) -> Response:
    """The same for rows that are sent, or named by their indices."""
    wanted = representations.choose(request, OFFERS, form)
    body = await inputs.received(request)
    content = await app_state.interactive.run(request, _of_body, app_state, chosen, body, wanted)
    return representations.computed(content, wanted)


@router.get(
    "/models/{model}/truncation/strip",
    summary="A row from more and more latents",
    response_class=Response,
    responses={
        200: representations.described(Strip, PNG, picture_first=True),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 413, 503),
    },
)
async def get_strip(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    split: SplitQuery = "test",
    index: Annotated[int, Query(ge=0, le=2**53 - 1, description="A row of that split, from 0.")] = 0,
    steps: StepsQuery = None,
    form: PictureForm = None,
) -> Response:
    """One row, and what comes back from its 1, 2, 4, 8 ... largest latents, from its sufficient number, and from all.

    Above each picture stands its number of latents, rising; that of the sufficient number has a coloured frame. The
    text chunk `latents_kept` names the numbers too.
    """
    wanted = representations.choose(request, PICTURES, form)
    content = await app_state.interactive.run(request, _strip_of_split, app_state, chosen, split, index, steps, wanted)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


@router.post(
    "/models/{model}/truncation/strip",
    summary="Inputs from more and more latents",
    response_class=Response,
    responses={
        200: representations.described(Strip, PNG, picture_first=True),
        **problems.responses(404, 406, 409, 503),
    },
    openapi_extra=_BODY,
)
@body_limit("max_body_bytes")
async def draw_strip(
    request: Request, chosen: ChosenDep, app_state: AppStateDep, steps: StepsQuery = None, form: PictureForm = None
) -> Response:
    """The same for rows that are sent, or named by their indices: a line for each."""
    wanted = representations.choose(request, PICTURES, form)
    body = await inputs.received(request)
    content = await app_state.interactive.run(request, _strip_of_body, app_state, chosen, body, steps, wanted)
    return representations.computed(content, wanted)


def _of_split(app_state: AppState, chosen: Chosen, split: SplitName, asked: int, wanted: Representation) -> bytes:
    model = app_state.models.get(chosen.version.digest)
    source = cache.dataset(app_state, chosen.version.dataset_digest).split(split).rows
    count = truncation.fitting(model, min(asked, len(source)))
    read = {"model": chosen.version.digest, "dataset": chosen.version.dataset_digest, "split": split}
    kept = cache.kept(
        app_state, "truncation", {**read, "rows": count}, lambda: _measured(model, model.prepare(source[:count]))
    )
    return _answered({"model": chosen.version.reference, "split": split, **orjson.loads(kept)}, wanted)


def _of_body(app_state: AppState, chosen: Chosen, body: Body, wanted: Representation) -> bytes:
    model = app_state.models.get(chosen.version.digest)
    rows = _sent(app_state, model, body, MAX_ROWS)
    return _answered({"model": chosen.version.reference, **orjson.loads(_measured(model, rows))}, wanted)


def _sent(app_state: AppState, model: TrainedModel, body: Body, most: int) -> np.ndarray:
    """The rows in a body. Raises `TooManyRows` for more than may be truncated at once."""
    rows = inputs.rows(app_state, model, body)
    limit = truncation.fitting(model, most)
    if len(rows) > limit:
        raise TooManyRows(f"at most {limit} rows of this model are truncated at once; {len(rows)} came")
    app_state.measurements.rows.labels("truncate").inc(len(rows))
    return rows


def _measured(model: TrainedModel, rows: np.ndarray) -> bytes:
    curves = checks.finite(truncation.curves(model, rows), "errors")
    importance = checks.finite(truncation.importance(model, rows), "errors")
    found = truncation.Truncation(curves, importance)
    return representations.json_bytes({**found.document(), "error_units": model.preprocessing.error_units})


def _answered(report: dict[str, Any], wanted: Representation) -> bytes:
    if wanted == JSON:
        return representations.json_bytes(report)
    return style.render(truncation_chart.curve(report), wanted)


def _strip_of_split(
    app_state: AppState, chosen: Chosen, split: SplitName, index: int, steps: str | None, wanted: Representation
) -> bytes:
    model = app_state.models.get(chosen.version.digest)
    rows = model.prepare(cache.dataset(app_state, chosen.version.dataset_digest).take(split, [index]).rows)
    truncation.fitting(model, len(rows))
    return _strip(app_state, chosen, model, rows, steps, wanted)


def _strip_of_body(app_state: AppState, chosen: Chosen, body: Body, steps: str | None, wanted: Representation) -> bytes:
    model = app_state.models.get(chosen.version.digest)
    return _strip(app_state, chosen, model, _sent(app_state, model, body, MAX_LINES), steps, wanted)


def _strip(
    app_state: AppState,
    chosen: Chosen,
    model: TrainedModel,
    rows: np.ndarray,
    steps: str | None,
    wanted: Representation,
) -> bytes:
    counts = _counts(model, steps)
    if wanted == PNG:
        checks.image_shape(model)
        feature_pictures.check_tiles(app_state, model, len(rows) * (len(counts) + 3))
    curves = checks.finite(truncation.curves(model, rows), "errors")
    enough = truncation.sufficient(curves).tolist()
    lines = [
        _Line(sorted({*counts, number, model.n_latents}), number, curve)
        for number, curve in zip(enough, curves, strict=True)
    ]
    if wanted == PNG:
        return _picture(chosen, model, rows, lines)
    document = {
        "model": chosen.version.reference,
        "lines": [
            {"latents_kept": line.kept, "mse": line.mse, "sufficient_latents": line.sufficient} for line in lines
        ],
        "tolerance": truncation.TOLERANCE,
        "error_units": model.preprocessing.error_units,
        "formulas": FORMULAS,
    }
    return representations.json_bytes(document)


def _counts(model: TrainedModel, steps: str | None) -> list[int]:
    """Numbers of latents in ascending order, without that of all. Raises `InvalidRequest`."""
    if steps is None:
        return [2**power for power in range(model.n_latents.bit_length()) if 2**power < model.n_latents]
    counts = sorted({int(step) for step in steps.split(",")})
    if len(counts) > MAX_STEPS or counts[-1] > model.n_latents:
        detail = f"at most {MAX_STEPS} numbers from 0 to {model.n_latents}, this model's number of latents"
        raise InvalidRequest(f"steps: {detail}", [Fault("query:steps", detail)])
    return [count for count in counts if count < model.n_latents]


def _picture(chosen: Chosen, model: TrainedModel, rows: np.ndarray, lines: list[_Line]) -> bytes:
    """Each line: the original, then what comes back of so many of its latents; shorter lines end in blank tiles."""
    columns = 1 + max(len(line.kept) for line in lines)
    shape = checks.image_shape(model)
    tiles = np.full((len(lines) * columns, *shape), png.PAPER, np.uint8)
    for place, (row, line) in enumerate(zip(rows, lines, strict=True)):
        shown = np.concatenate([row[None], truncation.strip(model, row[None], line.kept)[0]])
        found = png.unit(checks.finite(shown, "pictures").reshape(-1, *shape))
        tiles[columns * place : columns * place + len(found)] = found
    marked = [columns * place + 1 + line.kept.index(line.sufficient) for place, line in enumerate(lines)]
    scale, gap, above = png.whole_factor(tiles[0, 0]), feature_pictures.GAP, lettering.LINE
    sheet = png.grid(_wide(tiles, scale), columns=columns, gap=gap, scale=scale, marked=marked, above=above)
    return png.encode(_numbered(sheet, lines, columns), _text(chosen, lines))


def _wide(tiles: np.ndarray, scale: int) -> np.ndarray:
    """Tiles with as much paper at their right as the number above them needs."""
    missing = max(0, math.ceil(NUMBER / scale) - tiles.shape[-1])
    return np.pad(tiles, ((0, 0), (0, 0), (0, 0), (0, missing)), constant_values=png.PAPER)


def _numbered(sheet: np.ndarray, lines: list[_Line], columns: int) -> np.ndarray:
    """The number of latents above the middle of each picture."""
    gap, above = feature_pictures.GAP, lettering.LINE
    high, wide = (len(sheet) - gap) // len(lines), (sheet.shape[1] - gap) // columns
    words = [
        lettering.Word(text, wide * column + (wide + gap) // 2, high * row + (gap + above) // 2, centred=True)
        for row, line in enumerate(lines)
        for column, text in enumerate(["input", *(f"{count:,}" for count in line.kept)])
    ]
    return lettering.written(sheet, words)


def _text(chosen: Chosen, lines: list[_Line]) -> dict[str, str]:
    facts = {
        "latents_kept": [line.kept for line in lines],
        "mse": [line.mse for line in lines],
        "sufficient_latents": [line.sufficient for line in lines],
    }
    return {
        **{name: representations.json_bytes(fact).decode() for name, fact in facts.items()},
        "layout": "each line: the original, then what comes back from so many of its largest latents; framed: from the "
        "smallest number from which on no error is more than 10 % above the full code's; last: from all; above each "
        "picture: how many",
        "contrast": "0 is black, 1 is white",
        "model": chosen.version.reference,
    }
