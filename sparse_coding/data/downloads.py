"""Downloads of published datasets through torchvision, whose import takes seconds: the first download imports it."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SOURCES: Final[Mapping[str, str]] = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
"""Built-in datasets that can be downloaded -> torchvision's classes for them."""


def fetch(name: str, folder: Path) -> None:
    """Download the files of a dataset of `SOURCES` into `folder` or below; errors of torchvision are not wrapped."""
    download = getattr(importlib.import_module("torchvision.datasets"), SOURCES[name])
    download(str(folder), download=True)
