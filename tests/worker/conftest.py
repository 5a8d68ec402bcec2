"""Real workers, real trainers and a registry made by the migrations; nothing here stands in for our own code."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from registry.database import sessions
from registry.settings import RegistrySettings
from sparse_coding.data import builtin_datasets
from testing.databases import Templates
from testing.sharing import made_once
from testing.trainer_process import RunningTrainer, running_trainer
from testing.worker_harness import EPOCHS, Outage, Uninterrupted, WorkerHarness, database_away
from worker.supervising.fork_server import ForkServer

OpenHarness = Callable[[Path, str | None], AbstractContextManager[WorkerHarness]]


@pytest.fixture(scope="session")
def trainer() -> RunningTrainer:
    """`with trainer() as started:` is a trainer process for the time of the block."""
    return running_trainer


@pytest.fixture(scope="session")
def away() -> Outage:
    """`with away(harness):` is an outage of its database."""
    return database_away


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits as a dataset file."""
    folder = tmp_path_factory.mktemp("digits")
    return builtin_datasets.materialise("digits", folder, folder)


@pytest.fixture(scope="session")
def fork_server() -> Iterator[ForkServer]:
    """A fork server for the workers of all tests that need none of their own: torch is imported once."""
    with closing(ForkServer(threads=1)) as server:
        yield server


@pytest.fixture(scope="session")
def open_harness(digits: Path, templates: Templates, fork_server: ForkServer) -> OpenHarness:
    """`with open_harness(data_dir, database_url) as harness:`; nothing of it outlives the block."""

    @contextmanager
    def opened(data_dir: Path, database_url: str | None) -> Iterator[WorkerHarness]:
        settings = RegistrySettings(data_dir=data_dir, database_url=database_url)
        templates.migrate(settings)
        harness = WorkerHarness(sessions.open(settings), settings, digits, fork_server)
        try:
            yield harness
        finally:
            harness.close()

    return opened


@pytest.fixture
def empty_harness(tmp_path: Path, open_harness: OpenHarness) -> Iterator[WorkerHarness]:
    """A harness on SQLite without datasets."""
    with open_harness(tmp_path / "data", None) as harness:
        yield harness


@pytest.fixture
def harness(empty_harness: WorkerHarness) -> WorkerHarness:
    """A harness on SQLite that has the digits."""
    empty_harness.add_digits()
    return empty_harness


@pytest.fixture
def postgres_harness(tmp_path: Path, open_harness: OpenHarness, migrated_postgres: str) -> Iterator[WorkerHarness]:
    """A harness on PostgreSQL that has the digits."""
    with open_harness(tmp_path / "data", migrated_postgres) as harness:
        harness.add_digits()
        yield harness


@pytest.fixture
def either_empty_harness(
    tmp_path: Path, open_harness: OpenHarness, database_url: str | None
) -> Iterator[WorkerHarness]:
    """A harness on either database without datasets."""
    with open_harness(tmp_path / "data", database_url) as harness:
        yield harness


@pytest.fixture
def either_harness(either_empty_harness: WorkerHarness) -> WorkerHarness:
    """A harness on either database that has the digits."""
    either_empty_harness.add_digits()
    return either_empty_harness


@pytest.fixture
def both_harnesses(tmp_path: Path, open_harness: OpenHarness, migrated_postgres: str) -> Iterator[list[WorkerHarness]]:
    """Two harnesses side by side, on SQLite and on PostgreSQL, that have the digits."""
    with ExitStack() as stack:
        made = [
            stack.enter_context(open_harness(tmp_path / name, url))
            for name, url in (("sqlite", None), ("postgresql", migrated_postgres))
        ]
        for one in made:
            one.add_digits()
        yield made


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, open_harness: OpenHarness) -> Uninterrupted:
    """Runs of each kind that nobody interrupts. They judge a model of few epochs, which all others judge too."""
    return made_once(tmp_path_factory, "uninterrupted", partial(_uninterrupted, open_harness))


def _uninterrupted(open_harness: OpenHarness, folder: Path) -> Uninterrupted:
    with open_harness(folder / "data", None) as harness:
        harness.add_digits()
        requested = {kind: harness.request(kind, "whole") for kind in ("train", "sweep")}
        judged = folder / "judged.safetensors"
        harness.run_until_idle()
        shutil.copy(harness.path(harness.versions(requested["train"])[0].digest), judged)
        requested["baselines"] = harness.request("baselines", judged=judged)
        harness.run_until_idle()
        outcomes = {kind: harness.outcome(run) for kind, run in requested.items()}
    for kind, members in (("train", 1), ("sweep", 2)):
        assert [curve[:2] for curve in outcomes[kind].curves] == [
            (member, epoch) for epoch in range(1, EPOCHS[kind] + 1) for member in range(members)
        ]
    return Uninterrupted(outcomes, judged)
