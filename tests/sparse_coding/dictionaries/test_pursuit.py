"""Matching pursuit against scikit-learn's, by hand, and on rows and atoms that leave nothing to choose."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import sparse_encode
from torch import Tensor
from torch.nn import functional

from sparse_coding import errors
from sparse_coding.dictionaries import pursuit


def unit_atoms(count: int, width: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    atoms = torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return functional.normalize(atoms).to(dtype)


def random_rows(count: int, width: int, seed: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize(("count", "width", "k"), [(40, 30, 1), (40, 30, 7), (20, 50, 20), (128, 64, 12), (1, 3, 1)])
def test_codes_are_those_of_scikit_learn(count: int, width: int, k: int) -> None:
    rows, atoms = random_rows(300, width), unit_atoms(count, width)
    codes = pursuit.omp(rows, atoms, k).numpy()
    expected = sparse_encode(rows.numpy(), atoms.numpy(), algorithm="omp", n_nonzero_coefs=k)
    np.testing.assert_array_equal(codes != 0, expected != 0)
    np.testing.assert_allclose(codes, expected, rtol=0, atol=1e-8)
    assert (codes < 0).any()
    assert np.count_nonzero(codes, axis=1).tolist() == [k] * 300


def test_two_steps_by_hand() -> None:
    """Atoms (1, 0), (0, 1), (0.6, 0.8); the row (3, -2): first the correlation 3, then -2 beside 0.8 * -2."""
    atoms = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], dtype=torch.float64)
    rows = torch.tensor([[3.0, -2.0], [1.2, 1.7]], dtype=torch.float64)
    one = torch.tensor([[3, 0, 0], [0, 0, 2.08]], dtype=torch.float64)
    torch.testing.assert_close(pursuit.omp(rows, atoms, 1), one)
    # (1.2, 1.7) is nearest to the third atom; of the rest (-0.048, 0.036) the first atom has most, and the fit of both
    # is exact: 1.7 = 0.8 * 2.125, and 1.2 = 0.6 * 2.125 - 0.075
    two = torch.tensor([[3, -2, 0], [-0.075, 0, 2.125]], dtype=torch.float64)
    torch.testing.assert_close(pursuit.omp(rows, atoms, 2), two)


def test_both_number_formats_choose_the_same_atoms() -> None:
    rows, atoms = random_rows(500, 96), unit_atoms(48, 96)
    double = pursuit.omp(rows, atoms, 6)
    single = pursuit.omp(rows.float(), atoms.float(), 6)
    assert single.dtype == torch.float32
    assert torch.equal(double != 0, single != 0)
    torch.testing.assert_close(single.double(), double, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_row_that_is_represented_gets_no_more_coefficients(dtype: torch.dtype) -> None:
    atoms = unit_atoms(30, 60, dtype=dtype)
    true = torch.zeros(3, 30, dtype=dtype)
    true[0, 4], true[1, 2], true[1, 9] = -2, 1, -3
    codes = pursuit.omp(true @ atoms, atoms, 10)
    assert torch.equal(codes != 0, true != 0)
    torch.testing.assert_close(codes, true)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_atoms_and_zero_atoms_do_no_harm(dtype: torch.dtype) -> None:
    some = unit_atoms(6, 9, dtype=dtype)
    atoms = torch.cat([some, some, -some, torch.zeros(3, 9, dtype=dtype)])
    rows = random_rows(200, 9, dtype=dtype)
    codes = pursuit.omp(rows, atoms, 15)
    assert bool(codes.isfinite().all())
    assert not codes[:, 18:].any()
    assert int((codes != 0).sum(1).max()) <= 6
    projected = rows @ torch.linalg.pinv(some.double()).to(dtype) @ some
    torch.testing.assert_close(codes @ atoms, projected, rtol=0, atol=1e-4 if dtype == torch.float32 else 1e-10)


def test_of_two_atoms_that_are_nearly_equal_one_is_taken() -> None:
    """Together they would represent the row, with coefficients of a thousand million that cancel."""
    atoms = functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 1e-9]], dtype=torch.float64))
    codes = pursuit.omp(torch.tensor([[1.0, 1.0]], dtype=torch.float64), atoms, 2)
    assert float(codes.sum()) == pytest.approx(1)
    assert int((codes != 0).sum()) == 1


def test_a_row_orthogonal_to_all_atoms_and_a_zero_row_have_no_code() -> None:
    atoms = torch.eye(4, dtype=torch.float64)[:2]
    rows = torch.tensor([[0, 0, 5, -1], [0, 0, 0, 0], [1, 0, 0, 0]], dtype=torch.float64)
    assert pursuit.omp(rows, atoms, 2).tolist() == [[0, 0], [0, 0], [1, 0]]


def test_no_row_is_no_code() -> None:
    assert pursuit.omp(random_rows(0, 5), unit_atoms(7, 5), 3).shape == (0, 7)


@settings(deadline=None)
@given(st.integers(1, 25), st.integers(1, 12), st.integers(0, 2**31), st.data())
def test_what_is_left_is_orthogonal_to_the_chosen_atoms(n: int, d: int, seed: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, n))
    rows, atoms = random_rows(4, d, seed), unit_atoms(n, d, seed + 1)
    codes = pursuit.omp(rows, atoms, k)
    left = rows - codes @ atoms
    assert int((codes != 0).sum(1).max()) <= min(k, d)
    assert bool((left.norm(dim=1) <= rows.norm(dim=1) * (1 + 1e-9)).all())
    assert float(((left @ atoms.T) * (codes != 0)).abs().max()) <= 1e-6 * float(rows.norm())


def test_chunks_do_not_change_the_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, atoms = random_rows(70, 20), unit_atoms(33, 20)
    whole = pursuit.omp(rows, atoms, 4)
    monkeypatch.setattr(pursuit, "CHUNK_BYTES", 1)
    torch.testing.assert_close(pursuit.omp(rows, atoms, 4), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("k", [0, -1, 8])
def test_an_impossible_number_of_coefficients_is_refused(k: int) -> None:
    with pytest.raises(errors.TooManyCoefficients, match=rf"7 atoms has 1 to 7 coefficients; {k} were requested"):
        pursuit.omp(random_rows(2, 5), unit_atoms(7, 5), k)


def test_a_step_never_raises_the_error() -> None:
    rows, atoms = random_rows(100, 40), unit_atoms(60, 40)
    lengths = [(rows - pursuit.omp(rows, atoms, k) @ atoms).norm(dim=1) for k in range(1, 11)]
    assert all(bool((after < before).all()) for before, after in itertools.pairwise(lengths))
    assert math.isclose(float(lengths[0].square().sum()), float((rows.square().sum(1) - best(rows, atoms)).sum()))


def best(rows: Tensor, atoms: Tensor) -> Tensor:
    """What one atom takes from a row's squared length at most."""
    return (rows @ atoms.T).square().amax(1)


@pytest.mark.parametrize("power", [-40, 50])
def test_codes_grow_with_the_rows(power: int) -> None:
    rows, atoms = random_rows(50, 12, dtype=torch.float32), unit_atoms(20, 12, dtype=torch.float32)
    assert torch.equal(pursuit.omp(rows * 2.0**power, atoms, 4), pursuit.omp(rows, atoms, 4) * 2.0**power)
