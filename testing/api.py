"""The API server within this process, on a real socket, and ways past it into its state."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import httpx
import uvicorn
from fastapi import FastAPI

from service import app
from service.http.connections import Connection, LimitedServer
from service.settings import ServiceSettings
from service.state import AppState
from testing import openapi_contract
from testing.waiting import PATIENCE

CLOSING_SECONDS = 10
"""How long a response may go on after the end of a test: one that failed may have left a stream without an end."""


class Server(LimitedServer):
    """A real server in a thread, which says when it has begun to listen or has given up."""

    def __init__(self, application: FastAPI) -> None:
        config = uvicorn.Config(application, port=0, lifespan="on", http=Connection, log_config=None, access_log=False)
        config.timeout_graceful_shutdown = CLOSING_SECONDS
        super().__init__(config)
        self.settled = threading.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()

    async def main_loop(self) -> None:
        """Serve until `stop`: uvicorn itself looks ten times a second, for which hundreds of tests would wait."""
        self._loop = asyncio.get_running_loop()
        while not self._stopping.is_set() and not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 1)

    def stop(self) -> None:
        """End serving; from another thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    def listen(self) -> None:
        try:
            self.run()
        finally:
            self.settled.set()


@contextmanager
def serving(application: app.Application) -> Iterator[httpx.Client]:
    """Serve the application for the time of the block; yield a client that speaks to it through a real socket
    and checks every JSON answer against the application's OpenAPI document."""
    server = Server(application)
    thread = threading.Thread(target=server.listen)
    thread.start()
    try:
        assert server.settled.wait(60)
        assert server.started, "the application did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        hooks = {"response": [openapi_contract.response_check(application)]}
        address = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=address, timeout=60, trust_env=False, event_hooks=hooks) as http:
            yield http
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the server does not end"


@dataclass(frozen=True)
class Api:
    """A running service, a client for it and its state."""

    http: httpx.Client
    app_state: AppState
    app: app.Application


StartApi: TypeAlias = Callable[..., Api]
"""Starts a service on an empty, migrated database; settings by name."""

RunningApi: TypeAlias = Callable[[ServiceSettings], AbstractContextManager[Api]]
"""`with running_api(settings) as api:`, again and again or side by side on one database."""


@contextmanager
def running_api(settings: ServiceSettings) -> Iterator[Api]:
    """Serve a migrated database for the time of the block."""
    application = app.create_app(settings)
    with serving(application) as http:
        yield Api(http, application.state.opened, application)
