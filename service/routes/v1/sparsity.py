"""How sparse a model's codes are, over HTTP: numbers, and three histograms as a chart.

Computed once for each question and kept. The definitions stand in the workshop, the drawing in `charts`.
"""

from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from service.analyses import cache
from service.charts import style
from service.http import paths, problems, representations
from service.http.representations import JSON, ChartForm, Representation
from service.references import Chosen, ChosenDep
from service.state import AppState, AppStateDep
from sparse_coding.analysis import sparsity
from sparse_coding.models.weights import TrainedModel

router = APIRouter(prefix=paths.V1, tags=["analyses"])

OFFERS: Final = (JSON, *style.FORMS)
MAX_SAMPLES: Final = 1_000_000


class Histogram(BaseModel):
    """Counts between neighbouring edges; there is one edge more than counts."""

    edges: list[float]
    counts: list[int]


class PopulationSparsity(BaseModel):
    """Fraction of latents active on a row."""

    mean: float = Field(description="Over the rows.")
    histogram: Histogram = Field(description="50 bins on [0, 1], counting rows.")


class LifetimeSparsity(BaseModel):
    """Fraction of rows that activate a latent."""

    mean: float = Field(description="Over the latents.")
    per_latent: list[float]
    histogram: Histogram = Field(description="50 bins on [0, 1], counting latents.")


class Latents(BaseModel):
    """Some of the model's latents."""

    count: int
    indices: list[int]


class L0(BaseModel):
    """Mean number of latents per row."""

    threshold: float = Field(description="Above the threshold.")
    nonzero: float = Field(description="Not zero.")


class SparsityAnswer(BaseModel):
    """How many latents are active, and how often each one is."""

    model: str
    split: Literal["train", "test"]
    num_samples: int = Field(description="Rows really used: fewer where the split is shorter or the code very wide.")
    threshold: float = Field(description="A latent is active on a row when its activation is strictly above this.")
    population_sparsity: PopulationSparsity
    lifetime_sparsity: LifetimeSparsity
    inactive_latents: Latents = Field(description="Active on fewer than 1 % of the rows.")
    dead_latents: Latents = Field(description="At or below the threshold on every row of the whole split.")
    activation_histogram: Histogram = Field(description="All activations, 100 bins from the least to the greatest.")
    l0: L0
    formulas: dict[str, str | list[str]] = Field(description="What each number is, by name.")


@router.get(
    "/models/{model}/sparsity",
    summary="Sparsity statistics",
    response_class=Response,
    responses={
        200: representations.described(SparsityAnswer, *style.FORMS),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 503),
    },
)
async def get_sparsity(
    request: Request,
    chosen: ChosenDep,
    app_state: AppStateDep,
    split: Annotated[
        Literal["train", "test"], Query(description="Rows of which split of the dataset that it was trained on.")
    ] = "test",
    num_samples: Annotated[int, Query(ge=1, le=MAX_SAMPLES, description="The first so many rows.")] = 1000,
    threshold: Annotated[float, Query(ge=0, le=1e6, allow_inf_nan=False, description="Active is above this.")] = 0.1,
    form: ChartForm = None,
) -> Response:
    """Population and lifetime sparsity, dead and inactive latents; as a chart, the three histograms.

    Population sparsity is the fraction of latents active on a row, lifetime sparsity the fraction of rows that
    activate a latent.
    """
    wanted = representations.choose(request, OFFERS, form)
    question = {"split": split, "num_samples": num_samples, "threshold": threshold}
    content = await cache.answer(request, app_state, _answer, app_state, chosen, question, wanted)
    return representations.fixed(request, content, wanted, pinned=chosen.pinned)


def _answer(app_state: AppState, chosen: Chosen, question: dict[str, Any], wanted: Representation) -> bytes:
    model = app_state.models.get(chosen.version.digest)
    question |= {"num_samples": cache.fitting(model, question["num_samples"])}
    inputs = {"model": chosen.version.digest, "dataset": chosen.version.dataset_digest, **question}
    kept = cache.kept(app_state, "sparsity", inputs, lambda: _analyse(app_state, chosen, model, question))
    report = {"model": chosen.version.reference, "split": question["split"], **orjson.loads(kept)}
    if wanted == JSON:
        return representations.json_bytes(report)
    return style.render(style.sparsity_histograms(report), wanted)


def _analyse(app_state: AppState, chosen: Chosen, model: TrainedModel, question: dict[str, Any]) -> bytes:
    rows = cache.dataset(app_state, chosen.version.dataset_digest).split(question["split"]).rows
    report = sparsity.analyse(model, rows, threshold=question["threshold"], num_samples=question["num_samples"])
    return representations.json_bytes(report.document())
