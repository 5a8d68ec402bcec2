"""`sae up` on an empty folder: every process of the service, spoken to over HTTP."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from testing.network import free_port
from testing.waiting import PATIENCE, eventually


@dataclass(frozen=True)
class LocalService:
    """A running `sae up`, a client for it and the folder in which it lives."""

    process: subprocess.Popen[bytes]
    http: httpx.Client
    folder: Path

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON answer to a GET below /api/v1."""
        return self.http.get(f"/api/v1/{path}", params=query).raise_for_status().json()

    def finished(self, run: dict[str, Any]) -> dict[str, Any]:
        """Return the run once it has ended, however it ended."""

        def ended() -> dict[str, Any] | None:
            now: dict[str, Any] = self.get(f"runs/{run['id']}")
            return now if now["finished_at"] else None

        finished = eventually(f"the end of run {run['id']}", ended)
        assert finished is not None
        return finished

    def trained(self, **spec: Any) -> dict[str, Any]:
        """Return a run of this spec that has succeeded."""
        answer = self.http.post("/api/v1/runs", json=spec)
        assert answer.status_code == 202, answer.text
        run = self.finished(answer.json())
        assert run["state"] == "succeeded", run
        return run

    def weights(self, model: str) -> bytes:
        """Return the weights file of a model."""
        return self.http.get(f"/api/v1/models/{model}/weights").raise_for_status().content

    def is_ready(self) -> bool:
        """Tell whether /readyz answers 200; fail where `sae up` has ended."""
        assert self.process.poll() is None, f"sae up ended early with {self.process.returncode}"
        try:
            return self.http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False


def start(folder: Path, **settings: str) -> LocalService:
    """Start `sae up` with its data in `folder`; return once it is ready."""
    port = free_port()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("sae"), "up"],
        env={**os.environ, "SAE_DATA_DIR": str(folder), "SAE_PORT": str(port), **settings},
        cwd=folder.parent,
    )
    http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)
    service = LocalService(process, http, folder)
    try:
        eventually("readiness", service.is_ready)
    except BaseException:
        process.kill()
        raise
    return service


@contextmanager
def running(folder: Path, **settings: str) -> Iterator[LocalService]:
    """Run `sae up` for the time of the block; Ctrl-C must end it with 0."""
    service = start(folder, **settings)
    yield service
    service.http.close()
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(PATIENCE) == 0, "Ctrl-C ends `sae up` with 0"
