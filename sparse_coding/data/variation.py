"""The rounding rule: whether numbers vary, or differ only by rounding. It applies wherever a spread is divided by.

A spread of a few roundings of the largest magnitude has no information. Dividing by it gives a column of noise with
variance 1.
"""

from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Shaped

EPSILON: Final = float(np.finfo(np.float32).eps)
"""Spacing of float32 at 1: the precision in which rows are stored and codes are computed."""

ROUNDINGS: Final = 4
"""Largest range, in float32 roundings of the magnitude, that does not count as variation.

Products of the same rows in chunks of other shapes differed by 1 or 2.
"""


def varies(low: Any, high: Any, epsilon: float = EPSILON) -> Any:
    """Whether values from `low` to `high` vary by more than rounding; elementwise for arrays and tensors.

    `epsilon` is the spacing of their precision at 1. Equal values do not vary.
    """
    # the mean of the two magnitudes instead of their maximum: an expression for numbers, arrays and tensors alike
    return (high - low) > ROUNDINGS * epsilon * (abs(low) + abs(high)) / 2


def varying_columns(rows: Float[np.ndarray, "n f"], epsilon: float = EPSILON) -> Bool[np.ndarray, " f"]:
    """Which columns of `rows` (at least one row) vary by more than rounding."""
    low, high = rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64)
    found: np.ndarray = varies(low, high, epsilon)
    return found


def difference(rows: Float32[np.ndarray, "m d"], base: Float32[np.ndarray, "#m d"]) -> Float32[np.ndarray, "m d"]:
    """rows - base, with 0 in rows where the difference is only rounding: scaled to length 1, they would be noise."""
    found = rows - base
    larger = np.maximum(np.abs(rows), np.abs(base))
    real = (np.abs(found) > ROUNDINGS * EPSILON * larger).any(axis=1, keepdims=True)
    differences: np.ndarray = np.where(real, found, np.float32(0))
    return differences


def least_singular_value(rows: Shaped[np.ndarray, "n d"], singular_values: Float64[np.ndarray, " c"]) -> float:
    """The bound that a singular value of centred float32 rows, computed in float64, must exceed to count as variation.

    Rounding every entry to float32 moves a singular value by at most the Frobenius norm of the rounding errors (Weyl),
    which is half a spacing times that of the rows before they were centred. The decomposition itself is exact to
    max(n, d) roundings of float64 of the largest eigenvalue, which is the square of a singular value.
    """
    stored = EPSILON / 2 * float(np.linalg.norm(rows.astype(np.float64)))
    found = float(np.sqrt(max(rows.shape) * np.finfo(np.float64).eps)) * float(singular_values.max(initial=0))
    return max(stored, found)
