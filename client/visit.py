"""A house of one's own for the time of one command: API and worker on a free port, with the configured data folder.

Runs are asked for here, followed to their ends, and cancelled when the command is interrupted. It does not know what
is asked for.
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
class House:
    """A running API with one worker, and a client for it."""

    children: Children
    api: ApiClient

    def have(self, dataset: str) -> Json:
        """The dataset, brought in if no run has done so yet."""
        if not self.api.dataset(dataset)["present"]:
            self.do({"kind": "import", "dataset": dataset})
        return self.api.dataset(dataset)

    def train(self, spec: Mapping[str, Any]) -> Json:
        """A training run of this spec once it has succeeded; its losses are shown as they come."""
        return self._finished(spec, lambda started: _losses(self.api, started))

    def do(self, spec: Mapping[str, Any]) -> Json:
        """A run of any other kind once it has succeeded; how far it is, is shown."""
        return self._finished(spec, lambda started: progress.steps(started["kind"]))

    def _finished(
        self, spec: Mapping[str, Any], shown: Callable[[Json], AbstractContextManager[progress.Show]]
    ) -> Json:
        """The run of this spec once it has succeeded; what `shown` gives sees it after every poll."""
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
def house(settings: ClientSettings, folder: Path) -> Iterator[House]:
    """A house for the time of the block, its logs in `folder`. Raises `ClientError`; leaves no process."""
    folder.mkdir(parents=True, exist_ok=True)
    here = settings.model_copy(update={"host": "127.0.0.1", "port": processes.free_port()})
    with processes.children(settings.grace_seconds) as children, up.api_client(here) as api:
        say(f"starting the API and one worker at {here.url} (data in {here.data_dir}, logs in {folder})")
        up.start(children, api, logs=folder, SAE_HOST=here.host, SAE_PORT=str(here.port))
        try:
            yield House(children, api)
        except Unreachable:
            children.wait(1.0)  # says that a process died, if that is the reason
            raise


def say(sentence: str) -> None:
    """To stderr: what happens, beside what was asked for."""
    typer.echo(sentence, err=True)


def asked(spec: Mapping[str, Any]) -> None:
    """Show the request for a run, so that it can be repeated."""
    say(f"POST /api/v1/runs {json.dumps(spec)}")


def keep(folder: Path, pictures: Mapping[str, bytes]) -> None:
    """Write files whole or not at all, and say where they are."""
    for name, content in pictures.items():
        unfinished = folder / f".{name}"
        unfinished.write_bytes(content)
        unfinished.replace(folder / name)
    typer.echo(f"pictures in {folder}{os.sep}: {', '.join(pictures)}")


@contextlib.contextmanager
def _losses(api: ApiClient, started: Json) -> Iterator[progress.Show]:
    """Shows the records that came since the last poll, for the run as it is now."""
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
    """Leaves no run in the queue that the next worker would take up."""
    try:
        yield started
    except BaseException:
        with contextlib.suppress(ClientError):
            api.cancel_run(started["id"])
        raise
