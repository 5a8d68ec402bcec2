"""Result tables of sweeps and of baselines runs over HTTP: as JSON, CSV or a chart."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, RootModel

from registry import models, runs
from service.answers.run_results import BaselinesEntry, ErrorUnits, Formulas, Share, succeeded
from service.charts import drawing
from service.http import paths, problems, representations
from service.http.parameters import RunId
from service.http.representations import CHARTS, CSV, JSON, TableForm
from service.state import AppState, AppStateDep

router = APIRouter(prefix=paths.V1, tags=["runs"])

OFFERS: Final = (JSON, CSV, *CHARTS)


class ValidationFigures(BaseModel):
    """Figures on the validation slice of the training split."""

    mse: float
    l0: float


class SweepMember(BaseModel):
    """One member of a sweep: how it differs from the others, and its held-out figures."""

    member: int
    name: str = Field(description="Name of the model that it published.")
    model: str | None = Field(None, description="`name@version`; null if that version was deleted.")
    varied: dict[str, Any] = Field(description="Dotted path of each varied field, and its value.")
    reference: bool = Field(description="Whether it is the dense reference, without a penalty.")
    mse: float | None = Field(description="Mean squared error. Null, as all figures, for a diverged member.")
    sse_row: float | None
    explained_variance: float | None = Field(description="Null also where the rows do not vary.")
    l0: float | None = Field(description="Mean number of active latents per row.")
    population_sparsity: Share | None
    inactive_latents: int | None
    dead_latents: int | None
    error_units: ErrorUnits | None = Field(None, description="`scaled` with `minmax`.")
    collapsed: bool = Field(
        description="Whether it is no better than the mean of the rows, or all its latents are dead."
    )
    collapsed_reason: str | None = None
    diverged: str | None = Field(None, description="Why it has no figures and published nothing.")
    n_latents: int
    overcomplete: bool = Field(description="Whether the code is wider than the input.")
    probe_accuracy: float | None = Field(
        None, description="Accuracy of a linear probe on the codes; null without labels."
    )
    probe_rows: int | None = Field(None, description="Training rows of the probe.")
    seconds: float = Field(description="Training time; members that train together share it.")
    validation: ValidationFigures | None = Field(None, description="Null without a validation slice.")
    pareto: bool = Field(description="Whether no other member is at least as good in mse and L0, and better in one.")
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
    formulas: Formulas = Field(description="Id of the formula behind each figure.")


class BaselinesResults(BaseModel):
    """A model compared with dictionary learning, PCA and raw inputs."""

    kind: Literal["baselines"] = "baselines"
    run: str
    model: str
    k: int = Field(
        description="Coefficients per row of dictionaries and of truncated codes: the model's rounded L0, at least 1 "
        "and at most the number of latents and of inputs."
    )
    entries: list[BaselinesEntry]
    dictionary: Literal["decoder", "difference"] = Field(
        description="What the model's atoms are: columns of its decoder, or difference images of a deep decoder."
    )
    num_samples: int = Field(description="Rows of the test split that the figures were measured on.")
    fit_rows: int = Field(description="Training rows of the dictionaries.")
    rows_chosen: Literal["all", "first", "random", "stratified"] = Field(
        "first",
        description="How those rows were chosen: `all` that the model learned from; drawn at `random`, or in the "
        "classes' proportions (`stratified`); `first` in runs of releases that took the first rows.",
    )
    probe_rows: int | None = Field(description="Training rows of the probe; null without labels.")
    error_units: ErrorUnits
    formulas: Formulas = Field(description="Id of the formula behind each figure.")


class Results(RootModel[Annotated[SweepResults | BaselinesResults, Field(discriminator="kind")]]):
    """The result table of a sweep or of a baselines run."""


@router.get(
    "/runs/{run_id}/results",
    summary="Get the result table",
    response_class=Response,
    responses={
        200: representations.described(Results, CSV, *CHARTS),
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
    """The result table of a sweep or of a baselines run, with a row for each member or method: as JSON, CSV or a chart.

    The chart of a sweep shows the trade-off between error and sparsity, or both over the width of the code if only the
    width was varied. The chart of a baselines run has a column for each figure.
    """
    chosen = representations.choose(request, OFFERS, form)
    results = await run_in_threadpool(_results, app_state, run_id)
    if chosen == JSON:
        content = representations.json_bytes(results)
    elif chosen == CSV:
        content = representations.csv_bytes(_rows(results))
    else:
        draw = drawing.sweep if results["kind"] == "sweep" else drawing.baselines
        content = await app_state.interactive.run(request, draw, results, chosen)
    return representations.fixed(request, content, chosen, pinned=False)


def _results(app_state: AppState, run_id: str) -> dict[str, Any]:
    """The documented fields, as JSON values; a worker may store more."""
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
    """Booleans and lists, such as layer widths, are written as JSON."""
    return json.dumps(value) if isinstance(value, bool | list | dict) else value
