"""The command line by itself: quick, light, and clear about what it cannot use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testing.waiting import PATIENCE

SAE = Path(sys.executable).with_name("sae")
HEAVY = {"torch", "numpy", "sqlalchemy", "alembic", "fastapi", "sklearn", "altair"}
OTHER_PACKAGES = {"service", "worker", "registry", "sparse_coding"}

HELP = """
import sys
from client import command_line
sys.argv = ["sae", "--help"]
try:
    command_line.main()
finally:
    print(*sorted({name.split(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SAE_")}
    return subprocess.run(
        [SAE, *arguments], env={**clean, **settings}, capture_output=True, text=True, timeout=PATIENCE
    )


def test_help_loads_no_tensors_no_database_and_no_other_package() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "typer" in loaded, "the list of modules was printed"
    assert loaded & (HEAVY | OTHER_PACKAGES) == set()


def test_help_names_every_command() -> None:
    text = run("--help").stdout
    for command in ("up", "api", "worker", "migrate", "gc", "backup", "demo", "exercise"):
        assert f" {command} " in text


@pytest.mark.parametrize("port", ["eight thousand", "0", "65536"])
def test_a_setting_without_sense_is_named_and_exits_2(port: str) -> None:
    done = run("up", SAE_PORT=port)
    assert done.returncode == 2
    assert f"SAE_PORT={port}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("command", "setting"), [("api", "SAE_MAX_ROWS"), ("worker", "SAE_DEVICE"), ("migrate", "SAE_DATABASE_URL")]
)
def test_a_setting_that_a_package_refuses_is_named_and_exits_1(command: str, setting: str) -> None:
    done = run(command, **{setting: "nonsense"})
    assert done.returncode == 1
    assert setting in done.stderr
    assert "Traceback" not in done.stderr


def test_a_collection_with_a_database_that_knows_no_file_is_refused_and_removes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run("migrate", SAE_DATA_DIR=str(data)).returncode == 0
    orphan = data / "artifacts" / "ab" / ("ab" * 32)
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"orphan")
    os.utime(orphan, (1, 1))
    done = run("gc", "--dry-run", SAE_DATA_DIR=str(data))
    assert (done.returncode, orphan.exists()) == (1, True), "a database that knows no file lists no orphans"
    assert "Traceback" not in done.stderr


def test_an_unknown_command_exits_2() -> None:
    assert run("trian").returncode == 2
