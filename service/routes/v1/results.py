"""Result tables of sweeps and of baselines runs over HTTP: as JSON, CSV or a chart."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from registry import models, runs
from service.answers.run_results import succeeded
from service.answers.tables import BaselinesResults, Results, SweepMember, SweepResults
from service.charts import drawing
from service.http import paths, problems, representations
from service.http.parameters import RunId
from service.http.representations import CHARTS, CSV, JSON, TableForm
from service.state import AppState, AppStateDep

router = APIRouter(prefix=paths.V1, tags=["runs"])

OFFERS: Final = (JSON, CSV, *CHARTS)


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
        content = await app_state.interactive.run(request, drawing.results, results, chosen)
    return representations.fixed(request, content, chosen, pinned=False)


def _results(app_state: AppState, run_id: str) -> SweepResults | BaselinesResults:
    """The documented fields; a worker may store more."""
    with app_state.database.read() as session:
        run = runs.get(session, run_id)
        result = dict(succeeded(run, "sweep", "baselines"))
        published = {version.member: version.reference for version in models.of_run(session, run_id)}
    if run.kind == "baselines":
        return BaselinesResults(run=run.id, **result)
    members = [{**member, "model": published.get(member["member"])} for member in result.pop("members")]
    named = {"name": run.spec["name"], "dataset": run.spec["base"]["dataset"]["name"]}
    return SweepResults(run=run.id, members=members, **named, **result)


def _rows(results: SweepResults | BaselinesResults) -> Sequence[Mapping[str, Any]]:
    """The table's rows in flat columns: every varied field has one of its own."""
    if isinstance(results, BaselinesResults):
        return [entry.model_dump() for entry in results.entries]
    paths = dict.fromkeys(path for member in results.members for path in member.varied)
    return [_row(member, tuple(paths)) for member in results.members]


def _row(member: SweepMember, paths: Sequence[str]) -> dict[str, Any]:
    named = {"member": member.member, "name": member.name, "model": member.model}
    varied = {path: member.varied.get(path) for path in paths}
    chosen_by = {f"validation_{name}": getattr(member.validation, name, None) for name in ("mse", "l0")}
    figures = {name: value for name, value in member if name not in (*named, "varied", "validation")}
    return {name: _cell(value) for name, value in (named | varied | figures | chosen_by).items()}


def _cell(value: Any) -> Any:
    """Booleans and lists, such as layer widths, are written as JSON."""
    return json.dumps(value) if isinstance(value, bool | list | dict) else value
