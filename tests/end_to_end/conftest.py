"""The whole house as real processes: `sae up` on an empty folder, spoken to over HTTP."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

PATIENCE = 120.0
"""Seconds that a test waits for something that must happen, on a busy machine."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def eventually(what: str, happened: Callable[[], Any]) -> Any:
    """The first true answer of `happened`, or a failure that says what did not happen."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := happened():
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {PATIENCE:g} s")


@dataclass(frozen=True)
class House:
    """A running `sae up`, a client for it and the folder in which it lives."""

    process: subprocess.Popen[bytes]
    http: httpx.Client
    folder: Path

    def finished(self, run: dict[str, Any]) -> dict[str, Any]:
        """The run once it has ended, however it ended."""

        def ended() -> dict[str, Any] | None:
            now: dict[str, Any] = self.http.get(f"/api/v1/runs/{run['id']}").raise_for_status().json()
            return now if now["finished_at"] else None

        return eventually(f"the end of run {run['id']}", ended)

    def trained(self, **spec: Any) -> dict[str, Any]:
        """A run of this spec that has succeeded."""
        answer = self.http.post("/api/v1/runs", json=spec)
        assert answer.status_code == 202, answer.text
        run = self.finished(answer.json())
        assert run["state"] == "succeeded", run
        return run

    def weights(self, model: str) -> bytes:
        return self.http.get(f"/api/v1/models/{model}/weights").raise_for_status().content


def serve(folder: Path, **settings: str) -> House:
    port = free_port()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("sae"), "up"],
        env={**os.environ, "SAE_DATA_DIR": str(folder), "SAE_PORT": str(port), **settings},
        cwd=folder.parent,
    )
    http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)

    def ready() -> bool:
        assert process.poll() is None, f"sae up ended early with {process.returncode}"
        try:
            return http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        eventually("readiness", ready)
    except BaseException:
        process.kill()
        raise
    return House(process, http, folder)


def close(house: House) -> None:
    house.http.close()
    house.process.send_signal(signal.SIGINT)
    assert house.process.wait(PATIENCE) == 0, "Ctrl-C ends `sae up` with 0"


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One house for all tests of this folder, on SQLite and an empty data folder."""
    opened = serve(tmp_path_factory.mktemp("house") / "data")
    yield opened
    close(opened)
