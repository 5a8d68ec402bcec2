"""Files and arrays that several tests of the core library use."""

import gzip
import pickle
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparse_coding.data import builtin_datasets, datasets, preprocessing
from sparse_coding.data.datasets import Dataset
from sparse_coding.models import weights
from sparse_coding.models.weights import TrainedModel
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.training import TrainSpec
from sparse_coding.training import loop
from sparse_coding.training.loop import TrainingData, TrainingState
from testing.core_library import Ask, Prepare


@pytest.fixture(scope="session")
def npy_bytes() -> Callable[..., bytes]:
    """An npy file of version 1.0 with exactly this header and body."""

    def make(shape: str, descr: str = "'<f4'", body: bytes = b"", fortran_order: str = "False") -> bytes:
        text = f"{{'descr': {descr}, 'fortran_order': {fortran_order}, 'shape': {shape}, }}".encode()
        text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
        return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + body

    return make


@pytest.fixture(scope="session")
def idx_bytes() -> Callable[[np.ndarray], bytes]:
    """An IDX file of unsigned bytes, made from MNIST's description of the format."""

    def make(array: np.ndarray) -> bytes:
        return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()

    return make


@pytest.fixture(scope="session")
def mnist_arrays() -> dict[str, np.ndarray]:
    """Four small arrays under the names of MNIST's files."""
    rng = np.random.default_rng(7)
    return {
        "train-images-idx3-ubyte": rng.integers(0, 256, (30, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": np.arange(30, dtype=np.uint8) % 10,
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (12, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": np.arange(12, dtype=np.uint8)[::-1] % 10,
    }


@pytest.fixture
def put_mnist(
    mnist_arrays: dict[str, np.ndarray], idx_bytes: Callable[[np.ndarray], bytes]
) -> Callable[..., list[Path]]:
    """Writes those arrays as IDX files into a folder: plain or packed, with MNIST's hyphen or the other dot."""

    def put(folder: Path, *, packed: bool = False, dotted: bool = False) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, array in mnist_arrays.items():
            path = folder / f"{name.replace('-idx', '.idx') if dotted else name}{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(idx_bytes(array)) if packed else idx_bytes(array))
            paths.append(path)
        return paths

    return put


class _Canary:
    """A pickle of this touches a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[bytes]:
    """A live pickle; the test fails if anything loads it."""
    path = tmp_path / "canary"
    payload = pickle.dumps(_Canary(path))
    pickle.loads(payload)
    assert path.exists(), "the pickle would be noticed"
    path.unlink()
    yield payload
    assert not path.exists(), "a pickle from outside was executed"


@pytest.fixture
def allocating_at_most() -> Callable[[int], AbstractContextManager[None]]:
    """Fails if Python and numpy together ever hold more than so many bytes within the block."""

    @contextmanager
    def watch(most: int) -> Iterator[None]:
        tracemalloc.start()
        try:
            yield
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < most, f"{peak:,} bytes were allocated"

    return watch


@pytest.fixture(scope="session")
def dataset_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Dataset]:
    """A dataset with these rows, written and opened again; without test rows, the training rows are tested on."""

    def make(train: np.ndarray, test: np.ndarray | None = None) -> Dataset:
        path = tmp_path_factory.mktemp("dataset") / "rows.safetensors"
        datasets.write(path, train=train, test=train if test is None else test)
        return datasets.open(path)

    return make


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """scikit-learn's digits, 8 x 8: 1,437 and 360 images."""
    folder = tmp_path_factory.mktemp("digits")
    return datasets.open(builtin_datasets.materialise("digits", folder, folder))


@pytest.fixture(scope="session")
def ask() -> Ask:
    """A spec with short training of a small network, and whatever is asked otherwise."""

    def make(**parts: Any) -> TrainSpec:
        document: dict[str, Any] = {
            "dataset": {"name": "digits", **parts.get("dataset", {})},
            "model": {"hidden": [24], "n_latents": 12, **parts.get("model", {})},
            "sparsity": parts.get("sparsity", {"kind": "kl"}),
            "training": {"epochs": 2, "batch_size": 64, **parts.get("training", {})},
        }
        asked = run_specs.parse(document)
        assert isinstance(asked, TrainSpec)
        return asked

    return make


@pytest.fixture(scope="session")
def prepare() -> Prepare:
    """A fresh state and the data of a spec, on the CPU."""

    def make(asked: TrainSpec, dataset: Dataset) -> tuple[TrainingState, TrainingData]:
        fitted = preprocessing.fit(asked.dataset, dataset)
        data = loop.load(dataset, fitted, asked, "cpu")
        return loop.start(asked, fitted.n_inputs, "cpu"), data

    return make


@pytest.fixture(scope="session")
def trained(digits: Dataset, ask: Ask, prepare: Prepare, tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    """A model of the digits, after three epochs, read back from its file."""
    asked = ask(training={"epochs": 3, "learning_rate": 0.005})
    state, data = prepare(asked, digits)
    for _ in loop.epochs(state, data, asked):
        pass
    path = tmp_path_factory.mktemp("trained") / "weights.safetensors"
    weights.write(path, state.autoencoder, asked, data.preprocessing)
    return weights.read(path)
