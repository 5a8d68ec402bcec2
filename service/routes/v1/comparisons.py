"""Comparisons of models over HTTP: penalties, training curves, final figures, and the similarity of features."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from service import analyses
from service.answers.comparison import ComparisonAnswer
from service.charts import drawing
from service.http import paths, representations
from service.http.fixed import fixed_resource
from service.http.representations import CHARTS, JSON, ChartForm
from service.references import Chosen, several
from service.state import AnalysesLoaded, AppStateDep

router = APIRouter(prefix=paths.V1, tags=["analyses"], dependencies=[AnalysesLoaded])

LEAST: Final = 2
MOST: Final = 8


def two_to_eight(
    app_state: AppStateDep,
    references: Annotated[
        str,
        Query(
            alias="models",
            max_length=1200,
            description=f"{LEAST} to {MOST} models, separated by commas.",
            examples=["digits-weights-0,digits-weights-2"],
        ),
    ],
) -> tuple[Chosen, ...]:
    """The models that a request names."""
    return several(app_state, references, least=LEAST, most=MOST)


@router.get(
    "/comparisons",
    summary="Compare models",
    **fixed_resource(ComparisonAnswer, *CHARTS, statuses=(404, 406, 503)),
)
async def get_comparison(
    request: Request,
    named: Annotated[tuple[Chosen, ...], Depends(two_to_eight)],
    app_state: AppStateDep,
    form: ChartForm = None,
) -> Response:
    """Training curves, final figures, feature quality and stability under noise of 2 to 8 models, and their similarity.

    As a chart, the curves are drawn over each other and the figures side by side. Models of different datasets can be
    compared: the figures of each are measured on its own dataset, and a remark says so.
    """
    wanted = representations.choose(request, (JSON, *CHARTS), form)
    answer = await analyses.comparison.answer(request, app_state, [each.version for each in named])
    content = await app_state.interactive.run(request, drawing.written, answer, drawing.comparison, wanted)
    return representations.fixed(request, content, wanted, pinned=all(each.pinned for each in named))
