"""Checkpoints of a run over HTTP: a list, and each as a file."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from registry import checkpoints, runs
from service.answers.fields import Count
from service.http import files, pages, paths, problems, representations
from service.http.pages import MAX_PAGE, Limit, NextCursor
from service.http.parameters import RunId
from service.http.representations import SAFETENSORS
from service.state import AppStateDep

router = APIRouter(prefix=paths.V1, tags=["runs"])


class CheckpointAnswer(BaseModel):
    """A file that the run can resume from."""

    model_config = ConfigDict(extra="forbid")
    epoch: Count
    digest: str = Field(max_length=64, description="SHA-256 of the file.")
    bytes: Count
    created_at: datetime


class CheckpointPage(BaseModel):
    """A run's checkpoints by ascending epoch."""

    model_config = ConfigDict(extra="forbid")
    items: list[CheckpointAnswer] = Field(max_length=MAX_PAGE)
    next_cursor: NextCursor


@router.get("/runs/{run_id}/checkpoints", summary="List checkpoints", responses=problems.responses(404))
def list_checkpoints(
    app_state: AppStateDep,
    run_id: RunId,
    after: Annotated[int, Query(ge=-1, le=2**31 - 1, description="Only checkpoints after this epoch.")] = -1,
    limit: Limit = 50,
) -> CheckpointPage:
    """The stored checkpoints, by ascending epoch."""
    size = min(limit, MAX_PAGE)
    with app_state.database.read() as session:
        runs.get(session, run_id)
        found = checkpoints.of_run(session, run_id, after, size + 1)
    page, following = pages.ascending(found, size, lambda row: row.epoch)
    items = [
        CheckpointAnswer(epoch=row.epoch, digest=row.sha256, bytes=row.bytes, created_at=row.created_at) for row in page
    ]
    return CheckpointPage(items=items, next_cursor=following)


@router.get(
    "/runs/{run_id}/checkpoints/{epoch}",
    summary="Download a checkpoint",
    response_class=Response,
    responses={
        200: {"content": {SAFETENSORS.media_type: {"schema": {"type": "string", "format": "binary"}}}},
        **representations.UNCHANGED,
        **problems.responses(404, 416),
    },
)
def get_checkpoint(
    request: Request,
    app_state: AppStateDep,
    run_id: RunId,
    epoch: Annotated[int, Path(ge=0, le=2**31 - 1, description="Epoch of the checkpoint.")],
) -> Response:
    """A safetensors file that the run can resume from: weights, optimiser state and epoch."""
    with app_state.database.read() as session:
        runs.get(session, run_id)
        found = checkpoints.get(session, run_id, epoch)
    return files.download(
        request,
        app_state.artifacts.path(found.sha256),
        found.sha256,
        SAFETENSORS,
        name=f"{run_id}-{epoch}.safetensors",
        pinned=True,
    )
