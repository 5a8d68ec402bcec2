"""Feature images and statistics of latents, beside direct computations."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sparse_coding import errors
from sparse_coding.analysis import feature_images
from sparse_coding.data.datasets import Dataset
from sparse_coding.models import weights
from sparse_coding.models.weights import TrainedModel
from testing.core_library import Ask, Prepare

CODES = np.array([[0, 0.5, 0.1], [0, 0.0, 0.05], [0, 0.7, 0.0], [0, 0.7, 0.02]], np.float32)


def one_hot(latent: int, amplitude: float) -> np.ndarray:
    code = np.zeros((1, 12), np.float32)
    code[0, latent] = amplitude
    return code


def test_statistics_by_hand() -> None:
    found = feature_images.statistics(CODES)
    assert found.lifetime_sparsity.tolist() == [0, 0.75, 0]
    np.testing.assert_allclose(found.mean, [0, 1.9 / 4, 0.17 / 4], rtol=1e-6)
    np.testing.assert_array_equal(found.max, CODES.max(0))
    assert found.dead.tolist() == [True, False, True], "0.1 is not above the threshold"
    assert np.isnan(found.p95[0])
    np.testing.assert_allclose(found.p95[1:], [0.7, np.percentile([0.1, 0.05, 0.02], 95)], rtol=1e-6)


def test_raw_images_are_decoded_one_hot_codes(trained: TrainedModel) -> None:
    images = feature_images.decoded(trained, [3, 0, 11])
    assert images.shape == (3, 1, 8, 8)
    for image, latent in zip(images, (3, 0, 11), strict=True):
        np.testing.assert_allclose(image.ravel(), trained.decode(one_hot(latent, 1))[0], rtol=1e-5, atol=1e-6)


def test_differences_are_what_a_latent_adds_to_silence(trained: TrainedModel) -> None:
    images = feature_images.decoded(trained, [2], mode="difference", amplitude=3.0)
    expected = trained.decode(one_hot(2, 3)) - trained.decode(one_hot(2, 0))
    np.testing.assert_allclose(images.reshape(1, 64), expected, rtol=1e-5, atol=1e-6)
    silent = feature_images.decoded(trained, [2], mode="difference", amplitude=0.0)
    np.testing.assert_allclose(silent, 0, atol=1e-6)


def test_the_amplitude_p95_is_each_latents_own_and_zero_without_any(trained: TrainedModel) -> None:
    p95 = np.linspace(0.1, 1.2, 12)
    p95[5] = np.nan
    images = feature_images.decoded(trained, [4, 5], amplitude="p95", p95=p95)
    np.testing.assert_allclose(images[0].ravel(), trained.decode(one_hot(4, p95[4]))[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(images[1].ravel(), trained.decode(one_hot(5, 0))[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("latent", [-1, 12])
def test_a_latent_that_is_not_there_is_refused(trained: TrainedModel, latent: int) -> None:
    with pytest.raises(errors.IndexOutOfRange, match="0 to 11"):
        feature_images.decoded(trained, [0, latent])


def test_features_of_vectors_have_no_picture(
    dataset_of: Callable[..., Dataset], ask: Ask, prepare: Prepare, tmp_path: Path
) -> None:
    asked = ask()
    state, data = prepare(asked, dataset_of(np.full((80, 3), 0.5, np.float32)))
    weights.write(tmp_path / "w", state.autoencoder, asked, data.preprocessing)
    with pytest.raises(errors.NotAnImage):
        feature_images.decoded(weights.read(tmp_path / "w"), [0])


def test_top_inputs_are_the_strongest_rows_and_of_equals_the_earlier() -> None:
    rows, activations = feature_images.top_inputs(CODES, 1, 3)
    assert rows.tolist() == [2, 3, 0]
    assert activations.tolist() == CODES[[2, 3, 0], 1].tolist()
    assert feature_images.top_inputs(CODES, 1, 100)[0].tolist() == [2, 3, 0, 1]
