"""`sae up`: migrate, then run the API and one worker in the foreground until a signal arrives or one of them ends."""

import time
from pathlib import Path

import typer

from client import processes
from client.api_client import ApiClient
from client.errors import Interrupted, Unreachable
from client.processes import Children
from client.settings import ClientSettings

READY_SECONDS = 120.0
"""Longest wait until the API is ready, with a margin for a cold start on a busy machine."""


def serve(settings: ClientSettings) -> int:
    """Run until a signal arrives; returns the exit status, 0 after a signal. Raises `ChildEnded` if a process ends."""
    processes.require_free(settings.host, settings.port)
    with processes.children(settings.grace_seconds) as children, api_client(settings) as api:
        try:
            start(children, api)
            typer.echo(f"ready: {settings.url}/docs   (data in {settings.data_dir}; Ctrl-C stops it)")
            while True:
                children.wait(3600)
        except Interrupted:
            return _leave(children)


def api_client(settings: ClientSettings) -> ApiClient:
    """A client for the service of these settings."""
    return ApiClient(settings.url, settings.api_key.get_secret_value() if settings.api_key else None)


def start(children: Children, api: ApiClient, logs: Path | None = None, **environment: str) -> None:
    """Start the API and a worker side by side, and return when the API is ready. The first of them migrates."""

    def log(name: str) -> Path | None:
        return logs / f"{name}.log" if logs else None

    children.start("API", "service", "--migrate", log=log("api"), **environment)
    children.start("worker", "worker", "--migrate", log=log("worker"), **environment)
    _await_ready(children, api)


def _await_ready(children: Children, api: ApiClient) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not api.is_ready():
        children.wait(0.1)
        if time.monotonic() > deadline:
            raise Unreachable(f"the API was not ready after {READY_SECONDS:g} s")


def _leave(children: Children) -> int:
    typer.echo("stopping; a second Ctrl-C kills", err=True)
    failed = children.stop()
    for child in failed:
        typer.echo(f"the {child.name} failed to stop cleanly (exit status {child.process.returncode})", err=True)
    return 1 if failed else 0
