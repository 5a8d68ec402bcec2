"""Whether the service lives, whether it can work, and its numbers for Prometheus. Knows no dataset and no model."""

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
    """All is well."""

    model_config = ConfigDict(extra="forbid")
    status: Literal["ok"] = "ok"


@router.get("/livez", summary="Does the process answer?")
async def get_liveness() -> Health:
    """Always well; touches neither the database nor a disk."""
    return Health()


@router.get("/readyz", summary="Can it work?", responses=problems.responses(503))
def get_readiness(app_state: AppStateDep) -> Health:
    """Well if the database answers with this release's schema and artifacts can be written; else 503 with reasons."""
    faults = list(_missing(app_state))
    if faults:
        raise NotReady("; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults), faults)
    return Health()


@router.get(
    "/metrics",
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def get_measurements(app_state: AppStateDep) -> Response:
    """Durations of requests by route, rows that went through models, runs by state."""
    with app_state.database.read() as session:
        counts = runs.counts(session)
    return Response(app_state.measurements.exposition(counts), media_type=metrics.MEDIA_TYPE)


def _missing(app_state: AppState) -> Iterator[Fault]:
    """The parts that the service cannot do without and does not have."""
    try:
        schema.require_current(app_state.database)
    except RegistryError as error:
        yield Fault("database", str(error))
    except SQLAlchemyError:
        yield Fault("database", "it does not answer")
    try:
        with tempfile.TemporaryFile(dir=app_state.settings.artifacts_dir):
            pass
    except OSError:
        yield Fault("artifacts", "the folder of the artifacts cannot be written")
