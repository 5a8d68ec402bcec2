"""Workers over HTTP: each worker with a recent heartbeat, its device and its run.

Informational: the lease decides which worker has a run.
"""

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from registry import workers
from registry.database import tables
from service.http import paths, problems
from service.http.pages import MAX_PAGE, Cursor, Limit, NextCursor
from service.state import AppStateDep

router = APIRouter(prefix=paths.V1, tags=["operations"])

_EXAMPLE: Final[JsonDict] = {
    "id": "tower-4711-0199aa00-0000-7000-8000-000000000000",
    "host": "tower",
    "pid": 4711,
    "device": "cpu",
    "device_name": "x86_64",
    "threads": 8,
    "release": "0.1.0",
    "started_at": "2026-11-24T00:00:00Z",
    "seen_at": "2026-11-24T08:00:00Z",
    "run": None,
}


class WorkerAnswer(BaseModel):
    """A worker at its last heartbeat."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})
    id: str = Field(max_length=400)
    host: str = Field(max_length=300)
    pid: int = Field(ge=0, le=2**53, description="Process id on its host or in its container.")
    device: str = Field(max_length=20, description="`cpu` or `cuda`.")
    device_name: str | None = Field(max_length=300)
    threads: int | None = Field(ge=0, le=2**53, description="CPU threads of a run.")
    release: str = Field(max_length=100, description="Release of this software.")
    started_at: datetime
    seen_at: datetime = Field(description="Time of its last heartbeat.")
    run: str | None = Field(max_length=36, description="`id` of its current run; null while it is idle.")


class WorkerPage(BaseModel):
    """Workers, the most recently started first."""

    model_config = ConfigDict(extra="forbid")
    items: list[WorkerAnswer] = Field(max_length=MAX_PAGE)
    next_cursor: NextCursor


@router.get("/workers", summary="List workers", responses=problems.responses(422))
def list_workers(
    app_state: AppStateDep,
    device: Annotated[Literal["cpu", "cuda"] | None, Query(description="Only workers with this device.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> WorkerPage:
    """Workers with a heartbeat within the last minute; a worker sends one about every 15 seconds."""
    with app_state.database.read() as session:
        page = workers.page(session, device=device, limit=limit, cursor=cursor)
        held = workers.runs_of(session, [row.id for row in page.items])
    return WorkerPage(items=[_answer(row, held.get(row.id)) for row in page.items], next_cursor=page.next_cursor)


def _answer(row: tables.Worker, run: str | None) -> WorkerAnswer:
    facts = {name: getattr(row, name) for name in WorkerAnswer.model_fields if name != "run"}
    return WorkerAnswer(**facts, run=run)
