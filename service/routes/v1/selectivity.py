"""How selective latents are for classes, over HTTP: numbers, a heat map, pictures of the most and least selective."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from service import analyses
from service.analyses import cache, subjects
from service.analyses.subjects import Subject
from service.answers.looks import AmplitudeQuery, Look, ModeQuery
from service.answers.selectivity import SelectiveFeatures, SelectivityAnswer, Which
from service.answers.split import SplitQuery
from service.charts import drawing
from service.http import paths, representations
from service.http.fixed import fixed_resource
from service.http.representations import CHARTS, JSON, PNG, ChartForm, PictureForm
from service.inference import checks
from service.pictures import features as feature_pictures
from service.pictures import png
from service.pictures import selectivity as pictures
from service.references import ChosenDep
from service.state import AnalysesLoaded, AppStateDep
from service.storage import Storage

if TYPE_CHECKING:
    from service.analyses.selectivity import Measured

router = APIRouter(prefix=paths.V1, tags=["analyses"], dependencies=[AnalysesLoaded])

SHOWN: Final = {"most": 16, "least": 16, "classes": 8}
"""Latents of a picture, or of each of its lines, unless another number is requested."""


@dataclass(frozen=True)
class _Choice:
    """Which latents are requested, and how they are shown."""

    which: Which
    limit: int
    look: Look

    def lines(self, measured: "Measured") -> list[list[int]]:
        """The latents of a picture; those of a class are a line of their own."""
        if self.which == "classes":
            return [latents.tolist() for latents in measured.found.by_class(self.limit)]
        chosen = measured.found.most if self.which == "most" else measured.found.least
        return [chosen(self.limit).tolist()]


@router.get(
    "/models/{model}/selectivity",
    summary="Selectivity for classes",
    **fixed_resource(SelectivityAnswer, *CHARTS, statuses=(404, 406, 409, 413, 503)),
)
async def get_selectivity(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    split: SplitQuery = "test",
    form: ChartForm = None,
) -> Response:
    """Mean activations by class and latent, and the selectivity of each latent; as a chart, a heat map.

    In the heat map, latents are sorted by preferred class and falling selectivity; each is drawn in units of its own
    largest class mean. Returns 409 for a dataset without labels.
    """
    wanted = representations.choose(request, (JSON, *CHARTS), form)
    of = subjects.of(app_state, chosen.version)
    found = await cache.result(request, app_state, analyses.selectivity.analysis, of, split)

    def content() -> bytes:
        answer = analyses.selectivity.measured(of, split, found).answer()
        return drawing.written(answer, drawing.selectivity, wanted)

    return representations.fixed(
        request, await app_state.interactive.run(request, content), wanted, pinned=chosen.pinned
    )


@router.get(
    "/models/{model}/selectivity/features",
    summary="Selective features",
    **fixed_resource(SelectiveFeatures, PNG, picture_first=True, statuses=(404, 406, 409, 413, 503)),
)
async def draw_selectivity(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    split: SplitQuery = "test",
    which: Annotated[
        Which,
        Query(description="The most or the least selective latents, or for each class a line of those that prefer it."),
    ] = "most",
    limit: Annotated[
        int | None,
        Query(ge=1, le=200, description="Number of latents, or of latents per class. Default 16, or 8 per class."),
    ] = None,
    mode: ModeQuery = "difference",
    amplitude: AmplitudeQuery = 1.0,
    form: PictureForm = None,
) -> Response:
    """Feature images of the most or the least selective latents; with `classes`, a line of them for each class.

    The name of the class is beside its line; the line of a class that fewer latents prefer ends in blank tiles. Silent
    latents are left out. The text chunk `latents` names what is shown.
    """
    wanted = representations.choose(request, (PNG, JSON), form)
    choice = _Choice(which, SHOWN[which] if limit is None else limit, Look(mode, amplitude))
    of = subjects.of(app_state, chosen.version)
    if wanted == PNG:
        await app_state.interactive.run(request, lambda: checks.image_shape(of.model))
    found = await cache.result(request, app_state, analyses.selectivity.analysis, of, split)
    measured = await app_state.interactive.run(request, analyses.selectivity.measured, of, split, found)
    if wanted == PNG:
        statistics = await cache.result(request, app_state, analyses.features.analysis, of)
        content = await app_state.interactive.run(request, _picture, app_state, of, measured, choice, statistics.p95)
    else:
        content = representations.json_bytes(_listed(measured, choice))
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


def _listed(measured: "Measured", choice: _Choice) -> SelectiveFeatures:
    items = [measured.item(latent) for line in choice.lines(measured) for latent in line]
    return SelectiveFeatures(
        model=measured.model,
        split=measured.split,
        which=choice.which,
        **vars(choice.look),
        items=items,
        formulas=analyses.selectivity.FORMULAS,
    )


def _picture(storage: Storage, of: Subject, measured: "Measured", choice: _Choice, p95: np.ndarray) -> bytes:
    """Lines one below the other, or one line broken where it makes the picture about square."""
    lines = choice.lines(measured)
    shown = [latent for line in lines for latent in line]
    feature_pictures.check_tiles(storage, of.model, len(lines) * pictures.longest(lines))
    images = feature_pictures.images(of.model, p95, choice.look, shown)
    by_class = choice.which == "classes"
    if by_class:
        sheet = pictures.by_class(choice.look, images, lines, measured.classes)
    else:
        sheet = pictures.square(choice.look, images)
    facts = {
        "latents": lines if by_class else shown,
        "selectivity": [float(measured.found.index[latent]) for latent in shown],
        "classes": measured.classes,
    }
    named = {"which": choice.which, "split": measured.split}
    return png.encode(sheet, {**feature_pictures.text(measured.model, choice.look, images, facts), **named})
