"""The direct way gives what the other way gives: status, headers and bytes, for good and for hostile bodies."""

import io
import json
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import safetensors.numpy
from starlette.types import Receive, Scope, Send

from service.http import logs
from service.inference import operations
from service.inference.direct import Direct
from service.inference.operations import Arrays
from testing.api import Api
from testing.both_ways import OTHER_WAY
from testing.published_models import SMALL, SharedApi
from testing.waiting import PATIENCE, eventually

JSON = "application/json"
NPY = "application/x-npy"
SAFETENSORS = "application/vnd.safetensors"
WIDTHS = {"kl": (64, 20), "l1": (100, 20), "vectors": (9, 20), "colour": (72, 20)}


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def npy_header(shape: str, descr: str = "<f4") -> bytes:
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def rows(count: int, width: int) -> np.ndarray:
    return np.random.default_rng(count).random((count, width), np.float32)


def listed(array: np.ndarray, name: str = "inputs") -> bytes:
    return json.dumps({name: array.tolist()}).encode()


ONE, SOME = rows(1, 64), rows(5, 64)
TENSOR = {"inputs": {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}}
USUAL: dict[str, tuple[str, str, str, bytes]] = {
    "one row": ("kl", "encode", JSON, listed(ONE)),
    "some rows": ("kl", "encode", JSON, listed(SOME)),
    "spaces and exponents": ("kl", "encode", JSON, b'{ "inputs" :\n[[' + b" 1e-1," * 63 + b"0.5E0 ]]\t}"),
    "whole numbers": ("kl", "encode", JSON, b'{"inputs": [[' + b"1," * 63 + b"0]]}"),
    "reconstructed": ("kl", "reconstruct", JSON, listed(SOME)),
    "decoded": ("kl", "decode", JSON, listed(rows(3, 20), "codes")),
    "vectors": ("vectors", "encode", JSON, listed(100 * rows(3, 9))),
    "colour, flat": ("colour", "reconstruct", JSON, listed(rows(2, 72))),
    "npy": ("kl", "encode", NPY, npy(SOME)),
    "npy of float64": ("kl", "encode", NPY, npy(SOME.astype(np.float64))),
    "npy, reconstructed": ("l1", "reconstruct", NPY, npy(rows(90, 100))),
    "npy of codes": ("kl", "decode", NPY, npy(rows(3, 20))),
    "a name that means the latest": ("kl@1", "encode", JSON, listed(ONE)),
}
UNUSUAL: dict[str, tuple[str, str, str, bytes]] = {
    "images": ("kl", "encode", JSON, listed(SOME.reshape(5, 8, 8))),
    "colour images": ("colour", "encode", JSON, listed(rows(2, 72).reshape(2, 4, 6, 3))),
    "rows of a dataset": ("kl", "encode", JSON, b'{"dataset": "digits", "indices": [0, 3]}'),
    "sparse codes": ("kl", "decode", JSON, b'{"rows": [{"indices": [3], "values": [1.0]}]}'),
    "an escaped name": ("kl", "encode", JSON, listed(ONE).replace(b"inputs", b"\\u0069nputs")),
    "npy of images": ("kl", "encode", NPY, npy(SOME.reshape(5, 8, 8))),
    "npy of bytes": ("kl", "encode", NPY, npy(np.full((2, 64), 200, np.uint8))),
    "npy in Fortran order": ("kl", "encode", NPY, npy(np.asfortranarray(SOME))),
    "npy of big-endian numbers": ("kl", "encode", NPY, npy(SOME.astype(">f4"))),
    "npy of float16": ("kl", "encode", NPY, npy(SOME.astype(np.float16))),
    "safetensors": ("kl", "encode", SAFETENSORS, safetensors.numpy.save({"inputs": SOME})),
    "a long body": ("kl", "encode", JSON, listed(rows(100, 64))),
}
WRONG: dict[str, tuple[str, str, str, bytes]] = {
    "an unknown model": ("nobody", "encode", JSON, listed(ONE)),
    "an unknown version": ("kl@99", "encode", JSON, listed(ONE)),
    "an unknown alias": ("kl@nobody", "encode", JSON, listed(ONE)),
    "no reference": ("kl@", "encode", JSON, listed(ONE)),
    "too many rows": ("kl", "encode", NPY, npy(rows(501, 64))),
    "too narrow": ("kl", "encode", JSON, listed(rows(1, 63))),
    "ragged": ("kl", "encode", JSON, b'{"inputs": [[1, 2], [1]]}'),
    "nothing": ("kl", "encode", JSON, b""),
    "no rows": ("kl", "encode", JSON, b'{"inputs": []}'),
    "an empty row": ("kl", "encode", JSON, b'{"inputs": [[]]}'),
    "a number": ("kl", "encode", JSON, b'{"inputs": 0}'),
    "two names": ("kl", "encode", JSON, listed(ONE)[:-1] + b', "inputs": [[1]]}'),
    "another name": ("kl", "encode", JSON, listed(ONE, "codes")),
    "inputs to decode": ("kl", "decode", JSON, listed(ONE)),
    "text": ("kl", "encode", JSON, b'{"inputs": [["1"]]}'),
    "true": ("kl", "encode", JSON, b'{"inputs": [[' + b"true," * 63 + b"1]]}"),
    "null": ("kl", "encode", JSON, b'{"inputs": [[' + b"null," * 63 + b"1]]}"),
    "NaN": ("kl", "encode", JSON, b'{"inputs": [[' + b"NaN," * 63 + b"1]]}"),
    "an infinite number": ("kl", "encode", JSON, b'{"inputs": [[' + b"1e999," * 63 + b"1]]}"),
    "a number beyond float32": ("vectors", "encode", JSON, b'{"inputs": [[' + b"1e39," * 8 + b"1]]}"),
    "a whole number beyond float64": ("vectors", "encode", JSON, b'{"inputs": [[' + b"9" * 400 + b",1" * 8 + b"]]}"),
    "codes that leave float32": ("vectors", "reconstruct", JSON, b'{"inputs": [[' + b"3e38," * 8 + b"3e38]]}"),
    "a list in a row": ("vectors", "encode", JSON, b'{"inputs": [[[1],2,3,4,5,6,7,8,9]]}'),
    "out of range": ("kl", "encode", JSON, listed(2 * ONE)),
    "bytes as numbers": ("kl", "encode", JSON, b'{"inputs": [[' + b"255," * 63 + b"0]]}"),
    "not JSON": ("kl", "encode", JSON, b'{"inputs": [[1,]]}'),
    "two objects": ("kl", "encode", JSON, listed(ONE) * 2),
    "no UTF-8": ("kl", "encode", JSON, b'{"inputs\xff": [[1]]}'),
    "nested deep": ("kl", "encode", JSON, b'{"inputs": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
    "many empty lists": ("kl", "encode", JSON, b'{"inputs": [' + b"[]," * 10_000 + b"[]]}"),
    "npy with NaN": ("kl", "encode", NPY, npy(np.full((1, 64), np.nan, np.float32))),
    "npy out of range": ("kl", "encode", NPY, npy(-SOME)),
    "npy cut short": ("kl", "encode", NPY, npy(SOME)[:-1]),
    "npy with more": ("kl", "encode", NPY, npy(SOME) + b"\0"),
    "npy without rows": ("kl", "encode", NPY, npy(rows(0, 64))),
    "npy of bytes for vectors": ("vectors", "encode", NPY, npy(np.ones((1, 9), np.uint8))),
    "npy that promises 16 TiB": ("kl", "encode", NPY, npy_header("(4194304, 1048576)") + bytes(64)),
    "npy that promises more rows": ("kl", "encode", NPY, npy_header("(99999999, 64)") + bytes(256)),
    "npy with a negative length": ("kl", "encode", NPY, npy_header("(-1, 64)") + bytes(256)),
    "npy of objects": ("kl", "encode", NPY, npy_header("(1,)", "|O") + b"\x80\x04."),
    "safetensors that promises 4 EiB": (
        "kl",
        "encode",
        SAFETENSORS,
        struct.pack("<Q", len(json.dumps(TENSOR))) + json.dumps(TENSOR).encode() + bytes(64),
    ),
    "a pickle": ("kl", "encode", "application/octet-stream", b"\x80\x04\x95\x10\x00."),
    "no type": ("kl", "encode", "", listed(ONE)),
    "JSON called npy": ("kl", "encode", NPY, listed(ONE)),
}


@pytest.fixture
def answered(shared_api: SharedApi, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request was answered directly; all models of the cases are loaded."""
    for name, (width, _) in WIDTHS.items():
        shared_api.http.post(f"/api/v1/models/{name}/encode", json={"inputs": rows(1, width).tolist()})
    return watched(shared_api, monkeypatch)


def watched(api: Api, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request was answered directly, in the order in which they ended."""
    direct: Direct = api.app.state.direct
    taken: list[bool] = []
    answer = direct.answer

    async def noted(scope: Scope, receive: Receive, send: Send) -> Receive | None:
        left = await answer(scope, receive, send)
        taken.append(left is None)
        return left

    monkeypatch.setattr(direct, "answer", noted)
    return taken


def first(count: int, answered: list[bool]) -> list[bool]:
    """Whether each of the first requests was answered directly: noted when its client has had the answer for long."""
    eventually("the end of the requests", lambda: len(answered) >= count)
    return answered[:count]


def send(shared_api: SharedApi, case: tuple[str, str, str, bytes], **headers: str) -> httpx.Response:
    model, operation, media_type, body = case
    fixed = {"X-Request-ID": "one", **({"Content-Type": media_type} if media_type else {})}
    path = f"/api/v1/models/{model}/{operation}"
    return shared_api.http.post(path, content=body, headers={**fixed, **headers})


def seen(answer: httpx.Response) -> tuple[int, list[tuple[str, str]], bytes]:
    return answer.status_code, sorted(item for item in answer.headers.items() if item[0] != "date"), answer.content


@pytest.mark.parametrize("accept", [None, JSON, NPY, SAFETENSORS, "text/csv", "application/json;q=0, */*;q=0.1"])
@pytest.mark.parametrize("case", USUAL)
def test_a_usual_request_is_answered_directly_in_the_same_bytes(
    shared_api: SharedApi, answered: list[bool], case: str, accept: str | None
) -> None:
    headers = {} if accept is None else {"Accept": accept}
    there = send(shared_api, USUAL[case], **headers, **OTHER_WAY)
    here = send(shared_api, USUAL[case], **headers)
    picture = "reconstruct" in USUAL[case] and accept is not None and "*/*" in accept
    assert first(2, answered) == [False, accept != "text/csv" and not picture]
    assert seen(here) == seen(there)
    assert here.status_code == (406 if accept == "text/csv" else 200)


@pytest.mark.parametrize("case", [*UNUSUAL, *WRONG])
def test_whatever_else_is_handed_on_unanswered_with_its_body(
    shared_api: SharedApi, answered: list[bool], case: str
) -> None:
    sent = (UNUSUAL | WRONG)[case]
    there = send(shared_api, sent, **OTHER_WAY)
    here = send(shared_api, sent)
    assert first(2, answered) == [False, False]
    assert seen(here) == seen(there)
    assert (here.status_code == 200) == (case in UNUSUAL), here.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1:1"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Content-Encoding": "gzip"},
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "APPLICATION/JSON"},
        {"X-Request-ID": "not well-formed"},
        {"Authorization": "Bearer unasked"},
        {"X-API-Key": "unasked"},
    ],
    ids=str,
)
def test_headers_mean_the_same_on_both_ways(
    shared_api: SharedApi, answered: list[bool], headers: dict[str, str]
) -> None:
    there = send(shared_api, USUAL["one row"], **{**OTHER_WAY, **headers})
    here = send(shared_api, USUAL["one row"], **headers)
    without_id = [
        (status, [item for item in items if item[0] != "x-request-id"], json.loads(content) | {"request_id": ""})
        for status, items, content in (seen(here), seen(there))
    ]
    assert without_id[0] == without_id[1]


def test_a_request_without_a_length_is_handed_on(shared_api: SharedApi, answered: list[bool]) -> None:
    def pieces() -> Iterator[bytes]:
        body = listed(ONE)
        yield body[:50]
        yield body[50:]

    path = "/api/v1/models/kl/encode"
    answer = shared_api.http.post(path, content=pieces(), headers={"Content-Type": JSON})
    assert answer.json() == send(shared_api, USUAL["one row"]).json()
    assert first(2, answered) == [False, True]


def test_both_ways_measure_and_log_the_same(
    shared_api: SharedApi, answered: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(logs, "_lines", stream)

    def counted() -> dict[str, float]:
        lines = shared_api.http.get("/metrics").text.splitlines()
        ours = [
            line.rpartition(" ") for line in lines if "encode" in line and ("_count" in line or "rows_total" in line)
        ]
        return {name: float(value) for name, _, value in ours}

    before = counted()
    send(shared_api, USUAL["some rows"], **OTHER_WAY)
    between = counted()
    send(shared_api, USUAL["some rows"])
    after = counted()
    assert first(5, answered) == [False, False, False, True, False]
    assert {name: after[name] - between[name] for name in after} == {
        name: between[name] - before.get(name, 0) for name in between
    }
    assert sum(after[name] - between[name] for name in after) == 6, "a request and five rows"
    lines: list[dict[str, Any]] = [json.loads(line) for line in stream.getvalue().splitlines()]
    there, here = (line for line in lines if line["method"] == "POST")
    unlike = {"duration_ms", "timestamp"}
    assert {name: value for name, value in there.items() if name not in unlike} == {
        name: value for name, value in here.items() if name not in unlike
    }


def test_a_moved_alias_and_a_deleted_version_are_seen_by_the_next_request(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On each database."""
    moving = SharedApi(**vars(api))
    moving.add_digits(tmp_path)
    spec = {"name": "moving", "dataset": {"name": "digits"}, "model": SMALL, "training": {"epochs": 1}}
    for _ in range(2):
        moving.publish(tmp_path, spec)
    answered = watched(moving, monkeypatch)
    models = "/api/v1/models/moving"
    body = listed(ONE)
    for version in (1, 2):  # loaded
        assert send(moving, (f"moving@{version}", "encode", JSON, body)).json()["model"] == f"moving@{version}"
    for number, version in enumerate((1, 2, 1, 2)):
        moving.http.put(f"{models}/aliases/here", json={"version": version}).raise_for_status()
        answer = send(moving, ("moving@here", "encode", JSON, body))
        assert answer.json()["model"] == f"moving@{version}"
        assert first(4 + 2 * number, answered)[-1], "once it is loaded"
    moving.http.delete(f"{models}/aliases/here").raise_for_status()
    assert send(moving, ("moving@here", "encode", JSON, body)).status_code == 404
    moving.http.delete(f"{models}@2").raise_for_status()
    assert send(moving, ("moving@2", "encode", JSON, body)).status_code == 404
    assert send(moving, ("moving", "encode", JSON, body)).json()["model"] == "moving@1"
    moving.publish(tmp_path, spec)
    assert send(moving, ("moving", "encode", JSON, body)).json()["model"] == "moving@3"


def test_an_error_of_our_own_is_worded_on_the_other_way(
    shared_api: SharedApi, answered: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Arrays:
        raise ValueError("a secret of the service")

    monkeypatch.setattr(operations, "apply", broken)
    answer = send(shared_api, USUAL["one row"])
    assert first(1, answered) == [False]
    assert (answer.status_code, answer.json()["code"]) == (500, "INTERNAL_ERROR")
    assert answer.json()["request_id"] == "one"
    assert "secret" not in answer.text


def test_rows_of_a_client_that_has_gone_are_dropped(shared_api: SharedApi, tmp_path: Path) -> None:
    """They wait for the thread, which is held up, and stop to wait while it still is."""
    training = {"epochs": 1, "batch_size": 1024}
    spec = {"name": "slow", "dataset": {"name": "digits"}, "model": {"n_latents": 8192, "hidden": []}}
    shared_api.publish(tmp_path, {**spec, "training": training})
    case = ("slow", "encode", NPY, npy(rows(10, 64)))
    assert send(shared_api, case, Accept=NPY).status_code == 200  # loaded
    batcher = shared_api.app_state.batcher
    held = threading.Event()
    holding = batcher._thread._executor.submit(held.wait, PATIENCE)
    try:
        url = shared_api.http.base_url
        with socket.create_connection((url.host, url.port or 0)) as connection:
            lines = f"Host: 127.0.0.1\r\nContent-Type: {NPY}\r\nAccept: {NPY}\r\nContent-Length: {len(case[3])}\r\n\r\n"
            connection.sendall(f"POST /api/v1/models/slow/encode HTTP/1.1\r\n{lines}".encode() + case[3])
            eventually("rows that wait", lambda: batcher.waiting_rows == 10)
        eventually("none that wait", lambda: batcher.waiting_rows == 0)
        assert not holding.done()
    finally:
        held.set()
