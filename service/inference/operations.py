"""What a model computes for requests: named operations on checked rows."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from service.inference import checks

if TYPE_CHECKING:
    from sparse_coding.models.weights import TrainedModel

Operation = Literal["encode", "decode", "reconstruct"]
Arrays = dict[str, np.ndarray]
"""Results by the names that answers give them; each has a line for every row."""


def apply(model: "TrainedModel", operation: Operation, rows: np.ndarray) -> Arrays:
    """The results for rows in raw units, or for codes where they are decoded; not yet checked."""
    return _OPERATIONS[operation](model, rows)


def check(operation: Operation, arrays: Arrays) -> Arrays:
    """The results, if all are finite. Raises `NotFinite`."""
    array, what = _CHECKED[operation]
    checks.finite(arrays[array], what)
    return arrays


def beside(model: "TrainedModel", reference: str, operation: Operation) -> dict[str, str]:
    """What stands in a JSON answer before the arrays."""
    named = {"model": reference}
    return {**named, "error_units": model.preprocessing.error_units} if operation == "reconstruct" else named


def multiplications(model: "TrainedModel", operation: Operation) -> int:
    """Number of multiplications for one row: the weights that it passes."""
    encoder, decoder = model.n_weights
    return {"encode": encoder, "decode": decoder, "reconstruct": encoder + decoder}[operation]


def _encode(model: "TrainedModel", rows: np.ndarray) -> Arrays:
    return {"codes": model.encode(rows)}


def _decode(model: "TrainedModel", codes: np.ndarray) -> Arrays:
    return {"outputs": model.preprocessing.to_body(model.decode(codes))}


def _reconstruct(model: "TrainedModel", rows: np.ndarray) -> Arrays:
    outputs, errors = model.reconstruct(rows)
    return {"reconstructions": model.preprocessing.to_body(outputs), "mse": errors}


_OPERATIONS: Final[Mapping[Operation, Callable[["TrainedModel", np.ndarray], Arrays]]] = {
    "encode": _encode,
    "decode": _decode,
    "reconstruct": _reconstruct,
}
_CHECKED: Final[Mapping[Operation, tuple[str, str]]] = {
    "encode": ("codes", "codes"),
    "decode": ("outputs", "outputs"),
    "reconstruct": ("mse", "reconstructions"),
}
"""The array that is not finite where any is not, and what an error calls it."""
