"""Which process this is, among all processes past and present: what a worker says of itself. Knows only Linux well."""

import os
import socket
from importlib import metadata
from pathlib import Path
from typing import Final

from registry import workers
from registry.database.tables import Worker

DISTRIBUTION: Final = "sparse-coding-service"

_ENDED: Final = ("Z", "X")
"""States of a process that has ended but has not been waited for (zombie)."""


def describe(device: str, device_name: str, threads: int) -> workers.Identity:
    """This process; None for what the system does not say."""
    return workers.Identity(
        host=socket.gethostname(),
        pid=os.getpid(),
        device=device,
        release=metadata.version(DISTRIBUTION),
        boot_id=_line("/proc/sys/kernel/random/boot_id"),
        pid_namespace=_namespace(),
        pid_started=_started("self"),
        device_name=device_name,
        threads=threads,
    )


def is_gone(worker: Worker, me: workers.Identity) -> bool:
    """Whether the worker is proven dead: it ran under our kernel, among our process ids, and its process is no more.

    Of a worker on another host, in another container or before another boot nothing can be said from here: its lease
    decides, as it does where the system does not say enough.
    """
    here = (me.host, me.boot_id, me.pid_namespace)
    if (worker.host, worker.boot_id, worker.pid_namespace) != here or None in here or worker.pid_started is None:
        return False
    try:
        os.kill(worker.pid, 0)  # answers for processes of others, too, which /proc may hide
    except ProcessLookupError:
        return True
    except OSError:
        pass  # there, and not ours
    fields = _fields(str(worker.pid))
    return bool(fields) and (fields[0] in _ENDED or fields[19] != worker.pid_started)


def _namespace() -> str | None:
    """The inode of our process ids' namespace; None where /proc tells of another one."""
    return _link("/proc/self/ns/pid") if _link("/proc/self") == str(os.getpid()) else None


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


def _started(process: str) -> str | None:
    """Clock ticks from boot to a process's start: field 22 of proc_pid_stat(5)."""
    fields = _fields(process)
    return fields[19] if fields else None


def _fields(process: str) -> list[str]:
    """Of proc_pid_stat(5) from the third on, the state; the name before it may hold anything."""
    return (_line(f"/proc/{process}/stat") or "").rpartition(")")[2].split()
