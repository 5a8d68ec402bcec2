"""Files and arrays that several tests of the workshop start from."""

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
