"""What sweeps and baselines runs found, over HTTP: one table as JSON or CSV, and drawn.

Knows which kinds of run have results, and nothing of how they came about. The pictures of atoms stand in `atoms`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, RootModel

from registry import models, runs
from service.answers.run_results import succeeded
from service.charts import baselines as baselines_chart
from service.charts import style
from service.charts import sweep as sweep_chart
from service.http import paths, problems, representations
from service.http.parameters import RunId
from service.http.representations import CSV, JSON, TableForm
from service.state import AppState, AppStateDep

router = APIRouter(prefix=paths.V1, tags=["runs"])

OFFERS: Final = (JSON, CSV, *style.FORMS)

Share = Annotated[float, Field(ge=0, le=1)]
ErrorUnits = Literal["raw", "scaled"]
Formulas = dict[str, str | list[str]]


class ValidationFigures(BaseModel):
    """On the slice of training rows that is kept for choosing."""

    mse: float
    l0: float


class SweepMember(BaseModel):
    """One model of a sweep: how it differs from the others, and its held-out figures."""

    member: int
    name: str = Field(description="Of the model that it published.")
    model: str | None = Field(None, description="`name@version`; null once that version is deleted.")
    varied: dict[str, Any] = Field(description="Dotted path of a field -> its value.")
    reference: bool = Field(description="The dense reference: no penalty.")
    mse: float | None = Field(description="This and all figures are null for a member that diverged.")
    sse_row: float | None
    explained_variance: float | None = Field(description="Null, too, where the rows do not vary.")
    l0: float | None = Field(description="Mean number of latents per row above the threshold.")
    population_sparsity: Share | None
    inactive_latents: int | None
    dead_latents: int | None
    error_units: ErrorUnits | None = Field(None, description="`scaled` with `minmax`.")
    collapsed: bool = Field(description="Published, and no better than the mean image or without live latents.")
    collapsed_reason: str | None = None
    diverged: str | None = Field(None, description="Why it has no figures and published nothing.")
    n_latents: int
    overcomplete: bool = Field(description="Whether the code is wider than the input.")
    probe_accuracy: float | None = Field(None, description="Of a linear probe on the codes; null without labels.")
    probe_rows: int | None = Field(None, description="Training rows that the probe was fitted on.")
    seconds: float = Field(description="Training time; members that train together share theirs.")
    validation: ValidationFigures | None = Field(None, description="Null without a validation slice.")
    pareto: bool = Field(description="No other member is as good in mse and L0, and better in one.")
    suggested: bool = Field(description="Whether it lies in the knee of the Pareto front.")


class SweepResults(BaseModel):
    """The members of a sweep, side by side."""

    kind: Literal["sweep"] = "sweep"
    run: str
    name: str
    dataset: str
    members: list[SweepMember]
    suggested: int | None = Field(description="Number of the member in the knee of the front; null if there is none.")
    rule: str = Field(description="How a member is suggested.")
    reason: str | None = Field(description="Why none is suggested.")
    num_samples: int = Field(description="Rows of the test split that the figures were measured on.")
    threshold: float = Field(description="A latent is active on a row when its activation is strictly above this.")
    train_seconds: float
    formulas: Formulas = Field(description="What each number is, by name.")


class BaselinesEntry(BaseModel):
    """One way to code the rows; a figure that makes no sense for it is null."""

    method: str = Field(description="`model`, `model.truncated`, `ksvd`, `minibatch`, `pca`, `pca.truncated` or `raw`.")
    mse: float | None = None
    explained_variance: float | None = None
    l0: float | None = Field(None, description="Mean number of coefficients per row that are not zero.")
    mutual_coherence: float | None = Field(None, description="Largest |cosine| between two of its atoms.")
    atoms: int | None = Field(None, description="Those left out included.")
    left_out: int | None = Field(None, description="Dead latents of the model; else atoms that no test row uses.")
    matched_cosine: float | None = Field(None, description="Mean |cosine| to the model's atoms, matched one to one.")
    probe_accuracy: float | None = Field(None, description="Of a linear probe on the codes; null without labels.")
    seconds: float | None = None


class BaselinesResults(BaseModel):
    """A model beside dictionary learning, PCA and raw inputs."""

    kind: Literal["baselines"] = "baselines"
    run: str
    model: str
    k: int = Field(
        description="Coefficients per row of the dictionaries and of what is truncated: the model's rounded L0, raised "
        "to 1 where the model is sparser or dead, and no more than there are latents or inputs."
    )
    entries: list[BaselinesEntry]
    dictionary: Literal["decoder", "difference"] = Field(
        description="The model's atoms: its decoder's columns, or behind a deep decoder its difference images."
    )
    num_samples: int = Field(description="Rows of the test split that the figures were measured on.")
    fit_rows: int = Field(description="Training rows that the dictionaries were learned from.")
    probe_rows: int | None = Field(description="Training rows that the probe was fitted on; null without labels.")
    error_units: ErrorUnits
    formulas: Formulas = Field(description="What each number is, by name.")


class Results(RootModel[Annotated[SweepResults | BaselinesResults, Field(discriminator="kind")]]):
    """The table of a sweep or of a baselines run."""


@router.get(
    "/runs/{run_id}/results",
    summary="The results of a sweep or of baselines",
    response_class=Response,
    responses={
        200: representations.described(Results, CSV, *style.FORMS),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 409, 503),
    },
)
async def get_results(
    request: Request,
    app_state: AppStateDep,
    run_id: RunId,
    form: TableForm = None,
) -> Response:
    """One table, with a row for each member or method: as JSON, as CSV, or drawn.

    The chart of a sweep is its trade-off of error and sparsity, or both over the width of the code where nothing else
    was varied; that of baselines has a column for each figure.
    """
    chosen = representations.choose(request, OFFERS, form)
    results = await run_in_threadpool(_results, app_state, run_id)
    if chosen == JSON:
        content = representations.json_bytes(results)
    elif chosen == CSV:
        content = representations.csv_bytes(_rows(results))
    else:
        chart = sweep_chart.chart if results["kind"] == "sweep" else baselines_chart.chart
        content = await app_state.interactive.run(request, lambda: style.render(chart(results), chosen))
    return representations.fixed(request, content, chosen, pinned=False)


def _results(app_state: AppState, run_id: str) -> dict[str, Any]:
    """The fields that are promised, as JSON values; a worker may tell more."""
    with app_state.database.read() as session:
        run = runs.get(session, run_id)
        result = dict(succeeded(run, "sweep", "baselines"))
        published = {version.member: version.reference for version in models.of_run(session, run_id)}
    if run.kind == "baselines":
        return BaselinesResults(run=run.id, **result).model_dump()
    members = [{**member, "model": published.get(member["member"])} for member in result.pop("members")]
    named = {"name": run.spec["name"], "dataset": run.spec["base"]["dataset"]["name"]}
    return SweepResults(run=run.id, members=members, **named, **result).model_dump()


def _rows(results: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The table's rows in flat columns: every varied field has one of its own."""
    if results["kind"] == "baselines":
        entries: Sequence[Mapping[str, Any]] = results["entries"]
        return entries
    paths = dict.fromkeys(path for member in results["members"] for path in member["varied"])
    return [_row(member, tuple(paths)) for member in results["members"]]


def _row(member: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    named = {name: member[name] for name in ("member", "name", "model")}
    varied = {path: member["varied"].get(path) for path in paths}
    chosen_by = {f"validation_{name}": (member["validation"] or {}).get(name) for name in ("mse", "l0")}
    figures = {name: value for name, value in member.items() if name not in (*named, "varied", "validation")}
    return {name: _cell(value) for name, value in (named | varied | figures | chosen_by).items()}


def _cell(value: Any) -> Any:
    """Truth and lists, as of layer widths, stand in a cell as JSON writes them."""
    return json.dumps(value) if isinstance(value, bool | list | dict) else value
