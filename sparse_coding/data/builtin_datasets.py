"""The built-in datasets -> our dataset file: digits from scikit-learn, MNIST and Fashion-MNIST through torchvision.

Equal sources give equal bytes. It does not know when a dataset is needed, nor where the file is stored afterwards.
"""

import queue
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import sklearn.datasets

from sparse_coding import errors
from sparse_coding.data import datasets, downloads, untrusted
from sparse_coding.specs import catalogue

IDX_FILES: Final = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
"""The files that MNIST is published in; they can be plain or end in .gz, and can have a dot before `idx`."""

MAX_FILE_BYTES: Final = 2**30
MAX_WAITS: Final = 60
"""Longest duration of a download that makes progress, in multiples of `patience`."""


def materialise(name: str, folder: Path, sources: Path, *, patience: float = 15.0) -> Path:
    """Write the built-in dataset `name` to `<folder>/<name>.safetensors`.

    MNIST and Fashion-MNIST are read from their IDX files in `<sources>/<name>/`. If it has none, they are downloaded
    into it; a download stops after `patience` seconds without a new byte. Raises `DatasetUnavailable`.
    """
    target = folder / f"{name}.safetensors"
    if name == "digits":
        _write_digits(target)
    elif name in downloads.SOURCES:
        _write_mnist(name, target, _idx_files(name, sources / name, patience))
    else:
        raise errors.DatasetUnavailable(f"The built-in datasets are {', '.join(catalogue.CATALOGUE)}.")
    return target


def _write_digits(target: Path) -> None:
    digits, built_in = sklearn.datasets.load_digits(), catalogue.CATALOGUE["digits"]
    # scikit-learn's values are 0 to 16; the bytes are those of the 17 grey levels between black and white
    images = np.rint(digits.images * 255 / 16).astype(np.uint8)[:, np.newaxis]
    labels = digits.target.astype(np.int64)
    rows = built_in.facts.train_rows
    datasets.write(
        target,
        train=images[:rows],
        test=images[rows:],
        train_labels=labels[:rows],
        test_labels=labels[rows:],
        classes=built_in.classes,
    )


def _write_mnist(name: str, target: Path, paths: Sequence[Path]) -> None:
    built_in = catalogue.CATALOGUE[name]
    assert built_in.facts.image_shape is not None
    side = built_in.facts.image_shape[1:]
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="import-") as scratch:
        shapes = (side, (), side, ())
        arrays = [_read(name, path, Path(scratch), shape) for path, shape in zip(paths, shapes, strict=True)]
        try:
            datasets.write(
                target,
                train=arrays[0][:, np.newaxis],
                test=arrays[2][:, np.newaxis],
                train_labels=arrays[1].astype(np.int64),
                test_labels=arrays[3].astype(np.int64),
                classes=built_in.classes,
            )
        except errors.InconsistentDataset as error:
            raise errors.DatasetUnavailable(f"The files in sources/{name}/ contradict each other. {error}") from error


def _read(name: str, path: Path, scratch: Path, row_shape: tuple[int, ...]) -> np.ndarray:
    try:
        if path.suffix == ".gz":
            untrusted.gunzip(path, scratch / path.stem, max_bytes=MAX_FILE_BYTES)
            path = scratch / path.stem
        array = untrusted.read_idx(path)
    except errors.SparseCodingError as error:
        raise errors.DatasetUnavailable(f"{path.name} in sources/{name}/ cannot be read. {error}") from error
    if array.shape[1:] != row_shape:
        raise errors.DatasetUnavailable(
            f"Rows of {path.name} in sources/{name}/ must have the shape {list(row_shape)}; "
            f"they have {list(array.shape[1:])}."
        )
    return array


def _idx_files(name: str, folder: Path, patience: float) -> list[Path]:
    """The paths of the four files in the order of `IDX_FILES`."""
    if not any(_spellings(folder, stem) for stem in IDX_FILES):
        _download(name, folder, patience)
    found = [_spellings(folder, stem) for stem in IDX_FILES]
    missing = [stem for stem, paths in zip(IDX_FILES, found, strict=True) if not paths]
    if missing:
        raise errors.DatasetUnavailable(f"sources/{name}/ lacks {', '.join(missing)} (plain or .gz).")
    return [paths[0] for paths in found]


def _spellings(folder: Path, stem: str) -> list[Path]:
    dotted = stem.replace("-idx", ".idx")
    paths = (folder / f"{spelling}{ending}" for spelling in (stem, dotted) for ending in ("", ".gz"))
    return [path for path in paths if path.is_file()]


def _download(name: str, folder: Path, patience: float) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="download-", ignore_cleanup_errors=True) as scratch:
        failure = _attempt(lambda: downloads.fetch(name, Path(scratch)), Path(scratch), patience)
        if failure is not None:
            raise errors.DatasetUnavailable(
                f"{name} could not be downloaded. Put {', '.join(IDX_FILES)} (plain or .gz) into sources/{name}/ "
                "inside the data folder, or upload these files as a dataset of another name."
            ) from failure
        for path in Path(scratch).rglob("*-ubyte.gz"):
            path.replace(folder / path.name)


def _attempt(download: Callable[[], object], folder: Path, patience: float) -> Exception | None:
    """Run a download; return the error that stopped it, or None.

    It runs in a thread that is abandoned when no bytes arrive, because no time-out applies to a DNS look-up.
    """
    outcome: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            download()
        except Exception as error:
            outcome.put(error)
        else:
            outcome.put(None)

    threading.Thread(target=run, daemon=True).start()
    arrived = 0
    for _ in range(MAX_WAITS):
        try:
            return outcome.get(timeout=patience)
        except queue.Empty:
            before, arrived = arrived, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            if arrived == before:
                break
    return TimeoutError(f"nothing arrived for {patience:g} s")
