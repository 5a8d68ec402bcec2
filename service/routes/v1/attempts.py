"""Who has tried a run, over HTTP: one row per claim. Informational: leases decide whose a run is, and nothing here."""

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from registry import attempts, runs
from registry.database import tables
from service.answers.fields import Count, RunError
from service.http import paths, problems
from service.http.pages import MAX_PAGE, Limit, NextCursor
from service.http.parameters import RunId
from service.state import AppStateDep

router = APIRouter(prefix=paths.V1, tags=["runs"])

_EXAMPLE: Final[JsonDict] = {
    "attempt": 2,
    "worker": "tower-4711-0199aa00-0000-7000-8000-000000000000",
    "resumed_epoch": 12,
    "environment": {"torch": "2.15.0", "device": "cpu", "device_name": "x86_64", "threads": 8},
    "started_at": "2026-11-24T08:00:00Z",
    "ended_at": "2026-11-24T08:10:00Z",
    "outcome": "lost",
    "error": {"code": "WORKER_LOST", "detail": "The worker that had the run ended without a word."},
}


class Environment(BaseModel):
    """What the attempt computed with: results repeat bit for bit on the same."""

    torch: str = Field(max_length=100, description="Its version.")
    device: str = Field(max_length=20)
    device_name: str = Field(max_length=300)
    threads: Count = Field(description="CPU threads.")


class AttemptAnswer(BaseModel):
    """One worker's try at a run."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    attempt: Count = Field(description="1, 2, 3 ... of this run.")
    worker: str = Field(max_length=400, description="`id` of the worker.")
    resumed_epoch: Count | None = Field(description="The checkpoint that it began with; null from the start.")
    environment: Environment | None = Field(description="null until its trainer is ready.")
    started_at: datetime
    ended_at: datetime | None
    outcome: Literal["succeeded", "failed", "released", "stopped", "cancelled", "lost"] | None = Field(
        description="How it ended: `released` by a worker that left, `stopped` as wished, `cancelled` by force, `lost` "
        "with its worker; null while it goes on."
    )
    error: RunError | None


class AttemptPage(BaseModel):
    """Attempts at a run, the first one first."""

    model_config = ConfigDict(extra="forbid")
    items: list[AttemptAnswer] = Field(max_length=MAX_PAGE)
    next_cursor: NextCursor


@router.get("/runs/{run_id}/attempts", summary="Who has tried a run", responses=problems.responses(404))
def list_attempts(
    app_state: AppStateDep,
    run_id: RunId,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only those after this one.")] = 0,
    limit: Limit = 50,
) -> AttemptPage:
    """Every claim: by which worker, on what, from which checkpoint on, and how it ended."""
    room = min(limit, MAX_PAGE)
    with app_state.database.read() as session:
        runs.get(session, run_id)
        found = attempts.of_run(session, run_id, after, room + 1)
    items = [_answer(row) for row in found[:room]]
    return AttemptPage(items=items, next_cursor=str(items[-1].attempt) if len(found) > room else None)


def _answer(row: tables.Attempt) -> AttemptAnswer:
    return AttemptAnswer(
        attempt=row.attempt,
        worker=row.worker_id,
        resumed_epoch=row.resumed_epoch,
        environment=None if row.environment is None else Environment.model_validate(row.environment),
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=row.outcome,
        error=RunError(code=row.error_code, detail=row.error_detail or "") if row.error_code else None,
    )
