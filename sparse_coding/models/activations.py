"""The nonlinearities of a network, each with its gradient written out as a function of its own output.

Knows neither layers nor losses. `forward` overwrites its argument, which in a network is a new matrix product that is
not used elsewhere.
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
        output: Float[Tensor, "*networks B n"],  # noqa: ARG002 - subclasses use it
    ) -> Float[Tensor, "*networks B n"]:
        """The loss's gradient with respect to the input, from the gradient with respect to the output.

        All functions here can be differentiated from their output alone, so that no input has to be stored.
        """
        return upstream


class Relu(Activation):
    """max(x, 0); its gradient at 0 is 0, as in torch."""

    def forward(self, x: Float[Tensor, "*networks B n"]) -> Float[Tensor, "*networks B n"]:
        return torch.relu_(x)

    def gradient(
        self, upstream: Float[Tensor, "*networks B n"], output: Float[Tensor, "*networks B n"]
    ) -> Float[Tensor, "*networks B n"]:
        # autograd's own kernel: one pass over memory, where `upstream * (output > 0)` takes two and a temporary
        gradient: Tensor = torch.ops.aten.threshold_backward(upstream, output, 0)
        return gradient


class Sigmoid(Activation):
    """1 / (1 + exp(-x)); its gradient is output * (1 - output)."""

    def forward(self, x: Float[Tensor, "*networks B n"]) -> Float[Tensor, "*networks B n"]:
        return torch.sigmoid_(x)

    def gradient(
        self, upstream: Float[Tensor, "*networks B n"], output: Float[Tensor, "*networks B n"]
    ) -> Float[Tensor, "*networks B n"]:
        gradient: Tensor = torch.ops.aten.sigmoid_backward(upstream, output)
        return gradient


def of_code(sparsity: Kl | L1 | NoPenalty) -> Activation:
    """Sigmoid for KL, whose rates must lie in (0, 1); ReLU for the others."""
    # KL compares two Bernoulli rates, and the mean of a ReLU code has no upper bound; a ReLU code can be exactly 0,
    # which is what an L1 penalty makes of latents that are not needed, and a sigmoid code cannot
    return Sigmoid() if isinstance(sparsity, Kl) else Relu()


def of_output(model: Mlp) -> Activation:
    """Sigmoid for inputs in [0, 1], the identity for any others."""
    return Sigmoid() if model.output == "sigmoid" else Activation()
