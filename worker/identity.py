"""Which process this is, among all processes past and present: what a worker says of itself. Knows only Linux well."""

import os
import socket
from importlib import metadata
from pathlib import Path
from typing import Final

from registry import workers

DISTRIBUTION: Final = "sparse-coding-service"


def describe(device: str, device_name: str | None, threads: int) -> workers.Identity:
    """This process; None for what the system does not say."""
    return workers.Identity(
        host=socket.gethostname(),
        pid=os.getpid(),
        device=device,
        release=metadata.version(DISTRIBUTION),
        boot_id=_line("/proc/sys/kernel/random/boot_id"),
        pid_namespace=_link("/proc/self/ns/pid"),
        pid_started=_started(),
        device_name=device_name,
        threads=threads,
    )


def _line(path: str) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def _link(path: str) -> str | None:
    try:
        return str(Path(path).readlink())
    except OSError:
        return None


def _started() -> str | None:
    """Clock ticks from boot to this process's start: field 22 of proc_pid_stat(5), counted after the name."""
    line = _line("/proc/self/stat")
    return None if line is None else line.rpartition(")")[2].split()[19]
