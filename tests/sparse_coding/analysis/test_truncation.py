"""Truncation of three latents by hand, of a trained model by a naive oracle, and the two ends of every curve."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sparse_coding import errors
from sparse_coding.analysis import truncation
from sparse_coding.data.datasets import Dataset
from sparse_coding.data.preprocessing import Preprocessing
from sparse_coding.models import autoencoder as networks
from sparse_coding.models.weights import TrainedModel
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.training import TrainSpec

# code = relu(x), reconstruction = code + (0, 0, 0.5): the third input comes back too large by a half.
ROWS = np.array([[3, 0, 1], [2, 2, 0]], np.float32)
BY_HAND = [  # per row, sum (r - x)^2 from the 0, 1, 2 and 3 largest latents
    [9 + 0 + 0.25, 0 + 0 + 0.25, 0.25, 0.25],  # 3 is kept first, then 1: without it 0.5 - 1, with it 1.5 - 1
    [4 + 4 + 0.25, 0 + 4 + 0.25, 0.25, 0.25],  # of two equal latents the first is kept first
]


def network(model: dict[str, Any], sparsity: dict[str, Any], width: int) -> TrainedModel:
    asked = run_specs.parse({"dataset": {"name": "digits"}, "model": model, "sparsity": sparsity})
    assert isinstance(asked, TrainSpec)
    built = networks.build(asked.model, asked.sparsity, width, seed=0)
    return TrainedModel(built, Preprocessing(width, None, None), asked, {})


@pytest.fixture(scope="module")
def toy() -> TrainedModel:
    model = network({"n_latents": 3, "hidden": [], "output": "identity"}, {"kind": "none"}, 3)
    with torch.no_grad():
        for layer in (model.autoencoder.encoder[0], model.autoencoder.decoder[0]):
            layer.weight.copy_(torch.eye(3))
            layer.bias.zero_()
        model.autoencoder.decoder[0].bias[2] = 0.5
    return model


@pytest.fixture(scope="module")
def rows(trained: TrainedModel, digits: Dataset) -> np.ndarray:
    return trained.prepare(digits.split("test").rows[:30])


def naive_mse(model: TrainedModel, rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Per row; for models without scaling."""
    return np.asarray(((model.decode(codes).astype(np.float64) - rows) ** 2).mean(axis=1))


def first_only(codes: np.ndarray, kept: int) -> np.ndarray:
    """The definition, read aloud: sort by falling activation and rising index, and keep the first."""
    result = np.zeros_like(codes)
    for row, code in enumerate(codes):
        for latent in sorted(range(len(code)), key=lambda latent: (-code[latent], latent))[:kept]:
            result[row, latent] = code[latent]
    return result


def test_the_toy_by_hand(toy: TrainedModel) -> None:
    found = truncation.analyse(toy, ROWS)
    np.testing.assert_allclose(found.mse, np.array(BY_HAND) / 3, rtol=1e-6)
    document = found.document()
    assert document["num_samples"] == 2
    assert document["latents_kept"] == [0, 1, 2, 3]
    np.testing.assert_allclose(document["mse"]["mean"], np.mean(BY_HAND, axis=0) / 3, rtol=1e-6)
    np.testing.assert_allclose(document["mse"]["lower_quartile"], np.percentile(BY_HAND, 25, axis=0) / 3, rtol=1e-6)
    assert document["full_mse"] == pytest.approx(0.25 / 3)
    assert document["sufficient_latents"] == 2
    quartiles = {"lower_quartile": 1.25, "median": 1.5, "upper_quartile": 1.75}
    assert document["sufficient_latents_of_rows"] == quartiles, "1 latent is enough for the first row, 2 for the other"
    # Without latent 0 the rows lose 9 and 4; without latent 1 nothing and 4; latent 2 makes as much good as it spoils.
    np.testing.assert_allclose(document["importance"], [(9 + 4) / 6, (0 + 4) / 6, 0], atol=1e-6)
    assert document["most_important"] == [0, 1, 2]


def test_sufficient_is_the_smallest_number_from_which_none_is_worse() -> None:
    curves = np.array(
        [
            [5, 1, 3, 1, 1.05, 1],  # within 10 % at 1 already, and once more outside
            [5, 4, 3, 2, 1.2, 1],  # the full code only
            [1, 0.5, 0.2, 1.05, 1.1, 1],  # better is within too, and so is 10 %
            [0, 0, 0, 0, 0, 0],
            [1, 1, 1, 1, 1e-9, 0],
        ]
    )
    assert truncation.sufficient(curves).tolist() == [3, 5, 0, 0, 5]


@pytest.mark.parametrize("kept", [0, 1, 5, 11, 12, 50])
def test_truncated_codes_keep_the_largest_and_of_equals_the_first(kept: int) -> None:
    codes = np.random.default_rng(0).integers(0, 5, (40, 12)).astype(np.float32)
    np.testing.assert_array_equal(truncation.truncated(codes, kept), first_only(codes, kept))


def test_a_trained_model_is_truncated_as_the_definition_says(trained: TrainedModel, rows: np.ndarray) -> None:
    codes, found = trained.encode(rows), truncation.analyse(trained, rows)
    assert found.mse.shape == (30, 13)
    for kept in range(13):
        expected = naive_mse(trained, rows, first_only(codes, kept))
        np.testing.assert_allclose(found.mse[:, kept], expected, rtol=1e-4)
    full = naive_mse(trained, rows, codes)
    for latent in range(12):
        rise = naive_mse(trained, rows, np.where(np.arange(12) == latent, 0, codes).astype(np.float32)) - full
        assert found.importance[latent] == pytest.approx(rise.mean(), abs=1e-7)


def test_a_row_has_the_same_curve_in_any_company(trained: TrainedModel, rows: np.ndarray) -> None:
    together = truncation.curves(trained, rows)
    for row in (0, 7, 29):
        np.testing.assert_allclose(truncation.curves(trained, rows[row : row + 1])[0], together[row], rtol=1e-5)


def test_small_batches_give_the_same(trained: TrainedModel, rows: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = truncation.analyse(trained, rows)
    monkeypatch.setattr(truncation, "BATCH_NUMBERS", 5 * 64)
    found = truncation.analyse(trained, rows)
    np.testing.assert_allclose(found.mse, expected.mse, rtol=1e-5)
    np.testing.assert_allclose(found.importance, expected.importance, atol=1e-7)


DENSE = network({"n_latents": 5, "hidden": [7]}, {"kind": "kl"}, 4)
RECTIFIED = network({"n_latents": 5, "hidden": [7]}, {"kind": "l1"}, 4)


@pytest.mark.slow
@pytest.mark.parametrize("model", [DENSE, RECTIFIED])
@given(rows=arrays.arrays(np.float32, st.tuples(st.integers(1, 9), st.just(4)), elements=st.floats(0, 1, width=32)))
@settings(deadline=None)
def test_a_curve_runs_from_the_zero_code_to_the_full_reconstruction(model: TrainedModel, rows: np.ndarray) -> None:
    curves = truncation.curves(model, rows)
    np.testing.assert_array_equal(curves[:, -1], model.reconstruct(rows)[1], "to the last bit")
    of_nothing = naive_mse(model, rows, np.zeros((len(rows), 5), np.float32))
    np.testing.assert_allclose(curves[:, 0], of_nothing, rtol=1e-4, atol=1e-7)


def test_a_code_of_zeros_has_a_flat_curve() -> None:
    model = network({"n_latents": 5, "hidden": [7]}, {"kind": "l1"}, 4)
    last: Any = model.autoencoder.encoder[-2]
    with torch.no_grad():
        last.bias.fill_(-1e6)
    found = truncation.analyse(model, np.full((3, 4), 0.5, np.float32))
    assert (found.mse == found.mse[:, -1:]).all()
    assert not found.importance.any()
    assert found.document()["sufficient_latents"] == 0


def test_errors_are_in_scaled_units(toy: TrainedModel) -> None:
    tens = Preprocessing(3, None, None, torch.zeros(3), torch.full((3,), 10.0))
    scaled = TrainedModel(toy.autoencoder, tens, toy.spec, {})
    np.testing.assert_allclose(truncation.curves(scaled, 10 * ROWS), truncation.curves(toy, ROWS), rtol=1e-6)
    np.testing.assert_allclose(truncation.strip(scaled, 10 * ROWS, [1])[:, 0, 0], [30, 20])


def test_a_strip_shows_what_comes_back_from_the_largest_latents(toy: TrainedModel) -> None:
    shown = truncation.strip(toy, ROWS, [0, 1, 3])
    assert shown[0].tolist() == [[0, 0, 0.5], [3, 0, 0.5], [3, 0, 1.5]]
    assert shown[1].tolist() == [[0, 0, 0.5], [2, 0, 0.5], [2, 2, 0.5]]


def test_the_last_picture_of_a_strip_is_the_reconstruction(trained: TrainedModel, rows: np.ndarray) -> None:
    np.testing.assert_array_equal(truncation.strip(trained, rows, [12])[:, 0], trained.reconstruct(rows)[0])


def test_rows_are_as_many_as_the_bound_allows(trained: TrainedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert truncation.fitting(trained.spec.model, 64, 100) == 100
    monkeypatch.setattr(truncation, "MAX_NUMBERS", 12 * 64 * 7 + 1)
    assert (truncation.fitting(trained.spec.model, 64, 100), truncation.fitting(trained.spec.model, 64, 6)) == (7, 6)
    monkeypatch.setattr(truncation, "MAX_NUMBERS", 12 * 64 - 1)
    with pytest.raises(errors.TooManyRows, match="768"):
        truncation.fitting(trained.spec.model, 64, 1)


def test_a_row_of_another_width_is_refused(trained: TrainedModel) -> None:
    with pytest.raises(errors.WrongWidth):
        truncation.curves(trained, np.zeros((1, 63), np.float32))
