"""Look-ups without sessions mean what `models.resolve` means, at every moment."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from registry import models
from registry.errors import RegistryError
from registry.lookup import MAX_KEPT, Found, KeptLookup, Lookup
from testing.registry_harness import RegistryHarness

REFERENCES = ["a", "a@1", "a@2", "a@3", "a@999999999", "a@best", "a@none", "b", "b@1", "b@best", "c", ""]
NO_REFERENCES = ["A", "a@", "@1", "a@0", "a@01", "a@1@1", "a@Best", "a b", "a\n", "../a", "a@1234567890", "ä", "x" * 64]

Find = Callable[[str], Found | None]


@pytest.fixture
def finds(harness: RegistryHarness) -> list[Find]:
    """Each way to look up a reference on this database."""
    lookup = Lookup(harness.database)
    found: list[Find] = [lambda reference: lookup.find([reference]).get(reference)]
    if harness.database.is_sqlite:
        found.append(KeptLookup(harness.database).find)
    return found


def resolved(harness: RegistryHarness, reference: str) -> Found | None:
    try:
        version = harness.read(models.resolve, reference)
    except RegistryError:
        return None
    return Found(version.reference, version.digest)


def test_references_mean_what_they_resolve_to_after_every_change(harness: RegistryHarness, finds: list[Find]) -> None:
    changes: list[Callable[[], object]] = [
        lambda: None,
        lambda: harness.published("a"),
        lambda: harness.published("a"),
        lambda: harness.published("b"),
        lambda: harness.write(models.set_alias, "a", "best", 1),
        lambda: harness.write(models.set_alias, "a", "best", 2),
        lambda: harness.write(models.delete_alias, "a", "best"),
        lambda: harness.write(models.delete_version, "a", 2),
        lambda: harness.published("a"),
        lambda: harness.write(models.delete_version, "b", 1),
    ]
    meanings = set()
    for change in changes:
        change()
        for reference in [*REFERENCES, *NO_REFERENCES]:
            expected = resolved(harness, reference)
            meanings.add((reference, expected))
            for find in finds:
                assert find(reference) == find(reference) == expected, reference
    assert len(meanings) > len(REFERENCES) + len(NO_REFERENCES) + 8, "they have changed"


def test_what_another_process_commits_is_seen_at_once(harness: RegistryHarness, finds: list[Find]) -> None:
    for _ in range(2):
        harness.published("a")
    harness.write(models.set_alias, "a", "best", 1)
    for find in finds:
        assert find("a@best") == resolved(harness, "a@1")
    url = harness.database.url.render_as_string(hide_password=False)
    code = (
        "import sys; from registry import models; from registry.database.sessions import Database\n"
        "with Database(sys.argv[1]).write() as session: models.set_alias(session, 'a', 'best', 2)"
    )
    subprocess.run([sys.executable, "-c", code, url], check=True, env=os.environ)
    for find in finds:
        assert find("a@best") == resolved(harness, "a@2")


def test_many_are_looked_up_in_one_transaction(harness: RegistryHarness) -> None:
    for name in "abc":
        harness.published(name)
    found = Lookup(harness.database).find(["a", "b@1", "nobody", "c@2", "C"])
    assert {reference: each.reference for reference, each in found.items()} == {"a": "a@1", "b@1": "b@1"}
    assert Lookup(harness.database).find([]) == {}


def test_nothing_is_queried_twice_between_commits_and_not_everything_is_kept(harness: RegistryHarness) -> None:
    if not harness.database.is_sqlite:
        return
    harness.published("a")
    kept = KeptLookup(harness.database)
    queries: list[str] = []
    kept._connection.set_trace_callback(queries.append)
    for _ in range(3):
        kept.find("a")
    assert len([query for query in queries if "SELECT" in query]) == 1
    kept._connection.set_trace_callback(None)
    for number in range(1, MAX_KEPT + 10):
        kept.find(f"a@{number}")
    assert len(kept._kept) <= MAX_KEPT
    kept.close()
