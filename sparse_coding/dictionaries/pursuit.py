"""Orthogonal matching pursuit: codes of at most k coefficients, for many rows at once.

Works on the Gram matrix of the atoms, so that a step needs no product with the rows. Knows no models, and not where
atoms come from.
"""

from typing import Final

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from sparse_coding import errors
from sparse_coding.models import matrix_products

OMP: Final = "omp"

CHUNK_BYTES: Final = 8 * 2**20
"""Size of the directions of one chunk of rows: large enough to be fast, small enough for a processor's cache."""
MAX_CHUNK_ROWS: Final = 1024

TOLERANCE: Final = 100
"""Roundings, relative to the whole, up to which a residual counts as 0.

It applies to a row's residual, and to the part of an atom that the atoms chosen before do not span. Such a remainder is
an accumulated rounding error: dividing by its length would give an atom a coefficient of any size.
"""


@torch.inference_mode()
def omp(rows: Float[Tensor, "B d"], atoms: Float[Tensor, "n d"], k: int) -> Float[Tensor, "B n"]:
    """`omp`: dense codes with at most k coefficients per row, such that codes @ atoms approximates the rows.

    Each step chooses the atom with the largest |correlation| with the row's residual, and refits the coefficients of
    all chosen atoms by least squares; coefficients can be negative. A row whose residual is 0, or to which no atom
    contributes, gets fewer. Batch-OMP with a progressive Cholesky factor: Rubinstein, Zibulevsky and Elad,
    "Efficient implementation of the K-SVD algorithm using batch orthogonal matching pursuit" (2008).
    Atoms have length 1 or 0; an atom of length 0 is never chosen. Rows and atoms share dtype and device.
    Raises `TooManyCoefficients` unless 1 <= k <= n.
    """
    _check(k, len(atoms))
    # with the Gram matrix, correlations with a residual follow from those with the row alone
    gram = matrix_products.product(atoms, atoms.t())
    codes = rows.new_zeros(len(rows), len(atoms))
    count = max(1, min(MAX_CHUNK_ROWS, CHUNK_BYTES // (k * len(atoms) * rows.element_size())))
    for part, target in zip(torch.split(rows, count), torch.split(codes, count), strict=True):
        support, coefficients = _Pursuit(part, atoms, gram, k).solve()
        target.scatter_add_(1, support, coefficients)  # adds: a stopped row can have an atom twice, then with 0
    return codes


def _check(k: int, n_atoms: int) -> None:
    if not 1 <= k <= n_atoms:
        raise errors.TooManyCoefficients(
            f"A code of these {n_atoms} atoms has 1 to {n_atoms} coefficients; {k} were requested."
        )


class _Pursuit:
    """The pursuit of one chunk of rows.

    `directions` holds, for each row and step, the correlations of all atoms with the unit vector by which the step
    extended the span of the chosen atoms. Their entries at the chosen atoms are the rows of the Cholesky factor of
    the chosen atoms' Gram matrix, and subtracting them keeps the correlations with the residual up to date. The factor
    grows by one row per step, so that no least-squares problem is solved anew. A row that has stopped extends its span
    by nothing: its inverse pivot is 0, so that all rows of a chunk run through the same products.
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
        """For each row, the chosen atoms and their coefficients: 0 for those after it stopped."""
        for step in range(self._support.shape[1]):
            self._extend(step)
        return self._support, self._coefficients()

    def _extend(self, step: int) -> None:
        largest, chosen = torch.abs(self._correlations, out=self._magnitudes).max(1)
        direction = self._directions[:, step]
        direction.copy_(self._gram.index_select(0, chosen))
        pivot = self._lengths[chosen]  # squared length of the chosen atom's part outside the span
        if step:
            pivot = pivot - self._orthogonalise(direction, chosen, step)
        # an atom that was chosen before has a pivot of rounding: a row for which it is the best one stops
        continues = (largest > self._negligible) & (pivot > self._rounding)
        inverse = torch.where(continues, pivot.rsqrt(), 0.0)
        projection = self._correlations.gather(1, chosen[:, None]) * inverse[:, None]
        direction *= inverse[:, None]
        # the residual loses its projection on the new unit vector; this is that loss in terms of correlations
        self._correlations.addcmul_(direction, projection, value=-1)
        self._support[:, step], self._inverse_pivots[:, step] = chosen, inverse
        self._projections[:, step] = projection[:, 0]

    def _orthogonalise(self, direction: Tensor, chosen: Tensor, step: int) -> Tensor:
        """Remove the earlier directions from the new one; return the squared length that the chosen atom loses.

        The new row of the Cholesky factor is what the earlier directions have at the chosen atom: no triangular solve.
        """
        earlier = self._directions[:, :step]
        shares = earlier.gather(2, chosen[:, None, None].expand(-1, step, 1)).transpose(1, 2)
        self._factor[:, step, :step] = shares[:, 0]
        direction -= torch.bmm(shares, earlier)[:, 0]
        return shares[:, 0].square().sum(1)

    def _coefficients(self) -> Tensor:
        """Back substitution: the transposed factor times the coefficients equals the projections."""
        # written out, because a stopped row's pivot is 0, which a triangular solver would divide by
        solved = self._projections
        for step in reversed(range(solved.shape[1])):
            solved[:, step] *= self._inverse_pivots[:, step]
            solved[:, :step].addcmul_(self._factor[:, step, :step], solved[:, step, None], value=-1)
        return solved
