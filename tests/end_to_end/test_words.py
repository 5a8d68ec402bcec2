"""The documentation names every setting, route and error code, with their defaults, and none that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

import registry.errors
import service.errors
import sparse_coding.errors
from client.settings import ClientSettings
from registry.settings import RegistrySettings
from service.app import create_app
from service.http import problems
from service.settings import ServiceSettings
from testing.plain_words import found
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
SETTINGS: tuple[type[BaseSettings], ...] = (RegistrySettings, ServiceSettings, WorkerSettings, ClientSettings)
TREES = (sparse_coding.errors.SparseCodingError, registry.errors.RegistryError, service.errors.ServiceError)
PAGES = ("README.md", "docs/operations.md", "docs/api.md", "docs/glossary.md", "Makefile", "docker-compose.yml")


def page(name: str) -> str:
    return (ROOT / name).read_text()


def fields() -> dict[str, Any]:
    """Every variable and its default."""
    return {
        f"SAE_{name}".upper(): field.default for settings in SETTINGS for name, field in settings.model_fields.items()
    }


def shown(default: object) -> str:
    """A default as the documentation writes it."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int) and default >= 2**20:
        return f"{default // 2**30} GiB" if default % 2**30 == 0 else f"{default // 2**20} MiB"
    return f"{default:g}" if isinstance(default, float) else str(default)


def code_of(error: type[Exception]) -> str:
    """The code of an error class, whatever its instances need."""
    return str(error.__new__(error).code)  # type: ignore[attr-defined]


def codes(tree: type[Exception]) -> Iterator[str]:
    yield code_of(tree)
    for below in tree.__subclasses__():
        yield from codes(below)


@pytest.mark.parametrize(("variable", "default"), sorted(fields().items(), key=lambda item: item[0]))
def test_a_setting_stands_in_the_operations_page_with_its_default(variable: str, default: object) -> None:
    row = re.search(rf"^\| `{variable}` \|([^|]*)\|", page("docs/operations.md"), re.MULTILINE)
    assert row is not None, f"{variable} is not documented"
    if default not in (None, ()):
        assert shown(default) in row[1]


@pytest.mark.parametrize("name", PAGES)
def test_no_page_names_a_setting_that_is_not_there(name: str) -> None:
    assert set(re.findall(r"\bSAE_[A-Z_]*[A-Z]\b", page(name))) - fields().keys() == set()


def routes() -> list[str]:
    paths = create_app(ServiceSettings()).openapi()["paths"]
    return sorted(f"{method.upper()} {path}" for path, operations in paths.items() for method in operations)


def test_every_route_stands_in_the_interface_page(subtests: pytest.Subtests) -> None:
    for route in [*routes(), "GET /docs", "GET /openapi.json"]:
        with subtests.test(route):
            assert f"`{route.replace('/api/v1', '')}`" in page("docs/api.md")


def test_the_interface_page_names_no_route_that_is_not_there() -> None:
    named = set(re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`?\s]*)`", page("docs/api.md")))
    there = {route.replace("/api/v1", "") for route in routes()} | {"GET /docs", "GET /openapi.json"}
    assert named - there == set()


@pytest.mark.parametrize("code", sorted({code for tree in TREES for code in codes(tree)}))
def test_an_error_code_stands_in_the_interface_page(code: str) -> None:
    assert f"`{code}`" in page("docs/api.md")


MISFORTUNES = (
    sparse_coding.errors.DatasetUnavailable,
    sparse_coding.errors.InputsOutOfRange,
    sparse_coding.errors.TrainingDiverged,
    sparse_coding.errors.SpecDoesNotFit,
    sparse_coding.errors.CheckpointMismatch,
    sparse_coding.errors.UnreadableFile,
    sparse_coding.errors.UnsupportedFormat,
    sparse_coding.errors.InconsistentDataset,
    registry.errors.DatasetNotFound,
    registry.errors.DatasetExists,
    registry.errors.ArtifactMissing,
    registry.errors.StoreBusy,
)
"""Errors of the libraries that can end an accepted run; those that the API rejects at once are not among them."""


def worst_words() -> set[str]:
    """Codes that the worker and the life of a run give by themselves, wherever their sources name one."""
    sources = [*(ROOT / "worker").rglob("*.py"), ROOT / "registry" / "runs.py", ROOT / "registry" / "transitions.py"]
    named = r'(?:\bcode=|\bReason\(\s*|^[A-Z_]+(?:: Final)? = )"([A-Z_]{5,})"'
    return {code for source in sources for code in re.findall(named, source.read_text(), re.MULTILINE)}


def test_every_code_that_a_failed_run_can_bear_has_its_remedy_and_no_other_has() -> None:
    rows = re.findall(r"^\| a run failed with ([^|]*) \|", page("docs/operations.md"), re.MULTILINE)
    explained = [code for row in rows for code in re.findall(r"`([A-Z_]+)`", row)]
    assert sorted(explained) == sorted(worst_words() | {code_of(error) for error in MISFORTUNES})
    missing = {code for code in explained if f"`{code}`" not in page("docs/api.md")}
    assert missing == set(), "named in the interface page, too"


def test_the_statuses_of_the_interface_page_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (.*) \|$", page("docs/api.md"), re.MULTILINE)
    documented = {code: int(status) for status, names in rows for code in re.findall(r"`([A-Z_]+)`", names)}
    for error, status in problems.STATUSES.items():
        assert documented[code_of(error)] == status


def texts(node: Any) -> Iterator[str]:
    """All titles, summaries and descriptions; the names of fields are part of the interface and are not checked."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("title", "summary", "description") and isinstance(value, str):
                yield value
            else:
                yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)


def test_the_openapi_document_has_no_retired_word() -> None:
    document = create_app(ServiceSettings()).openapi()
    title = "Wish"  # derived from the field `wish` of events, which is part of the interface
    assert [problem for text in texts(document) if text != title for problem in found(text)] == []
