"""Real workers, real trainers and a registry made by the migrations; nothing here stands in for our own code."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from sqlalchemy import select

from registry import artifacts, attempts, datasets, metrics, runs, schema, sessions
from registry.settings import RegistrySettings
from registry.tables import Attempt, Run, RunInput, RunMetric, RunOutput
from sparse_coding import builtin_datasets, spec
from sparse_coding import datasets as dataset_files
from worker import messages

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that a test waits for something that must happen, on a busy machine."""


def eventually(what: str, happened: Callable[[], T], within: float = PATIENCE) -> T:
    """The first true answer of `happened`, or a failure that says what did not happen."""
    deadline = time.monotonic() + within
    while not (answer := happened()):
        assert time.monotonic() < deadline, f"{what} did not happen within {within:g} s"
        time.sleep(0.02)
    return answer


@pytest.fixture(name="eventually", scope="session")
def _eventually() -> Callable[..., Any]:
    return eventually


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def trainers_of(pid: int) -> list[int]:
    """Process ids of the trainers that a worker has started; one that has not become a trainer yet is none."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"--supervisor" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.fixture(name="lives", scope="session")
def _lives() -> Callable[[int], bool]:
    return lives


@dataclass(frozen=True)
class Trainer:
    """A trainer process, spoken to as its supervisor would."""

    process: "subprocess.Popen[bytes]"

    def send(self, order: messages.Order) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(messages.line(order))
        self.process.stdin.flush()

    def said(self) -> Iterator[messages.Report]:
        """Reports as they come, to the last."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield messages.read_report(line)

    def until(self, kind: type[T]) -> T:
        """The next report of that kind."""
        return next(report for report in self.said() if isinstance(report, kind))


@contextmanager
def running_trainer(**environment: str) -> Iterator[Trainer]:
    """A trainer with further environment variables; it is killed at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.trainer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )
    with process:
        yield Trainer(process)
        process.kill()


@pytest.fixture(scope="session")
def trainer() -> Callable[..., AbstractContextManager[Trainer]]:
    """`with trainer() as started:` is a trainer process for the time of the block."""
    return running_trainer


class Worker(subprocess.Popen[str]):
    """A worker process whose log is a file: a pipe that nobody reads would hold it up once it is full."""

    def __init__(self, log: Path, environment: dict[str, str]) -> None:
        self.log, self.heard = log, 0
        with log.open("w") as written:
            super().__init__(
                [sys.executable, "-m", "worker"],
                env=environment,
                stderr=written,
                text=True,
                start_new_session=True,
            )

    def communicate(self, _input: str | None = None, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; no output, and what of its log nobody has heard."""
        self.wait(timeout)
        rest = self.log.read_text()[self.heard :]
        self.heard += len(rest)
        return "", rest

    def has_said(self, words: str) -> bool:
        """Whether a line of what nobody has heard yet has these words; all up to it has been heard then."""
        ended = self.poll() is not None
        log = self.log.read_text()
        found = log.find(words, self.heard)
        end = log.find("\n", found)
        if found >= 0 <= end:
            self.heard = end + 1
            return True
        assert not ended, f"the worker ended without {words}: {log[self.heard :]}"
        return False


@dataclass
class Yard:
    """A registry, workers on it, and words for what a test wants to know of them."""

    settings: RegistrySettings
    database: sessions.Database
    digits: Path
    workers: list[Worker] = field(default_factory=list)
    eventually = staticmethod(eventually)
    lives = staticmethod(lives)

    def do(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with self.database.write() as session:
            return function(session, *args, **kwargs)

    def see(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        with self.database.read() as session:
            return function(session, *args, **kwargs)

    def know_digits(self, test_rows: int = 360) -> None:
        """Enter the digits, so that trainers need not make them; with fewer rows they are another dataset."""
        copy = self.settings.uploads_dir / "digits.safetensors"
        made = dataset_files.open(self.digits).splits
        dataset_files.write(
            copy,
            train=made["train"].rows,
            test=made["test"].rows[:test_rows],
            train_labels=made["train"].labels,
            test_labels=made["test"].labels[:test_rows],
        )
        found = dataset_files.open(copy)
        facts = datasets.Facts(**vars(found.facts), classes=found.classes)
        stored = artifacts.DirectoryStore(self.settings.artifacts_dir).put(copy)
        self.do(datasets.enter, name="digits", stored=stored, facts=facts, builtin=True)

    def enqueue(self, *, spec_version: int = spec.SPEC_VERSION, **document: Any) -> Run:
        """A queued run of this spec; `dataset` may be left out, and is the digits then."""
        whole = {"dataset": {"name": "digits"}, **document}
        named = whole["dataset"]
        name = named if isinstance(named, str) else named["name"]
        kind = whole.get("kind", "train")
        columns = {"kind": kind, "spec": whole, "spec_version": spec_version, "dataset_name": name}
        return self.do(runs.enqueue, **columns, device=whole.get("device", "auto")).run

    def get(self, run: Run) -> Run:
        return self.see(runs.get, run.id)

    def epochs(self, run: Run) -> list[int]:
        """Epochs whose metrics are recorded."""
        return [row.epoch for row in self.metrics(run)]

    def metrics(self, run: Run) -> list[RunMetric]:
        return self.see(metrics.read, run.id)

    def blobs(self, table: type[RunInput] | type[RunOutput], run: Run) -> list[str]:
        """Digests of what a run read or made."""
        return self.see(lambda session: list(session.scalars(select(table.sha256).where(table.run_id == run.id))))

    def path(self, sha256: str) -> Path:
        return artifacts.DirectoryStore(self.settings.artifacts_dir).path(sha256)

    def attempts(self, run: Run) -> list[Attempt]:
        return self.see(attempts.of_run, run.id)

    def worker(self, environment: dict[str, str] | None = None, **settings: object) -> Worker:
        """`python -m worker` on this registry, on one thread of the CPU unless told otherwise, in its own session."""
        chosen = {
            "data_dir": self.settings.data_dir,
            "database_url": self.settings.database_url,
            "device": "cpu",
            "threads": 1,
            "poll_seconds": 0.1,
            "idle_seconds": 0.05,
            **settings,
        }
        named = {f"SAE_{name.upper()}": str(value) for name, value in chosen.items() if value is not None}
        log = self.settings.data_dir.with_name(f"{self.settings.data_dir.name}-worker-{len(self.workers) + 1}.log")
        process = Worker(log, {**os.environ, **(environment or {}), **named})
        self.workers.append(process)
        return process

    def drained(self, **settings: object) -> str:
        """Let a worker do all that is queued; its log."""
        process = self.worker(exit_when_idle=True, **settings)
        _, log = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, log
        return log

    def trainer_of(self, worker: "subprocess.Popen[str]") -> int:
        """The process id of the trainer that a worker has started."""
        return eventually("the start of a trainer", lambda: trainers_of(worker.pid))[0]

    def hear(self, worker: Worker, event: str, within: float = PATIENCE) -> None:
        """Read the worker's log until that event."""
        eventually(f"{event} in a worker's log", lambda: worker.has_said(f'"event": "{event}"'), within)

    def training(self, run: Run) -> None:
        """Wait until the run has trained for some epochs."""
        eventually("training", lambda: len(self.epochs(run)) > 1)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits as a dataset file."""
    folder = tmp_path_factory.mktemp("digits")
    return builtin_datasets.materialise("digits", folder, folder)


def opened(settings: RegistrySettings, digits: Path) -> Iterator[Yard]:
    schema.upgrade(settings)
    yard = Yard(settings, sessions.open(settings), digits)
    yield yard
    for process in yard.workers:
        for pid in [*(trainers_of(process.pid) if process.poll() is None else []), process.pid]:
            if lives(pid):
                os.kill(pid, signal.SIGKILL)
        process.communicate()
    yard.database.dispose()


@pytest.fixture
def bare_yard(tmp_path: Path, digits: Path) -> Iterator[Yard]:
    """A yard on SQLite in which no dataset is known."""
    yield from opened(RegistrySettings(data_dir=tmp_path / "data"), digits)


@pytest.fixture
def yard(bare_yard: Yard) -> Yard:
    """A yard on SQLite that knows the digits."""
    bare_yard.know_digits()
    return bare_yard


@pytest.fixture
def postgres_yard(tmp_path: Path, digits: Path, postgres_database: str) -> Iterator[Yard]:
    """A yard on PostgreSQL that knows the digits."""
    for made in opened(RegistrySettings(data_dir=tmp_path / "data", database_url=postgres_database), digits):
        made.know_digits()
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def either_yard(request: pytest.FixtureRequest, tmp_path: Path, digits: Path) -> Iterator[Yard]:
    """A yard on either database in which no dataset is known."""
    url = request.getfixturevalue("postgres_database") if request.param == "postgresql" else None
    yield from opened(RegistrySettings(data_dir=tmp_path / "data", database_url=url), digits)


@contextmanager
def database_away(yard: Yard) -> Iterator[None]:
    """PostgreSQL refuses this database and drops every connection to it, for the time of the block."""
    name = yard.settings.url.database
    server = yard.settings.url.set(database="postgres", drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        yield
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@pytest.fixture
def away() -> Callable[[Yard], AbstractContextManager[None]]:
    return database_away
