"""The batcher: together what waits together, large work in the thread, no fault and no wait that concerns others."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from registry.stores.directory import DirectoryStore
from service.errors import Overloaded
from service.http.metrics import Measurements
from service.inference import batcher as batchers
from service.inference import operations
from service.inference.batcher import Batcher
from service.inference.compute import Compute
from service.inference.model_cache import ModelCache
from service.inference.operations import Arrays, Operation
from sparse_coding.errors import NotFinite
from sparse_coding.models.weights import TrainedModel
from testing import published_models

WIDTH = 9


@dataclass
class Calls:
    """How many rows each computation had, and in which thread it was."""

    rows: list[int] = field(default_factory=list)
    threads: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[DirectoryStore, dict[str, str]]:
    """A small and a wide model of nine inputs, by name."""
    folder = tmp_path_factory.mktemp("batcher")
    signals = published_models.write_signals(folder / "signals.safetensors")
    store, digests = DirectoryStore(folder / "artifacts"), {}
    for name, latents in (("small", 20), ("wide", 2**16)):
        document = {
            "name": name,
            "dataset": {"name": "signals"},
            "model": {"n_latents": latents, "hidden": [], "output": "identity"},
            "training": {"epochs": 1, "batch_size": 150},
            "sparsity": {"kind": "l1"},
        }
        digests[name] = store.put(published_models.train(document, signals, folder).weights).sha256
    return store, digests


@pytest.fixture
def models(stored: tuple[DirectoryStore, dict[str, str]]) -> ModelCache:
    cache = ModelCache(stored[0], capacity=4)
    for digest in stored[1].values():
        cache.get(digest)
    return cache


@pytest.fixture
def digests(stored: tuple[DirectoryStore, dict[str, str]]) -> dict[str, str]:
    return stored[1]


@pytest.fixture
def thread() -> Iterator[Compute]:
    thread = Compute(threads=1, max_waiting=1)
    yield thread
    thread.close()


@pytest.fixture(autouse=True)
def _any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are bounded in their number only: the wide model would soon have too many numbers."""
    monkeypatch.setattr(batchers, "MAX_WAITING_NUMBERS", 2**40)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    found, apply = Calls(), operations.apply

    def watched(model: TrainedModel, operation: Operation, rows: np.ndarray) -> Arrays:
        found.rows.append(len(rows))
        found.threads.append(threading.current_thread().name)
        return apply(model, operation, rows)

    monkeypatch.setattr(operations, "apply", watched)
    return found


def rows(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)


def test_what_comes_in_one_turn_is_computed_together_on_the_loop(
    models: ModelCache, digests: dict[str, str], thread: Compute, calls: Calls
) -> None:
    sent = [rows(1 + seed % 3, seed) for seed in range(20)]

    async def main() -> list[Arrays]:
        batcher = Batcher(models, thread, Measurements("0"), max_rows=100)
        return await asyncio.gather(*(batcher.run(digests["small"], "encode", each) for each in sent))

    found = asyncio.run(main())
    assert calls.rows == [sum(map(len, sent))]
    assert calls.threads == [threading.current_thread().name]
    model = models.get(digests["small"])
    for each, arrays in zip(sent, found, strict=True):
        np.testing.assert_allclose(arrays["codes"], model.encode(each), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("operation", ["encode", "decode", "reconstruct"])
def test_rows_have_the_same_results_alone_and_among_others(
    models: ModelCache, digests: dict[str, str], thread: Compute, operation: Operation
) -> None:
    model = models.get(digests["small"])
    sent = [rows(count, count) for count in (1, 700, 3, 1300, 2)]
    if operation == "decode":
        sent = [model.encode(each) for each in sent]

    async def main() -> list[Arrays]:
        batcher = Batcher(models, thread, Measurements("0"), max_rows=10_000)
        return await asyncio.gather(*(batcher.run(digests["small"], operation, each) for each in sent))

    for each, arrays in zip(sent, asyncio.run(main()), strict=True):
        alone = operations.apply(model, operation, each)
        for name in alone:
            assert len(arrays[name]) == len(each)
            np.testing.assert_allclose(arrays[name], alone[name], rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_large_work_is_done_in_the_thread_in_chunks(
    models: ModelCache, digests: dict[str, str], thread: Compute, calls: Calls
) -> None:
    async def main() -> list[Arrays]:
        batcher = Batcher(models, thread, Measurements("0"), max_rows=10_000)
        wide = digests["wide"]
        return await asyncio.gather(*(batcher.run(wide, "encode", rows(count)) for count in (1200, 100, 100)))

    found = asyncio.run(main())
    assert [len(arrays["codes"]) for arrays in found] == [1200, 100, 100]
    assert sum(calls.rows) == 1400
    assert max(calls.rows) == batchers.BATCH_ROWS
    assert threading.current_thread().name not in calls.threads


@pytest.mark.slow
def test_a_single_row_does_not_wait_for_a_bulk_of_another_model(
    models: ModelCache, digests: dict[str, str], thread: Compute, calls: Calls
) -> None:
    """One row that has to be loaded first, behind 2,000: it is computed between the chunks."""
    ended: list[str] = []

    async def main() -> None:
        empty = ModelCache(models._artifacts, capacity=4)
        batcher = Batcher(empty, thread, Measurements("0"), max_rows=10_000)

        async def one(name: str, count: int) -> None:
            await batcher.run(digests[name], "encode", rows(count))
            ended.append(name)

        await asyncio.gather(one("wide", 2000), one("small", 1))

    asyncio.run(main())
    assert ended == ["small", "wide"]
    assert calls.rows.index(1) <= batchers.IN_FLIGHT + 1


def test_a_fault_in_one_request_concerns_no_other(
    models: ModelCache, digests: dict[str, str], thread: Compute, calls: Calls
) -> None:
    huge = np.full((1, WIDTH), 3e38, np.float32)

    async def main() -> list[Arrays | BaseException]:
        batcher = Batcher(models, thread, Measurements("0"), max_rows=100)
        sent = (rows(1), huge, rows(2))
        work = (batcher.run(digests["small"], "reconstruct", each) for each in sent)
        return await asyncio.gather(*work, return_exceptions=True)

    first, second, third = asyncio.run(main())
    assert calls.rows == [4]
    assert isinstance(second, NotFinite)
    for found, count in ((first, 1), (third, 2)):
        assert isinstance(found, dict)
        assert np.isfinite(found["mse"]).all()
        assert len(found["mse"]) == count


def test_a_model_that_cannot_be_loaded_fails_its_own_requests(
    models: ModelCache, digests: dict[str, str], thread: Compute
) -> None:
    async def main() -> list[Arrays | BaseException]:
        batcher = Batcher(models, thread, Measurements("0"), max_rows=100)
        work = (batcher.run(digest, "encode", rows(1)) for digest in ("0" * 64, digests["small"]))
        return await asyncio.gather(*work, return_exceptions=True)

    missing, found = asyncio.run(main())
    assert isinstance(missing, Exception)
    assert isinstance(found, dict)


def test_rows_of_a_client_that_has_gone_are_not_computed(
    models: ModelCache, digests: dict[str, str], thread: Compute, calls: Calls
) -> None:
    async def main() -> int:
        batcher = Batcher(models, thread, Measurements("0"), max_rows=10_000)
        begun = threading.Event()
        held = threading.Event()

        def hold() -> None:
            begun.set()
            held.wait(30)

        holding = asyncio.ensure_future(thread.result(hold))
        await asyncio.to_thread(begun.wait, 30)
        gone = [asyncio.ensure_future(batcher.run(digests["wide"], "encode", rows(2000, seed))) for seed in range(2)]
        soon = asyncio.ensure_future(batcher.run(digests["small"], "encode", rows(1)))
        await asyncio.sleep(0)
        soon.cancel()
        for each in gone:
            each.cancel()
        await asyncio.wait([*gone, soon])
        held.set()
        await holding
        await batcher.run(digests["wide"], "encode", rows(30))  # so many that the thread computes them, last
        return batcher.waiting_rows

    assert asyncio.run(main()) == 0
    assert sum(calls.rows) <= batchers.IN_FLIGHT * batchers.BATCH_ROWS + 30
    assert calls.rows[-1] == 30


def test_rows_beyond_the_limit_are_refused_at_once(
    models: ModelCache, digests: dict[str, str], thread: Compute
) -> None:
    async def main() -> None:
        batcher = Batcher(models, thread, Measurements("0"), max_rows=100)
        first = asyncio.ensure_future(batcher.run(digests["wide"], "encode", rows(90)))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await batcher.run(digests["wide"], "encode", rows(11))
        assert refused.value.retry_after
        await batcher.run(digests["small"], "encode", rows(10))
        await first
        assert batcher.waiting_rows == 0
        assert len((await batcher.run(digests["small"], "encode", rows(300)))["codes"]) == 300, "alone, any number"

    asyncio.run(main())


def test_numbers_beyond_the_limit_are_refused_however_few_the_rows(
    models: ModelCache, digests: dict[str, str], thread: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batchers, "MAX_WAITING_NUMBERS", 10 * 2**16)

    async def main() -> None:
        batcher = Batcher(models, thread, Measurements("0"), max_rows=1000)
        first = asyncio.ensure_future(batcher.run(digests["wide"], "encode", rows(9)))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await batcher.run(digests["wide"], "encode", rows(2))
        await batcher.run(digests["small"], "encode", rows(20))
        await first
        assert len((await batcher.run(digests["wide"], "encode", rows(20)))["codes"]) == 20, "alone, any number"

    asyncio.run(main())
