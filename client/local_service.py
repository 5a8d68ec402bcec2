"""A private service for the duration of one command: API and worker on a free port, with the configured data folder.

It creates runs, follows them until they finish, and cancels them when the command is interrupted.
"""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from client import processes, progress, up
from client.api_client import ApiClient, Json
from client.errors import ClientError, RunEnded, Unreachable
from client.processes import Children
from client.settings import ClientSettings

POLL_SECONDS: Final = 0.25


@dataclass(frozen=True)
class LocalService:
    """A running API with one worker, and a client for it."""

    children: Children
    api: ApiClient

    def ensure_dataset(self, dataset: str) -> Json:
        """Return the dataset, importing it if necessary."""
        if not self.api.dataset(dataset)["present"]:
            self.run({"kind": "import", "dataset": dataset})
        return self.api.dataset(dataset)

    def train(self, spec: Mapping[str, Any]) -> Json:
        """Train with this spec, showing losses; returns the run after it has succeeded."""
        return self._finished(spec, lambda started: _losses(self.api, started))

    def run(self, spec: Mapping[str, Any]) -> Json:
        """Run a spec of any other kind, showing progress; returns the run after it has succeeded."""
        return self._finished(spec, lambda started: progress.steps(started["kind"]))

    def _finished(
        self, spec: Mapping[str, Any], shown: Callable[[Json], AbstractContextManager[progress.Show]]
    ) -> Json:
        """Create a run and wait until it has succeeded. `shown` yields a function that is called after every poll."""
        with _cancelled_unless_done(self.api, self.api.start_run(spec)) as now, shown(now) as follow:
            while now["finished_at"] is None:
                self.children.wait(POLL_SECONDS)
                now = self.api.run(now["id"])
                follow(now)
        if now["state"] != "succeeded":
            error = now["error"] or {}
            raise RunEnded(f"the {now['kind']} run {now['state']}: {error.get('detail')}  [{error.get('code')}]")
        return now


@contextlib.contextmanager
def running(settings: ClientSettings, folder: Path) -> Iterator[LocalService]:
    """Run a service during the block, with logs in `folder`. Raises `ClientError`; leaves no process behind."""
    folder.mkdir(parents=True, exist_ok=True)
    here = settings.model_copy(update={"host": "127.0.0.1", "port": processes.free_port()})
    with processes.children(settings.grace_seconds) as children, up.api_client(here) as api:
        report(f"starting the API and one worker at {here.url} (data in {here.data_dir}, logs in {folder})")
        up.start(children, api, logs=folder, SAE_HOST=here.host, SAE_PORT=str(here.port))
        try:
            yield LocalService(children, api)
        except Unreachable:
            children.wait(1.0)  # raises ChildEnded if a dead process is the cause
            raise


def report(sentence: str) -> None:
    """Print progress to stderr; stdout is for results."""
    typer.echo(sentence, err=True)


def show_request(spec: Mapping[str, Any]) -> None:
    """Print the request for a run, so that it can be repeated."""
    report(f"POST /api/v1/runs {json.dumps(spec)}")


def write_pictures(folder: Path, pictures: Mapping[str, bytes]) -> None:
    """Write each file completely or not at all, and print where they are."""
    for name, content in pictures.items():
        unfinished = folder / f".{name}"
        unfinished.write_bytes(content)
        unfinished.replace(folder / name)
    typer.echo(f"pictures in {folder}{os.sep}: {', '.join(pictures)}")


@contextlib.contextmanager
def _losses(api: ApiClient, started: Json) -> Iterator[progress.Show]:
    """Show the metrics records that are new since the last poll."""
    seen = 0
    with progress.shown(started["spec"]) as show:

        def follow(now: Json) -> None:
            nonlocal seen
            for record in api.metrics(now["id"], after=seen):
                seen = record["epoch"]
                show(record)

        yield follow


@contextlib.contextmanager
def _cancelled_unless_done(api: ApiClient, started: Json) -> Iterator[Json]:
    """Cancel the run on an error, so that no worker picks it up later."""
    try:
        yield started
    except BaseException:
        with contextlib.suppress(ClientError):
            api.cancel_run(started["id"])
        raise
