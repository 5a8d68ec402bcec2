"""Features over HTTP: statistics of latents, pictures of what they decode to, and the inputs that activate them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import Field

from registry.errors import InvalidCursor
from service import analyses
from service.analyses import cache, subjects
from service.analyses.subjects import Subject
from service.answers.features import MAX_TOP, Feature, FeatureAnswer
from service.answers.looks import AmplitudeQuery, Look, ModeQuery, WithLook
from service.answers.split import OfModel
from service.errors import LatentNotFound
from service.http import paths, representations
from service.http.fixed import fixed_resource
from service.http.pages import MAX_PAGE, Cursor, Limit, NextCursor
from service.http.representations import JSON, PNG, PictureForm
from service.inference import checks
from service.pictures import features as pictures
from service.references import ChosenDep
from service.state import AnalysesLoaded, AppStateDep
from service.storage import Storage

if TYPE_CHECKING:
    from service.analyses.features import Statistics

router = APIRouter(prefix=paths.V1, tags=["analyses"], dependencies=[AnalysesLoaded])

Sort = Literal["index", "lifetime_sparsity"]


class FeaturePage(WithLook, OfModel):
    """Latents in the requested order."""

    num_samples: int = Field(description="Rows of the test split that the statistics were computed on: all that fit.")
    items: list[Feature]
    next_cursor: NextCursor


@dataclass(frozen=True)
class _Selection:
    """Which latents a page has."""

    sort: Sort
    cursor: str | None
    limit: int


@router.get(
    "/models/{model}/features",
    summary="List features",
    **fixed_resource(FeaturePage, PNG, statuses=(404, 406, 413, 503)),
)
async def list_features(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    mode: ModeQuery = "raw",
    amplitude: AmplitudeQuery = 1.0,
    limit: Limit = 64,
    sort: Annotated[Sort, Query(description="By number, or by falling lifetime sparsity.")] = "index",
    cursor: Cursor = None,
    form: PictureForm = None,
) -> Response:
    """Statistics of the latents; as PNG, a grid of their feature images with ceil(sqrt(n)) columns.

    Each tile of the grid has its own contrast: `raw` from its minimum (black) to its maximum (white), `difference`
    symmetric about mid grey. Dead latents have a coloured frame. The text chunk `latents` names what is shown.
    """
    wanted = representations.choose(request, (JSON, PNG), form)
    of, look = subjects.of(app_state, chosen.version), Look(mode, amplitude)
    if wanted == PNG:
        await app_state.interactive.run(request, lambda: checks.image_shape(of.model))
    statistics = await cache.result(request, app_state, analyses.features.analysis, of)
    shown, following = _page(statistics, of.version.digest, _Selection(sort, cursor, min(limit, MAX_PAGE)))
    if wanted == PNG:
        content = await app_state.interactive.run(request, _grid, app_state, of, statistics, look, shown)
    else:
        page = FeaturePage(
            model=of.reference,
            **vars(look),
            num_samples=int(statistics.num_samples[0]),
            items=[statistics.of(latent) for latent in shown],
            next_cursor=following,
        )
        content = representations.json_bytes(page)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


@router.get(
    "/models/{model}/features/{latent}",
    summary="Get a feature",
    **fixed_resource(FeatureAnswer, PNG, statuses=(404, 406, 503)),
)
async def get_feature(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    latent: Annotated[int, Path(ge=0, le=65_535, description="A latent, from 0.", examples=[3])],
    mode: ModeQuery = "raw",
    amplitude: AmplitudeQuery = 1.0,
    top: Annotated[int, Query(ge=0, le=MAX_TOP, description="Number of inputs that activate it most.")] = 8,
    form: PictureForm = None,
) -> Response:
    """One latent: its image, its statistics, and the inputs of the test split that activate it most."""
    wanted = representations.choose(request, (JSON, PNG), form)
    of, look = subjects.of(app_state, chosen.version), Look(mode, amplitude)
    if latent >= of.n_latents:
        raise LatentNotFound(f"latents of this model are numbered from 0 to {of.n_latents - 1}")
    if wanted == PNG:
        await app_state.interactive.run(request, lambda: checks.image_shape(of.model))
    statistics = await cache.result(request, app_state, analyses.features.analysis, of)
    if wanted == PNG:
        content = await app_state.interactive.run(request, _single, of, statistics, look, latent)
    else:
        content = await app_state.interactive.run(request, _described, of, statistics, look, latent, top)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


def _page(statistics: "Statistics", digest: str, selection: _Selection) -> tuple[list[int], str | None]:
    """The latents of one page, and the cursor of the next. A cursor belongs to one model version and one order."""
    count = len(statistics.dead)
    by_index = selection.sort == "index"
    order = np.arange(count) if by_index else np.argsort(-statistics.lifetime_sparsity, kind="stable")
    suffix = f".{selection.sort}.{digest[:12]}"
    start = 0
    if selection.cursor is not None:
        number = selection.cursor.removesuffix(suffix)
        if number == selection.cursor or not number.isascii() or not number.isdecimal() or not 0 < int(number) < count:
            raise InvalidCursor("the cursor is not `next_cursor` of a page of this model in this order")
        start = int(number)
    end = start + selection.limit
    return order[start:end].tolist(), f"{end}{suffix}" if end < count else None


def _described(of: Subject, statistics: "Statistics", look: Look, latent: int, top: int) -> bytes:
    answer = FeatureAnswer(
        **dict(statistics.of(latent)),
        model=of.reference,
        **vars(look),
        pixels=pictures.pixels(of.model, statistics.p95, look, latent),
        top_inputs=analyses.features.top_inputs(of, statistics, latent, top),
    )
    return representations.json_bytes(answer)


def _grid(storage: Storage, of: Subject, statistics: "Statistics", look: Look, shown: Sequence[int]) -> bytes:
    pictures.check_tiles(storage, of.model, len(shown))
    images = pictures.images(of.model, statistics.p95, look, shown)
    dead = [latent for latent in shown if statistics.dead[latent]]
    return pictures.grid(of.reference, look, images, shown, dead)


def _single(of: Subject, statistics: "Statistics", look: Look, latent: int) -> bytes:
    images = pictures.images(of.model, statistics.p95, look, [latent])
    return pictures.single(of.reference, look, images, latent, dead=bool(statistics.dead[latent]))
