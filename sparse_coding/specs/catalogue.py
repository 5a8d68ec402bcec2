"""The built-in datasets by name, shape and counts. Holds no data and loads neither torch nor numpy."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sparse_coding.specs.feasibility import DatasetFacts


@dataclass(frozen=True)
class BuiltIn:
    """A dataset that a trainer can make by itself at first use."""

    name: str
    title: str
    classes: tuple[str, ...]
    facts: DatasetFacts


def _images(side: int, train_rows: int, test_rows: int) -> DatasetFacts:
    return DatasetFacts("images", (1, side, side), side * side, train_rows, test_rows)


_DIGITS: Final = tuple("0123456789")
_CLOTHES: Final = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

CATALOGUE: Final[Mapping[str, BuiltIn]] = MappingProxyType(
    {
        built_in.name: built_in
        for built_in in (
            BuiltIn("digits", "Handwritten digits of scikit-learn, 8 x 8", _DIGITS, _images(8, 1437, 360)),
            BuiltIn("mnist", "MNIST handwritten digits, 28 x 28", _DIGITS, _images(28, 60_000, 10_000)),
            BuiltIn("fashion-mnist", "Fashion-MNIST articles, 28 x 28", _CLOTHES, _images(28, 60_000, 10_000)),
        )
    }
)
