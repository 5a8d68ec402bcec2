"""What the routes share: the objects that the application opens when it starts."""

from dataclasses import dataclass
from typing import Annotated, Final, cast

from fastapi import Depends, Request

from service.followers import Followers
from service.http.metrics import Measurements
from service.inference.compute import Compute
from service.inference.model_cache import ModelCache
from service.storage import Storage


@dataclass(frozen=True)
class AppState(Storage):
    """Everything that a request may need and that outlives it."""

    models: ModelCache
    interactive: Compute
    """The thread for what takes a moment."""
    batch: Compute
    """The thread for what may take many seconds, so that it delays no interactive request."""
    measurements: Measurements
    followers: Followers


async def app_state(request: Request) -> AppState:
    """The objects of the application that answers this request."""
    return cast(AppState, request.app.state.opened)


AppStateDep = Annotated[AppState, Depends(app_state)]


async def analyses_loaded(app_state: AppStateDep) -> None:
    """Wait until `service.analyses` is imported: in the compute thread, so that the event loop stays free."""
    await app_state.interactive.loaded()


AnalysesLoaded: Final = Depends(analyses_loaded)
"""A dependency of every router whose functions use `service.analyses` in the event loop."""
