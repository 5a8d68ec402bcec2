"""Reconstruct over HTTP: numbers, errors and pairs of pictures."""

import io
import json
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

from testing.published_models import SharedApi

pytestmark = pytest.mark.usefixtures("both_ways")

INDICES = list(range(12))


def reconstruct(shared_api: SharedApi, body: Any, *, model: str = "kl", query: str = "", **headers: str) -> Any:
    return shared_api.http.post(f"/api/v1/models/{model}/reconstruct{query}", json=body, headers=headers)


def digits(indices: list[int] = INDICES) -> dict[str, Any]:
    return {"dataset": "digits", "split": "test", "indices": indices}


def rows_of(shared_api: SharedApi, indices: list[int] = INDICES) -> Any:
    named = ",".join(map(str, indices))
    items = shared_api.http.get(f"/api/v1/datasets/digits/images?split=test&indices={named}").json()["items"]
    return np.array([item["pixels"] for item in items]).reshape(len(indices), 64)


def test_a_reconstruction_is_the_decoded_code_and_its_error_is_measured(shared_api: SharedApi) -> None:
    answer = reconstruct(shared_api, digits()).json()
    codes = shared_api.http.post("/api/v1/models/kl/encode", json=digits()).json()["codes"]
    outputs = shared_api.http.post("/api/v1/models/kl/decode", json={"codes": codes}).json()["outputs"]
    assert answer["model"] == "kl@1"
    np.testing.assert_allclose(answer["reconstructions"], outputs, rtol=1e-5, atol=1e-5)
    expected = np.mean((np.array(answer["reconstructions"]) - rows_of(shared_api)) ** 2, axis=1)
    np.testing.assert_allclose(answer["mse"], expected, rtol=1e-4, atol=1e-7)
    assert np.mean(answer["mse"]) < 0.06, "the model has learned something"


def test_vectors_come_back_in_raw_units(shared_api: SharedApi) -> None:
    rows = np.random.default_rng(0).normal(5, 3, (50, 9))
    outputs = np.array(reconstruct(shared_api, {"inputs": rows.tolist()}, model="vectors").json()["reconstructions"])
    assert outputs.shape == rows.shape
    assert 3 < outputs.mean() < 7


def test_arrays_come_in_binary_forms_too(shared_api: SharedApi) -> None:
    expected = reconstruct(shared_api, digits()).json()
    npy = reconstruct(shared_api, digits(), Accept="application/x-npy")
    np.testing.assert_allclose(np.load(io.BytesIO(npy.content)), expected["reconstructions"], rtol=1e-6)
    tensors = safetensors.numpy.load(reconstruct(shared_api, digits(), query="?format=safetensors").content)
    np.testing.assert_allclose(tensors["reconstructions"], expected["reconstructions"], rtol=1e-6)
    np.testing.assert_allclose(tensors["mse"], expected["mse"], rtol=1e-6)


@pytest.mark.parametrize(
    ("model", "dataset", "channels", "height", "width", "scale"),
    [("kl", "digits", 1, 8, 8, 10), ("l1", "digits", 1, 10, 10, 8), ("colour", "tints", 3, 4, 6, 14)],
)
def test_a_picture_shows_each_original_above_its_reconstruction(
    shared_api: SharedApi, model: str, dataset: str, channels: int, height: int, width: int, scale: int
) -> None:
    body = {"dataset": dataset, "split": "test", "indices": INDICES}
    answer = reconstruct(shared_api, body, model=model, query="?format=png")
    assert answer.headers["content-type"] == "image/png"
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    gap, tall, wide = 8, (2 * height + 1) * scale, width * scale
    assert image.size == (10 * (wide + gap) + gap, 2 * (tall + gap) + gap), "twelve pairs in two lines of ten"
    pixels = np.asarray(image)
    tile = pixels[gap : gap + tall, gap : gap + wide][scale // 2 :: scale, scale // 2 :: scale]
    tile = tile.reshape(2 * height + 1, width, channels).transpose(2, 0, 1) / 255
    outputs = np.array(reconstruct(shared_api, body, model=model).json()["reconstructions"])
    np.testing.assert_allclose(tile[:, height + 1 :], outputs[0].reshape(channels, height, width), atol=1 / 255)
    if model == "kl":
        np.testing.assert_allclose(tile[0, :height], rows_of(shared_api)[0].reshape(8, 8), atol=1 / 255)


def test_a_picture_is_the_same_each_time_and_says_what_it_shows(shared_api: SharedApi) -> None:
    first, second = (reconstruct(shared_api, digits(), Accept="image/png").content for _ in range(2))
    assert first == second
    texts = Image.open(io.BytesIO(first)).text  # type: ignore[attr-defined]
    assert "above" in texts["layout"]
    np.testing.assert_allclose(json.loads(texts["mse"]), reconstruct(shared_api, digits()).json()["mse"], rtol=1e-6)


def test_one_row_makes_one_pair(shared_api: SharedApi) -> None:
    answer = reconstruct(shared_api, digits([3]), Accept="image/png")
    assert Image.open(io.BytesIO(answer.content)).size == (8 * 10 + 16, 17 * 10 + 16)


def test_a_picture_of_vectors_is_refused_in_words(shared_api: SharedApi) -> None:
    answer = reconstruct(shared_api, {"inputs": [[0.0] * 9]}, model="vectors", query="?format=png")
    assert (answer.status_code, answer.json()["code"]) == (422, "NOT_AN_IMAGE")
    assert "vectors" in answer.json()["detail"]


def test_more_pairs_than_fit_into_a_picture_are_refused(shared_api: SharedApi) -> None:
    answer = reconstruct(shared_api, digits([0] * 101), Accept="image/png")
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_MANY_ROWS")
    assert "100" in answer.json()["detail"]
    assert reconstruct(shared_api, digits([0] * 101)).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"inputs": [[0.0] * 63]}, 422, "WRONG_WIDTH"),
        ({"codes": [[0.0] * 20]}, 422, "INVALID_REQUEST"),
        ({"inputs": [[1e39] * 64]}, 422, "NOT_FINITE"),
        ({"dataset": "digits", "indices": [10**6]}, 422, "INDEX_OUT_OF_RANGE"),
    ],
)
def test_rows_that_make_no_sense_are_refused(shared_api: SharedApi, body: Any, status: int, code: str) -> None:
    answer = reconstruct(shared_api, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_numbers_too_large_for_the_model_are_no_nan_in_the_answer(shared_api: SharedApi) -> None:
    answer = reconstruct(shared_api, {"inputs": [[3e38] * 9]}, model="vectors")
    assert (answer.status_code, answer.json()["code"]) == (422, "NOT_FINITE")


def test_what_cannot_be_given_is_refused_with_what_can(shared_api: SharedApi) -> None:
    answer = reconstruct(shared_api, digits(), Accept="text/csv")
    assert answer.status_code == 406
    assert "image/png" in answer.json()["detail"]
