"""The assignment problem: pair rows with columns of a matrix, one to one, with the largest sum.

scipy's optimisers take a second of processor time to load, and most users of `analysis` match nothing. They are
therefore imported when the function here is first called.
"""

import numpy as np
from jaxtyping import Float64, Int64


def best(values: Float64[np.ndarray, "m n"]) -> tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " p"]]:
    """Rows and columns of the p = min(m, n) entries, no two in one row or column, with the largest sum (Hungarian)."""
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(values, maximize=True)
    return rows, columns
