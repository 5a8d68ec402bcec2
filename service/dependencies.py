"""What the routes share: the opened rooms, made once when the application starts. Knows no route."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from registry.artifacts import ArtifactStore
from registry.sessions import Database
from service.compute import Compute
from service.followers import Followers
from service.measurements import Measurements
from service.model_cache import ModelCache
from service.settings import ServiceSettings


@dataclass(frozen=True)
class Rooms:
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


async def rooms(request: Request) -> Rooms:
    """The rooms of the application that answers this request."""
    return cast(Rooms, request.app.state.rooms)


RoomsDep = Annotated[Rooms, Depends(rooms)]
