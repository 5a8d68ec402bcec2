"""Orthogonal matching pursuit: codes of exactly so many coefficients, for many rows at once.

Works on the Gram matrix of the atoms, so that a step costs no product with the rows. Knows nothing of where atoms
come from, nor of models.
"""

from typing import Final

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sparse_coding import errors
from sparse_coding.models import matrix_products

OMP: Final = "omp"

CHUNK_BYTES: Final = 8 * 2**20
"""Rows are coded in chunks that take about this much: large enough to be quick, small enough for a cache."""
MAX_CHUNK_ROWS: Final = 1024

TOLERANCE: Final = 100
"""Below this many roundings of 1, nothing is left of a row, or of an atom beside those that were chosen before."""


@torch.inference_mode()
def omp(rows: Float[Tensor, "B d"], atoms: Float[Tensor, "n d"], k: int) -> Float[Tensor, "B n"]:
    """`omp`: dense codes with at most k coefficients a row, such that codes @ atoms is near the rows.

    A step takes the atom whose correlation with what is left of the row is largest in magnitude, and fits all chosen
    coefficients again by least squares; coefficients may be negative. Rows that are represented already, or to which
    no atom adds anything, get fewer. Batch-OMP with a progressive Cholesky factor: Rubinstein, Zibulevsky and Elad,
    "Efficient implementation of the K-SVD algorithm using batch orthogonal matching pursuit" (2008).
    Atoms have length 1 or 0; one of length 0 is never chosen. Rows and atoms share dtype and device.
    Raises `TooManyCoefficients` unless 1 <= k <= n.
    """
    _check(k, len(atoms))
    gram = matrix_products.product(atoms, atoms.t())
    codes = rows.new_zeros(len(rows), len(atoms))
    count = max(1, min(MAX_CHUNK_ROWS, CHUNK_BYTES // (k * len(atoms) * rows.element_size())))
    for part, target in zip(torch.split(rows, count), torch.split(codes, count), strict=True):
        support, coefficients = _Pursuit(part, atoms, gram, k).solve()
        target.scatter_add_(1, support, coefficients)  # adds, because a row that stopped early names an atom twice
    return codes


def _check(k: int, n_atoms: int) -> None:
    if not 1 <= k <= n_atoms:
        raise errors.TooManyCoefficients(f"A code of these {n_atoms} atoms has 1 to {n_atoms} coefficients; {k} asked.")


class _Pursuit:
    """One chunk of rows on its way.

    `directions` holds, for each row and step, the correlations of all atoms with the unit vector by which the step
    extended the span of the chosen atoms. Their entries at the chosen atoms are the rows of the Cholesky factor of
    the chosen atoms' Gram matrix, and subtracting them keeps the correlations with the residual up to date. A row that
    has stopped extends its span by nothing: its inverse pivot is 0.
    """

    def __init__(self, rows: Tensor, atoms: Tensor, gram: Tensor, k: int) -> None:
        self._gram, self._lengths = gram, gram.diagonal()
        self._rounding = TOLERANCE * torch.finfo(rows.dtype).eps
        self._negligible = torch.linalg.vector_norm(rows, dim=1) * self._rounding
        self._correlations = matrix_products.product(rows, atoms.t())
        self._magnitudes = torch.empty_like(self._correlations)
        self._directions = rows.new_empty(len(rows), k, len(atoms))
        self._factor = rows.new_zeros(len(rows), k, k)
        self._inverse_pivots = rows.new_empty(len(rows), k)
        self._projections = rows.new_empty(len(rows), k)
        self._support = torch.empty(len(rows), k, dtype=torch.int64, device=rows.device)

    def solve(self) -> tuple[Int64[Tensor, "B k"], Float[Tensor, "B k"]]:
        """For each row the atoms chosen, and their coefficients: 0 for those after it stopped."""
        for step in range(self._support.shape[1]):
            self._extend(step)
        return self._support, self._coefficients()

    def _extend(self, step: int) -> None:
        largest, chosen = torch.abs(self._correlations, out=self._magnitudes).max(1)
        direction = self._directions[:, step]
        direction.copy_(self._gram.index_select(0, chosen))
        left = self._lengths[chosen]  # squared length of the chosen atom beside the span
        if step:
            left = left - self._orthogonalise(direction, chosen, step)
        goes_on = (largest > self._negligible) & (left > self._rounding)
        inverse = torch.where(goes_on, left.rsqrt(), 0.0)
        projection = self._correlations.gather(1, chosen[:, None]) * inverse[:, None]
        direction *= inverse[:, None]
        self._correlations.addcmul_(direction, projection, value=-1)
        self._support[:, step], self._inverse_pivots[:, step] = chosen, inverse
        self._projections[:, step] = projection[:, 0]

    def _orthogonalise(self, direction: Tensor, chosen: Tensor, step: int) -> Tensor:
        """Take the earlier directions out of the new one; the squared length that they take from the chosen atom."""
        earlier = self._directions[:, :step]
        shares = earlier.gather(2, chosen[:, None, None].expand(-1, step, 1)).transpose(1, 2)
        self._factor[:, step, :step] = shares[:, 0]
        direction -= torch.bmm(shares, earlier)[:, 0]
        return shares[:, 0].square().sum(1)

    def _coefficients(self) -> Tensor:
        """Back substitution: the transposed factor times the coefficients is the projections."""
        left = self._projections
        for step in reversed(range(left.shape[1])):
            left[:, step] *= self._inverse_pivots[:, step]
            left[:, :step].addcmul_(self._factor[:, step, :step], left[:, step, None], value=-1)
        return left
