"""How long a start takes: `sae --help`, `sae up` to a ready API, and a run from the request to its first epoch record.

Each figure stands beside a peer that is measured in the same run: the bare interpreter, the bare import of torch, and
a trainer that is executed for one attempt instead of forked. For `sae up` and torch also the processor time, of all
processes together. Afterwards: the memory of the fork server and a trainer. `--ready` measures `sae up` only.
"""

import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from client import processes
from worker import messages

SAE = Path(sys.executable).with_name("sae")
HELP_LIMIT = 0.5
READY_RATIO_LIMIT = 1.2
FIRST_RECORD_LIMIT = 0.5
RUNS = 5
SMALL = {"dataset": {"name": "digits"}, "model": {"n_latents": 16, "hidden": [16]}, "training": {"epochs": 3}}


def main() -> None:
    """Print a table: what, seconds, peer, seconds of the peer, ratio, limit; then the memory."""
    print(f"load of the last minute: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"{'start':38}{'seconds':>9}  {'peer':26}{'seconds':>9}{'ratio':>8}  limit")
    bare = best(lambda: ran(sys.executable, "-c", "pass"), 10)
    help_seconds = best(lambda: ran(SAE, "--help"), 10)
    report("sae --help", help_seconds, "python -c pass", bare, help_seconds < HELP_LIMIT, f"{HELP_LIMIT} s")
    with tempfile.TemporaryDirectory() as folder:
        report_ready(Path(folder))
        if "--ready" in sys.argv:
            return
        with serving(Path(folder)) as (http, up):
            dataset = import_digits(http, Path(folder))
            first = statistics.median(until_first_record(http) for _ in range(RUNS))
            executed = statistics.median(executed_to_first_record(dataset, Path(folder)) for _ in range(3))
            kept = first < FIRST_RECORD_LIMIT
            report("POST to the first epoch record", first, "an executed trainer alone", executed, kept, "0.5 s")
            report_memory(http, up)


def report_ready(folder: Path) -> None:
    """Print the start of `sae up` beside the import of torch; both are repeated by turns, so that load meets both."""
    empty = until_ready(folder)
    pairs = [(until_ready(folder), torch_imported()) for _ in range(RUNS)]
    ready, torch = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    for what, (seconds, processor) in (("empty folder", empty), ("migrated folder", ready)):
        kept = seconds < READY_RATIO_LIMIT * torch[0]
        report(f"sae up, {what}, to ready", seconds, "import torch", torch[0], kept, f"ratio {READY_RATIO_LIMIT}")
        print(f"{'  processor time':38}{processor:9.3f}  {'import torch':26}{torch[1]:9.3f}{processor / torch[1]:8.2f}")


def torch_imported() -> tuple[float, float]:
    """Seconds and processor seconds of importing torch in a new process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = ran(sys.executable, "-c", "import torch")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(what: str, seconds: float, peer: str, peer_seconds: float, kept: bool, limit: str) -> None:
    ratio, verdict = seconds / peer_seconds, "kept" if kept else "MISSED"
    print(f"{what:38}{seconds:9.3f}  {peer:26}{peer_seconds:9.3f}{ratio:8.2f}  {limit} {verdict}", flush=True)


def best(measure: Callable[[], float], times: int) -> float:
    """The smallest of several: the others measure what else the machine did."""
    return min(measure() for _ in range(times))


def ran(*command: str | Path) -> float:
    """Seconds of a command from start to exit."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def until_ready(folder: Path) -> tuple[float, float]:
    """Seconds from starting `sae up` to its line `ready`, and processor seconds of all its processes until then."""
    environment = {**os.environ, "SAE_DATA_DIR": str(folder / "data"), "SAE_PORT": str(processes.free_port())}
    begun = time.perf_counter()
    with subprocess.Popen(
        [SAE, "up"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as up:
        assert up.stdout is not None
        next(line for line in up.stdout if line.startswith("ready:"))
        seconds, processor = time.perf_counter() - begun, processor_seconds(up.pid)
        up.send_signal(signal.SIGINT)
    return seconds, processor


def processor_seconds(pid: int) -> float:
    """Processor time of a process and its descendants so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(processor_seconds, children_of(pid)))


@contextmanager
def serving(folder: Path) -> Iterator[tuple[httpx.Client, int]]:
    """`sae up` in this data folder, ready; a client for it, and its process id."""
    port = processes.free_port()
    environment = {**os.environ, "SAE_DATA_DIR": str(folder / "data"), "SAE_PORT": str(port)}
    quiet = subprocess.DEVNULL
    with (
        subprocess.Popen([SAE, "up"], env=environment, stdout=quiet, stderr=quiet) as up,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as http,
    ):
        try:
            wait_for(lambda: is_ready(http) or up.poll() is not None)
            if up.poll() is not None:
                raise SystemExit(f"sae up ended with {up.returncode}")
            yield http, up.pid
        finally:
            up.send_signal(signal.SIGINT)


def is_ready(http: httpx.Client) -> bool:
    try:
        return http.get("/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def wait_for(happened: Callable[[], bool]) -> None:
    while not happened():
        time.sleep(0.01)


def start_run(http: httpx.Client, spec: dict[str, Any]) -> str:
    return str(http.post("/api/v1/runs", json=spec).raise_for_status().json()["id"])


def wait_for_end(http: httpx.Client, run: str) -> None:
    wait_for(lambda: http.get(f"/api/v1/runs/{run}").json()["finished_at"] is not None)


def import_digits(http: httpx.Client, folder: Path) -> Path:
    """Import the digits, which warms the worker up, and return the artifact in which they are stored."""
    wait_for_end(http, start_run(http, {"kind": "import", "dataset": "digits"}))
    digest = http.get("/api/v1/datasets/digits").json()["digest"]
    return next(file for file in (folder / "data" / "artifacts").rglob("*") if digest in file.name)


def until_first_record(http: httpx.Client) -> float:
    """Seconds from the request for a small run to its first record in the API, on an idle worker."""
    begun = time.perf_counter()
    run = start_run(http, SMALL)
    wait_for(lambda: bool(http.get(f"/api/v1/runs/{run}/metrics").json()["items"]))
    seconds = time.perf_counter() - begun
    wait_for_end(http, run)
    time.sleep(1)
    return seconds


def executed_to_first_record(dataset: Path, folder: Path) -> float:
    """Seconds from executing a trainer of its own, as was done for each attempt once, to its first record."""
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "worker.training.trainer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as trainer:
        assert trainer.stdin is not None
        assert trainer.stdout is not None
        trainer.stdin.write(messages.line(order(dataset, folder)))
        trainer.stdin.flush()
        reports = (messages.read_report(line) for line in trainer.stdout)
        next(report for report in reports if isinstance(report, messages.Metrics))
        seconds = time.perf_counter() - begun
        trainer.kill()
    return seconds


def order(dataset: Path, folder: Path) -> messages.Start:
    return messages.Start(
        run_id="benchmark",
        fence=1,
        spec=SMALL,
        inputs=messages.Inputs(dataset=dataset),
        folder=folder,
        sources=folder,
        threads=len(os.sched_getaffinity(0)),
        checkpoint_seconds=3600,
    )


def report_memory(http: httpx.Client, up: int) -> None:
    """Print what the fork server and a trainer hold while a run trains; PSS shares out pages that several have."""
    run = start_run(http, {**SMALL, "training": {"epochs": 100_000}})
    wait_for(lambda: bool(http.get(f"/api/v1/runs/{run}/metrics").json()["items"]))
    (server,) = [pid for child in children_of(up) for pid in children_of(child) if b"fork_server" in command_of(pid)]
    for name, pid in (("fork server", server), *(("trainer", child) for child in children_of(server))):
        rss, pss, private = (memory(pid, field) for field in ("Rss", "Pss", "Private_Dirty"))
        print(f"{name:38}RSS {rss:.0f} MiB, PSS {pss:.0f} MiB, of its own {private:.0f} MiB")
    http.post(f"/api/v1/runs/{run}/cancel")
    wait_for_end(http, run)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def memory(pid: int, field: str) -> float:
    """MiB of a field of proc_pid_smaps_rollup(5)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


if __name__ == "__main__":
    main()
