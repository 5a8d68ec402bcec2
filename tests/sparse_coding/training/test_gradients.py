"""The written-out gradient of the whole loss, beside autograd's and finite differences."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sparse_coding.models import autoencoder, objectives
from sparse_coding.models.autoencoder import Affine, Autoencoder
from sparse_coding.specs.sparsity import L1, Kl, NoPenalty
from sparse_coding.specs.training import Mlp
from sparse_coding.training.gradients import BatchGradient

SPARSITIES = [Kl(weight=0.3, rho=0.05), L1(weight=0.5), L1(weight=0.5, reduction="sum"), NoPenalty()]
MODELS = [
    Mlp(hidden=(9,), n_latents=5),
    Mlp(hidden=(), n_latents=30, output="identity"),
    Mlp(hidden=(11, 7), n_latents=4, output="identity"),
    Mlp(hidden=(8, 8, 8), n_latents=6),
]


def network_and_rows(model: Mlp, sparsity: Any, dtype: torch.dtype) -> tuple[Autoencoder, Tensor]:
    network = autoencoder.build(model, sparsity, 20, seed=4).to(dtype)
    return network, torch.rand(13, 20, generator=torch.Generator().manual_seed(5), dtype=dtype)


def recorded(network: Autoencoder, sparsity: Any, x: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
    """The same loss written with torch's own layers and differentiated by autograd."""
    objective = objectives.objective_for(sparsity)
    code = torch.sigmoid if isinstance(sparsity, Kl) else torch.relu
    h = x
    for layer in network.encoder[::2]:
        h = torch.nn.functional.linear(h, layer.weight, layer.bias)
        h = code(h) if layer is network.encoder[-2] else torch.relu(h)
    r = h
    for layer in network.decoder[::2]:
        r = torch.nn.functional.linear(r, layer.weight, layer.bias)
        if layer is not network.decoder[-2]:
            r = torch.relu(r)
    r = torch.sigmoid(r) if type(network.decoder[-1]).__name__ == "Sigmoid" else r
    reconstruction, penalty = torch.nn.functional.mse_loss(r, x), objective.penalty(h)
    gradients = torch.autograd.grad(reconstruction + objective.weight * penalty, list(network.parameters()))
    return reconstruction.detach(), penalty.detach(), list(gradients)


@pytest.mark.parametrize("sparsity", SPARSITIES, ids=repr)
@pytest.mark.parametrize("model", MODELS, ids=repr)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_losses_and_gradients_are_those_of_autograd(
    model: Mlp, sparsity: Any, dtype: torch.dtype, tolerance: float
) -> None:
    network, x = network_and_rows(model, sparsity, dtype)
    reconstruction, penalty, expected = recorded(network, sparsity, x)
    ours = BatchGradient(network, objectives.objective_for(sparsity))(x)
    assert ours[0].item() == pytest.approx(reconstruction.item(), rel=tolerance)
    assert ours[1].item() == pytest.approx(penalty.item(), rel=tolerance)
    for weight, gradient in zip(network.parameters(), expected, strict=True):
        assert weight.grad is not None
        torch.testing.assert_close(weight.grad, gradient, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("sparsity", SPARSITIES, ids=repr)
def test_gradients_are_those_of_finite_differences(sparsity: Any) -> None:
    network, x = network_and_rows(MODELS[0], sparsity, torch.float64)
    objective = objectives.objective_for(sparsity)
    gradient = BatchGradient(network, objective)
    gradient(x)
    for weight in network.parameters():
        assert weight.grad is not None
        expected, place = weight.grad.flatten()[3].item(), weight.detach().view(-1)
        losses = []
        for nudge in (1e-6, -2e-6):
            place[3] += nudge
            reconstruction, penalty = gradient(x)
            losses.append(reconstruction.item() + objective.weight * penalty.item())
        place[3] += 1e-6
        assert expected == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-4, abs=1e-9)


def test_a_step_reads_no_number_from_the_device() -> None:
    """On tensors without values, reading one raises."""
    network = autoencoder.skeleton(Mlp(hidden=(9,), n_latents=5), Kl(), 20)
    gradient = BatchGradient(network, objectives.objective_for(Kl()))
    reconstruction, _ = gradient(torch.empty(13, 20, device="meta"))
    with pytest.raises(RuntimeError, match="meta"):
        reconstruction.item()


def test_the_batch_is_left_as_it_was() -> None:
    network, x = network_and_rows(MODELS[0], Kl(), torch.float32)
    before = x.clone()
    BatchGradient(network, objectives.objective_for(Kl()))(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("place", [0, 1])
def test_a_layer_without_a_written_out_gradient_is_refused(place: int) -> None:
    class Scaled(Affine):
        """A layer that would be trained with the wrong gradient."""

    network = autoencoder.build(Mlp(n_latents=8, hidden=(8,)), Kl(), 8, seed=0)
    network.encoder[place] = Scaled(8, 8) if place == 0 else nn.ReLU()
    with pytest.raises(TypeError, match="Scaled" if place == 0 else "ReLU"):
        BatchGradient(network, objectives.objective_for(Kl()))
