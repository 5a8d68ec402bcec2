"""Built-in datasets: what the catalogue promises, the same arrays as torchvision, and a quick word when offline."""

import gzip
import hashlib
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
import torchvision.datasets

from sparse_coding import errors
from sparse_coding.data import builtin_datasets, datasets
from sparse_coding.specs import catalogue

PutMnist = Callable[..., list[Path]]
LOADERS = {"mnist": torchvision.datasets.MNIST, "fashion-mnist": torchvision.datasets.FashionMNIST}


def test_digits_are_what_the_catalogue_promises(tmp_path: Path) -> None:
    opened = datasets.open(builtin_datasets.materialise("digits", tmp_path, tmp_path / "sources"))
    promised = catalogue.CATALOGUE["digits"]
    assert (opened.facts, opened.classes) == (promised.facts, promised.classes)
    source = sklearn.datasets.load_digits()
    rows = np.concatenate([opened.split("train").rows, opened.split("test").rows]).reshape(1797, 64)
    labels = np.concatenate([opened.split("train").labels, opened.split("test").labels])
    expected = [[round(value * 255 / 16) for value in row] for row in source.data.tolist()]
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_array_equal(labels, source.target)
    assert not (tmp_path / "sources").exists(), "digits need no sources"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("name", LOADERS)
def test_local_idx_files_give_what_torchvision_reads_from_them(
    tmp_path: Path, put_mnist: PutMnist, name: str, packed: bool, dotted: bool
) -> None:
    put_mnist(tmp_path / "sources" / name, packed=packed, dotted=dotted)
    put_mnist(tmp_path / LOADERS[name].__name__ / "raw")
    opened = datasets.open(builtin_datasets.materialise(name, tmp_path, tmp_path / "sources"))
    for split in ("train", "test"):
        oracle = LOADERS[name](tmp_path, train=split == "train")
        np.testing.assert_array_equal(opened.split(split).rows[:, 0], oracle.data.numpy())
        np.testing.assert_array_equal(opened.split(split).labels, oracle.targets.numpy())
    assert opened.image_shape == (1, 28, 28)
    assert opened.classes == catalogue.CATALOGUE[name].classes


def test_the_catalogue_names_fashion_as_torchvision_does() -> None:
    assert catalogue.CATALOGUE["fashion-mnist"].classes == tuple(torchvision.datasets.FashionMNIST.classes)


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_the_same_sources_give_the_same_bytes(tmp_path: Path, put_mnist: PutMnist, name: str) -> None:
    put_mnist(tmp_path / "sources" / "mnist")
    first = builtin_datasets.materialise(name, tmp_path, tmp_path / "sources").read_bytes()
    put_mnist(tmp_path / "other" / "mnist", packed=True)
    assert builtin_datasets.materialise(name, tmp_path, tmp_path / "other").read_bytes() == first


def test_a_name_that_is_not_built_in_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.DatasetUnavailable, match="digits, mnist, fashion-mnist"):
        builtin_datasets.materialise("cifar", tmp_path, tmp_path)


def test_a_missing_file_among_the_local_ones_is_named(tmp_path: Path, put_mnist: PutMnist) -> None:
    put_mnist(tmp_path / "mnist")[3].unlink()
    with pytest.raises(errors.DatasetUnavailable, match=r"sources/mnist/ lacks t10k-labels-idx1-ubyte "):
        builtin_datasets.materialise("mnist", tmp_path, tmp_path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("which", range(4))
def test_a_damaged_local_file_is_named_and_leaves_nothing(
    tmp_path: Path, put_mnist: PutMnist, which: int, packed: bool
) -> None:
    path = put_mnist(tmp_path / "sources" / "mnist", packed=packed)[which]
    path.write_bytes(path.read_bytes()[:-1])
    (tmp_path / "made").mkdir()
    with pytest.raises(errors.DatasetUnavailable, match=builtin_datasets.IDX_FILES[which]):
        builtin_datasets.materialise("mnist", tmp_path / "made", tmp_path / "sources")
    assert list((tmp_path / "made").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("train-images-idx3-ubyte", np.zeros((30, 27, 28))),
        ("train-labels-idx1-ubyte", np.zeros((30, 1))),
        ("train-labels-idx1-ubyte", np.zeros(29)),
        ("t10k-labels-idx1-ubyte", np.full(12, 10)),
    ],
)
def test_local_files_that_are_not_mnist_are_refused(
    tmp_path: Path, put_mnist: PutMnist, idx_bytes: Callable[[np.ndarray], bytes], name: str, array: np.ndarray
) -> None:
    put_mnist(tmp_path / "mnist")
    (tmp_path / "mnist" / name).write_bytes(idx_bytes(array))
    with pytest.raises(errors.DatasetUnavailable, match="sources/mnist/"):
        builtin_datasets.materialise("mnist", tmp_path, tmp_path)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Points torchvision's MNIST at a port of this machine."""

    def point(port: int) -> None:
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"http://127.0.0.1:{port}/"])

    return point


def assert_says_what_to_do(error: errors.DatasetUnavailable, folder: Path) -> None:
    for word in (*builtin_datasets.IDX_FILES, "sources/mnist/", "inside the data folder", "upload"):
        assert word in str(error)
    assert str(folder) not in str(error)
    assert list((folder / "sources" / "mnist").iterdir()) == []


def test_offline_the_message_says_which_files_to_put_where(
    tmp_path: Path, mirror: Callable[[int], None], listener: socket.socket
) -> None:
    mirror(listener.getsockname()[1])
    listener.close()
    with pytest.raises(errors.DatasetUnavailable) as raised:
        builtin_datasets.materialise("mnist", tmp_path, tmp_path / "sources")
    assert_says_what_to_do(raised.value, tmp_path)


def test_a_mirror_that_says_nothing_is_given_up(
    tmp_path: Path, mirror: Callable[[int], None], listener: socket.socket
) -> None:
    mirror(listener.getsockname()[1])
    began = time.monotonic()
    with pytest.raises(errors.DatasetUnavailable) as raised:
        builtin_datasets.materialise("mnist", tmp_path, tmp_path / "sources", patience=0.5)
    assert time.monotonic() - began < 0.5 * builtin_datasets.MAX_WAITS / 2
    assert isinstance(raised.value.__cause__, TimeoutError)
    assert_says_what_to_do(raised.value, tmp_path)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path, put_mnist: PutMnist, mirror: Callable[[int], None]) -> Iterator[Path]:
    """A folder that is served as torchvision's mirror, with the four packed files in it."""
    folder = tmp_path / "web"
    put_mnist(folder, packed=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        mirror(server.server_address[1])
        yield folder
        server.shutdown()
        thread.join()


def test_what_is_downloaded_stays_among_the_sources(
    tmp_path: Path, web: Path, monkeypatch: pytest.MonkeyPatch, mnist_arrays: dict[str, np.ndarray]
) -> None:
    digests = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in sorted(web.iterdir())]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", digests)
    first = builtin_datasets.materialise("mnist", tmp_path, tmp_path / "sources").read_bytes()
    assert sorted(path.name for path in (tmp_path / "sources" / "mnist").iterdir()) == [name for name, _ in digests]
    for path in web.iterdir():
        path.unlink()
    again = builtin_datasets.materialise("mnist", tmp_path, tmp_path / "sources")
    assert again.read_bytes() == first
    rows = datasets.open(again).split("train").rows
    np.testing.assert_array_equal(rows[:, 0], mnist_arrays["train-images-idx3-ubyte"])


def test_a_download_of_other_content_is_not_taken(tmp_path: Path, web: Path) -> None:
    (web / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"not what was asked for"))
    with pytest.raises(errors.DatasetUnavailable) as raised:
        builtin_datasets.materialise("mnist", tmp_path, tmp_path / "sources")
    assert_says_what_to_do(raised.value, tmp_path)
