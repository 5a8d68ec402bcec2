"""Adam is torch's Adam, to the last bit of the fused form and to rounding of the plain one."""

import pytest
import torch
from torch import nn

from sparse_coding.training.adam import Adam

SHAPES = [(7, 5), (5,), (300, 40), (1,)]


def parameters() -> dict[str, nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return {str(shape): nn.Parameter(torch.randn(*shape, generator=generator)) for shape in SHAPES}


def give_gradients(named: dict[str, nn.Parameter], step: int) -> None:
    generator = torch.Generator().manual_seed(100 + step)
    for parameter in named.values():
        parameter.grad = torch.randn(*parameter.shape, generator=generator) * 10.0 ** (step % 5 - 3)


@pytest.mark.parametrize(("options", "tolerance"), [({"fused": True}, 0.0), ({"foreach": False}, 1e-6)], ids=str)
def test_steps_are_those_of_torch(options: dict[str, bool], tolerance: float) -> None:
    ours, theirs = parameters(), parameters()
    optimizer, oracle = Adam(ours, 0.003), torch.optim.Adam(theirs.values(), lr=0.003, **options)
    for step in range(30):
        give_gradients(ours, step)
        give_gradients(theirs, step)
        optimizer.step()
        oracle.step()
    for name, parameter in ours.items():
        torch.testing.assert_close(parameter, theirs[name], rtol=tolerance, atol=tolerance)
    assert optimizer.steps == 30


def test_a_step_gives_the_gradients_back() -> None:
    named = parameters()
    give_gradients(named, 0)
    Adam(named, 0.1).step()
    assert all(parameter.grad is None for parameter in named.values())


def test_a_missing_gradient_is_refused() -> None:
    with pytest.raises(ValueError, match="no gradient"):
        Adam(parameters(), 0.1).step()


def test_restored_it_goes_on_where_another_stopped() -> None:
    whole, halves = parameters(), parameters()
    uninterrupted, first = Adam(whole, 0.01), Adam(halves, 0.01)
    for step in range(4):
        give_gradients(whole, step)
        uninterrupted.step()
    for step in range(2):
        give_gradients(halves, step)
        first.step()
    second = Adam(halves, 0.01)
    second.restore(first.exp_avg, first.exp_avg_sq, first.steps)
    for step in range(2, 4):
        give_gradients(halves, step)
        second.step()
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
