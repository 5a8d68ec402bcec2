"""Liveness, readiness and Prometheus metrics."""

import tempfile
from collections.abc import Iterator
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy.exc import SQLAlchemyError

from registry import runs
from registry.database import schema
from registry.errors import RegistryError
from service.errors import Fault, NotReady
from service.http import metrics, problems
from service.state import AppState, AppStateDep

router = APIRouter(tags=["operations"])


class Health(BaseModel):
    """The check passed."""

    model_config = ConfigDict(extra="forbid")
    status: Literal["ok"] = "ok"


@router.get("/livez", summary="Check liveness")
async def get_liveness() -> Health:
    """200 while the process responds. Uses neither the database nor the disk."""
    return Health()


@router.get("/readyz", summary="Check readiness", responses=problems.responses(503))
def get_readiness(app_state: AppStateDep) -> Health:
    """200 if the database has this release's schema, artifacts can be written, and computations did not fail to load.

    Else 503 with the reasons. While computations are still being loaded, requests that need them wait.
    """
    faults = list(_missing(app_state))
    if faults:
        raise NotReady("; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults), faults)
    return Health()


@router.get(
    "/metrics",
    summary="Get Prometheus metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def get_measurements(app_state: AppStateDep) -> Response:
    """Request durations by route, rows processed by models, and runs by state, in Prometheus' text format."""
    with app_state.database.read() as session:
        counts = runs.counts(session)
    return Response(app_state.measurements.exposition(counts), media_type=metrics.MEDIA_TYPE)


def _missing(app_state: AppState) -> Iterator[Fault]:
    """The missing parts without which the service cannot work."""
    try:
        schema.require_current(app_state.database)
    except RegistryError as error:
        yield Fault("database", str(error))
    except SQLAlchemyError:
        yield Fault("database", "it does not respond")
    try:
        with tempfile.TemporaryFile(dir=app_state.settings.artifacts_dir):
            pass
    except OSError:
        yield Fault("artifacts", "the artifacts folder cannot be written")
    if app_state.interactive.has_failed:
        yield Fault("computations", "torch or a module of this release cannot be imported; the log says why")
