"""Names of models for many requests at once: queries are shared, and each sees what was committed before it came."""

import asyncio

import pytest

from registry.database.sessions import Database
from registry.errors import DatabaseUnavailable
from registry.lookup import Found
from service.inference.names import Names
from testing.api import Api
from testing.published_models import SharedApi


@pytest.fixture
def names(shared_api: SharedApi) -> Names:
    """Of the shared service, by queries: as it is on PostgreSQL."""
    names = Names(shared_api.app_state.database)
    names.close()
    names._kept = None
    return names


def test_those_that_wait_share_a_query(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    find = names._lookup.find

    def watched(references: list[str]) -> object:
        asked.append(sorted(references))
        return find(references)

    monkeypatch.setattr(names._lookup, "find", watched)

    async def main() -> list[Found | None]:
        first = asyncio.gather(*(names.find(name) for name in ("kl", "l1", "kl", "nobody")))
        await asyncio.sleep(0)  # now a query is on its way
        later = asyncio.gather(*(names.find(name) for name in ("kl", "dead")))
        return [*await first, *await later]

    found = [each and each.reference for each in asyncio.run(main())]
    assert found == ["kl@1", "l1@1", "kl@1", None, "kl@1", "dead@1"]
    assert sorted(asked, key=len, reverse=True) == [["kl", "l1", "nobody"], ["dead", "kl"]]


def test_an_outage_is_told_to_all_that_wait(names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(references: list[str]) -> object:
        raise DatabaseUnavailable("away", "")

    async def main() -> list[object]:
        with monkeypatch.context() as patched:
            patched.setattr(names._lookup, "find", fails)
            found = await asyncio.gather(*(names.find(name) for name in ("kl", "l1")), return_exceptions=True)
        return [*found, await names.find("kl")]

    first, second, third = asyncio.run(main())
    assert isinstance(first, DatabaseUnavailable)
    assert isinstance(second, DatabaseUnavailable)
    assert isinstance(third, Found)


def test_a_locked_database_is_waited_for_elsewhere(shared_api: SharedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look-up on the event loop gives up at once; the other, in a thread, waits and answers."""
    names = Names(shared_api.app_state.database)
    assert names._kept is not None

    def locked(reference: str) -> Found:
        raise DatabaseUnavailable("locked", "")

    monkeypatch.setattr(names._kept, "find", locked)
    found = asyncio.run(names.find("kl"))
    assert found is not None
    assert found.reference == "kl@1"
    names.close()


def test_one_that_stops_waiting_leaves_the_others(names: Names) -> None:
    async def main() -> Found | None:
        first, second = (asyncio.ensure_future(names.find("kl")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    found = asyncio.run(main())
    assert found is not None


def test_it_works_on_each_database(api: Api) -> None:
    assert isinstance(api.app_state.database, Database)

    async def main() -> Found | None:
        names = Names(api.app_state.database)
        try:
            return await names.find("nobody")
        finally:
            names.close()

    assert asyncio.run(main()) is None
