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


def trainers_of(pid: int) -> list[int]:
    """Return the process ids of the trainers that a worker has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"--supervisor" in read_proc(child, "cmdline")]


def survivors(processes: list[psutil.Process]) -> list[str]:
    """Return the command lines of these processes that still run shortly after they should be gone."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    return [" ".join(process.cmdline()) for process in alive]


def stop(pid: int) -> None:
    """Send SIGSTOP and wait until every thread stands still."""
    os.kill(pid, signal.SIGSTOP)
    eventually("a standstill", lambda: is_stopped(pid))
