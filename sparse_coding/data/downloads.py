"""Downloads of published datasets through torchvision, which is imported by the first download: it takes seconds."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SOURCES: Final[Mapping[str, str]] = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
"""Built-in datasets that can be downloaded, and torchvision's classes for them."""


def fetch(name: str, folder: Path) -> None:
    """Download the files of a dataset of `SOURCES` to somewhere below `folder`; raises whatever goes wrong."""
    download = getattr(importlib.import_module("torchvision.datasets"), SOURCES[name])
    download(str(folder), download=True)
