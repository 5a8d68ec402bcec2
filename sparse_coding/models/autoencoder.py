"""The network: n_inputs - hidden - n_latents - hidden reversed - n_inputs, built from a spec; and several as one.

Knows widths and activations; no datasets, losses or files.
"""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from sparse_coding.models import activations, matrix_products
from sparse_coding.models.activations import Activation, Relu
from sparse_coding.specs.feasibility import layer_widths
from sparse_coding.specs.sparsity import L1, Kl, NoPenalty
from sparse_coding.specs.training import Mlp


class Affine(nn.Linear):
    """torch's linear layer with its initialisation and parameter names; only the product is computed here."""

    def forward(self, rows: Float[Tensor, "*networks B i"]) -> Float[Tensor, "*networks B o"]:
        return matrix_products.affine(rows, self.weight, self.bias)


class Autoencoder(nn.Module):
    """x [B, n_inputs] -> code h [B, n_latents] -> reconstruction r [B, n_inputs].

    Stacked, every weight, input and output has one more dimension in front: the networks.
    """

    def __init__(self, widths: Sequence[int], code: Activation, output: Activation) -> None:
        super().__init__()
        self.n_inputs, self.n_latents = widths[0], widths[-1]
        self.encoder = _stack(widths, code)
        self.decoder = _stack(widths[::-1], output)

    @property
    def stacked(self) -> bool:
        """Whether the weights are those of several networks."""
        return next(self.parameters()).ndim == 3

    def encode(self, x: Float[Tensor, "*networks B d"]) -> Float[Tensor, "*networks B n"]:
        """The code of scaled inputs."""
        code: Tensor = self.encoder(x)
        return code

    def decode(self, h: Float[Tensor, "*networks B n"]) -> Float[Tensor, "*networks B d"]:
        """The reconstruction of a code, in scaled units."""
        reconstruction: Tensor = self.decoder(h)
        return reconstruction

    def forward(
        self, x: Float[Tensor, "*networks B d"]
    ) -> tuple[Float[Tensor, "*networks B d"], Float[Tensor, "*networks B n"]]:
        """The reconstruction and the code."""
        h = self.encode(x)
        return self.decode(h), h


def build(model: Mlp, sparsity: Kl | L1 | NoPenalty, n_inputs: int, seed: int) -> Autoencoder:
    """A new network on the CPU with torch's default initialisation under `seed`, encoder first.

    torch's global random state is left unchanged.
    """
    # on the CPU, whatever the device of the run: generators of other devices give other numbers for the same seed
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_mixed(seed))
        return _network(model, sparsity, n_inputs)


def _mixed(seed: int) -> int:
    """A seed of 32 bits: torch's generator on the CPU, a Mersenne Twister, ignores the higher ones.

    Without this, 5 and 5 + 2**32 would give the same weights.
    """
    # seeds below 2**32 are used unchanged, so that `torch.manual_seed` with the same seed gives the same weights
    return seed if seed < 2**32 else int(np.random.SeedSequence(seed).generate_state(1, np.uint32)[0])


def skeleton(model: Mlp, sparsity: Kl | L1 | NoPenalty, n_inputs: int) -> Autoencoder:
    """The same network with shapes and no memory, for weights that come from a file."""
    with torch.device("meta"):
        return _network(model, sparsity, n_inputs)


def stack(networks: Sequence[Autoencoder]) -> Autoencoder:
    """Networks of the same widths and activations as one, whose weights are copies of theirs, stacked."""
    states = [network.state_dict() for network in networks]
    return _with_weights(networks[0], {name: torch.stack([state[name] for state in states]) for name in states[0]})


def unstacked(stacked: Autoencoder) -> list[Autoencoder]:
    """The single networks of a stacked one; they share its memory, so that they always have its current weights."""
    every = stacked.state_dict()
    count = len(next(iter(every.values())))
    return [_with_weights(stacked, {name: every[name][number] for name in every}) for number in range(count)]


def _with_weights(like: Autoencoder, weights: Mapping[str, Tensor]) -> Autoencoder:
    """A network with the widths and activations of another and these weights, stacked or not."""
    widths = [like.n_inputs, *(layer.out_features for layer in like.encoder if isinstance(layer, Affine))]
    code, output = like.encoder[-1], like.decoder[-1]
    assert isinstance(code, Activation)
    assert isinstance(output, Activation)
    with torch.device("meta"):
        network = Autoencoder(widths, code, output)
    for name, weight in weights.items():
        layer, _, kind = name.rpartition(".")
        setattr(network.get_submodule(layer), kind, nn.Parameter(weight))
    return network


def _network(model: Mlp, sparsity: Kl | L1 | NoPenalty, n_inputs: int) -> Autoencoder:
    widths = layer_widths(model, n_inputs)
    return Autoencoder(widths, activations.of_code(sparsity), activations.of_output(model))


def _stack(widths: Sequence[int], last: Activation) -> nn.Sequential:
    pairs = list(itertools.pairwise(widths))
    kinds = [Relu() for _ in pairs[1:]] + [last]
    layers = zip((Affine(i, o) for i, o in pairs), kinds, strict=True)
    return nn.Sequential(*itertools.chain.from_iterable(layers))
