"""What a model computes for requests, as values: the digest of its weights, an operation, and checked rows."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from service.inference import checks
from service.inference.model_cache import ModelCache

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel

Operation = Literal["encode", "decode", "reconstruct"]
Arrays = dict[str, np.ndarray]
"""Results by the names that answers give them."""


def compute(models: ModelCache, digest: str, operation: Operation, rows: np.ndarray) -> Arrays:
    """The results for rows in raw units, or for codes where they are decoded. Raises `NotFinite`."""
    return _OPERATIONS[operation](models.get(digest), rows)


def _encode(model: "TrainedModel", rows: np.ndarray) -> Arrays:
    return {"codes": checks.finite(model.encode(rows), "codes")}


def _decode(model: "TrainedModel", codes: np.ndarray) -> Arrays:
    return {"outputs": model.preprocessing.to_body(checks.finite(model.decode(codes), "outputs"))}


def _reconstruct(model: "TrainedModel", rows: np.ndarray) -> Arrays:
    outputs, errors = model.reconstruct(rows)
    found = model.preprocessing.to_body(outputs)
    return {"reconstructions": found, "mse": checks.finite(errors, "reconstructions")}


_OPERATIONS: Final[Mapping[Operation, Callable[["TrainedModel", np.ndarray], Arrays]]] = {
    "encode": _encode,
    "decode": _decode,
    "reconstruct": _reconstruct,
}
