"""Real workers, real trainers and a registry made by the migrations; nothing here stands in for our own code."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pytest
from sqlalchemy import select, text, update

from registry import artifacts, attempts, checkpoints, datasets, events, metrics, runs, workers
from registry.database import schema, sessions
from registry.database.clock import now_ms
from registry.database.tables import Attempt, ModelVersion, Run, RunInput, RunMetric, RunOutput
from registry.settings import RegistrySettings
from registry.stores.directory import DirectoryStore
from sparse_coding.data import builtin_datasets
from sparse_coding.data import datasets as dataset_files
from sparse_coding.models import weights
from sparse_coding.specs import runs as run_specs
from worker import messages

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that a test waits for something that must happen, on a busy machine."""

EPOCHS = 300
"""Of a run that is to be interrupted: there is time for it, and not much left to do after it."""

LEARNING = {
    "dataset": {"name": "digits"},
    "model": {"n_latents": 16, "hidden": [16]},
    "training": {"epochs": EPOCHS, "batch_size": 48},
}
ASKED: dict[str, dict[str, Any]] = {
    "train": {"kind": "train", **LEARNING},
    "sweep": {"kind": "sweep", "base": LEARNING, "grid": {"sparsity.weight": [0.001, 0.1]}},
    "baselines": {"kind": "baselines", "model": "judged@1", "fit_rows": 300, "iterations": 600, "methods": ["ksvd"]},
}


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
    return [int(child) for child in children if b"--supervisor" in _command(child)]


def _command(pid: str) -> bytes:
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def stands_still(pid: int) -> bool:
    """Whether every thread of a process has followed a SIGSTOP."""
    stats = [stat.read_text() for stat in Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(")")[2].split()[0] == "T" for stat in stats)


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
        [sys.executable, "-m", "worker.training.trainer"],
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


@dataclass(frozen=True)
class End:
    """What a run came to, but for how long it took: weights of its models, curves, its table of baselines."""

    weights: list[dict[str, bytes]]
    curves: list[tuple[int, int, dict[str, Any]]]
    entries: list[dict[str, Any]]


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
        stored = DirectoryStore(self.settings.artifacts_dir).put(copy)
        self.do(datasets.enter, name="digits", stored=stored, facts=facts, builtin=True)

    def enqueue(self, *, spec_version: int = run_specs.SPEC_VERSION, **document: Any) -> Run:
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
        return DirectoryStore(self.settings.artifacts_dir).path(sha256)

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
        _, log = process.communicate(timeout=2 * PATIENCE)
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

    # --- runs that are interrupted, and what they come to ---

    def ask(self, kind: str, name: str = "asked", judged: Path | None = None) -> Run:
        """A queued run that is long enough to be interrupted; baselines want the weights that they judge."""
        document = ASKED[kind] if kind == "baselines" else {**ASKED[kind], "name": name}
        inputs = (
            None
            if judged is None
            else {"model": self._kept(judged), "dataset": self.see(datasets.get, "digits").digest}
        )
        columns = {"kind": kind, "spec": document, "spec_version": run_specs.SPEC_VERSION, "dataset_name": "digits"}
        return self.do(runs.enqueue, **columns, inputs=inputs).run

    def _kept(self, file: Path) -> str:
        stored = DirectoryStore(self.settings.artifacts_dir).put(Path(shutil.copy(file, self.settings.uploads_dir)))
        self.do(artifacts.register, stored)
        return stored.sha256

    def versions(self, run: Run) -> list[ModelVersion]:
        """What a run has published, by member."""
        query = select(ModelVersion).where(ModelVersion.run_id == run.id).order_by(ModelVersion.member)
        return self.see(lambda session: list(session.scalars(query)))

    def end(self, run: Run, within: float = 2 * PATIENCE) -> End:
        """What a run comes to that succeeds: once, by its last attempt, and with that as its last event."""
        ended = eventually("the end", lambda: self.get(run) if self.get(run).finished_at else None, within)
        assert ended.state == "succeeded", ended.error_detail
        outcomes = [attempt.outcome for attempt in self.attempts(run)]
        for told in (outcomes, self.story(run)):
            assert told[-1] == "succeeded"
            assert told.count("succeeded") == 1
        assert None not in outcomes
        networks = [weights.read(self.path(made.digest)).autoencoder.state_dict() for made in self.versions(run)]
        return End(
            [{name: tensor.numpy().tobytes() for name, tensor in network.items()} for network in networks],
            [(row.member, row.epoch, {**row.record, "seconds": None}) for row in self.metrics(run)],
            [{**entry, "seconds": None} for entry in ended.result.get("entries", [])],
        )

    def story(self, run: Run) -> list[str]:
        """The states through which a run has gone, by its events, which are numbered without a gap."""
        told = self.see(events.read, run.id)
        assert [event.seq for event in told] == list(range(1, len(told) + 1))
        return [event.type for event in told if event.type in events.STATES]

    def checkpointed(self, run: Run, worker: Worker) -> int:
        """The trainer of the attempt that begins, standing still as soon as it has kept a checkpoint."""
        self.hear(worker, "run_claimed")
        self.hear(worker, "checkpoint_stored")  # it is kept within a second, in which a run may end
        trainer = self.trainer_of(worker)
        os.kill(trainer, signal.SIGSTOP)
        eventually("a checkpoint of this attempt", lambda: self._newest_fence(run) == self.get(run).fence)
        return trainer

    def _newest_fence(self, run: Run) -> int | None:
        newest = self.see(checkpoints.latest, run.id)
        return newest.fence if newest else None

    def known(self, worker: Worker) -> None:
        """Wait until a worker has said which process it is: only then it can be proven dead."""
        eventually("a sign of life", lambda: worker.pid in [row.pid for row in self.see(workers.alive, 600)])

    def skip_the_wait(self, run: Run) -> None:
        """Let the next attempt begin at once, whatever its back-off."""
        eventually("the charge", lambda: self.get(run).state == "queued")
        self._set(run, available_at=run.created_at)

    def let_lapse(self, run: Run) -> None:
        """Let the lease of a run be over."""
        self._set(run, lease_expires_at=now_ms() - 1)

    def _set(self, run: Run, **values: object) -> None:
        self.do(lambda session: session.execute(update(Run).where(Run.id == run.id).values(**values)))

    def stop(self, worker: Worker) -> None:
        """SIGSTOP, between two transactions: a process that stands still keeps its locks, and nobody could go on."""

        def stopped() -> bool:
            os.kill(worker.pid, signal.SIGSTOP)
            eventually("a standstill", lambda: stands_still(worker.pid))
            if self._is_quiet():
                return True
            os.kill(worker.pid, signal.SIGCONT)
            return False

        eventually("a stop between two transactions", stopped)

    def _is_quiet(self) -> bool:
        """Whether nobody is in the middle of a transaction, but those who only read on SQLite."""
        if self.settings.url.get_backend_name() == "sqlite":
            with closing(sqlite3.connect(sessions.file_of(self.settings.url), timeout=0)) as connection:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    return False
            return True
        busy = "state <> 'idle' AND datname = current_database() AND pid <> pg_backend_pid()"
        return not self.see(lambda session: session.scalar(text(f"SELECT count(*) FROM pg_stat_activity WHERE {busy}")))


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits as a dataset file."""
    folder = tmp_path_factory.mktemp("digits")
    return builtin_datasets.materialise("digits", folder, folder)


def opened(settings: RegistrySettings, digits: Path) -> Iterator[Yard]:
    schema.upgrade(settings)
    yard = Yard(settings, sessions.open(settings), digits)
    try:
        yield yard
    finally:
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


@pytest.fixture
def knowing_yard(either_yard: Yard) -> Yard:
    """A yard on either database that knows the digits."""
    either_yard.know_digits()
    return either_yard


@pytest.fixture
def both_yards(tmp_path: Path, digits: Path, postgres_database: str) -> Iterator[list[Yard]]:
    """Two yards side by side, on SQLite and on PostgreSQL, that know the digits."""
    with ExitStack() as stack:
        made = [
            stack.enter_context(
                contextmanager(opened)(RegistrySettings(data_dir=tmp_path / name, database_url=url), digits)
            )
            for name, url in (("sqlite", None), ("postgresql", postgres_database))
        ]
        for one in made:
            one.know_digits()
        yield made


@dataclass(frozen=True)
class Whole:
    """What runs come to that nobody interrupts, by their kind, and the weights that baselines judge."""

    ends: dict[str, End]
    judged: Path


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Iterator[Whole]:
    """Runs of each kind that nobody interrupts. They judge a model of few epochs, which all others judge too."""
    folder = tmp_path_factory.mktemp("whole")
    with contextmanager(opened)(RegistrySettings(data_dir=folder / "data"), digits) as yard:
        yard.know_digits()
        asked = {kind: yard.ask(kind, "whole") for kind in ("train", "sweep")}
        judged = folder / "judged.safetensors"
        yard.drained()
        shutil.copy(yard.path(yard.versions(asked["train"])[0].digest), judged)
        asked["baselines"] = yard.ask("baselines", judged=judged)
        yard.drained()
        ends = {kind: yard.end(run) for kind, run in asked.items()}
        for kind, members in (("train", 1), ("sweep", 2)):
            assert [curve[:2] for curve in ends[kind].curves] == [
                (member, epoch) for epoch in range(1, EPOCHS + 1) for member in range(members)
            ]
        yield Whole(ends, judged)


@contextmanager
def database_away(yard: Yard) -> Iterator[None]:
    """Nobody can write for the time of the block. Connections to PostgreSQL are dropped, and new ones refused."""
    if yard.settings.url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(sessions.file_of(yard.settings.url), isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout = 30000")
            connection.execute("BEGIN EXCLUSIVE")
            yield
        return
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
