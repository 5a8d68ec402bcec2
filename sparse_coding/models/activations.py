"""The nonlinearities of a network, each with its gradient written out as a function of its own output.

Knows neither layers nor losses. Forward overwrites its argument, which in a network is a product nobody else holds.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparse_coding.specs.sparsity import L1, Kl, NoPenalty
from sparse_coding.specs.training import Mlp


class Activation(nn.Module):
    """Elementwise; here the identity, on which the others are built."""

    def forward(self, x: Float[Tensor, "*networks B n"]) -> Float[Tensor, "*networks B n"]:
        """The activation of `x`, in the memory of `x`."""
        return x

    def gradient(
        self,
        upstream: Float[Tensor, "*networks B n"],
        output: Float[Tensor, "*networks B n"],  # noqa: ARG002 - the others need it
    ) -> Float[Tensor, "*networks B n"]:
        """The loss's gradient by the input, from that by the output and the output itself."""
        return upstream


class Relu(Activation):
    """max(x, 0); its gradient at 0 is 0, as in torch."""

    def forward(self, x: Float[Tensor, "*networks B n"]) -> Float[Tensor, "*networks B n"]:
        return torch.relu_(x)

    def gradient(
        self, upstream: Float[Tensor, "*networks B n"], output: Float[Tensor, "*networks B n"]
    ) -> Float[Tensor, "*networks B n"]:
        through: Tensor = torch.ops.aten.threshold_backward(upstream, output, 0)
        return through


class Sigmoid(Activation):
    """1 / (1 + exp(-x)); its gradient is output * (1 - output)."""

    def forward(self, x: Float[Tensor, "*networks B n"]) -> Float[Tensor, "*networks B n"]:
        return torch.sigmoid_(x)

    def gradient(
        self, upstream: Float[Tensor, "*networks B n"], output: Float[Tensor, "*networks B n"]
    ) -> Float[Tensor, "*networks B n"]:
        through: Tensor = torch.ops.aten.sigmoid_backward(upstream, output)
        return through


def of_code(sparsity: Kl | L1 | NoPenalty) -> Activation:
    """Sigmoid for KL, whose rates must lie in (0, 1); ReLU for the others."""
    return Sigmoid() if isinstance(sparsity, Kl) else Relu()


def of_output(model: Mlp) -> Activation:
    """Sigmoid for inputs in [0, 1], the identity for any others."""
    return Sigmoid() if model.output == "sigmoid" else Activation()
