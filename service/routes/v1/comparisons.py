"""Several models side by side, over HTTP: what was asked, how they learned, what came out, how alike they are.

Puts together what runs have recorded and what `feature_quality` and `matches` measure; the drawing stands in
`comparison_chart`.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from registry import metrics
from registry.database.tables import ModelVersion
from service.analyses import cache, feature_quality
from service.analyses import remarks as comparison_remarks
from service.analyses.feature_quality import FeatureQuality
from service.charts import comparison as comparison_chart
from service.charts import style
from service.http import paths, problems, representations
from service.http.representations import JSON, ChartForm, Representation
from service.references import Chosen, several
from service.routes.v1 import matches
from service.state import AppState, AppStateDep

router = APIRouter(prefix=paths.V1, tags=["analyses"])

OFFERS: Final = (JSON, *style.FORMS)
LEAST: Final = 2
MOST: Final = 8
MAX_EPOCHS: Final = 1000
"""Records of one curve; of a longer run, records at even distances."""
FIGURES: Final = ("mse", "explained_variance", "l0", "population_sparsity", "inactive_latents", "error_units")
"""Those of a run's result that are compared."""
CURVES: Final = ("epoch", "loss", "reconstruction", "sparsity", "test_mse", "l0")


class Figures(BaseModel):
    """Of a run's result, over the whole test split."""

    mse: float | None
    explained_variance: float | None
    l0: float | None
    population_sparsity: float | None
    inactive_latents: int | None
    error_units: Literal["raw", "scaled"] | None = Field(description="Units of `mse`: `scaled` with `minmax`.")


class CurvePoint(BaseModel):
    """One epoch."""

    epoch: int
    loss: float | None
    reconstruction: float | None
    sparsity: float | None = Field(description="The penalty before its weight.")
    test_mse: float | None
    l0: float | None


class Compared(BaseModel):
    """One of the models."""

    model: str
    dataset: str = Field(description="What it was trained on, and what its figures were measured on.")
    n_inputs: int
    n_latents: int
    sparsity: dict[str, Any] = Field(description="The penalty, as the spec has it.")
    result: Figures
    curves: list[CurvePoint] = Field(description=f"At most about {MAX_EPOCHS} epochs, at even distances.")
    quality: FeatureQuality


class ComparisonAnswer(BaseModel):
    """Models in the order in which they were named."""

    models: list[Compared]
    pw_mcc: list[list[float | None]] = Field(
        description="How alike the features of every two models are: mean |cosine| of matched atoms, dead latents left "
        "out. Null between models of different numbers of inputs, of too large dictionaries, or without live latents: "
        "a remark says which."
    )
    remarks: list[str] = Field(description="What to mind when these models are compared.")
    formulas: dict[str, Any] = Field(description="What each number is, by name.")


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
    response_class=Response,
    responses={
        200: representations.described(ComparisonAnswer, *style.FORMS),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 503),
    },
)
async def get_comparison(
    request: Request,
    named: Annotated[tuple[Chosen, ...], Depends(two_to_eight)],
    app_state: AppStateDep,
    form: ChartForm = None,
) -> Response:
    """Curves, final figures, feature quality and stability under noise of 2 to 8 models, and how alike they are.

    As a chart, the curves over each other and the figures beside each other. Models of different datasets can be
    compared: each one's figures are of its own dataset, and a remark says so.
    """
    wanted = representations.choose(request, OFFERS, form)
    content = await cache.answer(request, app_state, _answer, app_state, named, wanted)
    return representations.fixed(request, content, wanted, pinned=all(each.pinned for each in named))


def _answer(app_state: AppState, named: Sequence[Chosen], wanted: Representation) -> bytes:
    versions = [each.version for each in named]
    compared = [_compared(app_state, version) for version in versions]
    document = {
        "models": compared,
        "pw_mcc": _alike(app_state, versions),
        "remarks": list(comparison_remarks.of(app_state, versions, compared)),
        "formulas": {"result": _formulas(versions), "quality": feature_quality.FORMULAS, "pw_mcc": "pw_mcc"},
    }
    if wanted == JSON:
        return representations.json_bytes(document)
    return style.render(comparison_chart.panels(document), wanted)


def _compared(app_state: AppState, version: ModelVersion) -> dict[str, Any]:
    model = app_state.models.get(version.digest)
    return {
        "model": version.reference,
        "dataset": version.dataset_name,
        "n_inputs": model.n_inputs,
        "n_latents": model.n_latents,
        "sparsity": version.spec["sparsity"],
        "result": {name: version.result.get(name) for name in FIGURES},
        "curves": _curves(app_state, version),
        "quality": feature_quality.of(app_state, version),
    }


def _curves(app_state: AppState, version: ModelVersion) -> list[dict[str, Any]]:
    with app_state.database.read() as session:
        rows = metrics.read(session, version.run_id, member=version.member)
    step = max(1, math.ceil(len(rows) / MAX_EPOCHS))
    records = [{"epoch": row.epoch, **row.record} for row in rows[::-step][::-1]]
    return [{name: record.get(name) for name in CURVES} for record in records]


def _alike(app_state: AppState, versions: Sequence[ModelVersion]) -> list[list[float | None]]:
    """`pw_mcc` of every two; each pair is matched once."""
    found: dict[tuple[int, int], float | None] = {}
    for i, first in enumerate(versions):
        for j, second in enumerate(versions[: i + 1]):
            found[i, j] = found[j, i] = matches.mean(app_state, first, second)
    places = range(len(versions))
    return [[found[i, j] for j in places] for i in places]


def _formulas(versions: Sequence[ModelVersion]) -> dict[str, Any]:
    """Of the figures, as the runs have stamped them; the same in all."""
    stamped = {name: formula for version in versions for name, formula in version.result.get("formulas", {}).items()}
    return {name: formula for name, formula in stamped.items() if name in FIGURES}
