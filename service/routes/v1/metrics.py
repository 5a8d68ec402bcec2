"""Training metrics of a run over HTTP: one record per epoch, as JSON, CSV or a chart."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from registry import metrics, runs
from registry.database import tables
from service.answers.metrics import EpochRecord
from service.charts import drawing
from service.http import pages, paths, problems, representations
from service.http.pages import NextCursor
from service.http.parameters import RunId
from service.http.representations import CHARTS, CSV, JSON, Representation, TableForm
from service.state import AppState, AppStateDep
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.sweep import MAX_MEMBERS, SweepSpec

MAX_RECORDS: Final = 10_000
"""Epochs in one answer."""

router = APIRouter(prefix=paths.V1, tags=["runs"])


class MetricsPage(BaseModel):
    """Records by ascending epoch."""

    model_config = ConfigDict(extra="forbid")
    items: list[EpochRecord] = Field(max_length=MAX_RECORDS)
    next_cursor: NextCursor


@router.get(
    "/runs/{run_id}/metrics",
    summary="List training metrics",
    response_class=Response,
    responses={
        200: representations.described(MetricsPage, CSV, *CHARTS),
        **representations.UNCHANGED,
        **problems.responses(404, 406, 503),
    },
)
async def list_metrics(
    request: Request,
    app_state: AppStateDep,
    run_id: RunId,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only epochs after this one.")] = 0,
    limit: Annotated[
        int, Query(ge=1, le=2**31 - 1, description=f"Maximum number of records, at most {MAX_RECORDS}.")
    ] = 1000,
    member: Annotated[int | None, Query(ge=0, lt=MAX_MEMBERS, description="Only this member of a sweep.")] = None,
    form: TableForm = None,
) -> Response:
    """One record per epoch, ascending: as JSON, as CSV, or as a chart (Vega-Lite, PNG, SVG).

    A sweep has one record per epoch and `member`; its chart shows the held-out errors. `limit` never splits an epoch.
    """
    chosen = representations.choose(request, (JSON, CSV, *CHARTS), form)
    size = min(limit, MAX_RECORDS)
    run, records, following = await run_in_threadpool(_records, app_state, run_id, after, size, member)
    if chosen == JSON:
        content = representations.json_bytes({"items": records, "next_cursor": following})
    elif chosen == CSV:
        content = representations.csv_bytes(records, empty=("epoch",))
    else:
        content = await app_state.interactive.run(request, _chart, run, records, chosen)
    return representations.fixed(request, content, chosen, pinned=False)


def _records(
    app_state: AppState, run_id: str, after: int, limit: int, member: int | None
) -> tuple[tables.Run, Sequence[Mapping[str, Any]], str | None]:
    """The run, records of whole epochs after `after`, and `next_cursor`.

    The query has one row more than the answer, and fits the first epoch whole, however many members it has.
    """
    with app_state.database.read() as session:
        run = runs.get(session, run_id)
        rows = metrics.read(session, run_id, after, max(limit, MAX_MEMBERS) + 1, member=member)
    page, following = pages.ascending(rows, _whole_epochs(rows, limit), lambda row: row.epoch)
    return run, [_record(run, row) for row in page], following


def _whole_epochs(rows: Sequence[tables.RunMetric], limit: int) -> int:
    """How many rows, at most `limit`, are whole epochs; the first epoch in any case."""
    if len(rows) <= limit:
        return len(rows)
    whole = sum(row.epoch < rows[limit].epoch for row in rows[:limit])
    return whole or sum(row.epoch == rows[0].epoch for row in rows)


def _record(run: tables.Run, row: tables.RunMetric) -> Mapping[str, Any]:
    return {**({"member": row.member} if run.kind == "sweep" else {}), "epoch": row.epoch, **row.record}


def _chart(run: tables.Run, records: Sequence[Mapping[str, Any]], form: Representation) -> bytes:
    title = f"Training of {run.spec.get('name', run.id)}"
    answers = [EpochRecord.model_validate(record, extra="ignore") for record in records]
    if run.kind != "sweep":
        return drawing.training_curves(answers, title, form)
    return drawing.member_curves(answers, _labels(run), title, form)


def _labels(run: tables.Run) -> list[str]:
    """A short label for each member of a sweep."""
    spec = run_specs.parse(run.spec, run.spec_version)
    assert isinstance(spec, SweepSpec)
    return [
        f"{member.number}: " + ("dense reference" if member.is_reference else _values(member.varied))
        for member in spec.expanded()
    ]


def _values(varied: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {value}" for path, value in varied.items()) or "base"
