"""References of models to versions, for the requests that compute: no query per request.

Every look sees what was committed before its request came, by any process.
"""

import asyncio
from collections.abc import Mapping

import anyio.to_thread

from registry.database.sessions import Database
from registry.errors import DatabaseUnavailable
from registry.lookup import Found, KeptLookup, Lookup


class Names:
    """What references mean at this moment; for one event loop."""

    def __init__(self, database: Database) -> None:
        self._lookup = Lookup(database)
        self._kept = KeptLookup(database) if database.is_sqlite else None
        self._waiting: dict[str, asyncio.Future[Found | None]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def find(self, reference: str) -> Found | None:
        """The version that a reference means; None if it means none. Raises DatabaseUnavailable."""
        if self._kept is not None:
            try:
                return self._kept.find(reference)
            except DatabaseUnavailable:  # locked: the other way waits for it
                pass
        future = self._waiting.get(reference)
        if future is None:
            future = self._waiting[reference] = asyncio.get_running_loop().create_future()
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(future)

    def close(self) -> None:
        """Close the connection that it keeps."""
        if self._kept is not None:
            self._kept.close()

    async def _look(self) -> None:
        """Query for all that wait, again and again: those that come during a query are answered by the next one."""
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            try:
                found: Mapping[str, Found] = await anyio.to_thread.run_sync(self._lookup.find, list(asked))
            except Exception as error:
                for future in asked.values():
                    future.set_exception(error)
                    future.exception()  # nobody may wait for it any more
            else:
                for reference, future in asked.items():
                    future.set_result(found.get(reference))
        self._looking = None
