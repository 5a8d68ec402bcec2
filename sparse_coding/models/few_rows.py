"""Codes and reconstructions of few rows, for which calling modules and oneDNN cost more than the products.

For one row of a 784-256-128 encoder, products with transposed weights take 28 microseconds, those of oneDNN 113; from
some 200 rows on, there is no difference.
"""

from collections.abc import Sequence
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparse_coding.models.activations import Activation
from sparse_coding.models.autoencoder import Affine, Autoencoder

FEW: Final = 128
"""Rows that are computed like this."""
MAX_WEIGHTS: Final = 2**22
"""Weights of an encoder or decoder of which a transposed copy is kept: 16 MiB."""


class Layers:
    """The layers of a network, which must not change any more; without gradients."""

    def __init__(self, network: Autoencoder) -> None:
        self._network = network
        self._encoder, self._decoder = _transposed(network.encoder), _transposed(network.decoder)

    def encode(self, x: Float[Tensor, "B d"]) -> Float[Tensor, "B n"]:
        """The code of scaled inputs."""
        return self._network.encode(x) if self._encoder is None or len(x) > FEW else _passed(self._encoder, x)

    def decode(self, h: Float[Tensor, "B n"]) -> Float[Tensor, "B d"]:
        """The reconstruction of a code, in scaled units."""
        return self._network.decode(h) if self._decoder is None or len(h) > FEW else _passed(self._decoder, h)


_Layer = tuple[Tensor, Tensor, Activation]


def _transposed(part: nn.Sequential) -> list[_Layer] | None:
    """Transposed weight, bias and activation of each layer; None where they are too large, or not on the CPU."""
    affine = [layer for layer in part if isinstance(layer, Affine)]
    activations = [layer for layer in part if isinstance(layer, Activation)]
    assert len(affine) + len(activations) == len(part) == 2 * len(affine)
    if sum(layer.weight.numel() for layer in affine) > MAX_WEIGHTS or affine[0].weight.device.type != "cpu":
        return None
    return [
        (layer.weight.detach().t().contiguous(), layer.bias.detach(), activation)
        for layer, activation in zip(affine, activations, strict=True)
    ]


def _passed(layers: Sequence[_Layer], rows: Tensor) -> Tensor:
    for weight, bias, activation in layers:
        rows = activation.forward(torch.addmm(bias, rows, weight))
    return rows
