"""For every test: shapes are checked while the core library runs, and no setting leaks in from the outside.

The import hook has to be set before anything imports `sparse_coding`. Fixtures of one package live beside its tests.
"""

import faulthandler
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from jaxtyping import install_import_hook

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # read when torch is loaded: as the worker's trainers have it

# a shell starts what it puts into the background with Ctrl-C ignored, and nohup with SIGHUP ignored; all processes of
# the tests would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

_hook = install_import_hook("sparse_coding", "beartype.beartype")

from testing.databases import Templates, postgres_database, postgres_server  # noqa: E402

PROCESS_FIXTURES = {"launch", "local_service", "open_harness", "sae", "trainer", "world"}
"""Fixtures that start processes, or let a test start them."""

CLEANUP_SECONDS = 180.0
"""How long what a test has started may take to end."""

FIRST = ("worker", "end_to_end", "client", "service", "registry", "sparse_coding")
"""Folders in the order in which they are shared out among pytest's processes: the longest files first."""


class ImmediateFailures:
    """Prints a failure when it happens: tests that are cut off print no summary."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.write_line(f"\n{report.when} of {report.nodeid}:\n{report.longreprtext}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None:  # in the processes of pytest-xdist there is none
        config.pluginmanager.register(ImmediateFailures(terminal))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that start processes; begin with what takes longest."""
    for item in items:
        assert isinstance(item, pytest.Function)
        if PROCESS_FIXTURES & set(item.fixturenames) or hasattr(item.module, "subprocess"):
            item.add_marker("process")
    items.sort(key=_place)


def _place(item: pytest.Item) -> tuple[bool, int]:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return item.get_closest_marker("process") is None, FIRST.index(folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """End this process if the cleanup takes too long: after a failure, the timeouts of pyproject.toml count no more."""
    log = item.config.stash[fault_handler_stderr_fd_key]
    faulthandler.dump_traceback_later(CLEANUP_SECONDS, exit=True, file=log)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SAE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, started when first asked for and gone after the last test."""
    with postgres_server() as url:
        yield url


@pytest.fixture(name="postgres_database")
def _postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of a new and empty PostgreSQL database."""
    with postgres_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Migrated databases, to be copied for every test."""
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def migrated_postgres(postgres_url: str, templates: Templates) -> Iterator[str]:
    """The URL of a new, migrated PostgreSQL database."""
    with templates.postgres(postgres_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Each database: no URL, which is SQLite in the data folder, or that of a migrated PostgreSQL database."""
    return request.getfixturevalue("migrated_postgres") if request.param == "postgresql" else None
