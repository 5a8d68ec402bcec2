"""What /proc tells about processes, and the trainers among them."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from testing.waiting import eventually


def read_proc(pid: int | str, name: str) -> bytes:
    """Return the content of /proc/PID/NAME, or nothing where the process is gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""


def state_of(stat: bytes) -> str:
    """Return the state letter in the content of a `stat` file, or nothing where the process is gone."""
    return stat.rpartition(b")")[2].split()[0].decode() if stat else ""


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    return state_of(read_proc(pid, "stat")) not in ("", "Z", "X")


def is_stopped(pid: int) -> bool:
    """Tell whether every thread of a process has followed a SIGSTOP."""
    return all(state_of(stat.read_bytes()) == "T" for stat in Path(f"/proc/{pid}/task").glob("*/stat"))


def children_of(pid: int) -> list[int]:
    """Return the process ids of the children of a process's main thread."""
    return [int(child) for child in read_proc(pid, f"task/{pid}/children").split()]


def fork_servers_of(pid: int) -> list[int]:
    """Return the process ids of the fork servers that a worker has started, once they are ones."""
    return [child for child in children_of(pid) if b"worker.training.fork_server" in read_proc(child, "cmdline")]


def survivors(processes: list[psutil.Process]) -> list[str]:
    """Return the command lines of these processes that still run shortly after they should be gone."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    return [" ".join(process.cmdline()) for process in alive]


def stop(pid: int) -> None:
    """Send SIGSTOP and wait until every thread stands still."""
    os.kill(pid, signal.SIGSTOP)
    eventually("a standstill", lambda: is_stopped(pid))
