"""Adam on a network's parameters: torch's fused kernel, without the bookkeeping of `torch.optim.Optimizer`.

That bookkeeping costs 5 % of a step of the tutorial's network. The results equal those of
`torch.optim.Adam(fused=True)` to the last bit (Kingma and Ba 2015, arXiv:1412.6980). It does not know where gradients
come from.
"""

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

BETA1: Final = 0.9
BETA2: Final = 0.999
EPSILON: Final = 1e-8
"""torch's defaults, which are the paper's."""


class Adam:
    """Moves parameters against their `.grad`; holds two running means for each of them.

    Both means start at 0 and are biased towards it. The kernel divides the first by 1 - beta1^t and the square root of
    the second by sqrt(1 - beta2^t) before it adds epsilon: the paper's algorithm 1. The paper's shorter form multiplies
    the learning rate by both corrections instead, which would rescale epsilon in the first steps.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], learning_rate: float) -> None:
        self._parameters: list[Tensor] = list(parameters.values())
        self._learning_rate = learning_rate
        # t, one tensor per parameter, on its device, because the fused kernel increments them there
        self._steps = [torch.zeros((), device=parameter.device) for parameter in self._parameters]
        self.exp_avg = {name: torch.zeros_like(parameter.detach()) for name, parameter in parameters.items()}
        """Running mean of the gradients, by the parameter's name."""
        self.exp_avg_sq = {name: torch.zeros_like(parameter.detach()) for name, parameter in parameters.items()}
        """Running mean of the squared gradients."""

    @property
    def steps(self) -> int:
        """Number of steps made."""
        return int(self._steps[0])

    @torch.no_grad()
    def step(self) -> None:
        """Move all parameters and release the gradients. Raises `ValueError` if a gradient is missing."""
        adam(
            self._parameters,
            [_gradient(parameter) for parameter in self._parameters],
            list(self.exp_avg.values()),
            list(self.exp_avg_sq.values()),
            [],
            self._steps,
            fused=True,
            amsgrad=False,
            beta1=BETA1,
            beta2=BETA2,
            lr=self._learning_rate,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )
        for parameter in self._parameters:
            parameter.grad = None  # released, so that the next gradient reuses memory that the cache still holds

    def restore(self, exp_avg: Mapping[str, Tensor], exp_avg_sq: Mapping[str, Tensor], steps: int) -> None:
        """Continue from running means of the same names and shapes, after `steps` steps.

        The number of steps belongs to the state: without it the bias corrections would start again, and the steps after
        a resume would differ.
        """
        for name, mean in self.exp_avg.items():
            mean.copy_(exp_avg[name])
            self.exp_avg_sq[name].copy_(exp_avg_sq[name])
        for count in self._steps:
            count.fill_(steps)


def _gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        raise ValueError("a parameter has no gradient")
    return parameter.grad
