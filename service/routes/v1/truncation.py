"""How much of a model's codes is needed, over HTTP: errors by number of latents kept, a chart, strips of pictures."""

from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from service import analyses
from service.analyses import cache, subjects
from service.analyses.subjects import Subject
from service.answers.split import SplitName, SplitQuery
from service.answers.truncation import RowsTruncation, SplitTruncation, Strip
from service.charts import drawing
from service.errors import Fault, InvalidRequest
from service.http import paths, representations
from service.http.body_limits import body_limit
from service.http.fixed import computed_resource, fixed_resource
from service.http.representations import CHARTS, JSON, PNG, ChartForm, PictureForm, Representation
from service.inference import checks, inputs
from service.inference.inputs import Body, DatasetRows, NumberRows
from service.pictures import features as feature_pictures
from service.pictures import png, strip, words
from service.references import ChosenDep
from service.state import AnalysesLoaded, AppState, AppStateDep
from sparse_coding.errors import TooManyRows

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel

router = APIRouter(prefix=paths.V1, tags=["analyses"], dependencies=[AnalysesLoaded])

NUM_ROWS: Final = 100
"""Rows of a split that are truncated unless another number is requested."""
MAX_ROWS: Final = 1000
MAX_LINES: Final = 16
MAX_STEPS: Final = 32

StepsQuery = Annotated[
    str | None,
    Query(
        max_length=200,
        pattern=r"^[0-9]{1,6}(,[0-9]{1,6})*$",
        description=f"Numbers of latents kept, separated by commas, at most {MAX_STEPS}; default: 1, 2, 4, 8 ...",
        examples=["1,2,4,8"],
    ),
]


_BODY: Final = inputs.described(DatasetRows, NumberRows, tensor_name="inputs", examples=inputs.EXAMPLES)


@router.get(
    "/models/{model}/truncation",
    summary="Truncation of codes",
    **fixed_resource(SplitTruncation, *CHARTS, statuses=(404, 406, 413, 503)),
)
async def get_truncation(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    split: SplitQuery = "test",
    rows: Annotated[int, Query(ge=1, le=MAX_ROWS, description="Rows, drawn by a fixed seed.")] = NUM_ROWS,
    form: ChartForm = None,
) -> Response:
    """Errors of rows reconstructed from their m largest latents, for every m, and the importance of each latent.

    `sufficient_latents` is the smallest m from which on the error stays within 10 % of the full code's. The chart shows
    the mean and the quartiles of the rows against m.
    """
    wanted = representations.choose(request, (JSON, *CHARTS), form)
    of = subjects.of(app_state, chosen.version)
    figures = await cache.result(request, app_state, analyses.truncation.analysis, of, split, rows)
    answer = SplitTruncation.of(figures, model=of.reference, split=split)
    content = await app_state.interactive.run(request, drawing.written, answer, drawing.truncation, wanted)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


@router.post(
    "/models/{model}/truncation",
    summary="Truncation of inputs' codes",
    **computed_resource(RowsTruncation, *CHARTS, statuses=(404, 406, 409, 503)),
    openapi_extra=_BODY,
)
@body_limit("max_body_bytes")
async def truncate(request: Request, chosen: ChosenDep, app_state: AppStateDep, form: ChartForm = None) -> Response:
    """The same for rows that are sent, or named by their indices."""
    wanted = representations.choose(request, (JSON, *CHARTS), form)
    body = await inputs.received(request)
    of = subjects.of(app_state, chosen.version)
    content = await app_state.interactive.run(request, _of_body, app_state, of, body, wanted)
    return representations.computed(content, wanted)


@router.get(
    "/models/{model}/truncation/strip",
    summary="A row from more and more latents",
    **fixed_resource(Strip, PNG, picture_first=True, statuses=(404, 406, 413, 503)),
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
    """One row reconstructed from its 1, 2, 4, 8 ... largest latents, from its sufficient number, and from all.

    Above each picture stands its number of latents, rising; that of the sufficient number has a coloured frame. The
    text chunk `latents_kept` names the numbers too.
    """
    wanted = representations.choose(request, (PNG, JSON), form)
    of = subjects.of(app_state, chosen.version)
    content = await app_state.interactive.run(request, _strip_of_split, app_state, of, split, index, steps, wanted)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


@router.post(
    "/models/{model}/truncation/strip",
    summary="Inputs from more and more latents",
    **computed_resource(Strip, PNG, picture_first=True, statuses=(404, 406, 409, 503)),
    openapi_extra=_BODY,
)
@body_limit("max_body_bytes")
async def draw_strip(
    request: Request, chosen: ChosenDep, app_state: AppStateDep, steps: StepsQuery = None, form: PictureForm = None
) -> Response:
    """The same for rows that are sent, or named by their indices: a line for each."""
    wanted = representations.choose(request, (PNG, JSON), form)
    body = await inputs.received(request)
    of = subjects.of(app_state, chosen.version)
    content = await app_state.interactive.run(request, _strip_of_body, app_state, of, body, steps, wanted)
    return representations.computed(content, wanted)


def _of_body(app_state: AppState, of: Subject, body: Body, wanted: Representation) -> bytes:
    rows = _sent(app_state, of, body, MAX_ROWS)
    answer = RowsTruncation.of(analyses.truncation.measured(of.model, rows), model=of.reference)
    return drawing.written(answer, drawing.truncation, wanted)


def _sent(app_state: AppState, of: Subject, body: Body, most: int) -> np.ndarray:
    """The rows in a body. Raises `TooManyRows` for more than may be truncated at once."""
    rows = inputs.rows(app_state, of.model, body)
    limit = analyses.truncation.fitting(of, most)
    if len(rows) > limit:
        raise TooManyRows(f"at most {limit} rows of this model are truncated at once; {len(rows)} came")
    app_state.measurements.rows.labels("truncate").inc(len(rows))
    return rows


def _strip_of_split(
    app_state: AppState, of: Subject, split: SplitName, index: int, steps: str | None, wanted: Representation
) -> bytes:
    rows = of.model.prepare(of.dataset.take(split, [index]).rows)
    analyses.truncation.fitting(of, len(rows))
    return _strip(app_state, of, rows, steps, wanted)


def _strip_of_body(app_state: AppState, of: Subject, body: Body, steps: str | None, wanted: Representation) -> bytes:
    return _strip(app_state, of, _sent(app_state, of, body, MAX_LINES), steps, wanted)


def _strip(app_state: AppState, of: Subject, rows: np.ndarray, steps: str | None, wanted: Representation) -> bytes:
    counts = _counts(of.n_latents, steps)
    if wanted == PNG:
        checks.image_shape(of.model)
        feature_pictures.check_tiles(app_state, of.model, len(rows) * (len(counts) + 3))
    answer = analyses.truncation.strip(of.reference, of.model, rows, counts)
    return _picture(of.model, rows, answer) if wanted == PNG else representations.json_bytes(answer)


def _counts(n_latents: int, steps: str | None) -> list[int]:
    """Numbers of latents in ascending order, without that of all. Raises `InvalidRequest`."""
    if steps is None:
        return [2**power for power in range(n_latents.bit_length()) if 2**power < n_latents]
    counts = sorted({int(step) for step in steps.split(",")})
    if len(counts) > MAX_STEPS or counts[-1] > n_latents:
        detail = f"at most {MAX_STEPS} numbers from 0 to {n_latents}, this model's number of latents"
        raise InvalidRequest(f"steps: {detail}", [Fault("query:steps", detail)])
    return [count for count in counts if count < n_latents]


def _picture(model: "TrainedModel", rows: np.ndarray, answer: Strip) -> bytes:
    """Each line: the original, then its reconstruction from each number of latents."""
    kept = [line.latents_kept for line in answer.lines]
    sufficient = [line.sufficient_latents for line in answer.lines]
    images = [analyses.truncation.images(model, row, line) for row, line in zip(rows, answer.lines, strict=True)]
    facts = {"latents_kept": kept, "mse": [line.mse for line in answer.lines], "sufficient_latents": sufficient}
    text = {
        "layout": "each line: the original, then what comes back from so many of its largest latents; framed: from the "
        "smallest number from which on no error is more than 10 % above the full code's; last: from all; above each "
        "picture: how many",
        "contrast": words.UNIT,
        "model": answer.model,
    }
    return png.encode(strip.sheet(images, kept, sufficient), {**words.chunks(facts), **text})
