"""Hoyer's sparsity and the stability of codes: hand-computed cases, and what must not change them."""

import numpy as np
import pytest

from sparse_coding.analysis import feature_quality
from sparse_coding.analysis.feature_quality import Stability
from sparse_coding.data.datasets import Dataset
from sparse_coding.models.weights import TrainedModel
from testing.core_library import Ask, Prepare


def test_hoyer_by_hand() -> None:
    images = np.array([[0, -2, 0, 0], [1, 1, -1, 1], [3, 4, 0, 0], [0, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(feature_quality.hoyer(images), [1, 0, (2 - 7 / 5) / 1, 0], atol=1e-12)


@pytest.mark.parametrize("factor", [-1, 1e-150, 1e150])
def test_hoyer_knows_no_scale_and_no_sign(factor: float) -> None:
    images = np.random.default_rng(0).normal(size=(10, 30))
    expected = feature_quality.hoyer(images)
    assert ((expected > 0) & (expected < 1)).all()
    np.testing.assert_allclose(feature_quality.hoyer(factor * images), expected, rtol=1e-9)


def test_a_single_value_is_not_sparse() -> None:
    assert feature_quality.hoyer(np.array([[3.0], [0.0]])).tolist() == [0, 0]


def test_a_comparison_of_codes_by_hand() -> None:
    clean = np.array([[1, 0], [0, 0], [0, 0], [0, 3]], np.float32)
    noisy = np.array([[1, 1], [0, 0], [1, 0], [0, 2]], np.float32)
    found = feature_quality.compare(0.1, clean, noisy)
    assert found.sigma == 0.1
    assert found.cosine == pytest.approx((np.sqrt(0.5) + 1 + 0 + 1) / 4)
    assert found.mse == pytest.approx((1 + 0 + 1 + 1) / 8)


def test_codes_move_by_what_the_same_noise_does_to_them(trained: TrainedModel, digits: Dataset) -> None:
    rows = trained.prepare(digits.split("test").rows[:100])
    found = feature_quality.stability(trained, rows)
    assert [each.sigma for each in found] == [0.1, 0.2, 0.3]
    noise = np.random.default_rng(0).standard_normal(rows.shape, np.float32)
    clean = trained.encode(rows).astype(np.float64)
    for each in found:
        noisy = trained.encode(rows + np.float32(each.sigma) * noise).astype(np.float64)
        lengths = np.linalg.norm(clean, axis=1) * np.linalg.norm(noisy, axis=1)
        assert each.cosine == pytest.approx(((clean * noisy).sum(1) / lengths).mean(), rel=1e-6)
        assert each.mse == pytest.approx(((clean - noisy) ** 2).mean(), rel=1e-6)
    assert found[0].mse < found[1].mse < found[2].mse
    assert 1 > found[0].cosine > found[2].cosine
    assert feature_quality.stability(trained, rows) == found


def test_a_code_that_hears_nothing_does_not_move(ask: Ask, prepare: Prepare, digits: Dataset) -> None:
    asked = ask(sparsity={"kind": "none"})
    state, data = prepare(asked, digits)
    for parameter in state.autoencoder.encoder.parameters():
        parameter.detach().zero_()
    silent = TrainedModel(state.autoencoder, data.preprocessing, asked, {})
    rows = silent.prepare(digits.split("test").rows[:10])
    assert feature_quality.stability(silent, rows) == tuple(Stability(sigma, 1.0, 0.0) for sigma in (0.1, 0.2, 0.3))
