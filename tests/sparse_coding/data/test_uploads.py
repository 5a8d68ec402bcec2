"""Uploads: every documented form becomes the same dataset file, everything else is refused and leaves nothing."""

import gzip
import io
import zipfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_coding import errors
from sparse_coding.data import datasets, uploads

Upload = Callable[..., datasets.Dataset]
RNG = np.random.default_rng(3)
GREY = RNG.integers(0, 256, (20, 5, 4), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (20, 5, 4, 3), dtype=np.uint8)
VECTORS = RNG.normal(size=(20, 6)).astype(np.float32)
LABELS = np.arange(20) % 4


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def tensors(**arrays: np.ndarray) -> bytes:
    return bytes(safetensors.numpy.save(arrays))


@pytest.fixture
def upload(tmp_path: Path) -> Upload:
    """Imports these files, given as bytes by name, into <tmp_path>/stored/dataset."""

    def send(files: dict[str, bytes], **options: Any) -> datasets.Dataset:
        (tmp_path / "sent").mkdir(exist_ok=True)
        (tmp_path / "stored").mkdir(exist_ok=True)
        came = []
        for number, (name, data) in enumerate(files.items()):
            path = tmp_path / "sent" / str(number)
            path.write_bytes(data)
            came.append(uploads.UploadedFile(name, None, path))
        return uploads.import_files(came, tmp_path / "stored" / "dataset", **{"max_bytes": 2**30, **options})

    return send


@pytest.fixture
def sent(put_mnist: Callable[..., list[Path]], tmp_path: Path) -> Callable[..., list[uploads.UploadedFile]]:
    """MNIST's four small files as they would come, under their own names."""

    def files(**spelling: bool) -> list[uploads.UploadedFile]:
        return [uploads.UploadedFile(path.name, None, path) for path in put_mnist(tmp_path / "mnist", **spelling)]

    return files


def test_four_idx_files_are_a_dataset(
    sent: Callable[..., list[uploads.UploadedFile]], mnist_arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    opened = uploads.import_files(sent(), tmp_path / "d", max_bytes=2**20)
    assert opened.image_shape == (1, 28, 28)
    assert opened.classes == tuple("0123456789")
    for split, stem in (("train", "train"), ("test", "t10k")):
        np.testing.assert_array_equal(opened.split(split).rows[:, 0], mnist_arrays[f"{stem}-images-idx3-ubyte"])
        np.testing.assert_array_equal(opened.split(split).labels, mnist_arrays[f"{stem}-labels-idx1-ubyte"])


def test_however_the_idx_files_are_packed_spelled_and_ordered_the_bytes_are_the_same(
    sent: Callable[..., list[uploads.UploadedFile]], tmp_path: Path
) -> None:
    found = set()
    for packed in (False, True):
        for dotted in (False, True):
            files = sent(packed=packed, dotted=dotted)
            for order in (files, files[::-1]):
                uploads.import_files(order, tmp_path / "d", max_bytes=2**20)
                found.add((tmp_path / "d").read_bytes())
    assert len(found) == 1


def test_two_idx_files_are_divided_into_the_two_splits(
    sent: Callable[..., list[uploads.UploadedFile]], mnist_arrays: dict[str, np.ndarray], tmp_path: Path
) -> None:
    opened = uploads.import_files(sent()[:2], tmp_path / "d", test_fraction=0.3, max_bytes=2**20)
    assert (opened.facts.train_rows, opened.facts.test_rows) == (21, 9)
    images, labels = mnist_arrays["train-images-idx3-ubyte"], mnist_arrays["train-labels-idx1-ubyte"]
    for name in ("train", "test"):
        split = opened.split(name)
        assert split.labels is not None
        places = [int(np.flatnonzero((images == row[0]).all(axis=(1, 2)))[0]) for row in split.rows]
        assert places == sorted(places), "rows keep their order"
        assert labels[places].tolist() == split.labels.tolist()


@pytest.mark.parametrize(
    "name", ["body", "", "images.bin", "C:\\data\\train-images-idx3-ubyte", "../train-images.idx3-ubyte"]
)
def test_one_idx_file_of_images_needs_no_name(
    upload: Upload, idx_bytes: Callable[[np.ndarray], bytes], name: str
) -> None:
    opened = upload({name: idx_bytes(GREY)})
    assert (opened.image_shape, opened.classes) == ((1, 5, 4), None)


@pytest.mark.parametrize("pack", [npz, tensors])
def test_named_arrays_are_taken_by_their_names(upload: Upload, pack: Callable[..., bytes]) -> None:
    arrays = {"train_vectors": VECTORS, "train_labels": LABELS, "test_vectors": VECTORS[:3], "test_labels": LABELS[:3]}
    opened = upload({"anything": pack(**arrays)})
    np.testing.assert_array_equal(opened.split("train").rows, VECTORS)
    np.testing.assert_array_equal(opened.split("test").rows, VECTORS[:3])
    np.testing.assert_array_equal(opened.split("test").labels, LABELS[:3])


@pytest.mark.parametrize(
    ("array", "channels_first"),
    [
        (GREY, GREY[:, None]),
        (GREY[..., None], GREY[:, None]),
        (GREY[:, None], GREY[:, None]),
        (COLOUR, np.moveaxis(COLOUR, 3, 1)),
        (np.ascontiguousarray(np.moveaxis(COLOUR, 3, 1)), np.moveaxis(COLOUR, 3, 1)),
        (np.asfortranarray(COLOUR), np.moveaxis(COLOUR, 3, 1)),
    ],
)
@pytest.mark.parametrize("divided", [True, False])
def test_images_are_stored_channels_first(
    upload: Upload, array: np.ndarray, channels_first: np.ndarray, divided: bool
) -> None:
    opened = upload({"x.npy": npy(array)}) if divided else upload({"x": npz(train_images=array, test_images=array)})
    rows = opened.split("train").rows
    assert rows.dtype == np.uint8
    everything = np.concatenate([rows, opened.split("test").rows]) if divided else rows
    assert sorted(row.tobytes() for row in everything) == sorted(row.tobytes() for row in channels_first)


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", ">f2", ">f4", ">f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_vectors_of_any_float_become_float32(upload: Upload, dtype: str, order: Any) -> None:
    sent = VECTORS.astype(dtype, order=order)
    opened = upload({"x": npz(train_vectors=sent, test_vectors=sent[:2])})
    np.testing.assert_array_equal(opened.split("train").rows, sent.astype(np.float32))
    assert opened.split("train").rows.dtype == np.float32


@settings(deadline=None, max_examples=50)
@given(
    rows=st.integers(2, 40), fraction=st.floats(0, 1, exclude_min=True, exclude_max=True), seed=st.integers(0, 2**53)
)
def test_a_test_split_is_drawn_once_and_leaves_both_sides_a_row(
    tmp_path_factory: pytest.TempPathFactory, rows: int, fraction: float, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "x").write_bytes(npy(np.arange(rows, dtype=np.float32)[:, None]))
    files = [uploads.UploadedFile("x.npy", None, folder / "x")]
    drawn = [
        uploads.import_files(files, folder / name, test_fraction=fraction, seed=seed, max_bytes=10**6) for name in "ab"
    ]
    train, test = (drawn[0].split(name).rows[:, 0].tolist() for name in ("train", "test"))
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    assert train == sorted(train)
    assert test == sorted(test)
    assert sorted(train + test) == list(range(rows))
    assert len(test) == min(max(round(rows * fraction), 1), rows - 1)


def test_another_seed_draws_another_test_split(upload: Upload) -> None:
    drawn = {tuple(upload({"x": npy(VECTORS)}, seed=seed).split("test").rows[:, 0].tolist()) for seed in range(5)}
    assert len(drawn) == 5


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i4", "<i8", "<u8"])
def test_labels_become_indices_of_their_distinct_values(upload: Upload, dtype: str) -> None:
    labels = np.array([7, 100, 7, 30] * 5).astype(dtype)
    opened = upload(
        {"x": npz(train_vectors=VECTORS, train_labels=labels, test_vectors=VECTORS[:1], test_labels=np.array([5]))}
    )
    assert opened.classes == ("5", "7", "30", "100")
    assert opened.split("train").labels.tolist() == [1, 3, 1, 2] * 5
    assert opened.split("test").labels.tolist() == [0]


def test_labels_at_the_ends_of_their_types_keep_apart(upload: Upload) -> None:
    low, high = np.array([-(2**63)] * 20), np.array([2**64 - 1], dtype=np.uint64)
    opened = upload({"x": tensors(train_vectors=VECTORS, train_labels=low, test_vectors=VECTORS[:1], test_labels=high)})
    assert opened.classes == (str(-(2**63)), str(2**64 - 1))


def test_one_split_may_be_without_labels(upload: Upload) -> None:
    opened = upload({"x": npz(train_vectors=VECTORS, train_labels=LABELS, test_vectors=VECTORS)})
    assert opened.split("test").labels is None
    assert opened.classes == ("0", "1", "2", "3")


def test_a_thousand_classes_are_taken_and_no_more(upload: Upload) -> None:
    rows = np.zeros((1001, 1), np.float32)
    assert len(upload({"x": npz(train_vectors=rows[1:], train_labels=np.arange(1000))}).classes or ()) == 1000
    with pytest.raises(errors.InconsistentDataset, match="1000"):
        upload({"x": npz(train_vectors=rows, train_labels=np.arange(1001))})
    with pytest.raises(errors.InconsistentDataset, match="1000"):
        upload({"x": npz(train_vectors=rows, train_labels=np.arange(1001), test_vectors=rows[:1])})
    halves = {"train_vectors": rows[:600], "test_vectors": rows[:600]}
    with pytest.raises(errors.InconsistentDataset, match="1000"):
        upload({"x": npz(**halves, train_labels=np.arange(600), test_labels=np.arange(600) + 600)})


def test_a_dataset_file_of_ours_can_be_uploaded_again(upload: Upload, tmp_path: Path) -> None:
    upload({"x": npz(train_images=GREY, train_labels=LABELS, test_images=GREY[:2])})
    first = (tmp_path / "stored" / "dataset").read_bytes()
    upload({"again": first})
    assert (tmp_path / "stored" / "dataset").read_bytes() == first


def test_what_the_client_calls_a_file_is_never_a_path(upload: Upload, tmp_path: Path) -> None:
    upload({"../../escaped.npy": npy(VECTORS)})
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["0", "dataset"]


def refused(cases: dict[str, tuple[dict[str, bytes], type[errors.SparseCodingError]]]) -> Any:
    return pytest.mark.parametrize(("files", "error"), cases.values(), ids=cases.keys())


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.astype(np.uint8).tobytes()


def bad(**arrays: np.ndarray) -> dict[str, bytes]:
    return {"x": tensors(**{name: np.ascontiguousarray(array) for name, array in arrays.items()})}


TRAIN, TRAIN_LABELS, TEST = "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"
NAN, INFINITY = np.full((4, 2), np.nan, np.float32), np.full((4, 2), -np.inf, np.float32)


@refused(
    {
        "nothing": ({}, errors.EmptyInput),
        "empty file": ({"x.npy": b""}, errors.UnsupportedFormat),
        "text": ({"x.npy": b"1,2,3\n4,5,6\n"}, errors.UnsupportedFormat),
        "png": ({"x.npy": b"\x89PNG\r\n\x1a\n" + bytes(64)}, errors.UnsupportedFormat),
        "bare pickle": ({"weights.npz": b"\x80\x04\x95\x10."}, errors.UnsupportedFormat),
        "two npy": ({"a.npy": npy(GREY), "b.npy": npy(GREY)}, errors.UnsupportedFormat),
        "npy and idx": ({"a.npy": npy(GREY), TRAIN: idx(GREY)}, errors.UnsupportedFormat),
        "gzip of npy cut short": ({"a.npy.gz": gzip.compress(npy(GREY))[:-9]}, errors.UnreadableFile),
        "empty zip": ({"x": npz()}, errors.InconsistentDataset),
        "unknown member": ({"x": npz(images=GREY)}, errors.UnsupportedFormat),
        "nested zip": ({"x": npz(train_images=GREY).replace(b".npy", b".zip")}, errors.UnsupportedFormat),
        "unknown tensor": (bad(images=GREY), errors.UnsupportedFormat),
        "only labels": (bad(train_labels=LABELS), errors.InconsistentDataset),
        "only test rows": (bad(test_images=GREY), errors.InconsistentDataset),
        "images and vectors": (bad(train_images=GREY, train_vectors=VECTORS), errors.InconsistentDataset),
        "test of another kind": (bad(train_images=GREY, test_vectors=VECTORS), errors.InconsistentDataset),
        "test labels alone": (bad(train_images=GREY, test_labels=LABELS), errors.InconsistentDataset),
        "test of another shape": (bad(train_images=GREY, test_images=GREY[:, 1:]), errors.InconsistentDataset),
        "test of another width": (bad(train_vectors=VECTORS, test_vectors=VECTORS[:, 1:]), errors.InconsistentDataset),
        "too few labels": (bad(train_images=GREY, train_labels=LABELS[1:]), errors.InconsistentDataset),
        "labels in two columns": (
            bad(train_images=GREY, train_labels=LABELS.reshape(10, 2)),
            errors.InconsistentDataset,
        ),
        "labels that are floats": (bad(train_images=GREY, train_labels=LABELS * 1.0), errors.UnsupportedDtype),
        "images that are floats": (bad(train_images=GREY / 255), errors.UnsupportedDtype),
        "vectors that are bytes": ({"x": npy(GREY[0])}, errors.UnsupportedDtype),
        "vectors that are integers": (bad(train_vectors=VECTORS.astype(np.int64)), errors.UnsupportedDtype),
        "one dimension": ({"x": npy(GREY[0, 0])}, errors.UnsupportedFormat),
        "five dimensions": ({"x": npy(GREY[None, None])}, errors.UnsupportedFormat),
        "vectors in three dimensions": (bad(train_vectors=VECTORS[None]), errors.UnsupportedFormat),
        "images one pixel wide": ({"x": npy(GREY[:, :, :1])}, errors.UnsupportedFormat),
        "images 513 pixels high": ({"x": npy(np.zeros((2, 513, 2), np.uint8))}, errors.UnsupportedFormat),
        "two channels": ({"x": npy(COLOUR[..., :2])}, errors.UnsupportedFormat),
        "vectors too wide": ({"x": npy(np.zeros((2, 65_537), np.float32))}, errors.UnsupportedFormat),
        "one row": ({"x": npy(VECTORS[:1])}, errors.InconsistentDataset),
        "no rows": ({"x": npy(VECTORS[:0])}, errors.EmptyInput),
        "nan": ({"x": npy(NAN)}, errors.NotFinite),
        "infinity": ({"x": npy(INFINITY)}, errors.NotFinite),
        "infinite as float32": ({"x": npy(np.full((4, 2), 1e39))}, errors.ValuesTooLarge),
        "nan in the test split": (bad(train_vectors=VECTORS[:, :2], test_vectors=NAN), errors.NotFinite),
        "idx without training images": ({TRAIN_LABELS: idx(LABELS)}, errors.InconsistentDataset),
        "idx of strange names": ({"a": idx(GREY), "b": idx(LABELS)}, errors.UnsupportedFormat),
        "idx twice": ({TRAIN: idx(GREY), TRAIN.upper(): idx(GREY)}, errors.InconsistentDataset),
        "idx labels as images": ({TRAIN: idx(LABELS)}, errors.InconsistentDataset),
        "idx images as labels": ({TRAIN: idx(GREY), TRAIN_LABELS: idx(GREY)}, errors.InconsistentDataset),
        "idx with fewer labels": ({TRAIN: idx(GREY), TRAIN_LABELS: idx(LABELS[1:])}, errors.InconsistentDataset),
        "idx with smaller test images": ({TRAIN: idx(GREY), TEST: idx(GREY[:, 1:])}, errors.InconsistentDataset),
        "idx of floats": ({TRAIN: b"\0\0\x0d\3" + bytes(64)}, errors.UnsupportedDtype),
        "idx that promises more": ({TRAIN: idx(GREY)[:-1]}, errors.UnreadableFile),
    }
)
def test_what_is_no_dataset_is_refused_and_leaves_nothing(
    upload: Upload, tmp_path: Path, files: dict[str, bytes], error: type[errors.SparseCodingError]
) -> None:
    with pytest.raises(error) as raised:
        upload(files)
    assert type(raised.value) is error
    assert 20 < len(str(raised.value)) < 300
    assert str(tmp_path) not in str(raised.value)
    assert list((tmp_path / "stored").iterdir()) == []


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, float("nan")])
def test_a_fraction_that_divides_nothing_is_refused(upload: Upload, fraction: float) -> None:
    with pytest.raises(errors.InconsistentDataset, match="between 0 and 1"):
        upload({"x": npy(VECTORS)}, test_fraction=fraction)


def test_a_refused_upload_leaves_the_dataset_that_was_there(upload: Upload, tmp_path: Path) -> None:
    upload({"x": npy(VECTORS)})
    before = (tmp_path / "stored" / "dataset").read_bytes()
    with pytest.raises(errors.NotFinite):
        upload({"x": npy(NAN)})
    assert (tmp_path / "stored" / "dataset").read_bytes() == before


class TestLimits:
    """`max_bytes` holds for what came, for what it unpacks to, and for what would be stored."""

    def test_files_together(self, upload: Upload) -> None:
        files = {TRAIN: idx(GREY), TRAIN_LABELS: idx(LABELS)}
        total = sum(map(len, files.values()))
        with pytest.raises(errors.TooLarge):
            upload(files, max_bytes=total - 1)

    def test_gzip_members_together(self, upload: Upload) -> None:
        files = {f"{name}.gz": gzip.compress(idx(np.zeros((90, 9, 9)))) for name in (TRAIN, TEST)}
        assert upload(files, max_bytes=20_000).facts.test_rows == 90
        with pytest.raises(errors.TooLarge, match="this gzip file"):
            upload(files, max_bytes=10_000)

    def test_zip_members_together(self, upload: Upload) -> None:
        files = {"x": npz(train_images=np.zeros((90, 9, 9), np.uint8), test_images=np.zeros((90, 9, 9), np.uint8))}
        assert upload(files, max_bytes=20_000).facts.test_rows == 90
        with pytest.raises(errors.TooLarge, match="this zip file"):
            upload(files, max_bytes=10_000)

    def test_rows_that_grow_when_stored(self, upload: Upload) -> None:
        files = {"x": npy(np.zeros((1000, 8), np.float16))}
        with pytest.raises(errors.TooLarge, match="32000"):
            upload(files, max_bytes=20_000)

    @pytest.mark.parametrize("kind", ["gzip", "zip"])
    def test_bombs(
        self, upload: Upload, allocating_at_most: Callable[[int], AbstractContextManager[None]], kind: str
    ) -> None:
        if kind == "gzip":
            bomb = {f"{TRAIN}.gz": gzip.compress(bytes(64 * 2**20))}
        else:
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zip_file:
                zip_file.writestr("train_images.npy", bytes(64 * 2**20))
            bomb = {"x": buffer.getvalue()}
        with allocating_at_most(8 * 2**20), pytest.raises(errors.TooLarge):
            upload(bomb)


def test_a_large_file_passes_through_memory_in_pieces(
    tmp_path: Path, allocating_at_most: Callable[[int], AbstractContextManager[None]]
) -> None:
    path = tmp_path / "large.npy"
    large = np.lib.format.open_memmap(path, "w+", np.float64, (24_000, 1024))
    large[::1000] = 1.0
    del large
    files: Sequence[uploads.UploadedFile] = [uploads.UploadedFile("large.npy", None, path)]
    with allocating_at_most(6 * datasets.CHUNK_BYTES):
        opened = uploads.import_files(files, tmp_path / "d", max_bytes=2**30)
    assert path.stat().st_size > 40 * datasets.CHUNK_BYTES
    assert opened.facts.maximum == 1.0


def test_a_pickle_is_not_executed(upload: Upload, canary: bytes, npy_bytes: Callable[..., bytes]) -> None:
    objects = npy_bytes("(1,)", "'|O'", canary)
    for files in ({"x.pkl": canary}, {"x.npy": objects}, {f"{TRAIN}.gz": gzip.compress(canary)}):
        with pytest.raises((errors.UnsupportedFormat, errors.UnsupportedDtype)):
            upload(files)
