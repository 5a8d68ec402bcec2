"""Figures on held-out rows: identities that must hold, numbers worked out by hand, and a naive oracle."""

import numpy as np
import pytest
import torch
from torch import Tensor

from sparse_coding.analysis import evaluation
from sparse_coding.analysis.evaluation import HeldOut, HeldOutRows
from sparse_coding.data.datasets import Dataset
from sparse_coding.data.preprocessing import Preprocessing
from sparse_coding.models import autoencoder
from sparse_coding.models.autoencoder import Autoencoder
from sparse_coding.specs.sparsity import NoPenalty
from sparse_coding.specs.training import Mlp
from testing.core_library import Ask, Prepare


def copying(width: int, offset: float) -> Autoencoder:
    """A network that answers x + offset for rows that are not negative; its code is x."""
    network = autoencoder.build(Mlp(hidden=(), n_latents=width, output="identity"), NoPenalty(), width, seed=0)
    with torch.no_grad():
        for layer in (network.encoder[0], network.decoder[0]):
            layer.weight.copy_(torch.eye(width))
            layer.bias.zero_()
        network.decoder[0].bias.fill_(offset)
    return network


def constant(answer: Tensor) -> Autoencoder:
    """A network that answers the same row to everything."""
    network = copying(len(answer), 0)
    with torch.no_grad():
        network.decoder[0].weight.zero_()
        network.decoder[0].bias.copy_(answer)
    return network


def measured(network: Autoencoder, rows: Tensor, train: Tensor | None = None) -> HeldOut:
    plain = Preprocessing(rows.shape[1], None, None)
    held_out = evaluation.hold_out(rows if train is None else train, rows, plain)
    return evaluation.evaluate(network, plain, held_out)


def varied(rows: int, shift: float = 0.0) -> Tensor:
    return torch.rand(rows, 5, generator=torch.Generator().manual_seed(rows)) * torch.arange(1.0, 6) + shift


@pytest.mark.parametrize("rows", [2, 1024, 2600])
@pytest.mark.parametrize("shift", [0.0, 50.0])
def test_the_constant_predictor_explains_no_variance(rows: int, shift: float) -> None:
    x = varied(rows, shift)
    explained = measured(constant(x.double().mean(0).float()), x).explained_variance
    assert explained == pytest.approx(0, abs=1e-6)


def test_a_perfect_reconstruction_explains_all_and_one_off_by_a_constant_less() -> None:
    x = varied(300)
    assert measured(copying(5, 0), x).explained_variance == 1
    offset = measured(copying(5, 0.5), x).explained_variance
    variation = ((x - x.mean(0)) ** 2).sum().item()
    assert offset == pytest.approx(1 - 300 * 5 * 0.25 / variation, rel=1e-4)
    assert offset < 1


def test_rows_that_do_not_vary_have_no_explained_variance() -> None:
    assert measured(copying(3, 0.1), torch.full((7, 3), 0.25)).explained_variance is None


def test_every_figure_by_hand() -> None:
    """The code is x: 0.1 is not strictly above the threshold."""
    x = torch.tensor([[0.0, 0.1, 0.5], [0.0, 0.05, 0.7], [0.0, 0.0, 0.0], [0.0, 0.0, 0.2]])
    found = measured(copying(3, 0.5), x)
    assert (found.mse, found.sse_row) == pytest.approx((0.25, 0.75), rel=1e-6)
    assert found.active_rows.tolist() == [0, 0, 3]
    assert found.l0 == 3 / 4
    assert found.lifetime_sparsity.tolist() == [0, 0, 0.75]
    assert found.dead_latents == 2
    assert found.inactive_latents == 2


def test_a_latent_active_on_exactly_one_percent_is_not_inactive() -> None:
    x = torch.zeros(200, 3)
    x[0, 0] = x[:2, 1] = x[:3, 2] = 1
    found = measured(copying(3, 0), x)
    assert found.inactive_latents == 1
    assert found.dead_latents == 0


@pytest.mark.parametrize("rows", [1, 1000, 1024, 3000])
def test_figures_agree_with_a_naive_float64_oracle_for_any_number_of_rows(rows: int) -> None:
    network, x = autoencoder.build(Mlp(hidden=(7,), n_latents=6), NoPenalty(), 5, seed=1), varied(rows) / 5
    found = measured(network, x)
    with torch.no_grad():
        r, h = network.double()(x.double())
    assert found.mse == pytest.approx(((r - x) ** 2).mean().item(), rel=1e-5)
    np.testing.assert_allclose(found.highest, h.amax(0), rtol=1e-5, atol=1e-6)
    assert found.rows == rows


def test_padding_is_not_measured() -> None:
    """A padded row of zeros would score an error here, and a bias alone would wake the latents."""
    network = copying(3, 0)
    with torch.no_grad():
        network.encoder[0].bias.fill_(1)
        network.decoder[0].bias.fill_(-1)
    found = measured(network, torch.rand(10, 3))
    assert found.squared_error == pytest.approx(0, abs=1e-10)
    assert found.active_rows.tolist() == [10, 10, 10]


def test_the_mean_row_is_that_of_the_training_rows() -> None:
    train, test = torch.tensor([[0.0, 2.0], [4.0, 2.0]]), torch.tensor([[2.0, 0.0], [3.0, 2.0]])
    held_out = evaluation.hold_out(train, test, Preprocessing(2, None, None))
    assert held_out.mean_row_mse == (0 + 4 + 1 + 0) / 4
    assert held_out.variation == 0.5 + 2


@pytest.mark.parametrize(
    ("network", "words"),
    [
        (constant(torch.full((3,), 0.2)), "All 3 latents are dead"),
        (copying(3, 5.0), "not below 99%"),
    ],
)
def test_a_collapsed_network_is_said_to_be_collapsed(network: Autoencoder, words: str) -> None:
    x = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) + 0.2
    if "dead" in words:
        with torch.no_grad():
            network.encoder[0].weight.zero_()
    held_out = evaluation.hold_out(x, x, Preprocessing(3, None, None))
    result = evaluation.summary(evaluation.evaluate(network, Preprocessing(3, None, None), held_out), held_out)
    assert result["collapsed"] is True
    assert words in result["collapsed_reason"]


@pytest.mark.parametrize(("share", "collapsed"), [(0.98, False), (0.995, True), (1.5, True)])
def test_the_error_of_the_mean_row_is_the_line_and_one_percent_below_it_counts_as_on_it(
    share: float, collapsed: bool
) -> None:
    held_out = HeldOutRows(torch.zeros(10, 2), variation=1.0, mean_row_mse=0.5)
    alive = torch.tensor([1.0, 0.0])
    measured = HeldOut(10, share * 0.5 * 20, 2, 1.0, active_rows=torch.tensor([3, 0]), highest=alive)
    assert evaluation.summary(measured, held_out)["collapsed"] is collapsed


def test_a_network_that_learned_is_not_collapsed_and_its_summary_is_consistent(
    digits: Dataset, ask: Ask, prepare: Prepare
) -> None:
    x = varied(500) / 5
    held_out = evaluation.hold_out(x, x, Preprocessing(5, None, None))
    result = evaluation.summary(evaluation.evaluate(copying(5, 0), Preprocessing(5, None, None), held_out), held_out)
    assert (result["collapsed"], result["collapsed_reason"]) == (False, None)
    assert result["population_sparsity"] == pytest.approx(result["l0"] / 5)
    assert result["lifetime_sparsity"] == pytest.approx(result["population_sparsity"])
    assert result["num_samples"] == 500
