"""How fast codes are served, beside an ASGI application that echoes, FastAPI that echoes, and LitServe.

Starts each system itself, and loads them in turns with `wrk`, on the same processors: rate, p50, p99, and the processor
time of the whole tree of processes for each request. LitServe is installed into an environment of its own; where that
fails, its rows are left out, and a line says so. Prints how loaded the machine was.
"""

import asyncio
import io
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import torch

from client import processes
from registry.stores.directory import DirectoryStore
from service.http.metrics import Measurements
from service.inference import batcher as batchers
from service.inference.batcher import Batcher
from service.inference.compute import Compute
from service.inference.model_cache import ModelCache

SAE = Path(sys.executable).with_name("sae")
PEERS = Path(__file__).with_name("serving_peers.py")
LITSERVE = Path(__file__).with_name("serving_litserve.py")
PORT = "PORT"
"""Stands for the port in a command."""
SECONDS = 4
ROUNDS = 3
MODELS: dict[str, dict[str, Any]] = {
    "main": {"hidden": [256], "n_latents": 128},
    "wide": {"hidden": [], "n_latents": 16_384},
}
SCRIPT = """
local file = io.open("{body}", "rb")
wrk.method = "{method}"
wrk.body = file:read("*a")
wrk.headers["Content-Type"] = "{media_type}"
wrk.headers["Accept"] = "{accept}"
"""


@dataclass
class System:
    """A server that runs."""

    name: str
    url: str
    process: psutil.Process

    def processor_seconds(self) -> float:
        """Of its whole tree of processes."""
        tree = [self.process, *self.process.children(recursive=True)]
        return sum(sum(each.cpu_times()[:2]) for each in tree)


@dataclass
class Load:
    """What is sent, and over how many connections."""

    name: str
    connections: int
    body: bytes = b""
    media_type: str = "application/json"
    accept: str = "*/*"
    method: str = "POST"


@dataclass
class Figures:
    rate: float
    p50: float
    p99: float
    processor_us: float


def main() -> None:
    """Print a table for each load, and afterwards the ratios that count."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is needed (Debian: apt install wrk)")
    print(f"load of the last minute: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        weights, runs = trained(folder)
        service = stack.enter_context(started("service", folder, [SAE, "api"], SAE_DATA_DIR=str(folder / "data")))
        bare = stack.enter_context(started("bare ASGI", folder, [sys.executable, PEERS, "bare", PORT]))
        echo = stack.enter_context(started("FastAPI echo", folder, [sys.executable, PEERS, "echo", PORT]))
        lit = litserve(stack, folder, weights["main"])
        peers = {"bare": bare, "echo": echo} | ({} if lit is None else {"litserve": lit})
        measure_rows(folder, service, peers, weights["main"])
        measure_small(folder, service, echo, runs["main"])
        measure_batching(folder, weights["wide"])


def measure_rows(folder: Path, service: System, peers: dict[str, System], weights: Path) -> None:
    one, many = rows(1), rows(256)
    encode = f"{service.url}/api/v1/models/main/encode"
    echo, bare, lit = (peers.get(name) for name in ("echo", "bare", "litserve"))
    targets = [(service, encode)] + [(each, f"{each.url}/echo") for each in (bare, echo) if each is not None]
    predict = [(lit, f"{lit.url}/predict")] if lit is not None else []
    for connections in (16, 1):
        found = compared(folder, Load("1 row, JSON", connections, listed(one)), targets + predict)
        ours = found[service.name]
        for name in found.keys() - {service.name, "bare ASGI"}:
            peer = found[name]
            print(f"    to {name}: rate {ours.rate / peer.rate:.2f}, ", end="")
            print(f"processor time {peer.processor_us / ours.processor_us:.2f}")
        print(f"    p99 to p50: {ours.p99 / ours.p50:.2f}")
    forward = forward_rate(weights, many)
    binary = Load("256 rows, .npy", 4, npy(many), "application/x-npy", "application/x-npy")
    ours = compared(folder, binary, [(service, encode)])[service.name]
    print(f"    to the forward pass alone, {forward:.0f} a second in one thread: {ours.rate / forward:.2f}")
    text = compared(folder, Load("256 rows, JSON", 4, listed(many)), [(service, encode), *predict])
    if lit is not None:
        theirs = text[lit.name].rate
        print(f"    to LitServe's JSON: .npy {ours.rate / theirs:.1f}, JSON {text[service.name].rate / theirs:.1f}")


def measure_small(folder: Path, service: System, echo: System, run: str) -> None:
    """Other small requests; the echo of an empty body is their peer."""
    peer = compared(folder, Load("POST, empty", 16), [(echo, f"{echo.url}/echo")])[echo.name]
    for path in ("/livez", "/api/v1/models/main", f"/api/v1/runs/{run}"):
        load = Load(f"GET {path.replace(run, '{run}')}", 16, method="GET")
        found = compared(folder, load, [(service, f"{service.url}{path}")])[service.name]
        print(f"    to FastAPI echo: rate {found.rate / peer.rate:.2f}")


def measure_batching(folder: Path, weights: Path) -> None:
    """64 askers of one row each, of a wide model, in this process: with batches, and one after another."""
    store = DirectoryStore(folder / "wide")
    digest = store.put(weights).sha256
    one = rows(1)

    async def rate(batcher: Batcher) -> float:
        done = 0
        until = time.perf_counter() + SECONDS

        async def asker() -> None:
            nonlocal done
            while time.perf_counter() < until:
                await batcher.run(digest, "encode", one)
                done += 1

        began = time.perf_counter()
        await asyncio.gather(*(asker() for _ in range(64)))
        return done / (time.perf_counter() - began)

    found = {}
    for size in (1, batchers.BATCH_ROWS):
        batchers.BATCH_ROWS = size  # type: ignore[misc]
        thread = Compute(threads=1, max_waiting=1)
        models = ModelCache(store, capacity=1)
        models.get(digest)
        found[size] = asyncio.run(rate(Batcher(models, thread, Measurements("0"), max_rows=1000)))
        thread.close()
    alone, together = found.values()
    print(
        f"784 -> 16,384, 64 askers, rows a second: alone {alone:.0f}, in batches {together:.0f}: {together / alone:.1f}"
    )


def compared(folder: Path, load: Load, targets: list[tuple[System, str]]) -> dict[str, Figures]:
    """The figures of each system under a load, medians of interleaved rounds."""
    found: dict[str, list[Figures]] = {system.name: [] for system, _ in targets}
    for system, url in targets:
        loaded(folder, load, system, url, 1)
    for _ in range(ROUNDS):
        for system, url in targets:
            found[system.name].append(loaded(folder, load, system, url, SECONDS))
    print(f"{load.name}, {load.connections} connections")
    medians = {}
    for name, each in found.items():
        fields = ("rate", "p50", "p99", "processor_us")
        figures = Figures(*(statistics.median(getattr(one, field) for one in each) for field in fields))
        medians[name] = figures
        print(f"  {name:14}{figures.rate:9.1f}/s  p50 {figures.p50:8.2f} ms  p99 {figures.p99:8.2f} ms", end="")
        print(f"  {figures.processor_us:9.0f} us of processor time")
    return medians


def loaded(folder: Path, load: Load, system: System, url: str, seconds: int) -> Figures:
    body, script = folder / "body", folder / "load.lua"
    body.write_bytes(load.body)
    script.write_text(
        SCRIPT.format(body=body, method=load.method, media_type=load.media_type, accept=load.accept), encoding="ascii"
    )
    command = [
        "wrk",
        "-t1",
        f"-c{load.connections}",
        f"-d{seconds}s",
        "--timeout",
        "60s",
        "--latency",
        "-s",
        script,
        url,
    ]
    before = system.processor_seconds()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
    spent = system.processor_seconds() - before
    if "Non-2xx" in done:
        sys.exit(f"{system.name} refuses {load.name}:\n{done}")
    requests = int(found(r"(\d+) requests in", done))
    return Figures(
        float(found(r"Requests/sec:\s+([\d.]+)", done)),
        milliseconds(found(r"\n +50% +(\S+)", done)),
        milliseconds(found(r"\n +99% +(\S+)", done)),
        1e6 * spent / max(1, requests),
    )


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, text
    return match[1]


def milliseconds(text: str) -> float:
    number, unit = found(r"([\d.]+)", text), found(r"([a-z]+)$", text)
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


def rows(count: int) -> np.ndarray:
    return np.random.default_rng(count).random((count, 784), np.float32).round(4)


def listed(array: np.ndarray) -> bytes:
    return json.dumps({"inputs": [[float(f"{value:.4f}") for value in row] for row in array]}).encode()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


@torch.inference_mode()
def forward_rate(weights: Path, sent: np.ndarray) -> float:
    """How often a second one thread encodes the rows."""
    model = encoder(weights)
    torch.set_num_threads(1)
    x = torch.from_numpy(sent)
    until, done = time.perf_counter() + SECONDS, 0
    while time.perf_counter() < until:
        model(x)
        done += 1
    return done / SECONDS


def encoder(weights: Path) -> Callable[[torch.Tensor], torch.Tensor]:
    from sparse_coding.models import weights as weight_files

    encode: Callable[[torch.Tensor], torch.Tensor] = weight_files.read(weights).autoencoder.encode
    return encode


def trained(folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Train each model for an epoch; its weights file and its run."""
    files, runs = {}, {}
    with (
        started("training", folder, [SAE, "up"], SAE_DATA_DIR=str(folder / "data")) as up,
        httpx.Client(base_url=f"{up.url}/api/v1", timeout=120, trust_env=False) as http,
    ):
        for name, model in MODELS.items():
            dataset = {"name": "digits", "image_size": 28}
            spec = {"name": name, "dataset": dataset, "model": model, "training": {"epochs": 1}}
            run = http.post("/runs", json=spec).raise_for_status().json()["id"]
            while http.get(f"/runs/{run}").json()["state"] not in ("succeeded", "failed"):
                time.sleep(0.2)
            files[name], runs[name] = folder / f"{name}.safetensors", run
            files[name].write_bytes(http.get(f"/models/{name}/weights").raise_for_status().content)
    return files, runs


@contextmanager
def started(name: str, folder: Path, command: list[Any], **environment: str) -> Iterator[System]:
    """A server that has begun to answer; a peer gets its port as an argument, the service from its environment."""
    with httpx.Client(trust_env=False) as http:
        port = processes.free_port()
        arguments = [str(port) if part is PORT else str(part) for part in command]
        with (folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                arguments,
                env={**os.environ, **environment, "SAE_PORT": str(port)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            until_it_answers(http, url, process)
            yield System(name, url, psutil.Process(process.pid))
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def until_it_answers(http: httpx.Client, url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(1200):
        if process.poll() is not None:
            raise RuntimeError("it has ended")
        try:
            http.get(f"{url}/readyz")
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("it does not answer")


def litserve(stack: ExitStack, folder: Path, weights: Path) -> System | None:
    """LitServe with the model, in an environment of its own beside this one; None where it cannot be installed."""
    home = Path(sys.prefix).with_name(".venv-litserve")
    python = home / "bin" / "python"
    try:
        if not python.exists():
            venv.create(home, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "litserve"], check=True)
            # torch and safetensors are those of the service, found after what LitServe has itself
            site = next((home / "lib").glob("python*/site-packages"))
            (site / "service.pth").write_text(f"{Path(torch.__file__).parents[1]}\n")
        return stack.enter_context(started("LitServe", folder, [python, LITSERVE, PORT, weights]))
    except (OSError, subprocess.CalledProcessError, RuntimeError) as error:
        print(f"LitServe is left out: {error}")
        return None


if __name__ == "__main__":
    main()
