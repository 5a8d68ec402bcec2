"""Bodies of many faults and answers of many numbers: refused early, and nobody waits for them."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from service.http import guard, representations
from service.inference import inputs
from testing.published_models import SharedApi

pytestmark = pytest.mark.slow
MANY = 300_000


@contextmanager
def liveness(http: httpx.Client) -> Iterator[list[float]]:
    """Seconds that each of many health checks took meanwhile."""
    taken: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=http.base_url, trust_env=False, timeout=60) as own:
            while not ended.is_set() or not taken:
                began = time.perf_counter()
                own.get("/livez").raise_for_status()
                taken.append(time.perf_counter() - began)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield taken
    finally:
        ended.set()
        thread.join()


FAULTY: dict[str, tuple[str, str, int]] = {
    "widths": ("runs", '{"dataset": {"name": "digits"}, "model": {"hidden": [' + "0," * MANY + "0]}}", 413),
    "texts": ("runs", '{"dataset": {"name": "digits"}, "model": {"hidden": [' + '"",' * MANY + '""]}}', 413),
    "names": ("runs", "{" + ",".join(f'"a{number}":0' for number in range(100_000)) + "}", 413),
    "as many names as may be": (
        "runs",
        "{" + ",".join(f'"a{number}":0' for number in range(guard.MAX_JSON_ITEMS)) + "}",
        422,
    ),
    "indices": ("models/kl/encode", '{"dataset": "digits", "indices": [' + "-1," * 2**22 + "-1]}", 413),
    "as many indices as may be": (
        "models/kl/encode",
        '{"dataset": "digits", "indices": [' + "-1," * (inputs.MAX_INDICES - 1) + "-1]}",
        422,
    ),
}


@pytest.mark.parametrize("case", FAULTY)
def test_a_body_of_many_faults_is_refused_before_they_are_gathered(shared_api: SharedApi, case: str) -> None:
    path, body, status = FAULTY[case]
    with liveness(shared_api.http) as taken:
        before = time.process_time()
        headers = {"Content-Type": "application/json"}
        answer = shared_api.http.post(f"/api/v1/{path}", content=body, headers=headers)
        spent = time.process_time() - before
    assert answer.status_code == status, answer.text
    assert len(answer.content) < 10_000
    assert spent < 3, "gathering the faults took 20 to 75 seconds"
    assert max(taken) < 3, "and so did a health check"


def test_json_of_many_numbers_is_refused_and_binary_is_not(
    shared_api: SharedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(representations, "MAX_JSON_NUMBERS", 99)
    rows: dict[str, Any] = {"inputs": np.zeros((5, 64)).tolist()}
    path = "/api/v1/models/kl/encode"
    answer = shared_api.http.post(path, json=rows)
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_MANY_ROWS")
    assert "application/x-npy" in answer.json()["detail"]
    assert shared_api.http.post(path, json={"inputs": rows["inputs"][:4]}).status_code == 200
    assert shared_api.http.post(path, json=rows, headers={"Accept": "application/x-npy"}).status_code == 200
    images = "/api/v1/datasets/digits/images?indices=0,1"
    answer = shared_api.http.get(images, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_MANY_ROWS")
    assert "image/png" in answer.json()["detail"]
    assert shared_api.http.get(images, headers={"Accept": "image/png"}).status_code == 200


@pytest.mark.parametrize("shape", [(1, 5), (7, 5), (8, 1), (3, 100), (0, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pieces_are_the_same_text(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int], dtype: Any) -> None:
    array = np.random.default_rng(0).normal(size=shape).astype(dtype)
    arrays = {"codes": array, "mse": array[:, 0], "turned": np.asfortranarray(array)}
    whole = representations.json_bytes({"model": "a@1", **arrays})
    for size in (1, 6, 10, 10_000):
        monkeypatch.setattr(representations, "PIECE_NUMBERS", size)
        assert representations.array_bytes(representations.JSON, arrays, {"model": "a@1"}) == whole


def test_no_piece_of_a_long_answer_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """orjson lets no other thread run while it writes one: a health check would wait for all of it."""
    written: list[int] = []
    dumps = orjson.dumps

    def watched(document: Any, *args: Any, **options: Any) -> bytes:
        written.append(document.size if isinstance(document, np.ndarray) else 0)
        return dumps(document, *args, **options)

    monkeypatch.setattr(orjson, "dumps", watched)
    codes = np.zeros((2**10, 2**10), np.float32)
    representations.array_bytes(representations.JSON, {"codes": codes}, {"model": "a@1"})
    assert sum(written) == codes.size
    assert max(written) <= representations.PIECE_NUMBERS
