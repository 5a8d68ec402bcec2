"""Adam on a network's parameters: torch's own fused kernel, without the bookkeeping of `torch.optim.Optimizer`.

That bookkeeping costs 5 % of a step of the tutorial's network. The numbers are those of `torch.optim.Adam(fused=True)`
to the last bit (Kingma and Ba 2015, arXiv:1412.6980). It does not know where gradients come from.
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
    """Moves parameters against their `.grad`; holds two running means for each of them."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], learning_rate: float) -> None:
        self._parameters: list[Tensor] = list(parameters.values())
        self._learning_rate = learning_rate
        self._steps = [torch.zeros((), device=parameter.device) for parameter in self._parameters]
        self.exp_avg = {name: torch.zeros_like(parameter.detach()) for name, parameter in parameters.items()}
        """Running mean of the gradients, by the parameter's name."""
        self.exp_avg_sq = {name: torch.zeros_like(parameter.detach()) for name, parameter in parameters.items()}
        """Running mean of the squared gradients."""

    @property
    def steps(self) -> int:
        """Steps behind."""
        return int(self._steps[0])

    @torch.no_grad()
    def step(self) -> None:
        """Move all parameters and give the gradients' memory back. Raises `ValueError` where a gradient is missing."""
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
            parameter.grad = None  # the next gradient then lands in memory that the cache still holds

    def restore(self, exp_avg: Mapping[str, Tensor], exp_avg_sq: Mapping[str, Tensor], steps: int) -> None:
        """Go on from running means of the same names and shapes, after so many steps."""
        for name, mean in self.exp_avg.items():
            mean.copy_(exp_avg[name])
            self.exp_avg_sq[name].copy_(exp_avg_sq[name])
        for count in self._steps:
            count.fill_(steps)


def _gradient(parameter: Tensor) -> Tensor:
    if parameter.grad is None:
        raise ValueError("a parameter has no gradient to be moved against")
    return parameter.grad
