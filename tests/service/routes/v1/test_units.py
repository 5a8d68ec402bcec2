"""Rows come in the units of what a model learned from: pixels in [0, 1], vectors as they are."""

import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import safetensors.numpy

from sparse_coding.data import uploads
from testing.published_models import SharedApi

pytestmark = pytest.mark.usefixtures("both_ways")

NPY = {"Content-Type": "application/x-npy"}
SAFETENSORS = {"Content-Type": "application/vnd.safetensors"}
ROUTES = ["encode", "reconstruct", "truncation", "truncation/strip?format=json"]
SMALL = {"n_latents": 6, "hidden": [], "output": "identity"}
ONCE = {"epochs": 1, "batch_size": 16}
TIMES = np.stack([1.7e9 + np.arange(0, 64), np.linspace(-1, 1, 64)], axis=1)
"""A column that float32 would destroy, and one that it would not."""


@pytest.fixture(scope="module")
def api(shared_api: SharedApi, tmp_path_factory: pytest.TempPathFactory) -> SharedApi:
    """With models of images that have no sigmoid or are scaled, and a model of centred vectors."""
    folder = tmp_path_factory.mktemp("units")
    np.save(folder / "sent.npy", TIMES)
    sent = [uploads.UploadedFile("", None, folder / "sent.npy")]
    uploads.import_files(sent, folder / "times", center=True, max_bytes=2**20)
    shared_api.add_dataset("times", folder / "times")
    for name, dataset, model in (
        ("linear", {"name": "digits"}, SMALL),
        ("scaled", {"name": "digits", "scaling": "minmax"}, {**SMALL, "output": "sigmoid"}),
        ("times", {"name": "times"}, SMALL),
    ):
        shared_api.publish(folder, {"name": name, "dataset": dataset, "model": model, "training": ONCE})
    return shared_api


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def post(api: SharedApi, model: str, route: str, **body: Any) -> Any:
    return api.http.post(f"/api/v1/models/{model}/{route}", **body)


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code")


@pytest.mark.parametrize("route", ROUTES)
def test_bytes_are_refused_by_a_model_of_vectors(api: SharedApi, route: str) -> None:
    rows = np.full((2, 9), 5, np.uint8)
    answers = [post(api, "vectors", route, content=npy(rows), headers=NPY)]
    answers += [post(api, "vectors", route, content=safetensors.numpy.save({"inputs": rows}), headers=SAFETENSORS)]
    for answer in answers:
        assert code(answer) == (422, "UNSUPPORTED_DTYPE")
        assert "learned from vectors" in answer.json()["detail"]
    assert post(api, "vectors", route, content=npy(rows.astype(np.float32)), headers=NPY).status_code == 200


@pytest.mark.parametrize("model", ["linear", "scaled", "kl"])
@pytest.mark.parametrize("route", ROUTES)
def test_pixels_up_to_255_are_refused_by_a_model_of_images(api: SharedApi, model: str, route: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 64), np.uint8)
    answer = post(api, model, route, json={"inputs": pixels.tolist()})
    assert code(answer) == (422, "INPUTS_OUT_OF_RANGE")
    assert "divide bytes by 255" in answer.json()["detail"]
    for barely, shown in ((1.000001, "the largest 1.0000"), (-0.5, "the smallest is -0.5")):
        answer = post(api, model, route, json={"inputs": [[barely] + 63 * [0.5]]})
        assert code(answer) == (422, "INPUTS_OUT_OF_RANGE")
        assert "255" not in answer.json()["detail"]
        assert shown in answer.json()["detail"]
    as_bytes = post(api, model, route, content=npy(pixels), headers=NPY)
    as_floats = post(api, model, route, content=npy(pixels / np.float32(255)), headers=NPY)
    assert as_bytes.status_code == 200, as_bytes.text
    assert as_bytes.content == as_floats.content


def test_rows_of_a_dataset_of_another_kind_are_refused(api: SharedApi, tmp_path: Path) -> None:
    np.save(tmp_path / "sent.npy", np.random.default_rng(0).integers(0, 256, (8, 3, 3), np.uint8))
    uploads.import_files([uploads.UploadedFile("", None, tmp_path / "sent.npy")], tmp_path / "tiny", max_bytes=2**20)
    api.add_dataset("tiny-images", tmp_path / "tiny")
    answer = post(api, "vectors", "encode", json={"dataset": "tiny-images", "indices": [0]})
    assert code(answer) == (422, "UNSUPPORTED_DTYPE")
    assert "the rows of this dataset are images" in answer.json()["detail"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("route", ["encode", "reconstruct"])
def test_a_centred_model_refuses_types_that_cannot_hold_the_offset(api: SharedApi, route: str, dtype: Any) -> None:
    """As float32, 1.7e9 + 0, 1, 2, ... are one number."""
    with np.errstate(over="ignore"):
        narrow = TIMES[:5].astype(dtype)
    for content, headers in ((npy(narrow), NPY), (safetensors.numpy.save({"inputs": narrow}), SAFETENSORS)):
        answer = post(api, "times", route, content=content, headers=headers)
        assert code(answer) == (422, "UNSUPPORTED_DTYPE")
        assert "send float64" in answer.json()["detail"]
    big_endian = npy(TIMES[:5].astype(">f8"))
    for content in (npy(TIMES[:5]), big_endian):
        answer = post(api, "times", "encode", content=content, headers=NPY)
        assert (
            answer.json()["codes"] == post(api, "times", "encode", json={"inputs": TIMES[:5].tolist()}).json()["codes"]
        )


def test_rows_of_a_centred_model_are_sent_and_answered_uncentred(api: SharedApi) -> None:
    """By the weights file alone: the mean is subtracted in float64 before the cast, and added in float64 after it."""
    file = api.http.get("/api/v1/models/times/weights").raise_for_status().content
    tensors = {name: tensor.astype(np.float64) for name, tensor in safetensors.numpy.load(file).items()}
    means = tensors["centering.means"]
    rows = TIMES[:5]
    x = (rows - means).astype(np.float32)
    codes = 1 / (1 + np.exp(-(x @ tensors["encoder.0.weight"].T + tensors["encoder.0.bias"])))
    expected = codes @ tensors["decoder.0.weight"].T + tensors["decoder.0.bias"]
    body = {"inputs": rows.tolist()}
    np.testing.assert_allclose(post(api, "times", "encode", json=body).json()["codes"], codes, rtol=1e-4, atol=1e-5)
    again = post(api, "times", "reconstruct", json=body).json()
    np.testing.assert_allclose(np.array(again["reconstructions"]) - means, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(again["mse"], ((expected - x) ** 2).mean(1), rtol=1e-3)
    decoded = np.load(io.BytesIO(post(api, "times", "decode?format=npy", json={"codes": codes.tolist()}).content))
    assert decoded.dtype == np.float64
    np.testing.assert_allclose(decoded - means, expected, rtol=1e-4, atol=1e-4)


def test_stored_rows_and_the_same_rows_sent_have_the_same_codes(api: SharedApi) -> None:
    dataset = api.http.get("/api/v1/datasets/times").json()
    assert dataset["centered"] is True
    order = np.random.default_rng(42).permutation(64)
    train, test = TIMES[np.sort(order[13:])], TIMES[np.sort(order[:13])]
    np.testing.assert_allclose(dataset["column_means"], train.mean(0), rtol=1e-15)
    stored = post(api, "times", "encode", json={"dataset": "times", "split": "test", "indices": [0, 7]}).json()
    sent = post(api, "times", "encode", json={"inputs": test[[0, 7]].tolist()}).json()
    np.testing.assert_allclose(stored["codes"], sent["codes"], rtol=1e-6)
    assert np.ptp([row[0] for row in stored["codes"]]) > 1e-3
    listed = {item["name"]: item["centered"] for item in api.http.get("/api/v1/datasets").json()["items"]}
    assert (listed["times"], listed["signals"], listed["digits"]) == (True, False, False)


NOT_ROWS = [0, 1.5, "rows", True, None, {}, [], [[]], [[], []], [0], ["a"], [[["a"]]], [[True]], [{}], [[0], 0]]


@pytest.mark.parametrize("sent", NOT_ROWS, ids=repr)
@pytest.mark.parametrize("route", [*ROUTES, "decode"])
def test_what_is_no_list_of_rows_is_refused(api: SharedApi, route: str, sent: object) -> None:
    answer = post(api, "kl", route, json={"codes" if route == "decode" else "inputs": sent})
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] in {"NOT_NUMBERS", "EMPTY_INPUT", "WRONG_WIDTH", "RAGGED_ROWS"}


@pytest.mark.parametrize("sent", [0, "rows", None, {}, [], [0], [[]], [{"indices": 0, "values": 0}]], ids=repr)
def test_what_is_no_list_of_sparse_rows_is_refused(api: SharedApi, sent: object) -> None:
    assert code(post(api, "kl", "decode", json={"rows": sent})) == (422, "INVALID_REQUEST")


def test_bfloat16_bodies_are_their_float32_values(api: SharedApi) -> None:
    upper = (np.random.default_rng(0).random((2, 64), np.float32).view(np.uint32) >> 16).astype("<u2")
    header = b'{"inputs":{"dtype":"BF16","shape":[2,64],"data_offsets":[0,256]}}'
    content = len(header).to_bytes(8, "little") + header + upper.tobytes()
    short = post(api, "kl", "encode", content=content, headers=SAFETENSORS)
    long = post(api, "kl", "encode", content=npy((upper.astype(np.uint32) << 16).view(np.float32)), headers=NPY)
    assert short.status_code == 200, short.text
    assert short.json() == long.json()


def test_booleans_in_a_body_are_refused_with_the_way_out(api: SharedApi) -> None:
    answer = post(api, "kl", "encode", content=npy(np.ones((2, 64), bool)), headers=NPY)
    assert code(answer) == (422, "UNSUPPORTED_DTYPE")
    assert "float32" in answer.json()["detail"]
