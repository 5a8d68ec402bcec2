"""Services to speak to over HTTP: one for all tests that only look, with models that were trained for them; and
empty ones, each for one test, on SQLite or PostgreSQL; and processes of their own, which may be killed.
"""

import dataclasses
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI

from registry import datasets as registered
from registry import models, runs
from registry.database import schema
from registry.database.tables import ModelVersion
from registry.metrics import MetricRecord
from registry.settings import RegistrySettings
from service import app
from service.settings import ServiceSettings
from service.state import AppState
from sparse_coding.data import builtin_datasets, datasets, preprocessing
from sparse_coding.models import weights
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.training import TrainSpec
from sparse_coding.training import loop


class Server(uvicorn.Server):
    """A real server in a thread, which says when it has begun to listen or has given up."""

    def __init__(self, application: FastAPI) -> None:
        super().__init__(uvicorn.Config(application, port=0, lifespan="on", log_config=None, access_log=False))
        self.settled = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()

    def listen(self) -> None:
        try:
            self.run()
        finally:
            self.settled.set()


@contextmanager
def serving(application: FastAPI) -> Iterator[httpx.Client]:
    """A client of the application, which is spoken to through a real socket."""
    server = Server(application)
    thread = threading.Thread(target=server.listen)
    thread.start()
    try:
        assert server.settled.wait(60)
        assert server.started, "the application did not start"
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            yield http
    finally:
        server.should_exit = True
        thread.join()


@dataclass(frozen=True)
class Gallery:
    """A running service, and ways past it into its app_state."""

    http: httpx.Client
    app_state: AppState

    def enter(self, name: str, file: Path) -> str:
        """Give a dataset file its name; its digest."""
        opened = datasets.open(file)
        facts = registered.Facts(**vars(opened.facts), classes=opened.classes)
        stored = self.app_state.artifacts.put(file)
        with self.app_state.database.write() as session:
            return registered.enter(session, name=name, stored=stored, facts=facts).dataset.digest

    def publish(self, folder: Path, asked: dict[str, Any]) -> ModelVersion:
        """Train what a spec asks for, here and now, and publish it as a worker would."""
        parsed = run_specs.parse(asked)
        assert isinstance(parsed, TrainSpec)
        with self.app_state.database.read() as session:
            digest = registered.get(session, parsed.dataset.name).digest
        weights_file, result, curves = trained(parsed, self.app_state.artifacts.path(digest), folder)
        stored = self.app_state.artifacts.put(weights_file)
        document = run_specs.document(parsed)
        with self.app_state.database.write() as session:
            runs.enqueue(session, kind="train", spec=document, spec_version=1, dataset_name=parsed.dataset.name)
            run = runs.claim(session, owner="the tests", lease_seconds=60, devices=["auto"])
            assert run is not None
            runs.record(session, run.id, run.fence, metrics=curves)
            publication = models.Publication(str(parsed.name), document, 1, result, stored, parsed.dataset.name, digest)
            done = runs.succeed(session, run.id, run.fence, result=result, publish=[publication])
            return models.resolve(session, f"{done.model_name}@{done.model_version}")


def trained(asked: TrainSpec, dataset_file: Path, folder: Path) -> tuple[Path, dict[str, Any], list[MetricRecord]]:
    """A weights file, the run's result, and what every epoch measured."""
    dataset = datasets.open(dataset_file)
    prepared = preprocessing.fit(asked.dataset, dataset)
    data = loop.load(dataset, prepared, asked, "cpu")
    state = loop.start(asked, prepared.n_inputs, "cpu")
    epochs = [dataclasses.asdict(epoch) for epoch in loop.epochs(state, data, asked)]
    target = folder / "weights.safetensors"
    weights.write(target, state.autoencoder, asked, prepared)
    curves = [MetricRecord(0, epoch.pop("epoch"), epoch) for epoch in epochs]
    return target, loop.summary(state.autoencoder, data, asked), curves


SMALL = {"n_latents": 20, "hidden": [16]}
SHORT = {"epochs": 2, "batch_size": 64}
WIDE = {"n_latents": 2048, "hidden": [1024]}
ONE_STEP = {"epochs": 1, "batch_size": 1024}
SPECS: dict[str, dict[str, Any]] = {
    "kl": {
        "dataset": {"name": "digits"},
        "model": SMALL,
        "sparsity": {"kind": "kl", "weight": 0.001},
        "training": {"epochs": 40, "batch_size": 32, "learning_rate": 0.005},
    },
    "l1": {
        "dataset": {"name": "digits", "image_size": 10},
        "model": SMALL,
        "sparsity": {"kind": "l1", "weight": 0.001},
        "training": SHORT,
    },
    "dead": {
        "dataset": {"name": "digits"},
        "model": SMALL,
        "sparsity": {"kind": "l1", "weight": 100},
        "training": SHORT,
    },
    "digits-kl": {"dataset": {"name": "digits", "image_size": 28}, "model": SMALL, "training": SHORT},
    "colour": {"dataset": {"name": "tints"}, "model": {"n_latents": 5, "hidden": []}, "training": SHORT},
    "vectors": {
        "dataset": {"name": "signals", "scaling": "minmax"},
        "model": {"n_latents": 7, "hidden": [], "output": "identity"},
        "sparsity": {"kind": "none"},
        "training": {"epochs": 60, "batch_size": 16, "learning_rate": 0.01},
    },
}


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A service with the models `kl` (digits, sigmoid code), `l1` (resized, ReLU), `dead`, `colour` and `vectors`,
    and with the demo's `digits-kl`, so that the examples of the documentation work.

    Tests only look at it; what changes something publishes a model of its own.
    """
    folder = tmp_path_factory.mktemp("gallery")
    settings = ServiceSettings(
        data_dir=folder / "data", inference_threads=1, max_rows=500, max_images=100, max_waiting=4
    )
    schema.upgrade(settings)
    application = app.create_app(settings)
    with serving(application) as http:
        gallery = Gallery(http, application.state.opened)
        gallery.enter("digits", builtin_datasets.materialise("digits", folder, folder))
        gallery.enter("tints", _tints(folder / "tints.safetensors"))
        gallery.enter("signals", _signals(folder / "signals.safetensors"))
        for name, asked in SPECS.items():
            gallery.publish(folder, {"name": name, **asked})
        yield gallery


def _tints(file: Path) -> Path:
    images = np.random.default_rng(0).integers(0, 256, (200, 3, 4, 6), np.uint8)
    datasets.write(file, train=images[:150], test=images[150:])
    return file


def _signals(file: Path) -> Path:
    rows = np.random.default_rng(0).normal(5, 3, (200, 9)).astype(np.float32)
    datasets.write(file, train=rows[:150], test=rows[150:])
    return file


@pytest.fixture(scope="session")
def published(gallery: Gallery, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelVersion]:
    """Publishes one more small model under a name, for tests that change it."""

    def publish(name: str) -> ModelVersion:
        asked = {"name": name, "dataset": {"name": "digits"}, "model": SMALL, "training": {**SHORT, "epochs": 1}}
        return gallery.publish(tmp_path_factory.mktemp("published"), asked)

    return publish


@dataclass(frozen=True)
class Door:
    """An empty running service, and a way past it into its app_state."""

    http: httpx.Client
    app_state: AppState
    app: app.Application


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Door]]:
    """Starts a service on an empty, migrated database; settings by name."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Door:
            given = ServiceSettings(**{"data_dir": tmp_path / "data", "inference_threads": 1, **settings})
            schema.upgrade(given)
            application = app.create_app(given)
            http = stack.enter_context(serving(application))
            return Door(http, application.state.opened, application)

        yield start


@contextmanager
def opened(settings: ServiceSettings) -> Iterator[Door]:
    """A service on a migrated database, for the time of the block."""
    application = app.create_app(settings)
    with serving(application) as http:
        yield Door(http, application.state.opened, application)


@pytest.fixture
def restarting() -> Callable[[ServiceSettings], AbstractContextManager[Door]]:
    """`with restarting(settings) as door:`, again and again or side by side on one database."""
    return opened


@pytest.fixture(params=["sqlite", "postgresql"])
def door(request: pytest.FixtureRequest, serve: Callable[..., Door]) -> Door:
    """An empty service, on each database."""
    if request.param == "sqlite":
        return serve()
    return serve(database_url=request.getfixturevalue("postgres_database"))


PATIENCE = 60.0
"""Seconds that a process has for whatever it must do."""


class Process:
    """A running `python -m service` and what it has said so far."""

    def __init__(self, registry: RegistrySettings, **settings: str) -> None:
        own = {"SAE_DATA_DIR": str(registry.data_dir), "SAE_PORT": "0", "OMP_NUM_THREADS": "1"}
        own |= {"SAE_DATABASE_URL": registry.database_url} if registry.database_url else {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service"],
            env={**os.environ, **own, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.announced = self.process.stdout.readline()
        found = re.fullmatch(r"API explorer: (http://\S+)/docs\n", self.announced)
        assert found, self.announced + self.end()
        self.http = httpx.Client(base_url=found[1], trust_env=False, timeout=PATIENCE)

    def end(self, number: int = signal.SIGTERM) -> str:
        """Everything that it wrote to its log, once it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.communicate(timeout=PATIENCE)[1]


@pytest.fixture
def launch() -> Iterator[Callable[..., Process]]:
    """`launch(registry, SAE_NAME=value)` starts a service as a process of its own; it is killed after the test."""
    started: list[Process] = []

    def begin(registry: RegistrySettings, **settings: str) -> Process:
        started.append(Process(registry, **settings))
        return started[-1]

    yield begin
    for each in started:
        each.http.close()
        each.end(signal.SIGKILL)


@pytest.fixture
def furnished(
    two_doors: ServiceSettings, restarting: Callable[..., AbstractContextManager[Door]], tmp_path: Path
) -> ServiceSettings:
    """A registry on each database that knows the digits and the model `wide`, the answers of which are long."""
    with restarting(two_doors) as door:
        gallery = Gallery(door.http, door.app_state)
        gallery.enter("digits", builtin_datasets.materialise("digits", tmp_path, tmp_path))
        gallery.publish(tmp_path, {"name": "wide", "dataset": {"name": "digits"}, "model": WIDE, "training": ONE_STEP})
    return two_doors


@pytest.fixture(params=["sqlite", "postgresql"])
def two_doors(request: pytest.FixtureRequest, tmp_path: Path) -> ServiceSettings:
    """Settings of a service on a migrated database, on each database; any number may be started with them."""
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    settings = ServiceSettings(data_dir=tmp_path / "data", database_url=url, inference_threads=1)
    schema.upgrade(settings)
    return settings
