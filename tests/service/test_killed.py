"""`kill -9` of the service in the middle of everything it does: what was accepted stays, and the next one goes on."""

import hashlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import numpy as np
import pytest
from sqlalchemy import select

from registry import attempts, events, runs
from registry.database import sessions
from registry.database.tables import Artifact, Dataset, Run, RunEvent, RunInput
from service.settings import ServiceSettings
from testing.service_process import Launch, ServiceProcess
from testing.waiting import eventually

RUNS = "/api/v1/runs"
STREAM = {"Accept": "text/event-stream"}
PATIENCE = 60.0


See: TypeAlias = Callable[..., Any]
"""`see(query)` is its rows; `see(runs.get, run)` is what the function of the registry returns."""


@pytest.fixture
def see(settings_with_wide_model: ServiceSettings) -> Iterator[See]:
    """Looks past the service into the registry: `see(query)` is its rows, `see(runs.get, run)` what the verb says."""
    database = sessions.open(settings_with_wide_model)

    def look(wanted: Any, *given: Any) -> Any:
        with database.read() as session:
            return wanted(session, *given) if callable(wanted) else session.execute(wanted).all()

    yield look
    database.dispose()


def body(number: int) -> dict[str, Any]:
    """Every other run reads files that are chosen when it is asked for."""
    return {"kind": "baselines", "model": "wide"} if number % 2 else {"dataset": {"name": "digits"}}


class Crowd:
    """Twenty clients at the same moment, two for each of ten keys."""

    def __init__(self, process: ServiceProcess) -> None:
        self.answers: list[tuple[str, httpx.Response]] = []
        self._url, self._ready = process.http.base_url, threading.Barrier(20)
        self._clients = [threading.Thread(target=self._post, args=[number % 10]) for number in range(20)]
        for client in self._clients:
            client.start()

    def _post(self, number: int) -> None:
        with httpx.Client(base_url=self._url, trust_env=False, timeout=PATIENCE) as http:
            http.get("/livez")
            self._ready.wait(PATIENCE)
            try:
                answer = http.post(RUNS, json=body(number), headers={"Idempotency-Key": f"key-{number}"})
            except httpx.TransportError:
                return
            self.answers.append((f"key-{number}", answer))

    def gone(self) -> dict[str, str]:
        """Key -> run of those who were answered, when all have ended."""
        for client in self._clients:
            client.join(PATIENCE)
        assert {answer.status_code for _, answer in self.answers} <= {202}
        found = {(key, answer.json()["id"]) for key, answer in self.answers}
        assert len(found) == len(dict(found)), "both requests with one key got the same response"
        return dict(found)


def test_posts_that_were_on_their_way_make_one_run_for_each_key_when_they_are_repeated(
    settings_with_wide_model: ServiceSettings, launch: Launch, see: See
) -> None:
    """Killed after the third response; repeated requests to the next service get those three responses."""
    process = launch(settings_with_wide_model)
    crowd = Crowd(process)
    eventually("what another process makes so", lambda: len(crowd.answers) >= 3)
    process.kill()
    known = crowd.gone()
    every_run_is_whole(see)
    again = Crowd(launch(settings_with_wide_model)).gone()
    every_run_is_whole(see)
    assert len(again) == len(set(again.values())) == 10
    assert again == again | known
    assert {row.id for row in see(select(Run.id).where(Run.state == "queued"))} == set(again.values())


def every_run_is_whole(see: See) -> None:
    stored_events = see(select(RunEvent.run_id, RunEvent.seq, RunEvent.type).where(RunEvent.type == "queued"))
    read = see(select(RunInput.run_id, RunInput.role))
    for run, kind in see(select(Run.id, Run.kind).where(Run.state == "queued")):
        assert (run, 1, "queued") in stored_events
        assert {row.role for row in read if row.run_id == run} == (
            {"model", "dataset"} if kind == "baselines" else set()
        )


def test_half_an_upload_leaves_nothing_and_is_repeated_in_full(
    settings_with_wide_model: ServiceSettings, launch: Launch, see: See
) -> None:
    process, uploads = launch(settings_with_wide_model), settings_with_wide_model.uploads_dir
    file = io.BytesIO()
    np.save(file, np.random.default_rng(0).random((500, 100), np.float32))
    content, known = file.getvalue(), see(select(Artifact.sha256))
    head = "POST /api/v1/datasets/rows HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-npy\r\n"
    head += f"Content-Length: {len(content)}\r\n\r\n"
    with socket.create_connection((process.http.base_url.host, process.http.base_url.port)) as connection:
        connection.sendall(head.encode() + content[:100_000])
        eventually(
            "what another process makes so", lambda: sum(path.stat().st_size for path in received(uploads)) == 100_000
        )
        process.kill()
    assert received(uploads), "nobody was left to remove it"
    assert see(select(Artifact.sha256)) == known
    assert see(select(Dataset.name)) == [("digits",)]

    process = launch(settings_with_wide_model)
    assert received(uploads) == []
    assert len([path for path in uploads.iterdir() if path.is_dir()]) == 1, "its own"
    answer = process.http.post("/api/v1/datasets/rows", content=content, headers={"Content-Type": "application/x-npy"})
    assert (answer.status_code, answer.json()["splits"]) == (201, {"train": 400, "test": 100})


def received(uploads: Path) -> list[Path]:
    return [path for path in uploads.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.fixture
def worker(settings_with_wide_model: ServiceSettings) -> Iterator["subprocess.Popen[bytes]"]:
    settings = {
        "DATA_DIR": settings_with_wide_model.data_dir,
        "DATABASE_URL": settings_with_wide_model.database_url,
        "DEVICE": "cpu",
        "THREADS": 1,
    }
    named = {f"SAE_{name}": str(value) for name, value in settings.items() if value is not None}
    log = (settings_with_wide_model.data_dir / "worker.log").open("wb")
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-m", "worker"], env={**os.environ, **named, "SAE_CHECKPOINT_SECONDS": "0.5"}, stderr=log
        ) as process,
    ):
        yield process
        process.kill()


def test_a_run_goes_on_and_its_reader_misses_and_repeats_nothing(
    settings_with_wide_model: ServiceSettings, launch: Launch, see: See, worker: "subprocess.Popen[bytes]"
) -> None:
    """The service is killed while the run trains; the reader comes back with the number that it saw last."""
    asked = {
        "dataset": {"name": "digits"},
        "model": {"n_latents": 16, "hidden": [16]},
        "training": {"epochs": 150, "batch_size": 48},
    }
    seen: list[dict[str, Any]] = []
    run = None
    for wanted in ("checkpoint", None):
        process = launch(settings_with_wide_model)
        run = run or process.http.post(RUNS, json=asked).json()["id"]
        headers = STREAM | ({"Last-Event-ID": str(seen[-1]["seq"])} if seen else {})
        with process.http.stream("GET", f"{RUNS}/{run}/events", headers=headers) as answer:
            for event in read_events(answer.iter_lines()):
                seen.append(event)
                if event["type"] == wanted:
                    break
            if wanted:
                process.kill()
    ended = see(runs.get, run)
    assert (ended.state, ended.attempt, ended.failures) == ("succeeded", 1, 0)
    assert [attempt.outcome for attempt in see(attempts.of_run, run)] == ["succeeded"]
    rows = see(events.read, run, 0, 10_000)
    assert [(event["seq"], event["type"]) for event in seen] == [(row.seq, row.type) for row in rows]
    assert [row.seq for row in rows] == list(range(1, ended.event_seq + 1))


def read_events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.startswith("data: "):
            yield json.loads(line[6:])


def test_answers_that_break_off_are_the_same_from_the_next_service(
    settings_with_wide_model: ServiceSettings, launch: Launch
) -> None:
    rows = {"dataset": "digits", "split": "train", "indices": list(range(720))}
    weights = {"method": "GET", "url": "/api/v1/models/wide/weights"}
    codes = {"method": "POST", "url": "/api/v1/models/wide/encode", "json": rows}
    process = launch(settings_with_wide_model)
    with process.http.stream(**weights) as file, process.http.stream(**codes) as answer:
        begun = list(broken_off(process, [file, answer]))
    process = launch(settings_with_wide_model)
    for request, first, part in zip((weights, codes), (file, answer), begun, strict=True):
        whole = process.http.request(**request).content
        assert 0 < len(part) < len(whole) == int(first.headers["Content-Length"])
        assert whole.startswith(part)
    missing = {"Range": f"bytes={len(begun[0])}-", "If-Range": file.headers["ETag"]}
    rest = process.http.request(**weights, headers=missing)
    assert rest.status_code == 206
    assert f'"{hashlib.sha256(begun[0] + rest.content).hexdigest()}"' == file.headers["ETag"]


def broken_off(process: ServiceProcess, answers: list[httpx.Response]) -> Iterator[bytes]:
    """What comes of each answer, the service of which is killed when all have begun."""
    streams = [answer.iter_raw(65_536) for answer in answers]
    begun = [next(stream) for stream in streams]
    process.kill()
    for part, stream in zip(begun, streams, strict=True):
        yield part + rest(stream)


def rest(stream: Iterator[bytes]) -> bytes:
    """What still comes before it breaks off."""
    content = bytearray()
    try:
        for part in stream:
            content += part
    except httpx.TransportError:
        return bytes(content)
    raise AssertionError("it came whole")
