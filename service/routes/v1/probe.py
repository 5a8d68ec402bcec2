"""What a linear classifier reads from a model's codes, over HTTP, beside what it reads from inputs and from PCA."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from service import analyses
from service.analyses import cache, subjects
from service.answers.probe import ProbeAnswer
from service.answers.split import SplitName
from service.charts import drawing
from service.http import paths, representations
from service.http.fixed import fixed_resource
from service.http.representations import CHARTS, JSON, ChartForm
from service.references import ChosenDep
from service.state import AnalysesLoaded, AppStateDep

router = APIRouter(prefix=paths.V1, tags=["analyses"], dependencies=[AnalysesLoaded])


@router.get(
    "/models/{model}/probe",
    summary="Probe a model",
    **fixed_resource(ProbeAnswer, *CHARTS, statuses=(404, 406, 409, 503)),
)
async def get_probe(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    split: Annotated[
        SplitName, Query(description="Rows of which split are scored; a probe is fitted on `train` always.")
    ] = "test",
    form: ChartForm = None,
) -> Response:
    """Accuracy of a logistic regression on the codes, on the inputs and on their principal components.

    And of k-sparse probes, which see only the k columns that differ most between a class and the rest. As a chart, bars
    beside each other. A dataset without labels, or with fewer than 2 or more than 100 classes, is a 409.
    """
    wanted = representations.choose(request, (JSON, *CHARTS), form)
    of = subjects.of(app_state, chosen.version)
    task = await app_state.interactive.run(request, analyses.probe.task, of, split)
    found = await cache.results(request, app_state, lambda: analyses.probe.all_of(of, task))
    answer = analyses.probe.answer(of, task, found)
    content = await app_state.interactive.run(request, drawing.written, answer, drawing.probe, wanted)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)
