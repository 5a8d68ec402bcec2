"""How sparse a model's codes are, over HTTP: numbers, and three histograms as a chart."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from service import analyses
from service.analyses import cache, subjects
from service.answers.sparsity import SampleName, SparsityAnswer
from service.answers.split import SplitQuery
from service.charts import drawing
from service.http import paths, representations
from service.http.fixed import fixed_resource
from service.http.representations import CHARTS, JSON, ChartForm
from service.references import ChosenDep
from service.state import AnalysesLoaded, AppStateDep

router = APIRouter(prefix=paths.V1, tags=["analyses"], dependencies=[AnalysesLoaded])

MAX_SAMPLES: Final = 1_000_000


@router.get(
    "/models/{model}/sparsity",
    summary="Sparsity statistics",
    **fixed_resource(SparsityAnswer, *CHARTS, statuses=(404, 406, 503)),
)
async def get_sparsity(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    split: SplitQuery = "test",
    num_samples: Annotated[int, Query(ge=1, le=MAX_SAMPLES, description="Number of rows.")] = 1000,
    sample: Annotated[
        SampleName,
        Query(description="Which rows: the `first` ones, or `random`: drawn by a fixed seed, from all classes."),
    ] = "first",
    threshold: Annotated[
        float, Query(ge=0, le=1e6, allow_inf_nan=False, description="Latents above this are active.")
    ] = 0.1,
    form: ChartForm = None,
) -> Response:
    """Population and lifetime sparsity, dead and inactive latents; as a chart, the three histograms.

    Population sparsity is the fraction of latents active on a row, lifetime sparsity the fraction of rows that
    activate a latent.
    """
    wanted = representations.choose(request, (JSON, *CHARTS), form)
    of = subjects.of(app_state, chosen.version)
    statistics = await cache.result(
        request, app_state, analyses.sparsity.analysis, of, split, num_samples, sample, threshold
    )
    answer = SparsityAnswer.of(statistics, model=of.reference, split=split)
    content = await app_state.interactive.run(request, drawing.written, answer, drawing.sparsity, wanted)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)
