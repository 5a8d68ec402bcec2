"""Every formula on numbers worked out by hand, and every gradient against autograd and finite differences."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sparse_coding.models import objectives
from sparse_coding.models.objectives import KlBatch, L1Mean, L1Sum, Nothing, Penalty
from sparse_coding.specs.sparsity import L1, Kl, NoPenalty

PENALTIES: list[Penalty] = [Nothing(), L1Mean(), L1Sum(), KlBatch(0.05), KlBatch(0.4)]
HAND = torch.tensor([[0.5, 0.0, 0.25], [0.0, 0.0, 0.75]])


def test_reconstruction_errors_by_hand() -> None:
    r, x = torch.tensor([[1.0, 2.0], [3.0, 5.0]]), torch.tensor([[1.0, 0.0], [0.0, 4.0]])
    assert objectives.mse_mean(r, x).item() == (0 + 4 + 9 + 1) / 4
    assert objectives.sse_row(r, x).item() == (0 + 4 + 9 + 1) / 2


def test_l1_by_hand_in_both_reductions() -> None:
    assert L1Mean()(HAND).item() == 1.5 / 6
    assert L1Sum()(HAND).item() == 1.5 / 2


def test_kl_by_hand() -> None:
    codes = torch.tensor([[0.5, 0.1], [0.0, 0.3]])  # rates 1/4 and 1/5
    expected = sum(0.05 * math.log(0.05 / rate) + 0.95 * math.log(0.95 / (1 - rate)) for rate in (0.25, 0.2))
    assert KlBatch(0.05)(codes).item() == pytest.approx(expected, rel=1e-7)


def test_kl_is_zero_where_every_rate_is_rho() -> None:
    assert KlBatch(0.25)(torch.tensor([[0.5, 0.0], [0.0, 0.5]])).item() == 0


def test_no_penalty_is_zero() -> None:
    assert Nothing()(HAND).item() == 0


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.floats(0.01, 0.99))
def test_kl_is_never_negative_nor_infinite(rates: list[float], rho: float) -> None:
    value, gradient = KlBatch(rho).with_gradient(torch.tensor([rates]))
    assert -1e-12 <= value.item() < math.inf
    assert gradient.isfinite().all()


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_kl_at_rates_zero_and_one_is_finite_in_float32(rate: float) -> None:
    codes = torch.full((8, 3), rate, dtype=torch.float32, requires_grad=True)
    value = KlBatch(0.05)(codes)
    value.backward()
    assert codes.grad is not None
    assert value.isfinite()
    assert codes.grad.isfinite().all()
    margin = 1e-8 if rate == 0 else 1 - 1e-8
    expected = 3 * (0.05 * math.log(0.05 / margin) + 0.95 * math.log(0.95 / (1 - margin)))
    assert value.item() == pytest.approx(expected, rel=1e-6)
    assert (KlBatch(0.05).with_gradient(codes.detach())[1] == 0).all(), "a clamped rate has gradient 0"


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_written_out_gradient_is_that_of_autograd(penalty: Penalty, dtype: torch.dtype) -> None:
    codes = torch.rand(16, 6, generator=torch.Generator().manual_seed(1), dtype=dtype)
    codes[:, 2] = 0  # a latent that is silent on the whole batch
    codes.requires_grad_()
    penalty(codes).backward() if penalty(codes).requires_grad else codes.sum().mul(0).backward()
    value, gradient = penalty.with_gradient(codes.detach())
    assert codes.grad is not None
    assert value.item() == pytest.approx(penalty(codes.detach()).item(), rel=1e-12)
    torch.testing.assert_close(gradient.expand_as(codes), codes.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("penalty", PENALTIES, ids=repr)
def test_the_written_out_gradient_is_that_of_finite_differences(penalty: Penalty) -> None:
    codes = torch.rand(4, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 0.8 + 0.1
    gradient = penalty.with_gradient(codes)[1].expand_as(codes)
    for row in range(4):
        for latent in range(3):
            nudge = torch.zeros_like(codes)
            nudge[row, latent] = 1e-6
            slope = (penalty(codes + nudge) - penalty(codes - nudge)).item() / 2e-6
            assert gradient[row, latent].item() == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("penalty", [L1Mean(), L1Sum()], ids=repr)
def test_a_dead_latent_contributes_nothing_to_l1(penalty: Penalty) -> None:
    codes = torch.rand(8, 4, generator=torch.Generator().manual_seed(3))
    codes[:, 1] = 0
    value, gradient = penalty.with_gradient(codes)
    alive = codes[:, [0, 2, 3]]
    shrink = 3 / 4 if isinstance(penalty, L1Mean) else 1
    assert value.item() == pytest.approx(penalty(alive).item() * shrink)
    assert (gradient[:, 1] == 0).all()


@pytest.mark.parametrize(
    ("sparsity", "penalty_id", "weight"),
    [
        (Kl(weight=0.2, rho=0.1), "kl.batch", 0.2),
        (L1(), "l1.mean", 0.001),
        (L1(weight=3, reduction="sum"), "l1.sum", 3),
        (NoPenalty(), "none", 0),
    ],
)
def test_a_spec_gets_the_penalty_and_the_weight_that_it_names(sparsity: Any, penalty_id: str, weight: float) -> None:
    objective = objectives.objective_for(sparsity)
    assert objective.weight == weight
    assert objective.formulas == {"reconstruction": "mse.mean", "sparsity": penalty_id}
