"""The two halves of the worker: neither loads what belongs to the other, not even indirectly."""

import subprocess
import sys

import pytest

TENSORS = ("torch", "numpy", "safetensors", "sklearn")
ONLY_SOME_RUNS = ("sklearn", "scipy", "torchvision")
DATABASE = ("sqlalchemy", "registry", "psycopg", "alembic")


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("worker.supervising.supervisor", TENSORS),
        ("worker.__main__", TENSORS),
        ("worker.messages", TENSORS + DATABASE),
        ("worker.training.trainer", TENSORS + DATABASE),
        ("worker.training.assignment", DATABASE + ONLY_SOME_RUNS),
        ("worker", TENSORS + DATABASE),
    ],
)
def test_a_half_does_not_load_the_other(module: str, forbidden: tuple[str, ...]) -> None:
    script = f"import sys, {module}; print(*(set({forbidden!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
