"""Products agree with float64, whichever library computes them and however the matrices lie in memory."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparse_coding.models import matrix_products

SIZES = st.integers(1, 70)


def drawn(rows: int, columns: int, *, transposed: bool) -> torch.Tensor:
    generator = torch.Generator().manual_seed(rows * 1000 + columns)
    shape = (columns, rows) if transposed else (rows, columns)
    values = torch.randn(*shape, generator=generator)
    return values.t() if transposed else values


@settings(max_examples=60, deadline=None)
@given(m=SIZES, k=SIZES, n=SIZES, left_turned=st.booleans(), right_turned=st.booleans())
def test_a_product_agrees_with_float64_for_any_shape_and_layout(
    m: int, k: int, n: int, left_turned: bool, right_turned: bool
) -> None:
    left, right = drawn(m, k, transposed=left_turned), drawn(k, n, transposed=right_turned)
    expected = left.double().numpy() @ right.double().numpy()
    np.testing.assert_allclose(matrix_products.product(left, right).numpy(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 7, 128, 1024])
def test_the_layer_is_the_same_with_and_without_autograd(rows: int) -> None:
    x, weight, bias = drawn(rows, 784, transposed=False), drawn(256, 784, transposed=False), torch.randn(256)
    recorded = matrix_products.affine(x, weight.requires_grad_(), bias)
    recorded.sum().backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, x.sum(0).expand_as(weight), rtol=1e-4, atol=1e-3)
    with torch.no_grad():
        torch.testing.assert_close(matrix_products.affine(x, weight, bias), recorded.detach(), rtol=1e-4, atol=1e-4)


def test_a_product_has_the_same_bits_every_time() -> None:
    left, right = drawn(128, 784, transposed=False), drawn(784, 256, transposed=True)
    assert all(
        torch.equal(matrix_products.product(left, right), matrix_products.product(left, right)) for _ in range(5)
    )


def test_float64_stays_float64() -> None:
    left, right = torch.eye(3, dtype=torch.float64) / 3, torch.full((3, 2), 1 / 7, dtype=torch.float64)
    assert matrix_products.product(left, right).dtype is torch.float64
    with torch.no_grad():
        layer = matrix_products.affine(left, right.t(), torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(layer, left @ right, rtol=1e-15, atol=0)
