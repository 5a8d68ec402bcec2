"""Computations of many requests as few: what waits for the same model and operation is computed together.

There is no timer. Small computations are done by the event loop in its next turn, together with all that came in this
turn; others by one thread, which takes with each batch all that came during the batch before. A request of many rows is
computed in chunks, between which others have their turn.

All state belongs to the event loop; the thread gets rows and gives results.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from service.errors import Overloaded
from service.http.metrics import Measurements
from service.inference import operations
from service.inference.compute import RETRY_SECONDS, Compute
from service.inference.model_cache import ModelCache
from service.inference.operations import Arrays, Operation
from sparse_coding import models

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel

SMALL: Final = 2**22
"""Multiplications of a computation on the event loop: about a millisecond."""
MAX_WAITING_ROWS: Final = 2**15
"""Rows that may wait, unless single requests may have more than half as many."""
MAX_WAITING_NUMBERS: Final = 2**26
"""Numbers of the waiting rows, or of their results: 256 MiB."""
BATCH_ROWS: Final = 512
"""Rows that the thread computes at once."""
IN_FLIGHT: Final = 2
"""Batches that are in the thread or on their way: with two, it does not wait for the event loop between them."""

Key = tuple[str, Operation]


@dataclass(eq=False)
class _Item:
    """Rows of one request, and the results of those that have been computed."""

    rows: np.ndarray
    future: "asyncio.Future[Arrays]"
    model: "TrainedModel | None"
    """None if it was not loaded when the request came."""
    begun: int = 0
    """Rows whose computation has begun."""
    done: int = 0
    """Rows that have results."""
    parts: list[Arrays] = field(default_factory=list)

    @property
    def left(self) -> int:
        return len(self.rows) - self.begun

    def take(self, most: int) -> np.ndarray:
        """The next rows, at most `most`."""
        rows = self.rows[self.begun : self.begun + most]
        self.begun += len(rows)
        return rows

    def add(self, part: Arrays) -> None:
        """The results of the next rows: they come in order."""
        self.parts.append(part)
        self.done += len(next(iter(part.values())))

    @property
    def is_complete(self) -> bool:
        """Whether all rows have results."""
        return self.done == len(self.rows)

    @property
    def results(self) -> Arrays:
        """The results of all rows."""
        if len(self.parts) == 1:
            return self.parts[0]
        return {name: np.concatenate([part[name] for part in self.parts]) for name in self.parts[0]}


class Batcher:
    """Computes for all requests of one event loop; at most `max_rows` rows wait or are computed at a time, and at most
    so many as have `MAX_WAITING_NUMBERS` numbers. A request that is alone is never refused."""

    def __init__(self, cache: ModelCache, thread: Compute, measurements: Measurements, *, max_rows: int) -> None:
        self._models = cache
        self._batch_rows = measurements.batch_rows
        self._thread = thread
        self._max_rows = max_rows
        self._rows = 0
        self._numbers = 0
        self._soon: dict[Key, list[_Item]] = {}
        self._turn_is_due = False
        self._has_one_thread = False
        self._queued: OrderedDict[Key, deque[_Item]] = OrderedDict()
        self._in_flight = 0
        self._tasks: set[asyncio.Task[None]] = set()
        """Those that run: the event loop keeps only weak references to them."""

    async def run(self, digest: str, operation: Operation, rows: np.ndarray) -> Arrays:
        """The results for checked rows.

        Raises `Overloaded` at once if too many rows wait, `NotFinite`, and what loading the model raises. Rows of a
        cancelled request are computed no more.
        """
        model = self._models.loaded(digest)
        widest = max(rows.shape[1], 0 if model is None else model.n_inputs, 0 if model is None else model.n_latents)
        numbers = len(rows) * widest
        too_many = self._rows + len(rows) > self._max_rows or self._numbers + numbers > MAX_WAITING_NUMBERS
        if self._rows and too_many:
            raise Overloaded(
                f"{self._rows} rows are waiting to be computed; try again in {RETRY_SECONDS} s",
                retry_after=RETRY_SECONDS,
            )
        item = _Item(rows, asyncio.get_running_loop().create_future(), model)
        self._rows += len(rows)
        self._numbers += numbers
        try:
            self._admit((digest, operation), item)
            return await item.future
        finally:
            self._rows -= len(rows)
            self._numbers -= numbers

    @property
    def waiting_rows(self) -> int:
        """Rows that wait or are being computed."""
        return self._rows

    def _admit(self, key: Key, item: _Item) -> None:
        if item.model is not None and is_small(item.model, key[1], len(item.rows)):
            self._soon.setdefault(key, []).append(item)
            if not self._turn_is_due:
                self._turn_is_due = True
                asyncio.get_running_loop().call_soon(self._turn)
            return
        self._queue(key, item)

    # On the event loop.

    def _turn(self) -> None:
        """Compute what has come since the last turn, as far as it is small together; queue the rest."""
        self._turn_is_due = False
        if not self._has_one_thread:
            models.devices.set_threads(1)  # of the event loop: for so little work, threads only wait for each other
            self._has_one_thread = True
        waiting, self._soon = self._soon, {}
        left = SMALL
        for key, items in waiting.items():
            model = items[0].model
            assert model is not None, "else they were queued"
            each = _cost(model, key[1], 1)
            together, rest = _divided(items, left // each)
            left -= each * sum(len(item.rows) for item in together)
            if together:
                self._batch_rows.observe(sum(len(item.rows) for item in together))
                _finish(key[1], together, _attempt(model, key[1], [item.take(item.left) for item in together]))
            for item in rest:
                self._queue(key, item)

    # In the thread.

    def _queue(self, key: Key, item: _Item) -> None:
        self._queued.setdefault(key, deque()).append(item)
        self._send()

    def _send(self) -> None:
        """Give batches to the thread while there are some."""
        while self._queued and self._in_flight < IN_FLIGHT:
            key, items = next(iter(self._queued.items()))
            batch = _next_batch(items)
            if items:
                self._queued.move_to_end(key)
            else:
                del self._queued[key]
            if batch:
                self._in_flight += 1
                self._batch_rows.observe(sum(len(rows) for _, rows in batch))
                task = asyncio.ensure_future(self._computed(key, batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _computed(self, key: Key, batch: list[tuple[_Item, np.ndarray]]) -> None:
        results: list[Arrays] | Exception
        try:
            results = await self._thread.result(_loaded_and_applied, self._models, key, [rows for _, rows in batch])
        except BaseException as error:
            results = error if isinstance(error, Exception) else RuntimeError("the computation was stopped")
        self._in_flight -= 1
        _finish(key[1], [item for item, _ in batch], results)
        self._send()


def is_small(model: "TrainedModel", operation: Operation, rows: int) -> bool:
    """Whether the event loop computes so many rows itself."""
    return model.is_on_cpu and _cost(model, operation, rows) <= SMALL


def _cost(model: "TrainedModel", operation: Operation, rows: int) -> int:
    return operations.multiplications(model, operation) * rows


def _divided(items: list[_Item], rows: int) -> tuple[list[_Item], list[_Item]]:
    """The first items that have at most `rows` rows together, without those that nobody waits for; and the others."""
    for place, item in enumerate(items):
        rows -= len(item.rows)
        if rows < 0:
            return [each for each in items[:place] if not each.future.done()], items[place:]
    return [each for each in items if not each.future.done()], []


def _next_batch(items: "deque[_Item]") -> list[tuple[_Item, np.ndarray]]:
    """The next rows of the items, at most `BATCH_ROWS`; what has no rows left, or nobody waits for, is taken out."""
    batch: list[tuple[_Item, np.ndarray]] = []
    left = BATCH_ROWS
    while items and left:
        item = items[0]
        if not item.future.done():
            rows = item.take(left)
            left -= len(rows)
            batch.append((item, rows))
        if item.future.done() or not item.left:
            items.popleft()
    return batch


def _loaded_and_applied(cache: ModelCache, key: Key, pieces: Sequence[np.ndarray]) -> list[Arrays]:
    return _applied(cache.get(key[0]), key[1], pieces)


def _attempt(model: "TrainedModel", operation: Operation, pieces: Sequence[np.ndarray]) -> list[Arrays] | Exception:
    try:
        return _applied(model, operation, pieces)
    except Exception as error:
        return error


def _applied(model: "TrainedModel", operation: Operation, pieces: Sequence[np.ndarray]) -> list[Arrays]:
    """The results of pieces that are computed together."""
    together = operations.apply(model, operation, pieces[0] if len(pieces) == 1 else np.concatenate(pieces))
    results, start = [], 0
    for piece in pieces:
        results.append({name: array[start : start + len(piece)] for name, array in together.items()})
        start += len(piece)
    return results


def _finish(operation: Operation, items: Sequence[_Item], results: list[Arrays] | Exception) -> None:
    """Give each item its results: a fault in one of them concerns no other."""
    for place, item in enumerate(items):
        if item.future.done():
            continue
        if isinstance(results, Exception):
            item.future.set_exception(results)
            continue
        item.add(results[place])
        if not item.is_complete:
            continue
        try:
            item.future.set_result(operations.check(operation, item.results))
        except Exception as error:
            item.future.set_exception(error)
