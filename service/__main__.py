"""`python -m service`: the API server as one process, with settings from the environment."""

import argparse
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from typing import Final, NoReturn

import pydantic
import uvicorn

from registry.database import schema, sessions
from registry.errors import RegistryError, for_operators
from service.http import logs
from service.http.connections import Connection, LimitedServer
from service.settings import ServiceSettings
from sparse_coding import drivers

_KEYLESS: Final = """\
SAE_HOST={host} lets other machines reach this service, and SAE_API_KEY is not set.
Set SAE_API_KEY to a secret of at least 16 characters, for instance that of
  python -c "import secrets; print(secrets.token_urlsafe(32))"
or leave SAE_HOST at 127.0.0.1."""


GARBAGE: Final = 10_000
"""New containers after which garbage is looked for. With Python's 700, a single request for codes in three led to it,
and took a quarter of the processor time of all."""


class Server(LimitedServer):
    """Prints its address once it listens, then begins to import torch, and ends streams at shutdown."""

    _is_frozen = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind and listen."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            name = f"[{host}]" if ":" in host else host
            sys.stdout.write(f"API explorer: http://{name}:{port}/docs\n")
            sys.stdout.flush()
            gc.freeze()  # what was imported lives as long as the process
            gc.enable()
            gc.set_threshold(GARBAGE)
            self.lifespan.state["interactive"].start()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; torch is exempt from garbage collection once it is loaded."""
        if not self._is_frozen and self.lifespan.state["interactive"].is_loaded:
            gc.freeze()
            self._is_frozen = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams end at once; other requests have `shutdown_seconds` to finish."""
        if (followers := self.lifespan.state.get("followers")) is not None:
            followers.close()
        await super().shutdown(sockets)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal ends it. Exit status 1 and a message where it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m service", description="The API as one process.")
    parser.add_argument("--migrate", action="store_true", help="first bring the database's schema up to date")
    options = parser.parse_args(arguments)
    try:
        settings = ServiceSettings()
    except pydantic.ValidationError as error:
        return _refused(_settings_faults(error))
    if settings.listens_beyond_this_machine and settings.api_key is None:
        return _refused(_KEYLESS.format(host=settings.host))
    if settings.inference_device == "cuda" and drivers.cuda_device_name() is None:
        return _refused("SAE_INFERENCE_DEVICE is cuda, but torch finds no CUDA device here; set it to cpu.")
    try:
        if options.migrate:
            schema.upgrade(settings)
        database = sessions.open(settings)
        schema.require_current(database)
        database.dispose()
    except RegistryError as error:
        return _refused(for_operators(error))
    logs.configure()
    gc.disable()  # a tenth of the time in which routes are imported; nothing of them is garbage
    return _serve(settings)


def _serve(settings: ServiceSettings) -> int:
    server = Server(
        uvicorn.Config(
            "service.app:from_environment",  # a name: what was refused above imports no routes
            factory=True,
            host=settings.host,
            port=settings.port,
            lifespan="on",
            http=Connection,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=settings.shutdown_seconds,
        )
    )
    # uvicorn raises the signal that ended it again, after everything is closed: the exit status is 0 nevertheless.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        server.run()
    return 0 if server.started else 1


def _settings_faults(error: pydantic.ValidationError) -> str:
    """Which settings are invalid, without their values, which may be secret."""
    faults = error.errors(include_input=False, include_url=False)
    named = ((f"SAE_{'_'.join(str(step) for step in fault['loc'][:1]).upper()}", fault) for fault in faults)
    return "\n".join(
        f"{name} must have at least {fault['ctx']['min_length']} characters"  # pydantic counts items of a secret
        if fault["type"] == "too_short"
        else f"{name}: {fault['msg']}"
        for name, fault in named
    )


def _end(status: int) -> NoReturn:
    """Exit at once: Python itself would wait for computations whose clients are gone."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _refused(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 1


if __name__ == "__main__":
    _end(main())
