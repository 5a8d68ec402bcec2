"""A disk that takes no more while something is sent in: the client hears why, nothing is left, the service lives."""

import io
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from pydantic import BaseModel

from service.analyses import cache
from service.analyses.analysis import Analysis, JsonForm
from testing.api import Api, StartApi

LIMIT = 3_000_000
"""Bytes that the disk takes; more than everything else needs that is written here."""


class Text(BaseModel):
    """A result of an analysis."""

    text: str


def npy(rows: int) -> bytes:
    file = io.BytesIO()
    np.save(file, np.random.default_rng(0).random((rows, 64), np.float32))
    return file.getvalue()


def npz(rows: int) -> bytes:
    """Small on its way, large when it is unpacked."""
    file = io.BytesIO()
    np.savez_compressed(file, train_vectors=np.zeros((rows, 64), np.float32))
    return file.getvalue()


def send(api: Api, name: str, content: bytes) -> httpx.Response:
    return api.http.post(
        f"/api/v1/datasets/{name}", content=content, headers={"Content-Type": "application/octet-stream"}
    )


@pytest.fixture
def limited() -> Iterator[None]:
    """No file of this process may become larger."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of that size where uploads are received; only root can have one."""
    folder = tmp_path / "data" / "uploads"
    folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={LIMIT}", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if os.getuid() or mounted.returncode:
        pytest.skip("no small disk can be made here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def refused_and_alive(api: Api, content: bytes) -> None:
    answer = send(api, "large", content)
    assert (answer.status_code, answer.json()["code"]) == (507, "STORAGE_FULL")
    assert "disk" in answer.json()["detail"]
    assert list(api.app_state.uploads.iterdir()) == []
    assert api.http.get("/livez").status_code == 200
    assert api.http.get("/readyz").status_code == 200
    assert api.http.get("/api/v1/datasets/large").status_code == 404
    assert send(api, "small", npy(100)).status_code == 201


@pytest.mark.parametrize("content", [npy(20_000), npz(20_000)], ids=["received", "unpacked"])
def test_an_upload_beyond_the_largest_file_is_507(serve: StartApi, limited: None, content: bytes) -> None:
    refused_and_alive(serve(), content)


@pytest.mark.parametrize("content", [npy(20_000), npz(20_000)], ids=["received", "unpacked"])
def test_an_upload_onto_a_full_disk_is_507(serve: StartApi, small_disk: Path, content: bytes) -> None:
    refused_and_alive(serve(), content)


def test_a_response_is_sent_even_if_it_cannot_be_cached(serve: StartApi) -> None:
    app_state = serve().app_state
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    made: list[int] = []

    def make() -> Text:
        made.append(len(made))
        return Text(text="answer")

    analysis = Analysis("probe", {"a": 1}, {}, JsonForm(Text), make)

    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        assert cache.run_cached(app_state, analysis).text == "answer"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    for _ in range(2):
        assert cache.run_cached(app_state, analysis).text == "answer"
    assert len(made) == 2, "the second one was cached"
