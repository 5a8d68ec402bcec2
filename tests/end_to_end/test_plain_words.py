"""Retired metaphors and private idioms stay out of what users and developers read: pages and sources."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from testing.plain_words import found

ROOT = Path(__file__).parents[2]

FIELD = "the field `wish` of events is part of the interface of version 1"
CONSTRAINT = "the name of a constraint in released databases"
ALLOWED: Mapping[str, Mapping[str, str]] = {
    "docs/api.md": {"`wish`": FIELD},
    "registry/runs.py": {"wish=": FIELD},
    "service/routes/v1/events.py": {"wish:": FIELD},
    "sparse_coding/data/untrusted.py": {"archive": "a zip archive is a file format"},
    "registry/database/tables.py": {"wish_of_a_running_run": CONSTRAINT},
    "alembic/versions/0001_first_tables.py": {"wish_of_a_running_run": CONSTRAINT},
}
"""File -> text that is allowed there -> why."""

PAGES = ("README.md", "CHANGELOG.md", "Makefile", "Dockerfile", "docker-compose.yml", "docs/**/*.md")
SOURCES = ("sparse_coding", "registry", "service", "worker", "client", "testing", "alembic", "benchmarks")
"""What is read. Sources are checked whole: names, docstrings, comments and messages, so help and errors as well."""


def files() -> Iterator[Path]:
    for pattern in PAGES:
        yield from sorted(ROOT.glob(pattern))
    for package in SOURCES:
        yield from (file for file in sorted((ROOT / package).rglob("*.py")) if file.name != "plain_words.py")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", list(files()), ids=name)
def test_a_file_has_no_retired_word(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for allowed in ALLOWED.get(name(path), {}):
        assert allowed in text, f"{allowed!r} needs no exception any more"
        text = text.replace(allowed, "")
    assert found(text) == []


@pytest.mark.parametrize(
    "text", ["The front door", "_unborn", "stopWish", "a run is set quite aside", "brought it in", "told = {}"]
)
def test_the_check_finds_a_retired_word(text: str) -> None:
    assert found(text) != []


@pytest.mark.parametrize("text", ["a store of artifacts", "the roommate", "set the value", "adorned", "the archived"])
def test_the_check_finds_nothing_else(text: str) -> None:
    assert found(text) == []
