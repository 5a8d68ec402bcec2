"""`python -m service` as a real process: what it refuses to start with, what it says, and how it ends."""

import asyncio
import hashlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pytest
from starlette.requests import Request

from registry import runs
from registry.database import schema, sessions
from registry.metrics import MetricRecord
from registry.settings import RegistrySettings
from service import app
from service.settings import ServiceSettings
from testing.service_process import Launch, ServiceProcess
from testing.waiting import eventually

PATIENCE = 60.0
KEY = "a-key-that-nobody-guesses"


def refused(folder: Path, **settings: str) -> str:
    """What a process that will not start says."""
    command = [sys.executable, "-m", "service"]
    environment = {**os.environ, "SAE_DATA_DIR": str(folder), "SAE_PORT": "0", **settings}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.fixture
def migrated(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    schema.upgrade(RegistrySettings(data_dir=folder))
    return folder


Start: TypeAlias = Callable[..., ServiceProcess]
"""`start(SAE_NAME=value)` starts a service on a migrated registry."""


@pytest.fixture
def start(migrated: Path, launch: Launch) -> Start:
    return partial(launch, RegistrySettings(data_dir=migrated), executed=True)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "my-machine.example"])
def test_other_machines_are_not_served_without_a_key_and_the_remedy_is_said(migrated: Path, host: str) -> None:
    said = refused(migrated, SAE_HOST=host)
    assert f"SAE_HOST={host}" in said
    assert "SAE_API_KEY" in said
    assert "127.0.0.1" in said


def test_a_database_that_is_not_there_or_of_another_release_is_refused(migrated: Path, tmp_path: Path) -> None:
    assert "python -m registry migrate" in refused(tmp_path / "nothing")
    with sqlite3.connect(migrated / "registry.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'tomorrow'")
    connection.close()
    assert "later release" in refused(migrated)


def test_a_device_that_is_not_there_is_refused(migrated: Path) -> None:
    said = refused(migrated, SAE_INFERENCE_DEVICE="cuda", CUDA_VISIBLE_DEVICES="")
    assert said == "SAE_INFERENCE_DEVICE is cuda, but torch finds no CUDA device here; set it to cpu.\n"


def test_settings_without_sense_are_named_and_their_values_are_not(migrated: Path) -> None:
    said = refused(migrated, SAE_PORT="many", SAE_API_KEY="too-short-and-secret"[:9], SAE_MAX_ROWS="0")
    assert set(re.findall(r"^SAE_\w+", said, re.MULTILINE)) == {"SAE_PORT", "SAE_API_KEY", "SAE_MAX_ROWS"}
    assert "SAE_API_KEY must have at least 16 characters\n" in said
    assert "too-short" not in said


def test_it_says_where_the_explorer_is_and_that_answers(start: Start) -> None:
    process = start()
    assert process.http.get("/docs").status_code == 200
    assert process.http.get("/readyz").status_code == 200
    assert "server" not in process.http.get("/livez").headers


def test_a_service_whose_torch_cannot_be_imported_is_not_ready(start: Start, tmp_path: Path) -> None:
    broken = tmp_path / "modules" / "torch.py"
    broken.parent.mkdir()
    broken.write_text("raise ImportError('libtorch.so: cannot open shared object file')\n")
    process = start(PYTHONPATH=str(broken.parent))
    answer = eventually("the failure", lambda: (found := process.http.get("/readyz")).status_code == 503 and found)
    assert answer.json()["errors"][0]["pointer"] == "computations"
    assert process.http.get("/livez").status_code == 200
    assert "libtorch.so" in process.end(), "the log says why"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_and_every_line_of_its_log_is_json(start: Start, number: int) -> None:
    process = start(SAE_API_KEY=KEY)
    process.http.get("/api/v1/runs?hush=secret-word", headers={"X-API-Key": KEY, "X-Request-ID": "one"})
    process.http.get("/api/v1/runs", headers={"X-API-Key": "wrong-" + KEY})
    assert process.http.get("/readyz").status_code == 200
    lines = [json.loads(line) for line in process.end(number).splitlines()]
    assert process.process.returncode == 0
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)
    assert not [line for line in lines if line["logger"].startswith("alembic")]
    requests = [line for line in lines if line["event"] == "request"]
    said = [(line["route"], line["status"]) for line in requests]
    assert said == [("/api/v1/runs", 422), ("unmatched", 401), ("/readyz", 200)]
    assert requests[0]["request_id"] == "one"
    assert any("Finished server process" in line["event"] for line in lines), "the server's own lines come the same way"
    assert not {word for word in (KEY, "secret-word") if word in json.dumps(lines)}


def test_a_request_that_does_not_end_holds_up_its_end_only_for_the_time_that_is_set(
    service_settings: ServiceSettings, launch: Launch
) -> None:
    process = launch(service_settings, SAE_SHUTDOWN_SECONDS="1")
    head = "POST /api/v1/datasets/x HTTP/1.1\r\nHost: localhost\r\nContent-Type: a/b\r\nContent-Length: 9\r\n\r\nhalf"
    with socket.create_connection((process.http.base_url.host, process.http.base_url.port)) as connection:
        connection.sendall(head.encode())
        eventually("what another process makes so", lambda: uploaded(service_settings.data_dir))
        process.process.send_signal(signal.SIGTERM)
        assert process.process.wait(PATIENCE) == 0
    assert uploaded(service_settings.data_dir) == []


def test_a_reader_of_events_is_sent_away_at_the_end_and_goes_on_at_the_next_service(
    service_settings: ServiceSettings, launch: Launch
) -> None:
    """The run goes on while no service is there; the reader has every event once."""
    database = sessions.open(service_settings)
    first = launch(service_settings, SAE_SHUTDOWN_SECONDS="600")
    run = first.http.post("/api/v1/runs", json={"dataset": {"name": "digits"}}).json()["id"]
    address, wanted = f"/api/v1/runs/{run}/events", {"Accept": "text/event-stream"}
    seen: list[str] = []
    with first.http.stream("GET", address, headers=wanted) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("id: "))
        seen.append(next(lines))
        with database.write() as session:
            claimed = runs.claim(session, owner="worker", lease_seconds=60, devices=["auto"])
        seen.append(next(lines))
        first.process.send_signal(signal.SIGTERM)
        seen += lines
    assert claimed is not None
    assert first.process.wait(PATIENCE) == 0
    with database.write() as session:
        runs.record(session, run, claimed.fence, metrics=[MetricRecord(0, 1, {})])
    second = launch(service_settings)
    with second.http.stream("GET", address, headers={**wanted, "Last-Event-ID": seen[-1][4:]}) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("id: "))
        seen.append(next(lines))
        with database.write() as session:
            runs.succeed(session, run, claimed.fence, result={})
        seen += lines
    database.dispose()
    assert seen == [f"id: {number}" for number in range(1, 5)]


def test_a_computation_that_does_not_end_holds_up_its_end_only_for_the_time_that_is_set(migrated: Path) -> None:
    application = app.create_app(ServiceSettings(data_dir=migrated, shutdown_seconds=1))
    begun, released = threading.Event(), threading.Event()

    def compute() -> None:
        begun.set()
        released.wait(PATIENCE)

    async def open_and_close() -> float:
        async with application.router.lifespan_context(application):
            request = Request({"type": "http"}, receive=asyncio.Event().wait)
            running = asyncio.create_task(application.state.opened.interactive.run(request, compute))
            await asyncio.to_thread(begun.wait, PATIENCE)
            closing = time.monotonic()
        waited = time.monotonic() - closing
        released.set()
        await running
        return waited

    assert 1 <= asyncio.run(open_and_close()) < 10


def test_an_answer_that_is_on_its_way_is_sent_whole_before_it_ends(
    settings_with_wide_model: ServiceSettings, launch: Launch
) -> None:
    process = launch(settings_with_wide_model)
    with process.http.stream("GET", "/api/v1/models/wide/weights") as answer:
        parts = answer.iter_raw(65_536)
        first = next(parts)
        process.process.send_signal(signal.SIGTERM)
        eventually("what another process makes so", lambda: not answers(process))
        content = first + b"".join(parts)
    assert process.process.wait(PATIENCE) == 0
    assert f'"{hashlib.sha256(content).hexdigest()}"' == answer.headers["ETag"]


def answers(process: ServiceProcess) -> bool:
    """Whether it still takes new connections."""
    with socket.socket() as caller:
        return caller.connect_ex((process.http.base_url.host, process.http.base_url.port)) == 0


def uploaded(folder: Path) -> list[Path]:
    return [path for path in (folder / "uploads").rglob("*") if path.is_file() and path.suffix != ".lock"]
