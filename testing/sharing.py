"""What is made once for all processes of pytest-xdist."""

import fcntl
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


def made_once(folders: pytest.TempPathFactory, name: str, make: Callable[[Path], T]) -> T:
    """Return what `make(folder)` returned to the first process that asked; the others wait for it.

    The value is pickled; `folder` outlives it.
    """
    base = folders.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    made = folder / "made.pickle"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            made.write_bytes(pickle.dumps(make(folder)))
        value: T = pickle.loads(made.read_bytes())
    return value
