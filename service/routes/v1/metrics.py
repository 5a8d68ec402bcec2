"""The curves of a run over HTTP: a record an epoch, as numbers, as a table or drawn.

Knows no meaning of the numbers; what is drawn of them stands in `charts`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from registry import metrics, runs
from registry.database import tables
from service.answers.fields import Count
from service.charts import member_curves as member_curves_chart
from service.charts import style
from service.http import paths, problems, representations
from service.http.pages import NextCursor
from service.http.parameters import RunId
from service.http.representations import CSV, JSON, TableForm
from service.state import AppState, AppStateDep
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.sweep import MAX_MEMBERS, SweepSpec

MAX_RECORDS: Final = 10_000
"""Epochs in one answer."""

router = APIRouter(prefix=paths.V1, tags=["runs"])


class EpochRecord(BaseModel):
    """What one epoch measured; a figure that the run does not have is null."""

    model_config = ConfigDict(extra="forbid")
    member: Count | None = None
    epoch: Count
    loss: float | None
    reconstruction: float | None
    sparsity: float | None = Field(description="The penalty before its weight.")
    test_mse: float | None
    explained_variance: float | None
    l0: float | None
    dead_latents: Count | None
    seconds: float | None


class MetricsPage(BaseModel):
    """Records by ascending epoch."""

    model_config = ConfigDict(extra="forbid")
    items: list[EpochRecord] = Field(max_length=MAX_RECORDS)
    next_cursor: NextCursor


@router.get(
    "/runs/{run_id}/metrics",
    summary="The curves of a run",
    response_class=Response,
    responses={
        200: representations.described(MetricsPage, CSV, *style.FORMS),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 503),
    },
)
async def list_metrics(
    request: Request,
    app_state: AppStateDep,
    run_id: RunId,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only epochs after this one.")] = 0,
    limit: Annotated[int, Query(ge=1, le=2**31 - 1, description=f"At most {MAX_RECORDS} are given.")] = 1000,
    member: Annotated[int | None, Query(ge=0, lt=MAX_MEMBERS, description="Of a sweep, only this member's.")] = None,
    form: TableForm = None,
) -> Response:
    """One record an epoch, ascending: as JSON, as CSV, or drawn (Vega-Lite, PNG, SVG).

    A sweep has a record an epoch for each `member`, and is drawn as their held-out errors. An epoch is never cut in
    two by `limit`.
    """
    chosen = representations.choose(request, (JSON, CSV, *style.FORMS), form)
    run, records, more = await run_in_threadpool(_records, app_state, run_id, after, min(limit, MAX_RECORDS), member)
    if chosen == JSON:
        following = str(records[-1]["epoch"]) if more else None
        content = representations.json_bytes({"items": records, "next_cursor": following})
    elif chosen == CSV:
        content = representations.csv_bytes(records, empty=("epoch",))
    else:
        content = await app_state.interactive.run(request, lambda: style.render(_drawn(run, records), chosen))
    return representations.fixed(request, content, chosen, pinned=False)


def _records(
    app_state: AppState, run_id: str, after: int, limit: int, member: int | None
) -> tuple[tables.Run, Sequence[Mapping[str, Any]], bool]:
    """The run, records of the epochs after `after`, and whether there are more; an epoch is never cut in two.

    What is read has one row more than is given, and room for the first epoch whole, however many members it has.
    """
    with app_state.database.read() as session:
        run = runs.get(session, run_id)
        rows = metrics.read(session, run_id, after, max(limit, MAX_MEMBERS) + 1, member=member)
    given = rows
    if len(rows) > limit:
        whole = [row for row in rows[:limit] if row.epoch < rows[limit].epoch]
        given = whole or [row for row in rows if row.epoch == rows[0].epoch]
    return run, [_record(run, row) for row in given], len(given) < len(rows)


def _record(run: tables.Run, row: tables.RunMetric) -> Mapping[str, Any]:
    return {**({"member": row.member} if run.kind == "sweep" else {}), "epoch": row.epoch, **row.record}


def _drawn(run: tables.Run, records: Sequence[Mapping[str, Any]]) -> style.Chart:
    title = f"Training of {run.spec.get('name', run.id)}"
    if run.kind != "sweep":
        return style.training_curves(records, title)
    return member_curves_chart.chart(records, _labels(run), title)


def _labels(run: tables.Run) -> list[str]:
    """What each member of a sweep is, in a few characters."""
    asked = run_specs.parse(run.spec, run.spec_version)
    assert isinstance(asked, SweepSpec)
    return [
        f"{member.number}: " + ("dense reference" if member.is_reference else _said(member.varied))
        for member in asked.expanded()
    ]


def _said(varied: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {value}" for path, value in varied.items()) or "base"
