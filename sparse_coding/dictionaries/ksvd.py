"""K-SVD: learn a dictionary whose sparse codes represent given rows well, atom by atom.

An iterator of iterations, as training is. Knows rows and atoms; no models, no clock, no files.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from sparse_coding.data import variation
from sparse_coding.dictionaries import pursuit

KSVD: Final = "ksvd"

POWER_STEPS: Final = 2
"""Steps of power iteration in the update of an atom: two gave as good a dictionary as six after ten iterations.

The paper computes a whole SVD for its first singular vectors. The update starts near them, at the present atom.
"""

REPRESENTED: Final = 1e-6
"""A row counts as represented if its residual is at most this share of its length."""


@dataclass(frozen=True)
class Iteration:
    """The errors of one iteration: `mse.mean` of the rows that are learned from."""

    iteration: int
    """From 1 on."""
    updated: float
    """After the update stage, with its codes; never above the error before it."""
    error: float
    """With the new dictionary's own codes; it can be above the error before the iteration."""
    best: float
    """The smallest error so far, that of `Fit.atoms`."""


@dataclass(eq=False)
class Fit:
    """The current dictionary of a fit, and the best one so far."""

    rows: Float[Tensor, "N d"]
    """In units of `unit`, so that products of large rows do not overflow and those of small ones do not underflow."""
    unit: float
    """A power of two: dividing by it changes only the exponent, so nothing is rounded."""
    k: int
    current: Float[Tensor, "n d"]
    codes: Float[Tensor, "N n"]
    """Of the current dictionary, in units of `unit`."""
    atoms: Float[Tensor, "n d"]
    """Of the best dictionary, each of length 1."""
    best: float
    """Its error, in the units of the rows that were passed in."""
    filled: int
    """Initial atoms that are random directions, because there are fewer distinct rows than atoms."""

    def error(self, atoms: Float[Tensor, "n d"], codes: Float[Tensor, "N n"]) -> float:
        """`mse.mean` of these codes, in the units of the rows that were passed in."""
        return self.unit**2 * float((self.rows - codes @ atoms).square().mean(dtype=torch.float64))


def start(rows: Float[Tensor, "N d"], n_atoms: int, k: int, seed: int) -> Fit:
    """Start from a dictionary of rows drawn under `seed`, and code the rows with it.

    With fewer distinct rows than atoms, the others are random directions (`Fit.filled`). They stay unused once every
    row is an atom, but count as atoms wherever dictionaries are measured.
    Raises `TooManyCoefficients` unless 1 <= k <= n_atoms.
    """
    unit = _unit(rows)
    rows = rows / unit
    first, filled = first_atoms(rows, n_atoms, seed)
    atoms, codes = coded(rows, first, k)
    fit = Fit(rows, unit, k, atoms, codes, atoms, best=math.inf, filled=filled)
    fit.best = fit.error(atoms, codes)
    return fit


def _unit(rows: Tensor) -> float:
    """The largest power of two that is not above the largest magnitude; 1 for rows that are all zero."""
    largest = float(rows.abs().max())
    return 2.0 ** (math.frexp(largest)[1] - 1) if largest > 0 else 1.0


def iterations(fit: Fit, count: int) -> Iterator[Iteration]:
    """Improve the dictionary `count` times; `fit.atoms` is the best one at every yield.

    Aharon, Elad and Bruckstein, "K-SVD: an algorithm for designing overcomplete dictionaries for sparse
    representation" (2006). The update stage never raises the error. The coding stage can, because matching pursuit is
    greedy and does not find the best code; therefore the best dictionary is returned, not the last.
    """
    for iteration in range(1, count + 1):
        updated, codes = update(fit.rows, fit.current, fit.codes)
        after_update = fit.error(updated, codes)
        fit.current, fit.codes = coded(fit.rows, updated, fit.k)
        error = fit.error(fit.current, fit.codes)
        if error < fit.best:
            fit.atoms, fit.best = fit.current, error
        yield Iteration(iteration, after_update, error, fit.best)


@torch.inference_mode()
def update(
    rows: Float[Tensor, "N d"], atoms: Float[Tensor, "n d"], codes: Float[Tensor, "N n"]
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "N n"]]:
    """The update stage: new atoms of length 1, and codes with the same supports; the squared error is no larger.

    Each atom in turn is fitted, with its coefficients of either sign, to the residual that the other atoms leave of the
    rows that use it. The best fit is the nearest matrix of rank 1, which power iteration from the current atom
    approaches; both halves of a step are least-squares solutions, so neither can raise the error. An atom that no row
    uses is left unchanged.
    """
    # by atom and contiguous, because an update reads and writes all coefficients of one atom
    atoms, by_atom = atoms.clone(), codes.t().clone(memory_format=torch.contiguous_format)
    left = rows - codes @ atoms
    for atom, coefficients in zip(atoms, by_atom, strict=True):
        # only rows that use the atom: with all rows, the fit would make their codes dense
        users = coefficients.nonzero()[:, 0]
        if len(users):
            own = coefficients[users]
            target = left[users].addr_(own, atom)
            own = _fit_rank_one(target, atom, own)
            coefficients[users] = own
            left[users] = target.addr_(own, atom, alpha=-1)
    return atoms, by_atom.t()


def _fit_rank_one(target: Tensor, atom: Tensor, coefficients: Tensor) -> Tensor:
    """Fit `atom` in place to the rows of `target`; return its new coefficients."""
    rounding = pursuit.TOLERANCE * torch.finfo(target.dtype).eps
    for _ in range(POWER_STEPS):
        direction = coefficients @ target
        length = torch.linalg.vector_norm(direction)
        # a sum that cancels down to rounding has no direction: normalised, it would be noise
        if length > rounding * torch.linalg.vector_norm(coefficients) * torch.linalg.vector_norm(target):
            # for fixed coefficients the best atom, scaled to length 1, then for that atom the best coefficients
            atom.copy_(direction / length)
            coefficients = target @ atom
    return coefficients


@torch.inference_mode()
def coded(
    rows: Float[Tensor, "N d"], atoms: Float[Tensor, "n d"], k: int
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "N n"]]:
    """The coding stage: code the rows with at most k coefficients, and replace atoms that no row uses.

    An unused atom becomes the direction of the worst-represented row, as in the paper, and the rows are coded again,
    until all atoms are used or all rows are represented. Without replacement, an unused atom would never change: the
    update stage fits only atoms that rows use. Matching pursuit chooses the new atom first for that row, so it stays
    used, unless the row is so close to another atom that rounding decides. Then a round may leave as many unused atoms
    as before, and the loop ends with the dictionary before it.
    """
    codes = pursuit.omp(rows, atoms, k)
    while len(unused := _unused(codes)):
        replacements = worst_represented(rows, rows - codes @ atoms, len(unused))
        if not len(replacements):
            break
        replaced = atoms.clone()
        replaced[unused[: len(replacements)]] = replacements
        coded_again = pursuit.omp(rows, replaced, k)
        if len(_unused(coded_again)) >= len(unused):
            break
        atoms, codes = replaced, coded_again
    return atoms, codes


def _unused(codes: Tensor) -> Tensor:
    """Indices of the atoms that no row uses."""
    return (codes == 0).all(0).nonzero()[:, 0]


@torch.inference_mode()
def worst_represented(
    rows: Float[Tensor, "N d"], left: Float[Tensor, "N d"], count: int
) -> Float[Tensor, "replacements d"]:
    """Directions of at most `count` rows with the largest residuals, no two of them parallel."""
    lengths, errors = torch.linalg.vector_norm(rows, dim=1), left.square().sum(1)
    # compared with the row's own length, so that rows of any scale are represented to the same relative precision
    errors[errors <= (REPRESENTED * lengths) ** 2] = 0
    found: list[Tensor] = []
    while len(found) < count and bool(errors.max() > 0):
        worst = errors.argmax()
        found.append(rows[worst] / lengths[worst])
        # parallel rows are represented by the same atom: a second one for them would be unused again
        errors[(rows @ found[-1]).abs() >= (1 - REPRESENTED) * lengths] = 0
        errors[worst] = 0
    return torch.stack(found) if found else rows[:0]


def first_atoms(rows: Float[Tensor, "N d"], n_atoms: int, seed: int) -> tuple[Float[Tensor, "n d"], int]:
    """Draw different, nonzero rows under `seed`, scaled to length 1, and add random directions if they are too few.

    Returns the atoms and how many of them are random directions.
    """
    # on the CPU, so that the first atoms do not depend on the device
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(rows), generator=generator).to(rows.device)
    lengths = torch.linalg.vector_norm(rows, dim=1)
    # a centred row that equals the mean is rounding: scaled to length 1, its direction would be noise
    negligible = variation.ROUNDINGS * torch.finfo(rows.dtype).eps * lengths.max()
    candidates = rows[order[lengths[order] > negligible]]
    distinct = candidates[_first_of_each(candidates, n_atoms)]
    others = torch.randn(n_atoms - len(distinct), rows.shape[1], generator=generator, dtype=torch.float64)
    return functional.normalize(torch.cat([distinct, others.to(rows)]), eps=0), len(others)


def _first_of_each(rows: Tensor, most: int) -> list[int]:
    """Indices of the first `most` rows that are not equal to an earlier one."""
    seen: dict[bytes, int] = {}
    for index, row in enumerate(rows.cpu().numpy()):
        seen.setdefault(row.tobytes(), index)
        if len(seen) == most:
            break
    return list(seen.values())
