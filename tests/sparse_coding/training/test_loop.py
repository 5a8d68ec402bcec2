"""Training does what a plain loop with torch's own parts does, says so in its records, and can be stopped."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sparse_coding import errors
from sparse_coding.data import batches, sampling
from sparse_coding.data.datasets import Dataset
from sparse_coding.models import devices, objectives
from sparse_coding.specs.training import TrainSpec
from sparse_coding.training import loop
from sparse_coding.training.loop import EpochRecord, Pulse

Ask = Callable[..., TrainSpec]
Prepare = Callable[..., Any]

SPARSITIES = [
    {"kind": "kl"},
    {"kind": "kl", "weight": 0.5, "rho": 0.2},
    {"kind": "l1"},
    {"kind": "l1", "reduction": "sum", "weight": 1e-4},
    {"kind": "none"},
]


def records(moments: Any) -> list[EpochRecord]:
    return [moment for moment in moments if isinstance(moment, EpochRecord)]


def plain_loop(asked: TrainSpec, x: Tensor) -> tuple[nn.Sequential, list[tuple[float, float, float]]]:
    """The tutorial's loop on torch's own layers, autograd and Adam, reading every loss; means over batches."""
    kl = asked.sparsity.kind == "kl"
    torch.manual_seed(asked.training.seed)
    width, (hidden,), n = x.shape[1], asked.model.hidden, asked.model.n_latents
    code = nn.Sigmoid() if kl else nn.ReLU()
    encoder = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, n), code)
    decoder = nn.Sequential(nn.Linear(n, hidden), nn.ReLU(), nn.Linear(hidden, width), nn.Sigmoid())
    network = nn.Sequential(encoder, decoder)
    adam = torch.optim.Adam(network.parameters(), lr=asked.training.learning_rate, foreach=False)
    objective, curve = objectives.objective_for(asked.sparsity), []
    for epoch in range(asked.training.epochs):
        losses = []
        order = batches.order(len(x), asked.training.seed, epoch)
        for rows in order.split(asked.training.batch_size):
            adam.zero_grad()
            h = encoder(x[rows])
            reconstruction, penalty = nn.functional.mse_loss(decoder(h), x[rows]), objective.penalty(h)
            loss = reconstruction + objective.weight * penalty
            loss.backward()
            adam.step()
            losses.append((loss.item(), reconstruction.item(), penalty.item()))
        curve.append(tuple(np.mean(losses, axis=0)))
    return network, curve


@pytest.mark.slow
@pytest.mark.parametrize("sparsity", SPARSITIES, ids=str)
def test_training_is_a_plain_loop_over_torchs_own_parts(
    digits: Dataset, ask: Ask, prepare: Prepare, sparsity: dict[str, Any]
) -> None:
    asked = ask(sparsity=sparsity, training={"epochs": 3, "batch_size": 128, "learning_rate": 0.002})
    state, data = prepare(asked, digits)
    ours = records(loop.epochs(state, data, asked))
    network, curve = plain_loop(asked, data.train.float() / 255)
    assert len(data.train) % 128, "the last batch is short, and weighs as much as the others"
    for record, expected in zip(ours, curve, strict=True):
        assert (record.loss, record.reconstruction, record.sparsity) == pytest.approx(expected, rel=1e-5, abs=1e-9)
    for weight, same in zip(state.autoencoder.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(weight, same, rtol=1e-3, atol=2e-5)


def test_records_count_epochs_and_hold_the_held_out_figures(digits: Dataset, ask: Ask, prepare: Prepare) -> None:
    asked = ask(training={"epochs": 3})
    state, data = prepare(asked, digits)
    found = records(loop.epochs(state, data, asked))
    assert [record.epoch for record in found] == [1, 2, 3]
    result = loop.summary(state.autoencoder, data, asked)
    last = found[-1]
    assert (last.test_mse, last.explained_variance) == (result["mse"], result["explained_variance"])
    assert (last.l0, last.dead_latents) == (result["l0"], result["dead_latents"])
    assert last.loss == pytest.approx(last.reconstruction + 0.01 * last.sparsity)
    assert result["sse_row"] == pytest.approx(result["mse"] * 64)
    assert result["formulas"]["sparsity"] == "kl.batch"


@pytest.mark.slow
def test_a_short_training_on_digits_learns(digits: Dataset, ask: Ask, prepare: Prepare) -> None:
    asked = ask(
        model={"hidden": [128], "n_latents": 32},
        sparsity={"kind": "l1"},
        training={"epochs": 10, "learning_rate": 0.003},
    )
    state, data = prepare(asked, digits)
    losses = [record.loss for record in records(loop.epochs(state, data, asked))]
    result = loop.summary(state.autoencoder, data, asked)
    assert losses == sorted(losses, reverse=True)
    assert result["mse"] < 0.5 * data.test.mean_row_mse
    assert result["explained_variance"] > 0.5
    assert result["collapsed"] is False


def test_a_run_that_a_heavy_penalty_silences_is_said_to_be_collapsed(
    digits: Dataset, ask: Ask, prepare: Prepare
) -> None:
    asked = ask(sparsity={"kind": "l1", "weight": 1e4}, training={"epochs": 5, "learning_rate": 0.01})
    state, data = prepare(asked, digits)
    list(loop.epochs(state, data, asked))
    result = loop.summary(state.autoencoder, data, asked)
    assert result["collapsed"] is True
    assert "All 12 latents are dead" in result["collapsed_reason"]


def test_the_same_seed_gives_the_same_weights_bit_for_bit(digits: Dataset, ask: Ask, prepare: Prepare) -> None:
    asked, found = ask(), []
    for noise in (1, 2):
        torch.manual_seed(noise)
        state, data = prepare(asked, digits)
        list(loop.epochs(state, data, asked))
        found.append(list(state.autoencoder.parameters()))
    assert all(torch.equal(*pair) for pair in zip(*found, strict=True))
    other, data = prepare(ask(training={"seed": 43}), digits)
    assert not torch.equal(next(other.autoencoder.parameters()), found[0][0])


@pytest.mark.slow
def test_pulses_come_often_and_in_order(digits: Dataset, ask: Ask, prepare: Prepare) -> None:
    asked = ask(training={"epochs": 2, "batch_size": 16})
    state, data = prepare(asked, digits)
    moments = list(loop.epochs(state, data, asked))
    steps = math.ceil(len(data.train) / 16)
    for epoch in (1, 2):
        rows = [moment.rows for moment in moments if isinstance(moment, Pulse) and moment.epoch == epoch]
        assert rows == sorted(set(rows))
        assert len(rows) == steps // loop.PULSE_STEPS
        assert rows[-1] <= len(data.train)
    assert isinstance(moments[-1], EpochRecord)


def test_a_state_left_inside_an_epoch_says_so_and_cannot_go_on(digits: Dataset, ask: Ask, prepare: Prepare) -> None:
    asked = ask(training={"batch_size": 16})
    state, data = prepare(asked, digits)
    pulse = next(loop.epochs(state, data, asked))
    assert isinstance(pulse, Pulse)
    assert (state.epoch, state.rows) == (0, pulse.rows)
    with pytest.raises(ValueError, match="inside epoch 1"):
        next(loop.epochs(state, data, asked))


def test_leaving_the_loop_after_a_record_leaves_a_state_that_goes_on(
    digits: Dataset, ask: Ask, prepare: Prepare
) -> None:
    asked = ask(training={"epochs": 3})
    state, data = prepare(asked, digits)
    for moment in loop.epochs(state, data, asked):
        if isinstance(moment, EpochRecord):
            break
    assert (state.epoch, state.rows) == (1, 0)
    assert [record.epoch for record in records(loop.epochs(state, data, asked))] == [2, 3]
    assert list(loop.epochs(state, data, asked)) == []


def test_a_loss_that_is_not_finite_ends_the_run(dataset_of: Callable[..., Dataset], ask: Ask, prepare: Prepare) -> None:
    rows = np.random.default_rng(0).normal(0, 1e18, (200, 6)).astype(np.float32)
    asked = ask(model={"output": "identity"}, sparsity={"kind": "none"}, training={"epochs": 50, "learning_rate": 10})
    state, data = prepare(asked, dataset_of(rows))
    with pytest.raises(errors.TrainingDiverged, match="epoch") as caught:
        list(loop.epochs(state, data, asked))
    assert caught.value.may_pass is False


@pytest.mark.slow
def test_vectors_train_with_an_identity_output(dataset_of: Callable[..., Dataset], ask: Ask, prepare: Prepare) -> None:
    generator = np.random.default_rng(0)
    rows = (generator.normal(0, 3, (600, 2)) @ generator.normal(0, 1, (2, 9)) - 4).astype(np.float32)
    asked = ask(
        dataset={"scaling": "minmax"},
        model={"output": "identity"},
        sparsity={"kind": "l1"},
        training={"epochs": 40, "learning_rate": 0.01},
    )
    state, data = prepare(asked, dataset_of(rows))
    list(loop.epochs(state, data, asked))
    assert loop.summary(state.autoencoder, data, asked)["explained_variance"] > 0.7


@pytest.mark.parametrize("outside", [-0.01, 1.5])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_sigmoid_output_refuses_unscaled_rows_outside_its_range(
    dataset_of: Callable[..., Dataset], ask: Ask, prepare: Prepare, outside: float, split: str
) -> None:
    rows = {name: np.full((80, 3), 0.5, np.float32) for name in ("train", "test")}
    rows[split][3, 1] = outside
    dataset = dataset_of(rows["train"], rows["test"])
    with pytest.raises(errors.InputsOutOfRange, match="identity"):
        prepare(ask(), dataset)
    prepare(ask(dataset={"scaling": "minmax"}), dataset)
    prepare(ask(model={"output": "identity"}), dataset)


def test_the_limit_and_the_validation_slice_are_cut_from_the_training_rows(
    digits: Dataset, ask: Ask, prepare: Prepare
) -> None:
    asked = ask(dataset={"train_limit": 500, "validation_fraction": 0.1})
    _, data = prepare(asked, digits)
    assert data.train.shape == (450, 64)
    assert data.train.dtype is torch.uint8
    learned = sampling.learned(asked.dataset, digits)
    assert learned.max() >= 450, "the slice is drawn, and not the last rows"
    np.testing.assert_array_equal(data.train, digits.split("train").rows[learned].reshape(450, 64))
    assert data.validation is not None
    kept = np.setdiff1d(np.arange(500), learned)
    np.testing.assert_array_equal(data.validation.rows, digits.split("train").rows[kept].reshape(50, 64))
    assert len(data.test.rows) == 360


def test_a_batch_larger_than_the_training_rows_is_refused(digits: Dataset, ask: Ask, prepare: Prepare) -> None:
    with pytest.raises(errors.SpecDoesNotFit, match="64 rows needs as many training rows; there are 63"):
        prepare(ask(dataset={"train_limit": 63}), digits)


def test_stopping_is_leaving_the_loop(digits: Dataset, ask: Ask, prepare: Prepare) -> None:
    asked = ask(training={"epochs": 100_000})
    state, data = prepare(asked, digits)
    assert len(list(itertools.islice(loop.epochs(state, data, asked), 5))) == 5


def test_cuda_that_is_missing_is_refused_and_auto_does_without() -> None:
    if torch.cuda.is_available():
        assert devices.device_for("auto").type == devices.device_for("cuda").type == "cuda"
    else:
        assert devices.device_for("auto").type == "cpu"
        with pytest.raises(errors.SpecDoesNotFit, match="cuda"):
            devices.device_for("cuda")
    assert devices.device_for("cpu").type == "cpu"


@pytest.mark.parametrize(
    ("scale", "learning_rate", "remedy"),
    [(1e18, 0.001, "reach 1e.18, and the squares of a batch overflow float32"), (1.0, 10.0, "smaller learning_rate")],
)
def test_what_may_help_a_run_that_diverged_fits_the_cause(
    ask: Ask, prepare: Prepare, dataset_of: Any, scale: float, learning_rate: float, remedy: str
) -> None:
    rows = (np.random.default_rng(0).uniform(0.9, 1, (70, 4)) * scale).astype(np.float32)
    asked = ask(model={"output": "identity"}, sparsity={"kind": "none"}, training={"learning_rate": learning_rate})
    state, data = prepare(asked, dataset_of(rows))
    state.autoencoder.decoder.get_parameter("0.weight").data[0, 0] = torch.inf
    with pytest.raises(errors.TrainingDiverged, match=remedy):
        list(loop.epochs(state, data, asked))
