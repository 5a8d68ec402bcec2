"""Services to speak to over HTTP: one for all tests that only read, with models that were trained for them; and
empty ones, each for one test, on SQLite or PostgreSQL; and processes of their own, which may be killed.
"""

import dataclasses
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from registry.database.tables import ModelVersion
from registry.settings import RegistrySettings
from service.settings import ServiceSettings
from testing import api as api_server
from testing import both_ways as ways
from testing import published_models
from testing.api import Api, RunningApi, StartApi
from testing.databases import Templates
from testing.published_models import ONE_STEP, SHORT, SMALL, WIDE, PublishModel, SharedApi
from testing.service_process import Launch, ServiceProcess
from testing.sharing import made_once


@pytest.fixture(scope="session")
def shared_api(tmp_path_factory: pytest.TempPathFactory, templates: Templates) -> Iterator[SharedApi]:
    """A service with the models `kl` (digits, sigmoid code), `l1` (resized, ReLU), `dead`, `colour` and `vectors`,
    and with the demo's `digits-kl`, so that the examples of the documentation work.

    Tests only read it; what changes something publishes a model of its own.
    """
    published = made_once(tmp_path_factory, "published", published_models.make_published)
    folder = tmp_path_factory.mktemp("shared")
    settings = ServiceSettings(
        data_dir=folder / "data", inference_threads=1, max_rows=500, max_images=100, max_waiting=4
    )
    templates.migrate(settings)
    with api_server.running_api(settings) as running:
        shared = SharedApi(**vars(running))
        for name, file in published.datasets.items():
            shared.add_dataset(name, Path(shutil.copy(file, folder)))
        for trained in published.models:
            copy = Path(shutil.copy(trained.weights, folder))
            shared.publish_trained(dataclasses.replace(trained, weights=copy))
        yield shared


@pytest.fixture
def both_ways(shared_api: SharedApi) -> Iterator[None]:
    """Whatever is sent to the shared service to be encoded, decoded or reconstructed is sent on both ways."""
    hooks = shared_api.http.event_hooks
    shared_api.http.event_hooks = {**hooks, "response": [*hooks["response"], ways.compare]}
    yield
    shared_api.http.event_hooks = hooks


@pytest.fixture(scope="session")
def published(shared_api: SharedApi, tmp_path_factory: pytest.TempPathFactory) -> PublishModel:
    """Publishes one more small model under a name, for tests that change it."""

    def publish(name: str) -> ModelVersion:
        document = {"name": name, "dataset": {"name": "digits"}, "model": SMALL, "training": {**SHORT, "epochs": 1}}
        return shared_api.publish(tmp_path_factory.mktemp("published"), document)

    return publish


@pytest.fixture
def serve(tmp_path: Path, templates: Templates) -> Iterator[StartApi]:
    """Starts a service on an empty, migrated database; settings by name."""
    with ExitStack() as stack:

        def start(**settings: Any) -> Api:
            chosen = ServiceSettings(**{"data_dir": tmp_path / "data", "inference_threads": 1, **settings})
            templates.migrate(chosen)
            return stack.enter_context(api_server.running_api(chosen))

        yield start


@pytest.fixture
def running_api() -> RunningApi:
    """`with running_api(settings) as api:`, again and again or side by side on one database."""
    return api_server.running_api


@pytest.fixture
def api(serve: StartApi, database_url: str | None) -> Api:
    """An empty service, on each database."""
    return serve(database_url=database_url)


@pytest.fixture
def launch() -> Iterator[Launch]:
    """`launch(registry, SAE_NAME=value)` starts a service as a process of its own; it is killed after the test."""
    started: list[ServiceProcess] = []

    def begin(registry: RegistrySettings, executed: bool = False, **settings: str) -> ServiceProcess:
        started.append(ServiceProcess(registry, executed=executed, **settings))
        return started[-1]

    yield begin
    for each in started:
        each.http.close()
        each.end(signal.SIGKILL)


@pytest.fixture
def settings_with_wide_model(service_settings: ServiceSettings, tmp_path: Path) -> ServiceSettings:
    """A registry on each database that has the digits and the model `wide`, the answers of which are long."""
    with api_server.running_api(service_settings) as running:
        shared = SharedApi(**vars(running))
        shared.add_digits(tmp_path)
        shared.publish(tmp_path, {"name": "wide", "dataset": {"name": "digits"}, "model": WIDE, "training": ONE_STEP})
    return service_settings


@pytest.fixture
def service_settings(tmp_path: Path, templates: Templates, database_url: str | None) -> ServiceSettings:
    """Settings of a service on a migrated database, on each database; any number may be started with them."""
    settings = ServiceSettings(data_dir=tmp_path / "data", database_url=database_url, inference_threads=1)
    templates.migrate(settings)
    return settings
