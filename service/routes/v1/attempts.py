"""Attempts at a run over HTTP: one per claim. Informational: the lease decides which worker has a run."""

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from registry import attempts, runs
from registry.database import tables
from service.answers.fields import Count, RunError
from service.http import pages, paths, problems
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
    "error": {"code": "WORKER_LOST", "detail": "The worker ended, or did not renew its lease."},
}


class Environment(BaseModel):
    """What the attempt computed with; on the same environment, results are bit-identical."""

    torch: str = Field(max_length=100, description="Version of PyTorch.")
    device: str = Field(max_length=20)
    device_name: str = Field(max_length=300)
    threads: Count = Field(description="CPU threads.")


class AttemptAnswer(BaseModel):
    """One attempt of a worker at a run."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    attempt: Count = Field(description="Number of the attempt: 1, 2, 3 ... of this run.")
    worker: str = Field(max_length=400, description="`id` of the worker.")
    resumed_epoch: Count | None = Field(
        description="Epoch of the checkpoint that it resumed from; null for a start from scratch."
    )
    environment: Environment | None = Field(description="Null until its training process is ready.")
    started_at: datetime
    ended_at: datetime | None
    outcome: Literal["succeeded", "failed", "released", "stopped", "cancelled", "lost"] | None = Field(
        description="How it ended: `released` by a worker that shut down, `stopped` by a stop request, `cancelled` by "
        "force, `lost` with its worker; null while it is running."
    )
    error: RunError | None


class AttemptPage(BaseModel):
    """Attempts at a run, in order."""

    model_config = ConfigDict(extra="forbid")
    items: list[AttemptAnswer] = Field(max_length=MAX_PAGE)
    next_cursor: NextCursor


@router.get("/runs/{run_id}/attempts", summary="List attempts", responses=problems.responses(404))
def list_attempts(
    app_state: AppStateDep,
    run_id: RunId,
    after: Annotated[int, Query(ge=0, le=2**31 - 1, description="Only attempts after this one.")] = 0,
    limit: Limit = 50,
) -> AttemptPage:
    """All attempts: by which worker, on which device, from which checkpoint, and how each ended."""
    size = min(limit, MAX_PAGE)
    with app_state.database.read() as session:
        runs.get(session, run_id)
        found = attempts.of_run(session, run_id, after, size + 1)
    page, following = pages.ascending(found, size, lambda row: row.attempt)
    return AttemptPage(items=[_answer(row) for row in page], next_cursor=following)


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
