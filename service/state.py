"""What the routes share: the objects that the application opens when it starts. Knows no route."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from registry.database.sessions import Database
from registry.stores.protocol import ArtifactStore
from service.followers import Followers
from service.http.metrics import Measurements
from service.inference.compute import Compute
from service.inference.model_cache import ModelCache
from service.settings import ServiceSettings


@dataclass(frozen=True)
class AppState:
    """Everything that a request may need and that outlives it."""

    settings: ServiceSettings
    database: Database
    artifacts: ArtifactStore
    uploads: Path
    """Folder for files in the making, of this process alone."""
    models: ModelCache
    compute: Compute
    """For what takes a moment."""
    analyses: Compute
    """For what may take longer than a page, so that nobody waits for it who wants something else."""
    measurements: Measurements
    followers: Followers


async def app_state(request: Request) -> AppState:
    """The objects of the application that answers this request."""
    return cast(AppState, request.app.state.opened)


AppStateDep = Annotated[AppState, Depends(app_state)]
