"""The loss of one batch and its gradient, written out instead of recorded by autograd.

A step of the tutorial's network is so short that autograd's bookkeeping takes a quarter of it. The tests compare the
result with autograd's. Knows the layers of a network or of several stacked ones; not where rows come from, nor how
weights are updated.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparse_coding.models import matrix_products
from sparse_coding.models.activations import Activation
from sparse_coding.models.autoencoder import Affine, Autoencoder
from sparse_coding.models.objectives import Objective


@dataclass(frozen=True, eq=False)
class _Layer:
    weight: Tensor
    bias: Tensor
    activation: Activation


class BatchGradient:
    """Compute the loss of a batch, and store its gradient in the `.grad` of the network's parameters.

    Raises `TypeError` for a network with a layer whose gradient is not written out here.
    """

    def __init__(self, autoencoder: Autoencoder, objective: Objective) -> None:
        modules = [*autoencoder.encoder, *autoencoder.decoder]
        self._layers = [_layer(*pair) for pair in zip(modules[::2], modules[1::2], strict=True)]
        self._encoder_depth = len(autoencoder.encoder) // 2
        self._objective = objective

    @torch.no_grad()
    def __call__(
        self, x: Float[Tensor, "*networks B d"]
    ) -> tuple[Float[Tensor, "*networks"], Float[Tensor, "*networks"]]:
        """`mse.mean` and the penalty without its weight, for scaled inputs; no number is read from the device."""
        outputs = self._forward(x)
        error = outputs[-1] - x
        count = x.shape[-2] * x.shape[-1]
        reconstruction = _squared_norm(error) / count
        # d/dr of mse.mean is 2 (r - x) / (B d); `error` is not needed again, so it becomes the gradient in place
        penalty, by_code = self._objective.penalty.with_gradient(outputs[self._encoder_depth])
        self._backward(outputs, error.mul_(2 / count), by_code * self._objective.weight)
        return reconstruction, penalty

    def _forward(self, x: Tensor) -> list[Tensor]:
        """The input and every layer's output."""
        outputs = [x]
        for layer in self._layers:
            outputs.append(layer.activation(matrix_products.affine(outputs[-1], layer.weight, layer.bias)))
        return outputs

    def _backward(self, outputs: list[Tensor], upstream: Tensor, by_code: Tensor) -> None:
        for depth in range(len(self._layers), 0, -1):
            layer, output, source = self._layers[depth - 1], outputs[depth], outputs[depth - 1]
            if depth == self._encoder_depth:
                # the penalty reads the code after its activation: its gradient joins the decoder's there
                upstream = upstream.add_(by_code)
            upstream = layer.activation.gradient(upstream, output)
            # y = x W^T + b: dW = upstream^T x, db = sum of upstream over the rows, dx = upstream W
            layer.weight.grad = matrix_products.product(upstream.mT, source)
            layer.bias.grad = upstream.sum(-2)
            if depth > 1:  # the gradient with respect to the inputs is not used
                upstream = matrix_products.product(upstream, layer.weight)


def _layer(affine: nn.Module, activation: nn.Module) -> _Layer:
    # by exact type: a subclass may compute something else, and its gradient would be wrong without an error
    if type(affine) is not Affine or not isinstance(activation, Activation):
        unknown = affine if type(affine) is not Affine else activation
        raise TypeError(f"no gradient is written out for a layer of the type {type(unknown).__name__}")
    return _Layer(affine.weight, affine.bias, activation)


def _squared_norm(error: Float[Tensor, "*networks B d"]) -> Float[Tensor, "*networks"]:
    if error.ndim == 2:
        flat = error.view(-1)
        return flat.dot(flat)  # reads the memory once, where squaring writes a temporary first
    return error.square().sum((-2, -1))
