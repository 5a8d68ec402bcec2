"""The network is torch's own, in widths, names, initialisation and values."""

import itertools

import pytest
import torch
from torch import nn

from sparse_coding.models import autoencoder
from sparse_coding.specs.sparsity import L1, Kl
from sparse_coding.specs.training import Mlp


def test_weights_are_those_that_torch_makes_under_the_seed() -> None:
    ours = autoencoder.build(Mlp(), Kl(), 784, seed=42)
    torch.manual_seed(42)
    plain = [nn.Linear(784, 256), nn.Linear(256, 128), nn.Linear(128, 256), nn.Linear(256, 784)]
    layers = [*ours.encoder[::2], *ours.decoder[::2]]
    for layer, expected in zip(layers, plain, strict=True):
        assert torch.equal(layer.weight, expected.weight)
        assert torch.equal(layer.bias, expected.bias)


def test_all_bits_of_a_seed_count() -> None:
    """torch's generator on the CPU looks at the lower 32 only; seeds within them are torch's own."""

    def first(seed: int) -> torch.Tensor:
        return next(autoencoder.build(Mlp(hidden=(5,), n_latents=3), Kl(), 10, seed=seed).parameters())

    seeds = [5, 5 + 2**32, 5 + 2**33, 5 + 2**52, 2**32 - 1, 2**53 - 1]
    assert len({first(seed).detach().numpy().tobytes() for seed in seeds}) == len(seeds)
    torch.manual_seed(2**32 - 1)
    assert torch.equal(first(2**32 - 1), nn.Linear(10, 5).weight)


def test_building_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    autoencoder.build(Mlp(hidden=(5,), n_latents=3), Kl(), 10, seed=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_another_seed_gives_other_weights() -> None:
    first, second = (autoencoder.build(Mlp(hidden=(5,)), Kl(), 10, seed=seed) for seed in (1, 2))
    assert not torch.equal(first.encoder[0].weight, second.encoder[0].weight)


@pytest.mark.parametrize("hidden", [(), (256,), (64, 32)])
def test_tensors_are_named_and_shaped_as_the_widths_say(hidden: tuple[int, ...]) -> None:
    network = autoencoder.build(Mlp(hidden=hidden, n_latents=16), L1(), 100, seed=0)
    widths = (100, *hidden, 16)
    expected: dict[str, tuple[int, ...]] = {}
    for part, ends in (("encoder", widths), ("decoder", widths[::-1])):
        for index, (inputs, outputs) in enumerate(itertools.pairwise(ends)):
            expected[f"{part}.{2 * index}.weight"] = (outputs, inputs)
            expected[f"{part}.{2 * index}.bias"] = (outputs,)
    assert {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()} == expected


def test_forward_is_decode_after_encode_and_values_are_torchs() -> None:
    network = autoencoder.build(Mlp(hidden=(6,), n_latents=4), Kl(), 10, seed=0)
    x = torch.rand(3, 10)
    plain = [nn.functional.linear, torch.relu, nn.functional.linear, torch.sigmoid]
    with torch.no_grad():
        r, h = network(x)
        assert torch.equal(r, network.decode(h))
        layers = network.encoder
        hidden = plain[1](plain[0](x, layers[0].weight, layers[0].bias))
        expected = plain[3](plain[2](hidden, layers[2].weight, layers[2].bias))
    torch.testing.assert_close(h, expected, rtol=1e-5, atol=1e-6)


def test_a_skeleton_takes_no_memory() -> None:
    network = autoencoder.skeleton(Mlp(n_latents=65_536, hidden=()), L1(), 1000)
    assert all(weight.is_meta for weight in network.parameters())
