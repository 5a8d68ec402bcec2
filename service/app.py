"""The application: its state opened, its routes included, its middleware around them."""

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from importlib import metadata
from typing import Any, Final

import anyio
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from registry.database import schema, sessions
from registry.stores.directory import DirectoryStore
from service import analyses
from service.followers import Followers
from service.http import body_limits, documentation, parameters, problems, reception
from service.http.access import Access
from service.http.connections import Connections, Limits
from service.http.guard import Guard
from service.http.metrics import Measurements
from service.inference.batcher import MAX_WAITING_ROWS, Batcher
from service.inference.compute import Compute
from service.inference.direct import Direct
from service.inference.model_cache import ModelCache
from service.inference.names import Names
from service.routes import health
from service.routes.v1 import (
    atoms,
    attempts,
    checkpoints,
    comparisons,
    datasets,
    encodings,
    events,
    features,
    matches,
    metrics,
    models,
    probe,
    reconstructions,
    results,
    runs,
    selectivity,
    sparsity,
    truncation,
    workers,
)
from service.settings import ServiceSettings
from service.state import AppState
from sparse_coding import on_demand

ROUTERS: Final = (
    runs.router,
    metrics.router,
    events.router,
    attempts.router,
    checkpoints.router,
    results.router,
    atoms.router,
    datasets.router,
    models.router,
    encodings.router,
    reconstructions.router,
    sparsity.router,
    features.router,
    selectivity.router,
    truncation.router,
    probe.router,
    comparisons.router,
    matches.router,
    workers.router,
)


class Application(FastAPI):
    """FastAPI, with a completed OpenAPI document."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request: directly if it is a usual one, else by the way of all others."""
        direct: Direct | None = getattr(self.state, "direct", None)
        if direct is not None and scope["type"] == "http":
            handed_on = await direct.answer(scope, receive, send)
            if handed_on is None:
                return
            receive = handed_on
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = documentation.complete(super().openapi(), needs_key=self.state.needs_key)
        return self.openapi_schema


def create_app(settings: ServiceSettings) -> Application:
    """An application for these settings; it opens its state when it starts.

    At startup it raises `SchemaError` if the database's schema is not this release's.
    """
    measurements = Measurements(metadata.version("sparse-coding-service"))
    app = Application(
        title=documentation.TITLE,
        summary=documentation.SUMMARY,
        description=documentation.DESCRIPTION,
        version=metadata.version("sparse-coding-service"),
        openapi_tags=documentation.TAGS,
        servers=[{"url": "/", "description": "This service"}],
        lifespan=lambda app: _opened(app, settings, measurements),
        redirect_slashes=False,
        openapi_url=None,  # served by `documentation`, as is the API explorer
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    app.state.needs_key = settings.api_key is not None
    app.router.routes.extend(_routes())
    documentation.install(app)
    problems.install(app)
    limits = tuple(body_limits.collect(iter_route_contexts(app.routes), settings))
    app.add_middleware(Guard, settings=settings, body_limits=limits)
    app.add_middleware(Access, measurements=measurements)
    return app


@cache
def _routes() -> list[BaseRoute]:
    """The routes of all applications of this process: FastAPI needs a tenth of a second to analyse them."""
    together = APIRouter(generate_unique_id_function=_operation_id)
    together.include_router(health.router)  # first, because routers are tried in turn, and these are asked often
    for router in ROUTERS:
        together.include_router(router, dependencies=[Depends(parameters.require_known)])
    return together.routes


def from_environment() -> Application:
    """An application for the settings of this process."""
    return create_app(ServiceSettings())


@asynccontextmanager
async def _opened(app: FastAPI, settings: ServiceSettings, measurements: Measurements) -> AsyncIterator[dict[str, Any]]:
    """The state, open as long as the application runs; the server gets what it has to start
    and to end by itself."""
    async with AsyncExitStack() as stack:
        database = sessions.open(settings)
        stack.callback(database.dispose)
        schema.require_current(database)
        uploads = stack.enter_context(reception.own(settings.uploads_dir))
        settings.artifacts_dir.mkdir(parents=True, exist_ok=True)
        artifacts = DirectoryStore(settings.artifacts_dir)
        models = ModelCache(artifacts, capacity=settings.model_cache_size, device=settings.inference_device)
        threads = settings.inference_threads
        # said in each thread, because torch's default becomes that of the event loop, which is one; codes of single
        # requests are small products, for which several threads only wait for each other
        interactive, batch, inference = (
            Compute(threads=each, max_waiting=settings.max_waiting, load=lambda: on_demand.load(analyses))
            for each in (threads or os.cpu_count() or 1, threads or os.cpu_count() or 1, threads or 1)
        )
        names = Names(database)
        stack.callback(names.close)
        batcher = Batcher(models, inference, measurements, max_rows=max(MAX_WAITING_ROWS, 2 * settings.max_rows))
        followers = await stack.enter_async_context(Followers(database, most=settings.max_streams))
        app.state.opened = AppState(
            settings,
            database,
            artifacts,
            uploads,
            names,
            models,
            batcher,
            interactive,
            batch,
            measurements,
            followers,
        )
        app.state.direct = Direct(settings, names, models, batcher, measurements)
        try:
            yield {
                "followers": followers,
                "interactive": interactive,
                "connections": Connections(Limits.of(settings), measurements),
            }
        finally:
            with anyio.move_on_after(settings.shutdown_seconds):
                for thread in (interactive, batch, inference):
                    await anyio.to_thread.run_sync(thread.close, abandon_on_cancel=True)


def _operation_id(route: APIRoute) -> str:
    """Operation ids in OpenAPI, and so the names in generated clients, are those of the functions: verb_noun."""
    return route.name
