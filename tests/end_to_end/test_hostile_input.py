"""Hostile input against the real process: quick, clear refusals, no memory for what a header merely promises."""

import contextlib
import gzip
import io
import json
import socket
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from testing.local_service import LocalService

MIB = 2**20
NPY = "application/x-npy"
SAFETENSORS = "application/vnd.safetensors"


def npy_header(shape: str, descr: str = "'<f4'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def safetensors_header(header: dict[str, Any]) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def zip_bomb() -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("train_vectors.npy", "w") as member,
    ):
        member.write(npy_header("(65536, 1024)"))
        for _ in range(256):
            member.write(bytes(MIB))
    return buffer.getvalue()


TENSOR = {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}
BODIES = {
    "npy that promises 16 TiB": (NPY, npy_header("(4194304, 1048576)") + bytes(64)),
    "npy whose product overflows": (NPY, npy_header("(4294967296, 4294967296)") + bytes(64)),
    "npy with a negative dimension": (NPY, npy_header("(-1, 64)") + bytes(256)),
    "npy of objects": (NPY, npy_header("(1,)", "'|O'") + b"\x80\x04."),
    "npy with a version from the future": (NPY, b"\x93NUMPY\x09\x00" + bytes(64)),
    "safetensors that promises 4 EiB": (SAFETENSORS, safetensors_header({"inputs": TENSOR}) + bytes(64)),
    "safetensors with a header of 2^63 bytes": (SAFETENSORS, struct.pack("<Q", 2**63) + b"{}"),
    "json nested 100,000 deep": ("application/json", b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "json of 5 million empty lists": ("application/json", b'{"inputs": [' + b"[]," * 5_000_000 + b"[]]}"),
    "json with a huge integer": ("application/json", b'{"inputs": [[' + b"9" * 5000 + b"]]}"),
    "json with NaN": ("application/json", b'{"inputs": [[NaN]]}'),
    "a pickle": ("application/octet-stream", b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94."),
}
IDX_OF_4_BILLION = struct.pack(">IIII", 2051, 2**32 - 1, 512, 512)
UPLOADS: dict[str, tuple[str, str, Callable[[], bytes]]] = {  # made when needed: two of them are bombs
    "idx of 2^32 images": ("application/octet-stream", "train-images-idx3-ubyte", lambda: IDX_OF_4_BILLION),
    "gzip bomb": ("application/gzip", "train-images-idx3-ubyte.gz", lambda: gzip.compress(bytes(512 * MIB), 9)),
    "zip bomb": ("application/zip", "bomb.npz", zip_bomb),
    "pickle named npz": ("application/zip", "weights.npz", lambda: b"\x80\x04\x95\x10."),
    "npy that promises 16 TiB": (NPY, "x.npy", lambda: npy_header("(4194304, 1048576)")),
}


def api_process(local_service: LocalService) -> psutil.Process:
    """The child of `sae up` that listens."""
    for child in psutil.Process(local_service.process.pid).children(recursive=True):
        if any(word == "service" for word in child.cmdline()):
            return child
    raise AssertionError("no API process")


def left_behind(local_service: LocalService) -> list[Path]:
    uploads = local_service.folder / "uploads"
    assert uploads.is_dir(), "where uploads are received"
    return [path for path in uploads.rglob("*") if path.is_file() and path.suffix != ".lock"]


@pytest.fixture
def watched(local_service: LocalService) -> Iterator[None]:
    """The API process keeps its size, stays alive and leaves no file of an upload behind."""
    local_service.http.get("/api/v1/datasets")
    process = api_process(local_service)
    before = process.memory_info().rss
    yield
    assert process.memory_info().rss - before < 64 * MIB
    assert local_service.http.get("/livez").status_code == 200
    assert left_behind(local_service) == []


@pytest.fixture(scope="module")
def model(local_service: LocalService) -> str:
    run = local_service.trained(
        name="target", dataset={"name": "digits"}, model={"n_latents": 8, "hidden": []}, training={"epochs": 1}
    )
    return str(run["model"])


@pytest.mark.parametrize("case", sorted(BODIES))
def test_a_hostile_body_of_encode_is_refused_quickly(
    local_service: LocalService, model: str, watched: None, case: str
) -> None:
    media_type, body = BODIES[case]
    answer = local_service.http.post(
        f"/api/v1/models/{model}/encode", content=body, headers={"Content-Type": media_type}
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"].isupper()
    assert len(problem["detail"]) > 10, "says what was expected and what came"
    assert len(answer.content) < 4096, "the client's own input is not echoed"


@pytest.mark.parametrize("multipart", [True, False], ids=["multipart", "raw"])
@pytest.mark.parametrize("case", sorted(UPLOADS))
def test_a_hostile_upload_is_refused_and_leaves_nothing(
    local_service: LocalService, watched: None, case: str, multipart: bool
) -> None:
    media_type, name, make = UPLOADS[case]
    body = make()
    path = "/api/v1/datasets/hostile"
    if multipart:
        answer = local_service.http.post(path, files=[("files", (name, body, media_type))])
    else:
        answer = local_service.http.post(path, content=body, headers={"Content-Type": media_type})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["code"].isupper()
    assert local_service.http.get(path).status_code == 404


def test_an_upload_that_breaks_off_leaves_nothing(local_service: LocalService, watched: None) -> None:
    body = npy_header("(1000, 100)") + bytes(1000)
    address = local_service.http.base_url
    head = (
        f"POST /api/v1/datasets/broken HTTP/1.1\r\nHost: {address.host}:{address.port}\r\n"
        f"Content-Type: {NPY}\r\nContent-Length: 400128\r\n\r\n"
    )
    with socket.create_connection((address.host, address.port)) as connection:
        connection.sendall(head.encode() + body)
        time.sleep(0.2)  # the service is inside the body when the connection goes
    deadline = time.monotonic() + 30
    while left_behind(local_service) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert local_service.http.get("/api/v1/datasets/broken").status_code == 404


@pytest.mark.parametrize(
    "path", ["/api/v1/datasets/%2e%2e%2fregistry.sqlite3", "/api/v1/models/..%2f..%2fetc", "/api/v1/datasets/a%00b"]
)
def test_a_name_that_climbs_out_of_its_folder_is_refused(local_service: LocalService, watched: None, path: str) -> None:
    for method in ("GET", "DELETE"):
        answer = local_service.http.request(method, path)
        assert answer.status_code in (404, 405, 422), answer.text
    assert (local_service.folder / "registry.sqlite3").exists()


def test_rows_that_no_dataset_has_are_refused(local_service: LocalService, model: str, watched: None) -> None:
    for indices in ([360], [-1], [2**62]):
        body = {"dataset": "digits", "split": "test", "indices": indices}
        answer = local_service.http.post(f"/api/v1/models/{model}/encode", json=body)
        assert answer.status_code == 422, answer.text
    wide = np.zeros((2, 63)).tolist()
    answer = local_service.http.post(f"/api/v1/models/{model}/encode", json={"inputs": wide})
    assert (answer.status_code, answer.json()["code"]) == (422, "WRONG_WIDTH")
    assert "64" in answer.json()["detail"]
    assert "63" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("begin", "piece"), [(b"", b"X-A: a\r\n" * 8192), (b"X-A: ", b"a" * 65_536)], ids=["lines", "a value"]
)
def test_headers_without_an_end_take_no_memory(
    local_service: LocalService, model: str, begin: bytes, piece: bytes
) -> None:
    """Without a limit, the process took 14 bytes for each byte that was sent."""
    body = {"dataset": "digits", "indices": [0]}
    local_service.http.post(f"/api/v1/models/{model}/encode", json=body).raise_for_status()  # all is loaded
    process = api_process(local_service)
    url = local_service.http.base_url
    local_service.http.get("/livez")
    before = process.memory_info().rss
    for _ in range(5):
        with socket.create_connection((url.host, url.port or 0), timeout=30) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n" + begin)
            sent = 0
            with contextlib.suppress(ConnectionError):
                while sent < 64 * MIB:
                    sent += connection.send(piece)
        assert sent < 8 * MIB
        began = time.monotonic()
        assert local_service.http.get("/livez").status_code == 200
        assert time.monotonic() - began < 5
    assert process.memory_info().rss - before < 2 * MIB
