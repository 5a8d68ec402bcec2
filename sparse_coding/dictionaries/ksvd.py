"""K-SVD: a dictionary whose sparse codes represent given rows well, learned atom by atom.

An iterator of iterations, like training. Knows rows and atoms; no models, no clock, no files.
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
"""Times that an atom and its coefficients are fitted to each other in one update; more made no better dictionary."""

REPRESENTED: Final = 1e-6
"""A row is represented when what is left of it is no longer than this share of its length."""


@dataclass(frozen=True)
class Iteration:
    """What one iteration gave; errors are `mse.mean` of the rows that are learned from."""

    iteration: int
    """From 1 on."""
    updated: float
    """After the update stage, with its codes; never above the error before it."""
    error: float
    """After the new dictionary's own codes were found; may be above the error before the iteration."""
    best: float
    """The smallest error so far: that of `Fit.atoms`."""


@dataclass(eq=False)
class Fit:
    """A dictionary on its way, and the best one met."""

    rows: Float[Tensor, "N d"]
    """In units of `unit`, so that products of large rows do not overflow, nor those of small ones vanish."""
    unit: float
    """A power of two: dividing by it rounds nothing."""
    k: int
    current: Float[Tensor, "n d"]
    codes: Float[Tensor, "N n"]
    """Of the current dictionary, in units of `unit`."""
    atoms: Float[Tensor, "n d"]
    """Of the best dictionary, each of length 1."""
    best: float
    """Its error, in the units of the rows that were given."""
    filled: int
    """First atoms that were random directions, because there were fewer distinct rows than atoms."""

    def error(self, atoms: Float[Tensor, "n d"], codes: Float[Tensor, "N n"]) -> float:
        """`mse.mean` of such codes, in the units of the rows that were given."""
        return self.unit**2 * float((self.rows - codes @ atoms).square().mean(dtype=torch.float64))


def start(rows: Float[Tensor, "N d"], n_atoms: int, k: int, seed: int) -> Fit:
    """A first dictionary of rows that are drawn under `seed`, and the codes with it.

    With fewer distinct rows than atoms, random directions fill up (`Fit.filled`); they stay unused once every row is an
    atom, but count as atoms wherever dictionaries are measured. Raises `TooManyCoefficients` unless 1 <= k <= n_atoms.
    """
    unit = _unit(rows)
    rows = rows / unit
    first, filled = first_atoms(rows, n_atoms, seed)
    atoms, codes = coded(rows, first, k)
    fit = Fit(rows, unit, k, atoms, codes, atoms, best=math.inf, filled=filled)
    fit.best = fit.error(atoms, codes)
    return fit


def _unit(rows: Tensor) -> float:
    """The largest power of two that the largest magnitude reaches; 1 for rows that are all zero."""
    largest = float(rows.abs().max())
    return 2.0 ** (math.frexp(largest)[1] - 1) if largest > 0 else 1.0


def iterations(fit: Fit, count: int) -> Iterator[Iteration]:
    """Improve the dictionary `count` times; `fit.atoms` is the best one at every yield.

    Aharon, Elad and Bruckstein, "K-SVD: an algorithm for designing overcomplete dictionaries for sparse
    representation" (2006). The update stage never raises the error, coding anew may: so the best is kept.
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

    One atom after another is fitted, with its coefficients, to what the others leave of the rows that use it,
    whatever the coefficients' signs. That is the nearest matrix of rank 1, and power iteration from the present atom
    comes near it; either half of a step is a least-squares solution, so none can raise the error. An atom that no row
    uses stays.
    """
    atoms, by_atom = atoms.clone(), codes.t().clone(memory_format=torch.contiguous_format)
    left = rows - codes @ atoms
    for atom, coefficients in zip(atoms, by_atom, strict=True):
        users = coefficients.nonzero()[:, 0]
        if len(users):
            own = coefficients[users]
            target = left[users].addr_(own, atom)
            own = _fit_rank_one(target, atom, own)
            coefficients[users] = own
            left[users] = target.addr_(own, atom, alpha=-1)
    return atoms, by_atom.t()


def _fit_rank_one(target: Tensor, atom: Tensor, coefficients: Tensor) -> Tensor:
    """Change the atom in place; the coefficients that go with it."""
    rounding = pursuit.TOLERANCE * torch.finfo(target.dtype).eps
    for _ in range(POWER_STEPS):
        direction = coefficients @ target
        length = torch.linalg.vector_norm(direction)
        # what cancels down to rounding is no direction to turn the atom to
        if length > rounding * torch.linalg.vector_norm(coefficients) * torch.linalg.vector_norm(target):
            atom.copy_(direction / length)
            coefficients = target @ atom
    return coefficients


@torch.inference_mode()
def coded(
    rows: Float[Tensor, "N d"], atoms: Float[Tensor, "n d"], k: int
) -> tuple[Float[Tensor, "n d"], Float[Tensor, "N n"]]:
    """The coding stage: codes of at most k coefficients, and the atoms once each of them is used by some row.

    An unused atom becomes the direction of the worst-represented row, which then takes it first, and rows are coded
    anew, until all atoms are used or all rows represented. Every round finds more atoms that stay used, so it ends.
    """
    codes = pursuit.omp(rows, atoms, k)
    while len(unused := (codes == 0).all(0).nonzero()[:, 0]):
        replacements = worst_represented(rows, rows - codes @ atoms, len(unused))
        if not len(replacements):
            break
        atoms = atoms.clone()
        atoms[unused[: len(replacements)]] = replacements
        codes = pursuit.omp(rows, atoms, k)
    return atoms, codes


@torch.inference_mode()
def worst_represented(
    rows: Float[Tensor, "N d"], left: Float[Tensor, "N d"], count: int
) -> Float[Tensor, "replacements d"]:
    """Directions of at most `count` rows of which most is left, no two of them parallel."""
    lengths, errors = torch.linalg.vector_norm(rows, dim=1), left.square().sum(1)
    errors[errors <= (REPRESENTED * lengths) ** 2] = 0
    found: list[Tensor] = []
    while len(found) < count and bool(errors.max() > 0):
        worst = errors.argmax()
        found.append(rows[worst] / lengths[worst])
        errors[(rows @ found[-1]).abs() >= (1 - REPRESENTED) * lengths] = 0
        errors[worst] = 0
    return torch.stack(found) if found else rows[:0]


def first_atoms(rows: Float[Tensor, "N d"], n_atoms: int, seed: int) -> tuple[Float[Tensor, "n d"], int]:
    """Rows drawn under `seed`, scaled to length 1, no two of them equal and none zero; then random directions.

    Beside the atoms, how many of them are random directions.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(rows), generator=generator).to(rows.device)
    lengths = torch.linalg.vector_norm(rows, dim=1)
    # a row of rounding beside the longest one, such as the mean of centred rows, points into no direction of the data
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
