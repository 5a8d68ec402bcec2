"""The network: n_inputs - hidden - n_latents - hidden reversed - n_inputs, built from a spec.

Knows widths and activations, nothing of datasets, losses or files.
"""

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparse_coding import activations, matrix_products
from sparse_coding.activations import Activation, Relu
from sparse_coding.spec import L1, Kl, Mlp, NoPenalty, layer_widths


class Affine(nn.Linear):
    """torch's linear layer, initialisation and names included; only the product is computed by ourselves."""

    def forward(self, rows: Float[Tensor, "B i"]) -> Float[Tensor, "B o"]:
        return matrix_products.affine(rows, self.weight, self.bias)


class Autoencoder(nn.Module):
    """x [B, n_inputs] -> code h [B, n_latents] -> reconstruction r [B, n_inputs]."""

    def __init__(self, widths: Sequence[int], code: Activation, output: Activation) -> None:
        super().__init__()
        self.n_inputs, self.n_latents = widths[0], widths[-1]
        self.encoder = _stack(widths, code)
        self.decoder = _stack(widths[::-1], output)

    def encode(self, x: Float[Tensor, "B d"]) -> Float[Tensor, "B n"]:
        """The code of scaled inputs."""
        code: Tensor = self.encoder(x)
        return code

    def decode(self, h: Float[Tensor, "B n"]) -> Float[Tensor, "B d"]:
        """The reconstruction, in scaled units, that a code stands for."""
        reconstruction: Tensor = self.decoder(h)
        return reconstruction

    def forward(self, x: Float[Tensor, "B d"]) -> tuple[Float[Tensor, "B d"], Float[Tensor, "B n"]]:
        """The reconstruction and the code."""
        h = self.encode(x)
        return self.decode(h), h


def build(model: Mlp, sparsity: Kl | L1 | NoPenalty, n_inputs: int, seed: int) -> Autoencoder:
    """A new network on the CPU with torch's default initialisation under `seed`, encoder first.

    torch's global random state is as before afterwards.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return _network(model, sparsity, n_inputs)


def skeleton(model: Mlp, sparsity: Kl | L1 | NoPenalty, n_inputs: int) -> Autoencoder:
    """The same network with shapes and no memory, for weights that come from a file."""
    with torch.device("meta"):
        return _network(model, sparsity, n_inputs)


def _network(model: Mlp, sparsity: Kl | L1 | NoPenalty, n_inputs: int) -> Autoencoder:
    widths = layer_widths(model, n_inputs)
    return Autoencoder(widths, activations.of_code(sparsity), activations.of_output(model))


def _stack(widths: Sequence[int], last: Activation) -> nn.Sequential:
    pairs = list(itertools.pairwise(widths))
    kinds = [Relu() for _ in pairs[1:]] + [last]
    layers = zip((Affine(i, o) for i, o in pairs), kinds, strict=True)
    return nn.Sequential(*itertools.chain.from_iterable(layers))
