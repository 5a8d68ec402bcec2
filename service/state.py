"""What the routes share: the objects that the application opens when it starts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, cast

import numpy as np
from fastapi import Depends, Request

from registry.lookup import Found
from service.followers import Followers
from service.http.metrics import Measurements
from service.inference import compute
from service.inference.batcher import Batcher
from service.inference.compute import Compute
from service.inference.model_cache import ModelCache
from service.inference.names import Names
from service.inference.operations import Arrays, Operation
from service.storage import Storage

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel


@dataclass(frozen=True)
class AppState(Storage):
    """Everything that a request may need and that outlives it."""

    names: Names
    models: ModelCache
    batcher: Batcher
    interactive: Compute
    """The thread for what takes a moment."""
    batch: Compute
    """The thread for what may take many seconds, so that it delays no interactive request."""
    measurements: Measurements
    followers: Followers

    async def computed(
        self,
        request: Request,
        named: Found,
        operation: Operation,
        read: Callable[["TrainedModel"], np.ndarray],
        write: Callable[["TrainedModel", np.ndarray, Arrays], bytes],
    ) -> bytes:
        """The answer to a request whose body has been received: rows are read, computed and written.

        `read` and `write` run in the compute thread. Raises what they raise, what `Batcher.run` raises, and
        `ClientDisconnect`.
        """
        model, rows = await self.interactive.run(request, self._read, named.digest, read)
        arrays = await compute.while_connected(request.receive, self.batcher.run(named.digest, operation, rows))
        self.measurements.rows.labels(operation).inc(len(rows))
        return await self.interactive.run(request, write, model, rows, arrays)

    def _read(self, digest: str, read: Callable[["TrainedModel"], np.ndarray]) -> tuple["TrainedModel", np.ndarray]:
        model = self.models.get(digest)
        return model, read(model)


async def app_state(request: Request) -> AppState:
    """The objects of the application that answers this request."""
    return cast(AppState, request.app.state.opened)


AppStateDep = Annotated[AppState, Depends(app_state)]


async def analyses_loaded(app_state: AppStateDep) -> None:
    """Wait until `service.analyses` is imported: in the compute thread, so that the event loop stays free."""
    await app_state.interactive.loaded()


AnalysesLoaded: Final = Depends(analyses_loaded)
"""A dependency of every router whose functions use `service.analyses` in the event loop."""
