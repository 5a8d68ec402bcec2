"""Datasets over HTTP, on SQLite and PostgreSQL: sent in whole or not at all, listed, looked at, removed."""

import gzip
import hashlib
import io
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

from registry import datasets as registered
from registry import runs
from sparse_coding.data import builtin_datasets, datasets
from testing.api import Api, StartApi
from testing.waiting import eventually

DATASETS = "/api/v1/datasets"
NPY = "application/x-npy"
FIELDS = ["name", "digest", "present", "kind", "image_shape", "n_inputs", "classes", "splits", "bytes", "created_at"]
FIELDS += ["centered", "column_means"]
"""Of one dataset; a list has all but the last."""
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (50, 6, 5), np.uint8)
LABELS = (np.arange(50) % 3).astype(np.uint8)
VECTORS = RANDOM.normal(size=(40, 7)).astype(np.float32)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def send(api: Api, name: str, content: bytes, media_type: str = NPY, query: str = "") -> Any:
    return api.http.post(f"{DATASETS}/{name}{query}", content=content, headers={"Content-Type": media_type})


def parts(**files: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("files", (name.replace("__", "."), content)) for name, content in files.items()]


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    assert len(answer.content) < 3000
    return answer.status_code, answer.json()["code"]


def left(api: Api) -> list[Path]:
    """What lies in the folders of uploads and artifacts."""
    return [
        path for folder in (api.app_state.uploads, api.app_state.settings.artifacts_dir) for path in folder.rglob("*")
    ]


def enter_digits(api: Api, folder: Path) -> None:
    """What a worker does at the first run that names `digits`."""
    file = builtin_datasets.materialise("digits", folder, folder)
    opened = datasets.open(file)
    facts = registered.Facts(**vars(opened.facts), classes=opened.classes)
    stored = api.app_state.artifacts.put(file)
    with api.app_state.database.write() as session:
        registered.enter(session, name="digits", stored=stored, facts=facts, builtin=True)


def test_built_in_datasets_are_listed_before_they_are_present(api: Api, tmp_path: Path) -> None:
    items = api.http.get(DATASETS).json()["items"]
    assert [item["name"] for item in items] == ["digits", "fashion-mnist", "mnist"]
    assert list(items[2]) == FIELDS[:-1]
    assert items[2]["splits"] == {"train": 60_000, "test": 10_000}
    assert (items[2]["present"], items[2]["digest"], items[2]["image_shape"]) == (False, None, [1, 28, 28])
    enter_digits(api, tmp_path)
    items = api.http.get(DATASETS).json()["items"]
    assert [(item["name"], item["present"]) for item in items] == [
        ("digits", True),
        ("fashion-mnist", False),
        ("mnist", False),
    ]
    assert api.http.get(f"{DATASETS}/digits").json() == {**items[0], "column_means": None}
    assert api.http.get(f"{DATASETS}/mnist").json() == {**items[2], "column_means": None}
    assert send(api, "signals", npy(VECTORS)).status_code == 201
    assert [item["name"] for item in api.http.get(f"{DATASETS}?kind=vectors").json()["items"]] == ["signals"]
    assert api.http.get(f"{DATASETS}?kind=images").json()["items"] == items
    page = api.http.get(f"{DATASETS}?kind=images&limit=2").json()
    rest = api.http.get(f"{DATASETS}?kind=images&cursor={page['next_cursor']}").json()["items"]
    assert page["items"] + rest == items


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_pages_hold_no_more_than_their_limit_and_miss_nothing(api: Api, tmp_path: Path, limit: int) -> None:
    enter_digits(api, tmp_path)
    for name in ("first", "second", "third"):
        assert send(api, name, npy(VECTORS)).status_code == 201
    seen: list[str] = []
    cursor = None
    while True:
        page = api.http.get(DATASETS, params={"limit": limit} | ({"cursor": cursor} if cursor else {})).json()
        assert len(page["items"]) <= limit
        seen += [item["name"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == ["third", "second", "first", "digits", "fashion-mnist", "mnist"]


def test_a_raw_body_becomes_a_dataset(api: Api) -> None:
    answer = send(api, "signals", npy(VECTORS), query="?test_fraction=0.25&seed=7")
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{DATASETS}/signals"
    dataset = answer.json()
    assert list(dataset) == FIELDS
    assert (dataset["kind"], dataset["n_inputs"], dataset["image_shape"]) == ("vectors", 7, None)
    assert (dataset["splits"], dataset["classes"]) == ({"train": 30, "test": 10}, None)
    file = api.app_state.artifacts.path(dataset["digest"])
    assert (file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest()) == (dataset["bytes"], dataset["digest"])
    assert api.http.get(f"{DATASETS}/signals").json() == dataset
    assert list(api.app_state.uploads.iterdir()) == []


def test_files_under_mnists_names_become_a_dataset_of_images_with_labels(api: Api) -> None:
    files = parts(
        **{
            "train-images-idx3-ubyte.gz": gzip.compress(idx(IMAGES)),
            "train-labels-idx1-ubyte": idx(LABELS),
            "t10k-images-idx3-ubyte": idx(IMAGES[:10]),
            "t10k-labels-idx1-ubyte.gz": gzip.compress(idx(LABELS[:10])),
        }
    )
    dataset = api.http.post(f"{DATASETS}/scans", files=files).json()
    assert (dataset["kind"], dataset["image_shape"], dataset["n_inputs"]) == ("images", [1, 6, 5], 30)
    assert (dataset["splits"], dataset["classes"]) == ({"train": 50, "test": 10}, ["0", "1", "2"])


@pytest.mark.parametrize("form", ["npz", "safetensors"])
def test_named_arrays_become_a_dataset(serve: StartApi, form: str) -> None:
    api = serve()
    arrays = {"train_images": IMAGES, "train_labels": LABELS}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    content = buffer.getvalue() if form == "npz" else save(arrays)
    for name, answer in (
        ("raw", send(api, "raw", content, "application/octet-stream")),
        ("form", api.http.post(f"{DATASETS}/form", files=[("files", ("x.bin", content))])),
    ):
        assert answer.status_code == 201, (name, answer.text)
        assert answer.json()["splits"] == {"train": 40, "test": 10}


def test_the_same_upload_again_is_200_and_another_one_under_its_name_409(api: Api) -> None:
    first = send(api, "signals", npy(VECTORS))
    again = send(api, "signals", npy(VECTORS))
    assert (again.status_code, again.json()) == (200, first.json())
    before = left(api)
    other = send(api, "signals", npy(VECTORS + 1))
    assert code(other) == (409, "DATASET_EXISTS")
    assert left(api) == before
    assert api.http.get(f"{DATASETS}/signals").json() == first.json()


@pytest.mark.parametrize("name", ["digits", "mnist", "fashion-mnist"])
def test_the_names_of_built_in_datasets_are_reserved(serve: StartApi, name: str) -> None:
    api = serve()
    assert code(send(api, name, npy(VECTORS))) == (409, "NAME_RESERVED")
    assert left(api) == []


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "%2e%2e%2fregistry.sqlite3", "..%5c..%5cx", "a%00b", "A", "-a", "x" * 64, "a%20b", "%252e"]
)
def test_a_name_that_is_no_slug_is_refused_by_every_method_and_touches_no_file(serve: StartApi, name: str) -> None:
    api = serve()
    for method in ("GET", "POST", "DELETE"):
        answer = api.http.request(method, f"{DATASETS}/{name}", content=npy(VECTORS), headers={"Content-Type": NPY})
        assert answer.status_code in {404, 405, 413, 422}, (method, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert left(api) == []
    assert (api.app_state.settings.data_dir / "registry.sqlite3").is_file()


def test_client_file_names_are_never_paths(serve: StartApi, tmp_path: Path) -> None:
    api = serve()
    for name in ("../../../escaped.npy", str(tmp_path / "absolute.npy"), "..\\escaped.npy", "a\0b", "x" * 5000):
        answer = api.http.post(f"{DATASETS}/named", files=[("files", (name, npy(VECTORS)))])
        assert answer.status_code in {200, 201, 422}, answer.text
    assert list(tmp_path.rglob("*escaped*")) + list(tmp_path.rglob("absolute*")) == []
    assert list(api.app_state.uploads.iterdir()) == []


ENORMOUS = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (4194304, 1048576), }".ljust(
    118
)
BAD_FILES = {
    "empty": (b"", NPY, 415, "UNSUPPORTED_FORMAT"),
    "text": (b"a,b,c", "text/csv", 415, "UNSUPPORTED_FORMAT"),
    "json": (b'{"url": "http://127.0.0.1/x.npy"}', "application/json", 415, "UNSUPPORTED_FORMAT"),
    "cut": (npy(VECTORS)[:-1], NPY, 422, "UNREADABLE_FILE"),
    "longer": (npy(VECTORS) + b"x", NPY, 422, "UNREADABLE_FILE"),
    "enormous": (ENORMOUS, NPY, 422, "UNREADABLE_FILE"),
    "pickle": (b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.", NPY, 415, "UNSUPPORTED_FORMAT"),
    "nan": (npy(np.full((9, 3), np.nan, np.float32)), NPY, 422, "NOT_FINITE"),
    "labels": (save({"train_images": IMAGES, "train_labels": LABELS[:7]}), NPY, 422, "INCONSISTENT_DATASET"),
    "complex": (npy(np.zeros((9, 3), complex)), NPY, 422, "UNSUPPORTED_DTYPE"),
}


@pytest.mark.parametrize("multipart", [False, True], ids=["raw", "multipart"])
@pytest.mark.parametrize("case", sorted(BAD_FILES))
def test_a_file_that_is_none_is_refused_and_leaves_nothing(serve: StartApi, case: str, multipart: bool) -> None:
    api = serve()
    content, media_type, status, expected = BAD_FILES[case]
    if multipart:
        answer = api.http.post(f"{DATASETS}/bad", files=[("files", ("x.npy", content, media_type))])
    else:
        answer = send(api, "bad", content, media_type)
    assert code(answer) == (status, expected)
    assert left(api) == []
    assert code(api.http.get(f"{DATASETS}/bad")) == (404, "DATASET_NOT_FOUND")


BOUNDARY = "multipart/form-data; boundary=b"
GOOD_PART = b'--b\r\nContent-Disposition: form-data; name="files"; filename="x.npy"\r\n\r\n' + npy(VECTORS) + b"\r\n"
BAD_FORMS = {
    "no boundary": ("multipart/form-data", b"x", 422),
    "long boundary": (f"multipart/form-data; boundary={'b' * 300}", b"x", 422),
    "no parts": (BOUNDARY, b"--b--\r\n", 422),
    "nothing": (BOUNDARY, b"", 422),
    "not multipart": (BOUNDARY, b"anything else", 422),
    "last boundary missing": (BOUNDARY, GOOD_PART, 422),
    "another name": (BOUNDARY, GOOD_PART.replace(b'"files"', b'"file"') + b"--b--\r\n", 422),
    "no name": (BOUNDARY, GOOD_PART.replace(b'; name="files"', b"") + b"--b--\r\n", 422),
    "too many": (BOUNDARY, GOOD_PART * 9 + b"--b--\r\n", 422),
    "endless header": (BOUNDARY, b"--b\r\nX-Long: " + b"x" * 100_000, 422),
    "many headers": (BOUNDARY, b"--b\r\n" + b"A: b\r\n" * 10_000, 422),
    "no type": ("", b"x", 415),
}


@pytest.mark.parametrize("case", sorted(BAD_FORMS))
def test_a_form_that_is_none_is_refused_and_leaves_nothing(serve: StartApi, case: str) -> None:
    api = serve()
    media_type, body, status = BAD_FORMS[case]
    headers = {"Content-Type": media_type} if media_type else {}
    answer = api.http.post(f"{DATASETS}/bad", content=body, headers=headers)
    assert code(answer)[0] == status, answer.text
    assert left(api) == []


def test_an_upload_that_breaks_off_leaves_nothing(serve: StartApi) -> None:
    api = serve()
    uploads_dir = api.app_state.uploads
    address = (api.http.base_url.host, api.http.base_url.port)
    head = f"POST {DATASETS}/broken HTTP/1.1\r\nHost: localhost\r\nContent-Type: {NPY}\r\nContent-Length: 9999\r\n\r\n"
    with socket.create_connection(address) as connection:
        connection.sendall(head.encode() + npy(VECTORS))
        eventually("what another thread makes so", lambda: any(path.is_file() for path in uploads_dir.rglob("*")))
    eventually("what another thread makes so", lambda: list(uploads_dir.iterdir()) == [])
    assert code(api.http.get(f"{DATASETS}/broken")) == (404, "DATASET_NOT_FOUND")
    assert left(api) == []


def test_what_an_earlier_process_left_of_an_upload_is_removed_at_the_start(serve: StartApi, tmp_path: Path) -> None:
    remains = tmp_path / "data" / "uploads" / "0123"
    remains.mkdir(parents=True)
    (remains / "0").write_bytes(b"half")
    (remains.parent / "orphaned").write_bytes(b"half")
    own = serve().app_state.uploads
    assert set(remains.parent.iterdir()) == {own, own.with_suffix(".lock")}
    assert list(own.iterdir()) == []


def test_a_second_process_on_the_same_folder_leaves_a_running_upload_alone(serve: StartApi) -> None:
    first = serve()
    head = f"POST {DATASETS}/slow HTTP/1.1\r\nHost: localhost\r\nContent-Type: {NPY}\r\nConnection: close\r\n"
    body = npy(VECTORS)
    with socket.create_connection((first.http.base_url.host, first.http.base_url.port)) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body[:100])
        eventually(
            "what another thread makes so", lambda: any(path.is_file() for path in first.app_state.uploads.rglob("*"))
        )
        assert serve().app_state.uploads != first.app_state.uploads
        connection.sendall(body[100:])
        assert connection.makefile("rb").readline().split()[1] == b"201"


def test_an_upload_that_does_not_fit_into_the_store_is_507(serve: StartApi) -> None:
    api = serve(max_stored_bytes=2**20)
    large = npy(np.zeros((300, 1000), np.float32))
    assert code(send(api, "large", large)) == (507, "STORAGE_FULL")
    assert left(api) == []
    assert send(api, "small", npy(VECTORS)).status_code == 201


def test_what_unpacks_to_more_than_the_limit_is_413(serve: StartApi) -> None:
    api = serve(max_upload_bytes=100_000)
    bomb = gzip.compress(struct.pack(">HBBIII", 0, 8, 3, 1000, 100, 100) + bytes(10_000_000))
    answer = api.http.post(f"{DATASETS}/bomb", files=parts(**{"train-images-idx3-ubyte.gz": bomb}))
    assert code(answer) == (413, "TOO_LARGE")
    assert left(api) == []


@pytest.mark.parametrize("query", ["test_fraction=0", "test_fraction=1", "test_fraction=nan", "seed=-1", "seed=1e9"])
def test_a_split_that_makes_no_sense_is_refused_before_the_body_is_read(serve: StartApi, query: str) -> None:
    api = serve()
    answer = send(api, "x", npy(VECTORS), query=f"?{query}")
    assert code(answer) == (422, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["pointer"] == f"query:{query.partition('=')[0]}"


def test_a_dataset_is_removed_unless_a_run_needs_it(api: Api) -> None:
    size = send(api, "signals", npy(VECTORS)).json()["bytes"]
    asked = {"dataset": {"name": "signals", "scaling": "minmax"}, "training": {"batch_size": 8}}
    run = api.http.post("/api/v1/runs", json=asked).json()
    assert code(api.http.delete(f"{DATASETS}/signals")) == (409, "DATASET_IN_USE")
    with api.app_state.database.write() as session:
        runs.cancel(session, run["id"])
    gone = api.http.delete(f"{DATASETS}/signals")
    assert (gone.status_code, int(gone.headers["Freed-Bytes"])) == (204, size)
    assert code(api.http.delete(f"{DATASETS}/signals")) == (404, "DATASET_NOT_FOUND")
    assert code(api.http.delete(f"{DATASETS}/mnist")) == (404, "DATASET_NOT_FOUND")
    assert send(api, "signals", npy(VECTORS + 1)).status_code == 201


def test_rows_are_shown_as_numbers_between_0_and_1_with_their_labels(api: Api) -> None:
    content = save({"train_images": IMAGES, "train_labels": LABELS, "test_images": IMAGES[::-1].copy()})
    send(api, "scans", content, "application/vnd.safetensors")
    items = api.http.get(f"{DATASETS}/scans/images?split=train&indices=4,0,4").json()["items"]
    assert [(item["index"], item["label"]) for item in items] == [(4, "1"), (0, "0"), (4, "1")]
    np.testing.assert_allclose(items[0]["pixels"], IMAGES[4] / 255, atol=1e-7)
    (item,) = api.http.get(f"{DATASETS}/scans/images?indices=49").json()["items"]
    assert item["label"] is None
    np.testing.assert_allclose(item["pixels"], IMAGES[0] / 255, atol=1e-7)


def test_rows_are_shown_as_one_picture(serve: StartApi) -> None:
    api = serve()
    colour = RANDOM.integers(0, 256, (20, 4, 6, 3), np.uint8)
    for name, images in (("grey", IMAGES), ("colour", colour)):
        send(api, name, npy(images))
        answer = api.http.get(f"{DATASETS}/{name}/images?split=train&indices=0,1,2", headers={"Accept": "image/png"})
        assert answer.headers["content-type"] == "image/png"
        picture = Image.open(io.BytesIO(answer.content))
        picture.load()
        assert picture.mode == ("L" if name == "grey" else "RGB")
        assert picture.width > picture.height
        again = api.http.get(
            f"{DATASETS}/{name}/images?split=train&indices=0,1,2&format=png",
            headers={"If-None-Match": answer.headers["etag"]},
        )
        assert again.status_code == 304
    (item,) = api.http.get(f"{DATASETS}/colour/images?split=train&indices=3").json()["items"]
    assert np.asarray(item["pixels"]).shape == (4, 6, 3)


def test_rows_of_a_built_in_dataset_that_is_not_here_are_409_and_of_no_dataset_404(serve: StartApi) -> None:
    api = serve()
    missing = api.http.get(f"{DATASETS}/mnist/images")
    assert code(missing) == (409, "DATASET_NOT_PRESENT")
    assert "import" in missing.json()["detail"]
    assert code(api.http.get(f"{DATASETS}/nowhere/images")) == (404, "DATASET_NOT_FOUND")


def test_no_picture_is_made_of_vectors_beyond_the_split_or_in_endless_number(serve: StartApi) -> None:
    api = serve(max_images=3)
    send(api, "signals", npy(VECTORS))
    send(api, "scans", npy(IMAGES))
    assert code(api.http.get(f"{DATASETS}/signals/images?indices=0")) == (422, "NOT_AN_IMAGE")
    beyond = api.http.get(f"{DATASETS}/scans/images?indices=10")
    assert code(beyond) == (422, "INDEX_OUT_OF_RANGE")
    assert "0 to 9" in beyond.json()["detail"]
    many = api.http.get(f"{DATASETS}/scans/images?indices=0,1,2,3")
    assert code(many) == (422, "INVALID_REQUEST")
    assert "at most 3" in many.json()["detail"]
    assert code(api.http.get(f"{DATASETS}/scans/images?split=validation"))[0] == 422


def test_a_large_upload_streams_to_the_disk_and_is_never_held_in_memory(serve: StartApi) -> None:
    api = serve()
    head = b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (65536, 256), }".ljust(118)
    sizes: list[int] = []

    def body() -> Iterator[bytes]:
        yield head
        for _ in range(64):
            yield bytes(2**20)
            sizes.append(sum(path.stat().st_size for path in api.app_state.uploads.rglob("*")))

    answer = api.http.post(f"{DATASETS}/large", content=body(), headers={"Content-Type": NPY})
    assert answer.status_code == 201, answer.text
    assert max(sizes) > 16 * 2**20, "the file grows while the body comes"


def test_a_column_that_float32_would_destroy_needs_center(api: Api) -> None:
    rows = np.stack([1.7e9 + np.arange(0, 60, 3.0), np.linspace(0, 1, 20)], axis=1)
    answer = send(api, "times", npy(rows))
    assert code(answer) == (422, "PRECISION_LOST")
    assert "center=true" in answer.json()["detail"]
    centred = send(api, "times", npy(rows), query="?center=true")
    assert centred.status_code == 201, centred.text
    assert centred.json()["centered"] is True
    assert abs(centred.json()["column_means"][0] - 1.7e9) < 60
    assert api.http.get(f"{DATASETS}/times").json() == centred.json()
    assert send(api, "times", npy(rows), query="?center=true").status_code == 200


@pytest.mark.parametrize("query", ["", "?center=true"])
@pytest.mark.parametrize(
    ("column", "expected", "advice"),
    [
        ([1e40, 1e39, 0.0], "VALUES_TOO_LARGE", "Divide"),
        ([1e300, 3e300, 2e300], "VALUES_TOO_LARGE", "Divide"),
        ([1e-50, 2e-50, 3e-50], "PRECISION_LOST", "Multiply"),
    ],
)
def test_the_advice_for_what_float32_cannot_hold_fits_the_cause(
    api: Api, column: list[float], expected: str, advice: str, query: str
) -> None:
    rows = np.stack([np.tile(column, 10), np.linspace(0, 1, 30)], axis=1)
    answer = send(api, "far", npy(rows), query=query)
    assert code(answer) == (422, expected)
    assert advice in answer.json()["detail"]
    assert "center=true" not in answer.json()["detail"]


def test_a_column_that_float32_would_destroy_in_training_is_refused_whatever_the_test_rows_hold(api: Api) -> None:
    train = np.stack([1.7e9 + np.arange(40.0), np.linspace(0, 1, 40)], axis=1)
    file = io.BytesIO()
    np.savez(file, train_vectors=train, test_vectors=np.array([[0.0, 0.5], [1.7e9, 0.2]]))
    answer = send(api, "split", file.getvalue(), media_type="application/zip")
    assert code(answer) == (422, "PRECISION_LOST")


def test_values_whose_squares_leave_float32_are_refused(api: Api) -> None:
    answer = send(api, "huge", npy(np.array([[3e38, 0], [1, 2], [3, 4]])))
    assert code(answer) == (422, "VALUES_TOO_LARGE")
