"""What the registry promises other packages: what it imports, what its errors are called."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import registry
from registry import errors

MODULES = sorted(
    f"registry.{file.stem}" for file in Path(registry.__file__).parent.glob("*.py") if not file.stem.startswith("__")
)
TREE = [error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, errors.RegistryError)]


def test_the_registry_loads_no_tensors_and_no_http() -> None:
    heavy = ["torch", "numpy", "safetensors", "fastapi", "starlette", "sparse_coding"]
    code = f"import sys, {', '.join([*MODULES, 'registry.__main__'])}; print(sorted({{*{heavy}}} & {{*sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert loaded.stdout == "[]\n"
    assert len(MODULES) > 15


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.RunNotFound, "RUN_NOT_FOUND"),
        (errors.Fenced, "FENCED"),
        (errors.IdempotencyMismatch, "IDEMPOTENCY_MISMATCH"),
        (errors.RunIsLive, "RUN_IS_LIVE"),
    ],
)
def test_a_code_is_the_name_of_the_class(error: type[errors.RegistryError], code: str) -> None:
    assert error("a sentence").code == code


@pytest.mark.parametrize("error", TREE)
def test_every_error_is_drawn_in_the_tree(error: type[errors.RegistryError]) -> None:
    assert error.__name__ in str(errors.__doc__)
    assert error.__doc__


def test_only_what_a_later_try_may_cure_may_pass() -> None:
    assert {error for error in TREE if error.may_pass} == {
        errors.QueueFull,
        errors.DatabaseUnavailable,
        errors.DatabaseFull,
        errors.StoreBusy,
    }


def test_a_clients_word_is_quoted_and_cut() -> None:
    assert errors.shown("a\n'b'") == "\"a\\n'b'\""
    assert len(errors.shown("x" * 10_000)) < 80
