"""K-SVD: what it promises of its stages, of its atoms and of its best iterate, and a dictionary that it finds again."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from sparse_coding import errors
from sparse_coding.analysis import matching
from sparse_coding.dictionaries import ksvd, pursuit


def directions(count: int, width: int, seed: int) -> Tensor:
    atoms = torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return functional.normalize(atoms)


def sparse_codes(rows: int, n_atoms: int, k: int, seed: int) -> Tensor:
    """Exactly k coefficients a row, of either sign and between 1 and 2 in magnitude."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand(rows, n_atoms, generator=generator).argsort(1)[:, :k]
    signs = torch.randint(0, 2, (rows, k), generator=generator) * 2 - 1
    values = signs * (1 + torch.rand(rows, k, generator=generator, dtype=torch.float64))
    return torch.zeros(rows, n_atoms, dtype=torch.float64).scatter_(1, places, values)


def squared(rows: Tensor, atoms: Tensor, codes: Tensor) -> float:
    return float((rows - codes @ atoms).square().sum())


@pytest.fixture(scope="module")
def hidden() -> Tensor:
    """24 atoms in 20 dimensions."""
    return directions(24, 20, seed=3)


@pytest.fixture(scope="module")
def rows(hidden: Tensor) -> Tensor:
    """Sums of three of those atoms, without noise."""
    return sparse_codes(2000, 24, 3, seed=4) @ hidden


@pytest.mark.slow
def test_a_dictionary_is_found_again_from_rows_without_noise(hidden: Tensor, rows: Tensor) -> None:
    fit = ksvd.start(rows, 24, 3, seed=0)
    last = list(ksvd.iterations(fit, 60))[-1]
    cosines = np.array([pair.cosine for pair in matching.match(hidden.numpy(), fit.atoms.numpy()).pairs])
    assert (cosines > 0.99).sum() >= 22, "of the 24 atoms, as the paper counts them"
    assert last.best < 0.05 * float(rows.square().mean())


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 9), st.integers(1, 30), st.integers(0, 2**31))
def test_the_update_stage_never_raises_the_error(n_atoms: int, width: int, count: int, seed: int) -> None:
    rows, atoms = directions(count, width, seed) * 3, directions(n_atoms, width, seed + 1)
    codes = sparse_codes(count, n_atoms, min(3, n_atoms), seed + 2)  # any codes, not those of a pursuit
    updated, own = ksvd.update(rows, atoms, codes)
    before, after = squared(rows, atoms, codes), squared(rows, updated, own)
    assert after <= before * (1 + 1e-12) + 1e-12
    assert not own[codes == 0].any()
    torch.testing.assert_close(updated.norm(dim=1), torch.ones(n_atoms, dtype=torch.float64))


def test_the_update_stage_counts_users_with_a_negative_coefficient() -> None:
    """Rows (2, 1) and (-2, -1) use atom (1, 0) with opposite signs; along (2, 1) it represents both exactly."""
    rows = torch.tensor([[2.0, 1.0], [-2.0, -1.0], [-4.0, -2.0]], dtype=torch.float64)
    atoms = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    updated, codes = ksvd.update(rows, atoms, pursuit.omp(rows, atoms, 1))
    length = 5**0.5
    torch.testing.assert_close(updated, torch.tensor([[2 / length, 1 / length]], dtype=torch.float64))
    torch.testing.assert_close(codes, torch.tensor([[length], [-length], [-2 * length]], dtype=torch.float64))
    only_negative, _ = ksvd.update(rows[1:], atoms, pursuit.omp(rows[1:], atoms, 1))
    torch.testing.assert_close(only_negative.abs(), updated)


def test_the_update_stage_comes_near_the_nearest_matrix_of_rank_one() -> None:
    """One atom that all rows use: the singular value decomposition says what is left at least."""
    rows = directions(40, 6, seed=1) + 2 * directions(1, 6, seed=2)
    atoms = functional.normalize(rows[:1])
    codes = rows @ atoms.t()
    for _ in range(10):
        atoms, codes = ksvd.update(rows, atoms, codes)
    least = float(torch.linalg.svdvals(rows)[1:].square().sum())
    assert squared(rows, atoms, codes) == pytest.approx(least, rel=1e-9)


@pytest.mark.parametrize("n_atoms", [1, 5])
def test_the_update_stage_leaves_what_it_was_given_alone(rows: Tensor, n_atoms: int) -> None:
    atoms = directions(n_atoms, 20, seed=9)
    codes = pursuit.omp(rows, atoms, 1)
    copies = atoms.clone(), codes.clone()
    ksvd.update(rows, atoms, codes)
    assert torch.equal(atoms, copies[0])
    assert torch.equal(codes, copies[1])


def test_an_unused_atom_becomes_the_row_that_is_represented_worst() -> None:
    """The third atom is used by no row; of (0, 0, 3, 0) and (0, 0, 0, -5) nothing is represented."""
    rows = torch.tensor([[9.0, 0, 0, 0], [0, 8, 0, 0], [0, 0, 3, 0], [0, 0, 0, -5]], dtype=torch.float64)
    first = torch.eye(4, dtype=torch.float64)[:2]
    atoms = torch.cat([first, torch.zeros(1, 4, dtype=torch.float64)])
    replaced, codes = ksvd.coded(rows, atoms, 1)
    assert replaced.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, -1]]
    assert codes.tolist() == [[9, 0, 0], [0, 8, 0], [0, 0, 0], [0, 0, 5]]


def test_two_unused_atoms_do_not_become_parallel() -> None:
    rows = torch.tensor([[9.0, 0, 0], [0, 5, 0], [0, -4, 0], [0, 0, 3]], dtype=torch.float64)
    atoms = torch.cat([torch.eye(3, dtype=torch.float64)[:1], torch.zeros(2, 3, dtype=torch.float64)])
    replaced, codes = ksvd.coded(rows, atoms, 1)
    assert replaced.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert squared(rows, replaced, codes) == 0
    assert ksvd.worst_represented(rows, rows, 4).tolist() == replaced.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_every_iterate_uses_all_of_its_atoms(rows: Tensor, seed: int) -> None:
    fit = ksvd.start(rows[:120], 60, 2, seed)
    assert bool((fit.codes != 0).any(0).all())
    for _ in ksvd.iterations(fit, 4):
        assert bool((fit.codes != 0).any(0).all())
    assert bool((pursuit.omp(fit.rows, fit.atoms, 2) != 0).any(0).all())


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_the_best_iterate_is_kept(seed: int) -> None:
    """Few rows without structure, on which coding anew raises the error now and then: what came before stays."""
    rows = torch.randn(40, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    fit = ksvd.start(rows, 10, 2, seed)
    errors_met, atoms_met = [fit.best], [fit.atoms]
    for record in ksvd.iterations(fit, 12):
        errors_met.append(record.error)
        atoms_met.append(fit.current)
        assert fit.best == record.best == min(errors_met)
        assert torch.equal(fit.atoms, atoms_met[errors_met.index(fit.best)])
    assert errors_met[-1] > fit.best, "the last iterate is not the best"


def test_records_say_what_was_reached(rows: Tensor) -> None:
    fit = ksvd.start(rows, 24, 3, seed=6)
    error = fit.best
    for number, record in enumerate(ksvd.iterations(fit, 5), 1):
        assert record.iteration == number
        assert record.updated <= error * (1 + 1e-12)
        error = record.error
        assert error == pytest.approx(float((rows - fit.unit * fit.codes @ fit.current).square().mean()))
        assert record.best == fit.best <= error
    codes = pursuit.omp(rows, fit.atoms, 3)
    assert float((rows - codes @ fit.atoms).square().mean()) == pytest.approx(fit.best)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_same_seed_gives_the_same_atoms_and_another_seed_others(rows: Tensor, dtype: torch.dtype) -> None:
    def learned(seed: int) -> Tensor:
        fit = ksvd.start(rows[:300].to(dtype), 15, 3, seed)
        for _ in ksvd.iterations(fit, 3):
            pass
        assert fit.atoms.dtype == dtype
        return fit.atoms

    assert torch.equal(learned(7), learned(7))
    assert not torch.equal(learned(7), learned(8))


def test_a_stopped_fit_has_the_atoms_that_it_had_then(rows: Tensor) -> None:
    def after(count: int, asked: int) -> Tensor:
        fit = ksvd.start(rows[:300], 15, 3, seed=1)
        moments: Iterator[ksvd.Iteration] = ksvd.iterations(fit, asked)
        for _ in itertools.islice(moments, count):
            pass
        return fit.atoms

    assert torch.equal(after(2, asked=50), after(2, asked=2))


def test_first_atoms_are_different_rows_and_then_random_directions() -> None:
    rows = torch.tensor([[0.0, 0, 0], [3, 0, 0], [3, 0, 0], [0, 4, 0]]).repeat(5, 1)
    atoms, filled = ksvd.first_atoms(rows, 5, seed=2)
    assert filled == 3
    torch.testing.assert_close(atoms.norm(dim=1), torch.ones(5))
    assert sorted(atoms[:2].tolist(), reverse=True) == [[1, 0, 0], [0, 1, 0]]
    assert float((atoms @ atoms.t()).fill_diagonal_(0).abs().max()) < 1


def test_more_atoms_than_rows_represent_every_row() -> None:
    rows = directions(4, 6, seed=5)
    fit = ksvd.start(rows, 9, 2, seed=1)
    assert list(ksvd.iterations(fit, 2))[-1].best < 1e-20
    assert fit.atoms.shape == (9, 6)
    assert bool(fit.atoms.isfinite().all())


def test_rows_that_are_all_zero_are_represented_by_nothing() -> None:
    fit = ksvd.start(torch.zeros(6, 3), 4, 2, seed=1)
    assert list(ksvd.iterations(fit, 2))[-1] == ksvd.Iteration(2, 0.0, 0.0, 0.0)
    torch.testing.assert_close(fit.atoms.norm(dim=1), torch.ones(4))


def test_more_coefficients_than_atoms_are_refused(rows: Tensor) -> None:
    with pytest.raises(errors.TooManyCoefficients):
        ksvd.start(rows, 3, 4, seed=0)


@pytest.mark.parametrize("power", [-40, -3, 50, 100])
def test_rows_of_another_scale_have_the_same_atoms_and_scaled_errors(rows: Tensor, power: int) -> None:
    fits = {scale: ksvd.start(rows[:200].float() * scale, 15, 3, seed=1) for scale in (1.0, 2.0**power)}
    (own, other), scale = ((fit, list(ksvd.iterations(fit, 3))) for fit in fits.values()), 2.0**power
    assert torch.equal(own[0].atoms, other[0].atoms)
    assert own[0].best < own[1][0].updated, "something was learned"
    for one, scaled in zip(own[1], other[1], strict=True):
        assert (scaled.updated, scaled.error, scaled.best) == (
            scale**2 * one.updated,
            scale**2 * one.error,
            scale**2 * one.best,
        )


@pytest.mark.timeout(60)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_rows_that_differ_only_by_rounding_in_their_direction_are_coded_in_finite_time(k: int) -> None:
    """Nearly all rows are parallel: for each atom that is added, another one is used no more."""
    drawn = np.random.default_rng(0).random((400, 3)) * [1e7, 1, 1] - [5e6, 0, 0]
    fit = ksvd.start(torch.from_numpy(drawn.astype(np.float32)), 3, k, seed=0)
    errors = [one.best for one in ksvd.iterations(fit, 3)]
    assert all(np.isfinite(errors))
    assert errors[-1] <= float((drawn**2).mean()) * 1e-6
