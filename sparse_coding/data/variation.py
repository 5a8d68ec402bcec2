"""Whether numbers vary, or differ only because they were rounded: the rule for everything that divides by a spread.

A spread of a few roundings of the largest magnitude carries no information. Divided by, it turns into a column of pure
noise with variance 1.
"""

from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Shaped

EPSILON: Final = float(np.finfo(np.float32).eps)
"""Spacing of float32 at 1: the precision in which rows are stored and codes are computed."""

ROUNDINGS: Final = 4
"""A range of so many float32 roundings of the largest magnitude is no variation.

Products of the same rows in chunks of other shapes were seen to differ by 1 or 2.
"""


def varies(low: Any, high: Any, epsilon: float = EPSILON) -> Any:
    """Whether values from `low` to `high` vary by more than rounding; elementwise for arrays and tensors.

    `epsilon` is the spacing of their precision at 1. Two values that are equal never vary.
    """
    # a sum of the two magnitudes instead of their maximum: the same rule for numbers, arrays and tensors
    return (high - low) > ROUNDINGS * epsilon * (abs(low) + abs(high)) / 2


def varying_columns(rows: Float[np.ndarray, "n f"], epsilon: float = EPSILON) -> Bool[np.ndarray, " f"]:
    """Which columns of at least one row vary by more than rounding."""
    low, high = rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64)
    found: np.ndarray = varies(low, high, epsilon)
    return found


def difference(rows: Float32[np.ndarray, "m d"], base: Float32[np.ndarray, "#m d"]) -> Float32[np.ndarray, "m d"]:
    """rows - base, and 0 in the rows where that is only rounding: scaled to length 1 they would be pure noise."""
    found = rows - base
    larger = np.maximum(np.abs(rows), np.abs(base))
    real = (np.abs(found) > ROUNDINGS * EPSILON * larger).any(axis=1, keepdims=True)
    differences: np.ndarray = np.where(real, found, np.float32(0))
    return differences


def least_singular_value(rows: Shaped[np.ndarray, "n d"], singular_values: Float64[np.ndarray, " c"]) -> float:
    """What a singular value of centred float32 rows, found in float64, must exceed to stand for variation.

    Rounding every entry to float32 moves a singular value by at most the Frobenius norm of the rounding errors (Weyl),
    which is half a spacing times that of the rows before they were centred. The decomposition itself is exact to
    max(n, d) roundings of float64 of the largest eigenvalue, which is the square of a singular value.
    """
    stored = EPSILON / 2 * float(np.linalg.norm(rows.astype(np.float64)))
    found = float(np.sqrt(max(rows.shape) * np.finfo(np.float64).eps)) * float(singular_values.max(initial=0))
    return max(stored, found)
