"""A random schedule: services and workers are killed, stopped and steered while many runs go through them.

A seed decides what is done (SCHEDULE_SEED repeats one); the runs' own events say when. In the end everything is quiet,
and the registry is checked row by row and file by file.
"""

import hashlib
import io
import os
import random
import signal
import socket
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import CursorResult, func, select, text, update

from registry import artifacts, collection
from registry.database import sessions
from registry.database.tables import (
    LIVE,
    TERMINAL,
    Artifact,
    Attempt,
    Base,
    Dataset,
    IdempotencyKey,
    ModelVersion,
    Run,
    RunEvent,
    RunMetric,
    Worker,
)
from registry.errors import DatabaseUnavailable
from registry.settings import RegistrySettings
from registry.stores.directory import DirectoryStore
from sparse_coding.specs import runs as run_specs
from testing.databases import Templates
from testing.network import free_port
from testing.preloaded import PreloadedProcess
from testing.processes import is_alive, read_proc
from testing.waiting import eventually

SEED = int(os.environ.get("SCHEDULE_SEED", "1"))
WORKERS = 3
SERVICES = 2
CROWD = 8
"""Runs that are kept unfinished at a time, so that there is always something to disturb."""
QUIET_SECONDS = 2.0
"""When nothing has happened for so long, what may be in the way of it is taken away."""
STOPPED_SECONDS = 6.0
"""So long a process stays stopped at most; what it has begun is not collected so soon."""
FRESH_SECONDS = 20.0
"""A file of this age is not collected in the middle of the schedule."""
ORPHAN_SECONDS = 5.0
"""How long a trainer may be seen after its supervisor, on a busy machine."""
PATIENCE = 600.0
"""Seconds that a part of the schedule may take on a busy machine."""

KINDS = {"train": 36, "sweep": 6, "import": 5, "baselines": 3}
DECK = {
    "kill_a_worker": 5,
    "kill_a_trainer": 6,
    "stop_a_worker": 3,
    "stop_a_trainer": 2,
    "make_a_zombie": 4,
    "go_on": 4,
    "drain_a_worker": 3,
    "kill_a_service": 1,
    "end_a_service": 1,
    "cancel": 3,
    "cancel_by_force": 3,
    "pause": 5,
    "resume": 5,
    "delete": 3,
    "upload": 2,
    "cut_connections": 3,
    "collect": 1,
}
"""How often each deed is done, at most, before all begin again, in another order."""


@dataclass(frozen=True)
class Size:
    """How many runs there are, of how many different seeds, and how often a deed of `DECK` is done at most."""

    runs: int
    seeds: int
    repeats: int


SHORT = Size(runs=18, seeds=1, repeats=2)
"""Every deed is done at least once, which is asserted. With seed 1, on SQLite, 35 deeds led to attempts that succeeded,
were lost, released, stopped and cancelled."""
LONG = Size(runs=50, seeds=3, repeats=6)
BY_KILLS = {"OUT_OF_MEMORY_OR_KILLED", "WORKER_LOST"}
"""Why an attempt may have failed: nothing else is done to any."""

DIGITS = {"name": "digits"}
SMALL = {"n_latents": 8, "hidden": [16]}


def trainers() -> dict[int, int]:
    """Every trainer and fork server of this machine that lives -> its supervisor, whether that lives or not."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        words = read_proc(folder.name, "cmdline").split(b"\0")
        if b"worker.training.fork_server" in words and b"--parent" in words:
            found[int(folder.name)] = int(words[words.index(b"--parent") + 1])
    return found


@dataclass
class World:
    """All processes, what was asked of them, and what was done to them."""

    settings: RegistrySettings
    database: sessions.Database
    folder: Path
    chance: random.Random
    size: Size
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(SERVICES)])
    services: dict[int, PreloadedProcess] = field(default_factory=dict)
    workers: list[PreloadedProcess] = field(default_factory=list)
    hired: list[int] = field(default_factory=list)
    stopped: dict[int, float] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    uploaded: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    seen: int = 0
    deck: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    diary: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=8, trust_env=False))

    def note(self, *words: object) -> None:
        self.diary.append(f"{time.monotonic() - self.began:6.1f} s  {' '.join(map(str, words))}")

    # --- processes ---

    def start(self, module: str, **settings: object) -> PreloadedProcess:
        given = {"data_dir": self.settings.data_dir, "database_url": self.settings.database_url, **settings}
        named = {f"SAE_{name.upper()}": str(value) for name, value in given.items() if value is not None}
        log = self.folder / f"{module}.log"
        return PreloadedProcess(module, {**os.environ, "OMP_NUM_THREADS": "1", **named}, output=log, log=log)

    def hire(self) -> None:
        """A worker that is quicker in everything than by default, so that much happens in a minute."""
        paces = {"poll_seconds": 0.1, "idle_seconds": 0.2, "reap_seconds": 1, "renew_seconds": 5, "lease_seconds": 30}
        seconds = self.chance.choice([0, 0.2, 0.5])
        worker = self.start("worker", device="cpu", threads=1, checkpoint_seconds=seconds, **paces)
        self.workers.append(worker)
        self.hired.append(worker.pid)

    def serve(self, port: int) -> None:
        self.services[port] = self.start("service", port=port, shutdown_seconds=5, inference_threads=1)

    def replenish(self) -> None:
        """Start a new process for each that was ended; nobody ends by itself."""
        assert [process.poll() for process in (*self.workers, *self.services.values())].count(None) == (
            len(self.workers) + len(self.services)
        )
        while len(self.workers) < WORKERS:
            self.hire()
        for port in self.ports:
            if port not in self.services:
                self.serve(port)

    def a_worker(self) -> PreloadedProcess:
        return self.chance.choice(self.workers)

    def a_trainer(self) -> int | None:
        here = sorted(pid for pid, supervisor in trainers().items() if supervisor in self.hired)
        return self.chance.choice(here) if here else None

    def send(self, pid: int, number: int) -> None:
        """To a process that may have ended meanwhile."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if number == signal.SIGSTOP:
            self.stopped.setdefault(pid, time.monotonic())

    # --- what is seen ---

    def see(self, query: Any) -> Sequence[Any]:
        with self.database.read() as session:
            return session.execute(query).all()

    def listen(self) -> int:
        """Events so far, those of deleted runs included."""
        for run_id, number in self.see(select(Run.id, Run.event_seq)):
            self.seen += number - self.numbers.get(run_id, 0)
            self.numbers[run_id] = number
        return self.seen

    def wait_for_events(self, number: int) -> None:
        """On a slow machine that takes its time, so that nobody is disturbed more often there."""
        enough, deadline = self.listen() + number, time.monotonic() + PATIENCE
        quiet_at = time.monotonic() + QUIET_SECONDS
        while self.listen() < enough:
            assert time.monotonic() < deadline, f"nothing happened for {PATIENCE:g} s"
            if time.monotonic() > quiet_at:
                if self.unfinished() == 0:
                    return
                self.help_along()
                quiet_at = time.monotonic() + QUIET_SECONDS
            time.sleep(0.02)

    def help_along(self) -> None:
        """Whatever may be the reason that nothing happens: a lock of somebody who is stopped, waits, paused runs."""
        if any(time.monotonic() - since > QUIET_SECONDS for since in self.stopped.values()):
            self.go_on()
        self.skip_waits()
        self.steer("resume", "paused")
        self.keep_the_crowd()

    def some_run(self, *states: str) -> str | None:
        found = [row.id for row in self.see(select(Run.id).where(Run.state.in_(states)).order_by(Run.id))]
        return self.chance.choice(found) if found else None

    def unfinished(self) -> int:
        return len(self.see(select(Run.id).where(Run.state.in_(LIVE))))

    # --- what is asked ---

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response | None:
        """The answer of one of the services; None where none came."""
        port = self.chance.choice(self.ports)
        try:
            answer = self.http.request(method, f"http://127.0.0.1:{port}/api/v1{path}", **given)
        except httpx.TransportError:
            return None
        assert answer.status_code < 500 or answer.json()["code"] == "DATABASE_UNAVAILABLE", answer.text
        return answer if answer.status_code < 500 else None

    def invent(self) -> None:
        """Think of one more run and ask for it; many are asked for alike."""
        kind = self.chance.choices(list(KINDS), list(KINDS.values()))[0]
        if kind == "baselines" and not self.see(select(ModelVersion.name).where(ModelVersion.name == "m0").limit(1)):
            kind = "train"
        self.asked[f"key-{len(self.asked)}"] = getattr(self, f"_{kind}")()

    def _train(self) -> dict[str, Any]:
        which, seed = self.chance.randrange(2), self.chance.randrange(self.size.seeds)
        penalty = [{"kind": "kl"}, {"kind": "l1"}][which]
        training = {"epochs": 50 + 20 * which, "batch_size": 128, "seed": seed}
        return {"name": f"m{which}", "dataset": DIGITS, "model": SMALL, "sparsity": penalty, "training": training}

    def _sweep(self) -> dict[str, Any]:
        base = {"dataset": DIGITS, "model": SMALL, "training": {"epochs": 30, "batch_size": 128}}
        return {"kind": "sweep", "name": "s", "base": base, "grid": {"sparsity.weight": [0.001, 0.01]}}

    def _import(self) -> dict[str, Any]:
        return {"kind": "import", "dataset": "digits"}

    def _baselines(self) -> dict[str, Any]:
        return {"kind": "baselines", "model": "m0@1", "methods": ["pca", "raw"], "fit_rows": 100}

    def post(self, key: str) -> None:
        """Ask for a run, sometimes twice at the same moment; every answer names the same one."""
        times = self.chance.choice([1, 1, 2])
        with ThreadPoolExecutor(times) as pool:
            answers = list(pool.map(lambda _: self._post(key), range(times)))
        for answer in answers:
            if answer is not None:
                assert answer.status_code == 202, answer.text
                assert self.made.setdefault(key, answer.json()["id"]) == answer.json()["id"]

    def _post(self, key: str) -> httpx.Response | None:
        return self.ask("POST", "/runs", json=self.asked[key], headers={"Idempotency-Key": key})

    def unanswered(self) -> list[str]:
        return [key for key in self.asked if key not in self.made]

    def steer(self, verb: str, *states: str, **given: Any) -> None:
        run = self.some_run(*states)
        answer = run and self.ask("POST", f"/runs/{run}/{verb}", **given)
        if answer:
            assert answer.status_code in (200, 409), answer.text
            self.note(verb, run, answer.json().get("state", answer.json().get("code")))

    # --- what is done to them ---

    def kill_a_worker(self) -> None:
        worker = self.a_worker()
        self.workers.remove(worker)
        worker.kill()
        worker.wait()
        self.stopped.pop(worker.pid, None)
        eventually("the death of its trainer", lambda: worker.pid not in trainers().values(), within=ORPHAN_SECONDS)

    def kill_a_trainer(self) -> None:
        trainer = self.a_trainer()
        if trainer is not None:
            self.send(trainer, signal.SIGKILL)

    def stop_a_worker(self) -> None:
        self.send(self.a_worker().pid, signal.SIGSTOP)

    def stop_a_trainer(self) -> None:
        trainer = self.a_trainer()
        if trainer is not None:
            self.send(trainer, signal.SIGSTOP)

    def make_a_zombie(self) -> None:
        """Stop a worker that has a run, and perhaps its trainer; and let its lease be over."""
        worker = self.a_worker()
        mine = Run.lease_owner.startswith(f"{socket.gethostname()}-{worker.pid}-")
        if worker.pid in self.stopped or not self.change(update(Run).where(mine).values(lease_expires_at=func.abs(0))):
            return
        self.send(worker.pid, signal.SIGSTOP)
        for trainer, supervisor in trainers().items():
            if supervisor == worker.pid and self.chance.random() < 0.5:
                self.send(trainer, signal.SIGSTOP)

    def go_on(self) -> None:
        for pid in list(self.stopped):
            self.send(pid, signal.SIGCONT)
        self.stopped.clear()

    def drain_a_worker(self) -> None:
        worker = self.a_worker()
        self.go_on()
        well = (0,) if self.is_known(worker) else (0, -signal.SIGTERM)
        worker.terminate()
        self.workers.remove(worker)
        assert worker.wait(PATIENCE) in well, "a worker that was asked to stop ends well"

    def kill_a_service(self) -> None:
        service = self.services.pop(self.chance.choice(self.ports))
        service.kill()
        service.wait()

    def end_a_service(self) -> None:
        port = self.chance.choice(self.ports)
        well = (0,) if self.answers(port) else (0, -signal.SIGTERM)
        service = self.services.pop(port)
        service.terminate()
        assert service.wait(PATIENCE) in well, "a service that was asked to stop ends well"

    def cancel(self) -> None:
        self.steer("cancel", *LIVE)

    def cancel_by_force(self) -> None:
        self.steer("cancel", "running", json={"force": True})

    def pause(self) -> None:
        self.steer("pause", "queued", "running")

    def resume(self) -> None:
        self.steer("resume", "paused", "running")

    def delete(self) -> None:
        """Only runs whose key was answered: the others are asked for again."""
        run = self.some_run(*TERMINAL)
        if run in self.made.values():
            answer = self.ask("DELETE", f"/runs/{run}")
            if answer is None or answer.status_code == 204:  # what was not answered may have been done
                self.deleted.add(str(run))

    def upload(self) -> None:
        """A dataset under a new name, or one more time."""
        number = self.chance.randrange(4)
        content = io.BytesIO()
        np.save(content, np.random.default_rng(number).random((50, 300), np.float32))
        head = {"Content-Type": "application/x-npy"}
        answer = self.ask("POST", f"/datasets/rows-{number}", content=content.getvalue(), headers=head)
        if answer is not None:
            assert answer.status_code in (200, 201), answer.text
            self.uploaded[f"rows-{number}"] = number

    def cut_connections(self) -> None:
        """Of whomever, in whatever they are doing; SQLite has none."""
        if self.settings.url.get_backend_name() == "postgresql":
            others = "datname = current_database() AND pid <> pg_backend_pid()"
            pids = [row.pid for row in self.see(text(f"SELECT pid FROM pg_stat_activity WHERE {others} ORDER BY pid"))]
            for pid in (pid for pid in pids if self.chance.random() < 0.5):
                self.see(text(f"SELECT pg_terminate_backend({pid})"))

    def collect(self) -> None:
        self.go_on()
        gone = self.collected(FRESH_SECONDS)
        self.note(len(gone), "files were collected")

    # --- past the services ---

    def collected(self, seconds: float) -> list[collection.Gone]:
        store = DirectoryStore(self.settings.artifacts_dir)
        return list(collection.collect(self.database, store, collection.Rules(2, seconds), orphaned=True))

    def change(self, statement: Any) -> int:
        """Rows that were changed; 0, too, where somebody who is stopped holds what that needs."""
        try:
            with self.database.write() as session:
                done = session.execute(statement)
                assert isinstance(done, CursorResult)
                return int(done.rowcount)
        except DatabaseUnavailable:
            self.go_on()
            return 0

    def skip_waits(self) -> None:
        """Let every run that waits after a failure wait no longer."""
        self.change(update(Run).where(Run.state == "queued").values(available_at=Run.created_at))

    # --- the whole ---

    def open(self) -> None:
        self.replenish()
        eventually("the start of all services", lambda: all(map(self.answers, self.ports)), within=PATIENCE)

    def is_known(self, worker: PreloadedProcess) -> bool:
        """Whether it has said that it lives: before, it may still be starting, and end by any signal."""
        return bool(self.see(select(Worker.pid).where(Worker.pid == worker.pid)))

    def answers(self, port: int) -> bool:
        assert self.services[port].poll() is None, "a service ended by itself"
        try:
            return self.http.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def disturb(self) -> None:
        """Keep a crowd of runs unfinished until enough were requested, and do every deed, one after the other."""
        deadline = time.monotonic() + PATIENCE
        while len(self.asked) < self.size.runs or self.unfinished() > WORKERS or self.done < set(DECK):
            assert time.monotonic() < deadline, (
                f"{len(self.made)} of {self.size.runs} runs were made within {PATIENCE:g} s"
            )
            self.keep_the_crowd()
            self.wait_for_events(self.chance.randint(1, 12))
            if any(time.monotonic() - since > STOPPED_SECONDS for since in self.stopped.values()):
                self.go_on()
            getattr(self, self.draw())()
            self.replenish()

    def keep_the_crowd(self) -> None:
        """Ask for more runs, and once more for what was not answered."""
        while len(self.asked) < self.size.runs and self.unfinished() + len(self.unanswered()) < CROWD:
            self.invent()
            self.post(list(self.asked)[-1])
        for key in self.unanswered():
            self.post(key)

    def draw(self) -> str:
        """The next deed."""
        if not self.deck:
            counts = [min(times, self.size.repeats) for times in DECK.values()]
            self.deck = self.chance.sample(list(DECK), sum(counts), counts=counts)
        deed = self.deck.pop()
        self.done.add(deed)
        self.note(deed)
        return deed

    def settle(self) -> None:
        """Disturb nothing any more, and wait for the end of every run."""
        self.note("settle")
        self.go_on()
        eventually("every answer", self._all_is_answered, within=PATIENCE)
        eventually("the end of every run", self._all_is_ended, within=PATIENCE)
        eventually("the end of all work", lambda: not any(self.settings.work_dir.iterdir()), within=PATIENCE)
        eventually("the start of all services", lambda: all(map(self.answers, self.ports)), within=PATIENCE)
        eventually("the start of all workers", lambda: all(map(self.is_known, self.workers)), within=PATIENCE)

    def _all_is_answered(self) -> bool:
        self.keep_the_crowd()
        return not self.unanswered()

    def _all_is_ended(self) -> bool:
        for row in self.see(select(Run.id).where(Run.state == "paused")):
            self.ask("POST", f"/runs/{row.id}/resume")
        self.skip_waits()
        return self.unfinished() == 0

    def close(self) -> None:
        """Ask all to stop; everyone ends well."""
        processes = [*self.workers, *self.services.values()]
        for process in processes:
            process.terminate()
        assert [process.wait(PATIENCE) for process in processes] == [0] * len(processes)

    def abandon(self) -> None:
        """Whatever is left after a failure."""
        self.http.close()
        (self.folder / "diary.txt").write_text("\n".join(self.diary))
        for pid in [*(pid for pid, supervisor in trainers().items() if supervisor in self.hired)]:
            self.send(pid, signal.SIGKILL)
        for process in [*self.workers, *self.services.values()]:
            process.kill()
            process.wait()
        self.database.dispose()


@pytest.fixture(
    params=[SHORT, pytest.param(LONG, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])], ids=["short", "long"]
)
def world(
    request: pytest.FixtureRequest, tmp_path: Path, templates: Templates, database_url: str | None
) -> Iterator[World]:
    settings = RegistrySettings(data_dir=tmp_path / "data", database_url=database_url)
    templates.migrate(settings)
    made = World(settings, sessions.open(settings), tmp_path, random.Random(SEED), request.param)
    yield made
    made.abandon()


@contextmanager
def told(world: World) -> Iterator[None]:
    """A failure within it says what had been done until then, and how to do it again."""
    try:
        yield
    except BaseException as error:
        error.add_note("\n".join([f"SCHEDULE_SEED={SEED}, logs in {world.folder}", *world.diary]))
        raise


def test_whatever_is_done_to_runs_each_has_one_outcome_and_nothing_is_left_behind(world: World) -> None:
    with told(world):
        world.open()
        world.disturb()
        assert world.done == set(DECK)
        world.settle()
        world.close()
        runs = world.see(select(Run).order_by(Run.id))
        for (run,) in runs:
            one_outcome(world, run)
            what_it_made(world, run)
        one_run_for_each_key(world)
        equal_specs_have_equal_weights(world, [run for (run,) in runs])
        nothing_is_left(world)


def one_outcome(world: World, run: Run) -> None:
    attempts = [row for (row,) in world.see(select(Attempt).where(Attempt.run_id == run.id).order_by(Attempt.fence))]
    events = [row for (row,) in world.see(select(RunEvent).where(RunEvent.run_id == run.id).order_by(RunEvent.seq))]
    outcomes, types = [attempt.outcome for attempt in attempts], [event.type for event in events]
    assert run.state in TERMINAL
    assert [event.seq for event in events] == list(range(1, run.event_seq + 1))
    assert [kind for kind in types if kind in TERMINAL] == [types[-1]] == [run.state]
    assert types.count("running") == len(attempts) == run.attempt
    assert [attempt.attempt for attempt in attempts] == list(range(1, run.attempt + 1))
    assert None not in outcomes
    assert [number for number, outcome in enumerate(outcomes) if outcome == "succeeded"] == (
        [len(outcomes) - 1] if run.state == "succeeded" else []
    )
    assert {attempt.error_code for attempt in attempts} <= BY_KILLS | {None}
    if run.state == "failed":
        assert run.error_code in BY_KILLS
        assert run.failures == 3
        assert sum(outcome in ("failed", "lost") for outcome in outcomes) >= 3


def what_it_made(world: World, run: Run) -> None:
    versions = world.see(select(ModelVersion.member).where(ModelVersion.run_id == run.id).order_by(ModelVersion.member))
    epochs = world.see(
        select(RunMetric.epoch, RunMetric.member)
        .where(RunMetric.run_id == run.id)
        .order_by(RunMetric.epoch, RunMetric.member)
    )
    members = {"train": 1, "sweep": 2}.get(run.kind, 0)
    last = {"train": run.spec.get("training"), "sweep": run.spec.get("base", {}).get("training")}.get(run.kind)
    if run.state != "succeeded":
        assert versions == []
        return
    assert [version.member for version in versions] == list(range(members))
    expected = [(epoch, member) for epoch in range(1, last["epochs"] + 1) for member in range(members)] if last else []
    assert [tuple(row) for row in epochs] == expected


def one_run_for_each_key(world: World) -> None:
    assert len(set(world.made.values())) == len(world.asked) == world.size.runs
    there = {row.id for row in world.see(select(Run.id))}
    keys = dict(tuple(row) for row in world.see(select(IdempotencyKey.key, IdempotencyKey.run_id)))
    assert keys == {key: run for key, run in world.made.items() if run in there}
    assert set(world.made.values()) - there <= world.deleted, "none was lost but those that were deleted"


def equal_specs_have_equal_weights(world: World, runs: Sequence[Run]) -> None:
    alike, interrupted = defaultdict(set), defaultdict(list)
    for run in runs:
        if run.state == "succeeded" and run.kind in ("train", "sweep"):
            made = world.see(select(ModelVersion.member, ModelVersion.digest).where(ModelVersion.run_id == run.id))
            curves = world.see(select(RunMetric).where(RunMetric.run_id == run.id))
            figures = sorted((row.member, row.epoch, timeless(row.record)) for (row,) in curves)
            alike[run_specs.canonical_json(run.spec)].add((tuple(sorted(map(tuple, made))), tuple(figures)))
            interrupted[run_specs.canonical_json(run.spec)].append(run.attempt > 1)
    assert [several for several in interrupted.values() if len(several) > 1 and any(several)], "something is compared"
    assert {len(weights) for weights in alike.values()} == {1}


def timeless(record: dict[str, Any]) -> str:
    return run_specs.canonical_json({**record, "seconds": None})


def nothing_is_left(world: World) -> None:
    assert not [pid for pid, supervisor in trainers().items() if supervisor in world.hired and is_alive(pid)]
    assert not any(world.settings.work_dir.iterdir())
    assert not any(world.settings.uploads_dir.iterdir())
    runs = {row.id for row in world.see(select(Run.id))}
    for table in Base.metadata.sorted_tables:
        if "run_id" in table.c:
            assert {row.run_id for row in world.see(select(table.c.run_id))} <= runs, table.name
    names = {row.name for row in world.see(select(Dataset.name))}
    assert {"digits", *world.uploaded} <= names <= {"digits", *(f"rows-{number}" for number in range(4))}
    every_blob_is_whole(world)
    world.collected(-1)
    every_blob_is_whole(world)
    used = {row[0] for column in artifacts.references() for row in world.see(select(column))}
    assert {row.sha256 for row in world.see(select(Artifact.sha256))} == used
    files = {file.name for file in world.settings.artifacts_dir.glob("[0-9a-f][0-9a-f]/*")}
    assert files == used


def every_blob_is_whole(world: World) -> None:
    store = DirectoryStore(world.settings.artifacts_dir)
    for sha256, size in world.see(select(Artifact.sha256, Artifact.bytes)):
        content = store.path(sha256).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (sha256, size)
