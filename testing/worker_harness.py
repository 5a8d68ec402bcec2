"""A registry, real workers on it, and what a test asks of them."""

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import psycopg
from sqlalchemy import select, text, update

from registry import artifacts, attempts, checkpoints, datasets, events, metrics, runs, workers
from registry.database import sessions
from registry.database.clock import now_ms
from registry.database.tables import Attempt, ModelVersion, Run, RunInput, RunMetric, RunOutput
from registry.settings import RegistrySettings
from registry.stores.directory import DirectoryStore
from sparse_coding.data import datasets as dataset_files
from sparse_coding.models import weights
from sparse_coding.specs import runs as run_specs
from testing.processes import fork_servers_of, is_alive, is_stopped
from testing.registry_harness import Transactions
from testing.waiting import PATIENCE, eventually
from testing.worker_process import WorkerProcess
from worker.supervising.fork_server import ForkServer

EPOCHS = {"train": 150, "sweep": 90}
"""Of a run that is to be interrupted: there is time for it, some five seconds, and not much left to do after it."""


BASELINES = {"kind": "baselines", "model": "judged@1", "fit_rows": 300, "iterations": 600, "methods": ["ksvd"]}


def learning(kind: str, name: str, epochs: int | None = None) -> dict[str, Any]:
    """The spec of a train run, or of a sweep of two members."""
    base = {
        "dataset": {"name": "digits"},
        "model": {"n_latents": 16, "hidden": [16]},
        "training": {"epochs": epochs or EPOCHS[kind], "batch_size": 48},
    }
    if kind == "train":
        return {"kind": kind, "name": name, **base}
    return {"kind": kind, "name": name, "base": base, "grid": {"sparsity.weight": [0.001, 0.1]}}


@dataclass(frozen=True)
class Outcome:
    """What a run came to, but for how long it took: weights of its models, curves, its table of baselines."""

    weights: list[dict[str, bytes]]
    curves: list[tuple[int, int, dict[str, Any]]]
    entries: list[dict[str, Any]]


@dataclass(frozen=True)
class Uninterrupted:
    """What runs come to that nobody interrupts, by their kind, and the weights that baselines judge."""

    outcomes: dict[str, Outcome]
    judged: Path


@dataclass
class WorkerHarness(Transactions):
    """A registry and workers on it."""

    settings: RegistrySettings
    digits: Path
    fork_server: ForkServer
    workers: list[WorkerProcess] = field(default_factory=list)

    # --- runs and what is known of them ---

    def add_digits(self, test_rows: int = 360) -> None:
        """Enter the digits, so that trainers need not make them; with fewer rows they are another dataset."""
        copy = self.settings.uploads_dir / "digits.safetensors"
        made = dataset_files.open(self.digits).splits
        labels = made["test"].labels
        assert labels is not None
        dataset_files.write(
            copy,
            train=made["train"].rows,
            test=made["test"].rows[:test_rows],
            train_labels=made["train"].labels,
            test_labels=labels[:test_rows],
        )
        found = dataset_files.open(copy)
        facts = datasets.Facts(**vars(found.facts), classes=found.classes)
        stored = DirectoryStore(self.settings.artifacts_dir).put(copy)
        self.write(datasets.enter, name="digits", stored=stored, facts=facts, builtin=True)

    def enqueue(self, *, spec_version: int = run_specs.SPEC_VERSION, **document: Any) -> Run:
        """Enqueue a run of this spec; `dataset` may be left out, and is the digits then."""
        whole = {"dataset": {"name": "digits"}, **document}
        dataset = whole["dataset"]
        name = dataset if isinstance(dataset, str) else dataset["name"]
        kind = whole.get("kind", "train")
        columns = {"kind": kind, "spec": whole, "spec_version": spec_version, "dataset_name": name}
        return self.write(runs.enqueue, **columns, device=whole.get("device", "auto")).run

    def request(self, kind: str, name: str = "asked", epochs: int | None = None, judged: Path | None = None) -> Run:
        """Enqueue a run, by default one long enough to be interrupted; baselines take the weights that they judge."""
        document = BASELINES if kind == "baselines" else learning(kind, name, epochs)
        inputs = (
            None
            if judged is None
            else {"model": self._store(judged), "dataset": self.read(datasets.get, "digits").digest}
        )
        columns = {"kind": kind, "spec": document, "spec_version": run_specs.SPEC_VERSION, "dataset_name": "digits"}
        return self.write(runs.enqueue, **columns, inputs=inputs).run

    def _store(self, file: Path) -> str:
        stored = DirectoryStore(self.settings.artifacts_dir).put(Path(shutil.copy(file, self.settings.uploads_dir)))
        self.write(artifacts.register, stored)
        return stored.sha256

    def get(self, run: Run) -> Run:
        return self.read(runs.get, run.id)

    def epochs(self, run: Run) -> list[int]:
        """Epochs whose metrics are recorded."""
        return [row.epoch for row in self.metrics(run)]

    def metrics(self, run: Run) -> list[RunMetric]:
        return self.read(metrics.read, run.id)

    def blobs(self, table: type[RunInput] | type[RunOutput], run: Run) -> list[str]:
        """Digests of what a run read or made."""
        return self.read(lambda session: list(session.scalars(select(table.sha256).where(table.run_id == run.id))))

    def path(self, sha256: str) -> Path:
        return DirectoryStore(self.settings.artifacts_dir).path(sha256)

    def attempts(self, run: Run) -> list[Attempt]:
        return self.read(attempts.of_run, run.id)

    def versions(self, run: Run) -> list[ModelVersion]:
        """What a run has published, by member."""
        query = select(ModelVersion).where(ModelVersion.run_id == run.id).order_by(ModelVersion.member)
        return self.read(lambda session: list(session.scalars(query)))

    def states(self, run: Run) -> list[str]:
        """The states through which a run has gone, by its events, which are numbered without a gap."""
        recorded = self.read(events.read, run.id)
        assert [event.seq for event in recorded] == list(range(1, len(recorded) + 1))
        return [event.type for event in recorded if event.type in events.STATES]

    # --- workers ---

    def worker(
        self, environment: dict[str, str] | None = None, own_fork_server: bool = False, **settings: object
    ) -> WorkerProcess:
        """Start a worker on this registry, in its own session, by default on one thread of the CPU.

        It shares the fork server of the test session, unless it needs one of its own.
        """
        shared = None if own_fork_server or environment or "threads" in settings else self.fork_server.share()
        chosen = {
            "data_dir": self.settings.data_dir,
            "database_url": self.settings.database_url,
            "device": "cpu",
            "threads": 1,
            "poll_seconds": 0.1,
            "idle_seconds": 0.2,
            "write_seconds": 0.2,
            **settings,
        }
        variables = {f"SAE_{name.upper()}": str(value) for name, value in chosen.items() if value is not None}
        log = self.settings.data_dir.with_name(f"{self.settings.data_dir.name}-worker-{len(self.workers) + 1}.log")
        process = WorkerProcess(log, {**os.environ, **(environment or {}), **variables}, shared)
        self.workers.append(process)
        return process

    def run_until_idle(self, **settings: object) -> str:
        """Let a worker do all that is queued; return its log."""
        process = self.worker(None, False, exit_when_idle=True, **settings)
        log = process.ended(2 * PATIENCE)
        assert process.returncode == 0, log
        return log

    def trainer_of(self, worker: WorkerProcess) -> int:
        """Return the process id of the trainer that a worker has started or will start."""
        return eventually("the start of a trainer", worker.trainers)[0]

    def wait_until_registered(self, worker: WorkerProcess) -> None:
        """Wait until a worker has recorded which process it is: only then it can be proven dead."""
        eventually("a heartbeat", lambda: worker.pid in [row.pid for row in self.read(workers.alive, 600)])

    def stop(self, worker: WorkerProcess) -> None:
        """SIGSTOP, between two transactions: a process that stands still keeps its locks, and nobody could go on."""

        def stopped() -> bool:
            os.kill(worker.pid, signal.SIGSTOP)
            eventually("a standstill", lambda: is_stopped(worker.pid))
            if self._is_quiet():
                return True
            os.kill(worker.pid, signal.SIGCONT)
            return False

        eventually("a stop between two transactions", stopped)

    def _is_quiet(self) -> bool:
        """Tell whether nobody is in the middle of a transaction, but those who only read on SQLite."""
        if self.settings.url.get_backend_name() == "sqlite":
            with closing(sqlite3.connect(sessions.file_of(self.settings.url), timeout=0)) as connection:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    return False
            return True
        busy = "state <> 'idle' AND datname = current_database() AND pid <> pg_backend_pid()"
        count = text(f"SELECT count(*) FROM pg_stat_activity WHERE {busy}")
        return not self.read(lambda session: session.scalar(count))

    def close(self) -> None:
        """Kill the workers and their trainers, and close the database."""
        for process in self.workers:
            for pid in [*process.trainers(), *fork_servers_of(process.pid), process.pid]:
                if is_alive(pid):
                    os.kill(pid, signal.SIGKILL)
            process.wait(PATIENCE)
        self.database.dispose()

    # --- runs that are interrupted, and what they come to ---

    def wait_until_training(self, run: Run) -> None:
        """Wait until the run has trained for some epochs."""
        eventually("training", lambda: len(self.epochs(run)) > 1)

    def outcome(self, run: Run, within: float = 2 * PATIENCE) -> Outcome:
        """Return what a run comes to that succeeds: once, by its last attempt, and with that as its last event."""
        ended = eventually("the end", lambda: self.get(run) if self.get(run).finished_at else None, within)
        assert ended is not None
        assert ended.state == "succeeded", ended.error_detail
        outcomes = [attempt.outcome for attempt in self.attempts(run)]
        for recorded in (outcomes, self.states(run)):
            assert recorded[-1] == "succeeded"
            assert recorded.count("succeeded") == 1
        assert None not in outcomes
        assert ended.result is not None
        networks = [weights.read(self.path(made.digest)).autoencoder.state_dict() for made in self.versions(run)]
        return Outcome(
            [{name: tensor.numpy().tobytes() for name, tensor in network.items()} for network in networks],
            [(row.member, row.epoch, {**row.record, "seconds": None}) for row in self.metrics(run)],
            [{**entry, "seconds": None} for entry in ended.result.get("entries", [])],
        )

    def stop_trainer_at_checkpoint(self, run: Run, worker: WorkerProcess) -> int:
        """Stop the trainer of the attempt that begins as soon as it has stored a checkpoint; return its process id."""
        worker.wait_for_event("run_claimed")
        worker.wait_for_event("checkpoint_stored")  # it is stored within a second, in which a run may end
        trainer = self.trainer_of(worker)
        os.kill(trainer, signal.SIGSTOP)
        eventually("a checkpoint of this attempt", lambda: self._newest_fence(run) == self.get(run).fence)
        return trainer

    def _newest_fence(self, run: Run) -> int | None:
        newest = self.read(checkpoints.latest, run.id)
        return newest.fence if newest else None

    def skip_backoff(self, run: Run) -> None:
        """Let the next attempt begin at once, whatever its back-off."""
        eventually("the charge", lambda: self.get(run).state == "queued")
        self._set(run, available_at=run.created_at)

    def expire_lease(self, run: Run) -> None:
        """Let the lease of a run be over."""
        self._set(run, lease_expires_at=now_ms() - 1)

    def _set(self, run: Run, **values: object) -> None:
        self.write(lambda session: session.execute(update(Run).where(Run.id == run.id).values(**values)))


Outage: TypeAlias = Callable[[WorkerHarness], AbstractContextManager[None]]
"""`with away(harness):` is an outage of its database."""


@contextmanager
def database_away(harness: WorkerHarness) -> Iterator[None]:
    """Let nobody write for the time of the block. Connections to PostgreSQL are dropped, and new ones refused."""
    if harness.settings.url.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(sessions.file_of(harness.settings.url), isolation_level=None)) as connection:
            connection.execute("PRAGMA busy_timeout = 30000")
            connection.execute("BEGIN EXCLUSIVE")
            yield
        return
    name = harness.settings.url.database
    url = harness.settings.url.set(database="postgres", drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        yield
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
