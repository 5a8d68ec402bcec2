"""The packages keep their directions: the contracts in pyproject.toml hold for the tree as it is."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [
        Path(sys.executable).with_name("lint-imports"),
        "--config",
        ROOT / "pyproject.toml",
        "--no-cache",
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_no_package_breaks_an_import_contract() -> None:
    answer = lint(ROOT)
    assert answer.returncode == 0, answer.stdout
    assert "0 broken" in answer.stdout


@pytest.mark.parametrize("package", ["sparse_coding", "registry", "service", "worker", "client"])
def test_every_package_says_what_it_is_and_nothing_else(package: str) -> None:
    lines = (ROOT / package / "__init__.py").read_text().strip()
    assert lines.startswith('"""')
    assert lines.count('"""') == 2
    assert lines.endswith('"""')
