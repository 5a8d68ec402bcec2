"""Encode and decode over HTTP: the numbers of the weights, in every form, and no hostile body believed."""

import io
import json
import struct
import time
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from numpy.typing import NDArray

from testing.published_models import SharedApi

pytestmark = pytest.mark.usefixtures("both_ways")

NPY = "application/x-npy"
SAFETENSORS = "application/vnd.safetensors"
JSON = "application/json"


def forward(weights: bytes, part: str, x: NDArray[Any], last: str) -> NDArray[Any]:
    """One half of the network by plain numpy in float64."""
    tensors = {name: tensor.astype(np.float64) for name, tensor in safetensors.numpy.load(weights).items()}
    layers = sorted({int(name.split(".")[1]) for name in tensors if name.startswith(part)})
    for layer in layers:
        x = x @ tensors[f"{part}.{layer}.weight"].T + tensors[f"{part}.{layer}.bias"]
        x = np.maximum(x, 0) if layer != layers[-1] or last == "relu" else x
    return 1 / (1 + np.exp(-x)) if last == "sigmoid" else x


def weights(shared_api: SharedApi, model: str) -> bytes:
    return bytes(shared_api.http.get(f"/api/v1/models/{model}/weights").raise_for_status().content)


def npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def images(count: int = 5) -> NDArray[np.float32]:
    return np.random.default_rng(count).random((count, 64), np.float32)


def encode(shared_api: SharedApi, body: Any = None, *, model: str = "kl", query: str = "", **more: Any) -> Any:
    return shared_api.http.post(
        f"/api/v1/models/{model}/encode{query}", **({"json": body} if body is not None else more)
    )


def test_codes_equal_the_forward_pass_of_the_downloaded_weights(shared_api: SharedApi) -> None:
    answer = encode(shared_api, {"inputs": images().tolist()})
    assert answer.status_code == 200
    assert answer.json()["model"] == "kl@1"
    expected = forward(weights(shared_api, "kl"), "encoder", images(), "sigmoid")
    np.testing.assert_allclose(answer.json()["codes"], expected, rtol=1e-5, atol=1e-5)


def test_relu_codes_equal_the_forward_pass_too(shared_api: SharedApi) -> None:
    inputs = np.random.default_rng(0).random((3, 100))
    answer = encode(shared_api, {"inputs": inputs.tolist()}, model="l1")
    expected = forward(weights(shared_api, "l1"), "encoder", inputs, "relu")
    np.testing.assert_allclose(answer.json()["codes"], expected, rtol=1e-5, atol=1e-5)


def test_vectors_are_scaled_as_in_training(shared_api: SharedApi) -> None:
    rows = np.random.default_rng(0).normal(5, 3, (4, 9))
    tensors = safetensors.numpy.load(weights(shared_api, "vectors"))
    scaled = (rows - tensors["scaling.minimum"]) / tensors["scaling.span"]
    answer = encode(shared_api, {"inputs": rows.tolist()}, model="vectors")
    expected = forward(weights(shared_api, "vectors"), "encoder", scaled, "relu")
    np.testing.assert_allclose(answer.json()["codes"], expected, rtol=1e-5, atol=1e-5)


BODIES = {
    "flat json": lambda x: {"json": {"inputs": x.tolist()}},
    "images as json": lambda x: {"json": {"inputs": x.reshape(-1, 8, 8).tolist()}},
    "json with a charset": lambda x: {
        "content": json.dumps({"inputs": x.tolist()}),
        "headers": {"Content-Type": "application/json; charset=utf-8"},
    },
    "npy": lambda x: {"content": npy(x), "headers": {"Content-Type": NPY}},
    "npy of images": lambda x: {"content": npy(x.reshape(-1, 8, 8)), "headers": {"Content-Type": NPY}},
    "npy in columns": lambda x: {"content": npy(np.asfortranarray(x)), "headers": {"Content-Type": NPY}},
    "big-endian npy": lambda x: {"content": npy(x.astype(">f4")), "headers": {"Content-Type": NPY}},
    "safetensors": lambda x: {
        "content": safetensors.numpy.save({"inputs": x}),
        "headers": {"Content-Type": SAFETENSORS},
    },
}


@pytest.mark.parametrize("form", sorted(BODIES))
def test_the_same_rows_have_the_same_codes_in_every_form(shared_api: SharedApi, form: str) -> None:
    answer = encode(shared_api, **BODIES[form](images()))
    assert answer.status_code == 200, answer.text
    expected = forward(weights(shared_api, "kl"), "encoder", images(), "sigmoid")
    np.testing.assert_allclose(answer.json()["codes"], expected, rtol=1e-5, atol=1e-5)


def test_bytes_are_divided_by_255_and_halves_are_read(shared_api: SharedApi) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64), np.uint8)
    for array, inputs in ((pixels, pixels / 255), (images().astype(np.float16), images().astype(np.float16))):
        answer = encode(shared_api, content=npy(array), headers={"Content-Type": NPY})
        expected = forward(weights(shared_api, "kl"), "encoder", inputs.astype(np.float64), "sigmoid")
        np.testing.assert_allclose(answer.json()["codes"], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model", ["kl", "l1"])
def test_rows_of_a_dataset_go_through_the_models_own_preprocessing(shared_api: SharedApi, model: str) -> None:
    answer = encode(shared_api, {"dataset": "digits", "split": "test", "indices": [0, 359, 0]}, model=model)
    assert answer.status_code == 200, answer.text
    codes = np.array(answer.json()["codes"])
    assert codes.shape == (3, 20)
    np.testing.assert_allclose(codes[0], codes[2], rtol=1e-5, atol=1e-5)
    if model == "kl":
        pictures = shared_api.http.get("/api/v1/datasets/digits/images?split=test&indices=0,359").json()["items"]
        rows = np.array([picture["pixels"] for picture in pictures]).reshape(2, 64)
        expected = forward(weights(shared_api, "kl"), "encoder", rows, "sigmoid")
        np.testing.assert_allclose(codes[:2], expected, rtol=1e-5, atol=1e-5)


def test_colour_images_are_taken_as_they_are_given(shared_api: SharedApi) -> None:
    pictures = shared_api.http.get("/api/v1/datasets/tints/images?indices=0,1").json()["items"]
    assert np.array(pictures[0]["pixels"]).shape == (4, 6, 3)
    sent = encode(shared_api, {"inputs": [picture["pixels"] for picture in pictures]}, model="colour").json()
    named = encode(shared_api, {"dataset": "tints", "split": "test", "indices": [0, 1]}, model="colour").json()
    np.testing.assert_allclose(sent["codes"], named["codes"], rtol=1e-5, atol=1e-5)


def test_a_rows_code_does_not_depend_on_its_company(shared_api: SharedApi) -> None:
    together = np.array(encode(shared_api, {"inputs": images(400).tolist()}).json()["codes"])
    for index in (0, 399):
        alone = encode(shared_api, {"inputs": [images(400)[index].tolist()]}).json()["codes"][0]
        np.testing.assert_allclose(together[index], alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("by", ["accept", "format"])
def test_codes_come_as_npy_and_safetensors_without_loss(shared_api: SharedApi, by: str) -> None:
    expected = np.array(encode(shared_api, {"inputs": images().tolist()}).json()["codes"], np.float32)
    for media_type, name in ((NPY, "npy"), (SAFETENSORS, "safetensors")):
        query = f"?format={name}" if by == "format" else ""
        headers = {} if by == "format" else {"Accept": media_type}
        answer = shared_api.http.post(
            f"/api/v1/models/kl/encode{query}", json={"inputs": images().tolist()}, headers=headers
        )
        assert answer.headers["content-type"] == media_type
        assert answer.headers["vary"] == "Accept"
        codes = (
            np.load(io.BytesIO(answer.content)) if name == "npy" else safetensors.numpy.load(answer.content)["codes"]
        )
        assert codes.dtype == np.float32
        np.testing.assert_array_equal(codes, expected)


def sparse(codes: NDArray[Any], threshold: float, top_k: int | None) -> list[list[int]]:
    """Indices by the definition, naively."""
    chosen = []
    for code in codes:
        ranked = sorted((latent for latent in range(len(code)) if code[latent] > threshold), key=lambda i: -code[i])
        chosen.append(sorted(ranked[:top_k]))
    return chosen


@pytest.mark.parametrize(
    ("query", "threshold", "top_k"),
    [
        ("?sparse=true", 0.1, None),
        ("?sparse=true&threshold=0.05", 0.05, None),
        ("?sparse=true&threshold=0", 0.0, None),
        ("?sparse=true&top_k=3", 0.0, 3),
        ("?sparse=true&top_k=3&threshold=0.2", 0.2, 3),
        ("?top_k=3", 0.0, 3),
        ("?sparse=true&threshold=1e30", 1e30, None),
    ],
)
@pytest.mark.parametrize("model", ["kl", "l1"])
def test_a_sparse_answer_names_the_active_latents(
    shared_api: SharedApi, model: str, query: str, threshold: float, top_k: int | None
) -> None:
    body = {"dataset": "digits", "split": "test", "indices": list(range(30))}
    codes = np.array(encode(shared_api, body, model=model).json()["codes"], np.float32)
    answer = encode(shared_api, body, model=model, query=query).json()
    assert [row["indices"] for row in answer["rows"]] == sparse(codes, threshold, top_k)
    for code, row in zip(codes, answer["rows"], strict=True):
        np.testing.assert_array_equal(np.array(row["values"], np.float32), code[row["indices"]])


def test_a_sparse_answer_is_json_only_and_its_settings_need_it(shared_api: SharedApi) -> None:
    refused = encode(shared_api, {"inputs": images().tolist()}, query="?sparse=true&format=npy")
    assert (refused.status_code, refused.json()["code"]) == (406, "NOT_ACCEPTABLE")
    assert "application/json" in refused.json()["detail"]
    refused = encode(shared_api, {"inputs": images().tolist()}, query="?threshold=0.3")
    assert (refused.status_code, refused.json()["code"]) == (422, "INVALID_REQUEST")


def test_rows_of_a_dataset_without_indices_are_all_of_the_split(shared_api: SharedApi) -> None:
    for body in ({"dataset": "digits"}, {"dataset": "digits", "split": "test"}):
        some = encode(shared_api, {**body, "indices": list(range(360))}).json()
        assert encode(shared_api, body).json() == some
    refused = encode(shared_api, {"dataset": "digits", "split": "train"})
    assert (refused.status_code, refused.json()["code"]) == (413, "TOO_MANY_ROWS")
    assert "1437 came" in refused.json()["detail"]


def test_what_cannot_be_given_is_refused_with_what_can(shared_api: SharedApi) -> None:
    answer = shared_api.http.post(
        "/api/v1/models/kl/encode", json={"inputs": images().tolist()}, headers={"Accept": "image/png"}
    )
    assert (answer.status_code, answer.json()["code"]) == (406, "NOT_ACCEPTABLE")
    for media_type in (JSON, NPY, SAFETENSORS):
        assert media_type in answer.json()["detail"]


# --- decode ----------------------------------------------------------------------------------------------------------


def decode(shared_api: SharedApi, body: Any, model: str = "kl") -> Any:
    return shared_api.http.post(f"/api/v1/models/{model}/decode", json=body)


def test_outputs_equal_the_forward_pass_of_the_downloaded_weights(shared_api: SharedApi) -> None:
    codes = np.random.default_rng(0).random((4, 20), np.float32)
    expected = forward(weights(shared_api, "kl"), "decoder", codes, "sigmoid")
    answer = decode(shared_api, {"codes": codes.tolist()})
    assert answer.json()["model"] == "kl@1"
    np.testing.assert_allclose(answer.json()["outputs"], expected, rtol=1e-5, atol=1e-5)
    for content, media_type in ((npy(codes), NPY), (safetensors.numpy.save({"codes": codes}), SAFETENSORS)):
        answer = shared_api.http.post(
            "/api/v1/models/kl/decode?format=npy", content=content, headers={"Content-Type": media_type}
        )
        np.testing.assert_allclose(np.load(io.BytesIO(answer.content)), expected, rtol=1e-5, atol=1e-5)


def test_sparse_rows_decode_like_the_dense_codes_they_stand_for(shared_api: SharedApi) -> None:
    dense = np.zeros((3, 20))
    dense[0, [2, 7]] = [0.5, 1.0]
    dense[1, 19] = 3
    rows = [{"indices": [7, 2], "values": [1.0, 0.5]}, {"indices": [19], "values": [3]}, {"indices": [], "values": []}]
    expected = decode(shared_api, {"codes": dense.tolist()}).json()["outputs"]
    np.testing.assert_allclose(decode(shared_api, {"rows": rows}).json()["outputs"], expected, rtol=1e-5, atol=1e-5)


def test_what_encode_answers_sparsely_decode_takes(shared_api: SharedApi) -> None:
    body = {"dataset": "digits", "split": "test", "indices": [4, 5]}
    answer = encode(shared_api, body, model="l1", query="?sparse=true&threshold=0").json()
    codes = encode(shared_api, body, model="l1").json()["codes"]
    expected = decode(shared_api, {"codes": codes}, model="l1").json()["outputs"]
    outputs = decode(shared_api, {"rows": answer["rows"]}, model="l1").json()["outputs"]
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-5)


def row(indices: Any, values: Any, **more: Any) -> dict[str, Any]:
    return {"rows": [{"indices": indices, "values": values, **more}]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"codes": [[0.0] * 19]}, "WRONG_WIDTH"),
        ({"codes": [0.0] * 20}, "WRONG_WIDTH"),
        ({"codes": []}, "EMPTY_INPUT"),
        ({"codes": [[1e39] * 20]}, "NOT_FINITE"),
        ({"codes": [["0"] * 20]}, "NOT_NUMBERS"),
        ({"rows": []}, "INVALID_REQUEST"),
        ({"rows": {}}, "INVALID_REQUEST"),
        ({"rows": [7]}, "INVALID_REQUEST"),
        ({"codes": [[0.0] * 20], "rows": []}, "INVALID_REQUEST"),
        ({"inputs": [[0.0] * 64]}, "INVALID_REQUEST"),
        ({}, "INVALID_REQUEST"),
        (row([20], [1.0]), "INDEX_OUT_OF_RANGE"),
        (row([-1], [1.0]), "INDEX_OUT_OF_RANGE"),
        (row([2**63], [1.0]), "INDEX_OUT_OF_RANGE"),
        (row([1, 1], [1.0, 2.0]), "INVALID_REQUEST"),
        (row([1], [1.0, 2.0]), "INVALID_REQUEST"),
        (row([1.0], [1.0]), "INVALID_REQUEST"),
        (row([True], [1.0]), "INVALID_REQUEST"),
        (row([1], [None]), "INVALID_REQUEST"),
        (row([1], [1e39]), "NOT_FINITE"),
        (row([1], [1.0], more=1), "INVALID_REQUEST"),
        (row("1", "1"), "INVALID_REQUEST"),
    ],
)
def test_a_code_that_makes_no_sense_is_refused(shared_api: SharedApi, body: Any, code: str) -> None:
    answer = decode(shared_api, body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


# --- hostile bodies --------------------------------------------------------------------------------------------------


def npy_header(shape: str, descr: str = "'<f4'", version: bytes = b"\x01\x00") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (63 - (10 + len(text)) % 64) + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text


def tensors(header: Any, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


ROW = [0.0] * 64
TENSOR = {"dtype": "F32", "shape": [1, 64], "data_offsets": [0, 256]}
HOSTILE: dict[str, tuple[str, bytes, int, str]] = {
    "too narrow": (JSON, json.dumps({"inputs": [[0.0] * 63]}).encode(), 422, "WRONG_WIDTH"),
    "one row instead of rows": (JSON, json.dumps({"inputs": ROW}).encode(), 422, "WRONG_WIDTH"),
    "images of another shape": (JSON, json.dumps({"inputs": [[[0.0] * 4] * 16]}).encode(), 422, "WRONG_WIDTH"),
    "nested too deeply": (JSON, json.dumps({"inputs": [[[[[[0.0]]]]]]}).encode(), 422, "RAGGED_ROWS"),
    "ragged": (JSON, json.dumps({"inputs": [ROW, ROW[1:]]}).encode(), 422, "RAGGED_ROWS"),
    "a number among rows": (JSON, json.dumps({"inputs": [ROW, 1.0]}).encode(), 422, "RAGGED_ROWS"),
    "a list among numbers": (JSON, json.dumps({"inputs": [[*ROW[1:], [1]]]}).encode(), 422, "RAGGED_ROWS"),
    "no row": (JSON, b'{"inputs": []}', 422, "EMPTY_INPUT"),
    "an empty row": (JSON, b'{"inputs": [[]]}', 422, "EMPTY_INPUT"),
    "text for numbers": (JSON, json.dumps({"inputs": [["0.5"] * 64]}).encode(), 422, "NOT_NUMBERS"),
    "null for a number": (JSON, json.dumps({"inputs": [[None, *ROW[1:]]]}).encode(), 422, "NOT_NUMBERS"),
    "true for a number": (JSON, json.dumps({"inputs": [[True, *ROW[1:]]]}).encode(), 422, "NOT_NUMBERS"),
    "objects for rows": (JSON, b'{"inputs": [{"0": 1}]}', 422, "NOT_NUMBERS"),
    "text for rows": (JSON, b'{"inputs": "0,0,0"}', 422, "NOT_NUMBERS"),
    "infinite as float32": (JSON, json.dumps({"inputs": [[1e39, *ROW[1:]]]}).encode(), 422, "NOT_FINITE"),
    "infinite as float64": (JSON, b'{"inputs": [[1e400]]}', 422, "NOT_FINITE"),
    "NaN in JSON": (JSON, b'{"inputs": [[NaN]]}', 422, "NOT_FINITE"),
    "an infinity in JSON": (JSON, b'{"inputs": [[-Infinity]]}', 422, "NOT_FINITE"),
    "a huge integer": (JSON, b'{"inputs": [[' + b"9" * 5000 + b"]]}", 422, "NOT_FINITE"),
    "an input above 1": (JSON, json.dumps({"inputs": [[1.001, *ROW[1:]]]}).encode(), 422, "INPUTS_OUT_OF_RANGE"),
    "an input below 0": (JSON, json.dumps({"inputs": [[-0.001, *ROW[1:]]]}).encode(), 422, "INPUTS_OUT_OF_RANGE"),
    "nested 100,000 deep": (JSON, b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "MALFORMED_JSON"),
    "JSON cut short": (JSON, b'{"inputs": [[0.0,', 400, "MALFORMED_JSON"),
    "not UTF-8": (JSON, b'{"inputs": "\xff"}', 400, "MALFORMED_JSON"),
    "an empty body": (JSON, b"", 400, "MALFORMED_JSON"),
    "a list": (JSON, b"[[0.0]]", 422, "INVALID_REQUEST"),
    "an unknown field": (JSON, json.dumps({"inputs": [ROW], "scale": 2}).encode(), 422, "INVALID_REQUEST"),
    "both ways at once": (JSON, json.dumps({"inputs": [ROW], "dataset": "digits"}).encode(), 422, "INVALID_REQUEST"),
    "neither way": (JSON, b"{}", 422, "INVALID_REQUEST"),
    "no dataset": (JSON, b'{"split": "test", "indices": [0]}', 422, "INVALID_REQUEST"),
    "an empty list of indices": (JSON, b'{"dataset": "digits", "indices": []}', 422, "INVALID_REQUEST"),
    "an index beyond the split": (JSON, b'{"dataset": "digits", "indices": [360]}', 422, "INDEX_OUT_OF_RANGE"),
    "a negative index": (JSON, b'{"dataset": "digits", "indices": [-1]}', 422, "INVALID_REQUEST"),
    "a fractional index": (JSON, b'{"dataset": "digits", "indices": [0.5]}', 422, "INVALID_REQUEST"),
    "an index of 63 bits": (JSON, b'{"dataset": "digits", "indices": [4611686018427387904]}', 422, "INVALID_REQUEST"),
    "an unknown split": (JSON, b'{"dataset": "digits", "split": "all", "indices": [0]}', 422, "INVALID_REQUEST"),
    "an unknown dataset": (JSON, b'{"dataset": "nothing", "indices": [0]}', 404, "DATASET_NOT_FOUND"),
    "a dataset that is not present": (JSON, b'{"dataset": "mnist", "indices": [0]}', 409, "DATASET_NOT_PRESENT"),
    "a dataset's name that climbs": (JSON, b'{"dataset": "../x", "indices": [0]}', 422, "INVALID_REQUEST"),
    "a dataset of another shape": (JSON, b'{"dataset": "tints", "indices": [0]}', 422, "WRONG_WIDTH"),
    "too many rows": (JSON, json.dumps({"inputs": [ROW] * 501}).encode(), 413, "TOO_MANY_ROWS"),
    "too many indices": (
        JSON,
        json.dumps({"dataset": "digits", "indices": [0] * 501}).encode(),
        413,
        "TOO_MANY_ROWS",
    ),
    "NaN in npy": (NPY, npy(np.full((1, 64), np.nan, np.float32)), 422, "NOT_FINITE"),
    "a double beyond float32": (NPY, npy(np.full((1, 64), 1e39)), 422, "NOT_FINITE"),
    "complex npy": (NPY, npy(np.zeros((1, 64), np.complex64)), 422, "UNSUPPORTED_DTYPE"),
    "integer npy": (NPY, npy(np.zeros((1, 64), np.int64)), 422, "UNSUPPORTED_DTYPE"),
    "npy of text": (NPY, npy(np.full((1, 64), "0")), 422, "UNSUPPORTED_DTYPE"),
    "npy of objects": (NPY, npy_header("(1,)", "'|O'") + b"\x80\x04.", 422, "UNSUPPORTED_DTYPE"),
    "npy of no dimension": (NPY, npy(np.float32(0)), 422, "UNREADABLE_FILE"),
    "npy of no rows": (NPY, npy(np.zeros((0, 64), np.float32)), 422, "EMPTY_INPUT"),
    "npy that promises 16 TiB": (NPY, npy_header("(4194304, 1048576)") + bytes(64), 422, "UNREADABLE_FILE"),
    "npy whose product overflows": (NPY, npy_header("(4294967296, 4294967296)"), 422, "UNREADABLE_FILE"),
    "npy with a negative dimension": (NPY, npy_header("(-1, 64)") + bytes(256), 422, "UNREADABLE_FILE"),
    "npy cut short": (NPY, npy(np.zeros((1, 64), np.float32))[:-1], 422, "UNREADABLE_FILE"),
    "npy with more behind it": (NPY, npy(np.zeros((1, 64), np.float32)) + b"x", 422, "UNREADABLE_FILE"),
    "npy of the future": (NPY, b"\x93NUMPY\x09\x00" + bytes(64), 422, "UNREADABLE_FILE"),
    "a pickle as npy": (NPY, b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00.", 422, "UNREADABLE_FILE"),
    "too many rows of npy": (NPY, npy(np.zeros((501, 64), np.float32)), 413, "TOO_MANY_ROWS"),
    "a tensor of another name": (
        SAFETENSORS,
        safetensors.numpy.save({"x": np.zeros((1, 64), np.float32)}),
        422,
        "INVALID_REQUEST",
    ),
    "safetensors that promises 4 EiB": (
        SAFETENSORS,
        tensors({"inputs": {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}}, bytes(64)),
        422,
        "UNREADABLE_FILE",
    ),
    "safetensors with a hole": (
        SAFETENSORS,
        tensors({"inputs": {**TENSOR, "data_offsets": [8, 264]}}, bytes(264)),
        422,
        "UNREADABLE_FILE",
    ),
    "a header of 2^63 bytes": (SAFETENSORS, struct.pack("<Q", 2**63) + b"{}", 422, "UNREADABLE_FILE"),
    "float8": (SAFETENSORS, tensors({"inputs": {**TENSOR, "dtype": "F8_E4M3"}}, bytes(64)), 422, "UNSUPPORTED_DTYPE"),
    "a pickle": ("application/octet-stream", b"\x80\x04.", 415, "UNSUPPORTED_MEDIA_TYPE"),
    "a form": ("application/x-www-form-urlencoded", b"inputs=1", 415, "UNSUPPORTED_MEDIA_TYPE"),
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(HOSTILE))
def test_a_hostile_body_is_refused_quickly_and_says_why(shared_api: SharedApi, case: str) -> None:
    media_type, content, status, code = HOSTILE[case]
    began = time.perf_counter()
    answer = encode(shared_api, content=content, headers={"Content-Type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 15
    assert len(answer.content) < 2000, "the body is not echoed"
    assert time.perf_counter() - began < 10


def test_a_body_without_a_type_is_refused_with_the_types_that_are_read(shared_api: SharedApi) -> None:
    answer = encode(shared_api, content=b'{"inputs": [[0.0]]}')
    assert answer.status_code == 415
    for media_type in (JSON, NPY, SAFETENSORS):
        assert media_type in answer.json()["detail"]


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("too narrow", ["64", "63"]),
        ("too many rows", ["500", "501"]),
        ("ragged", ["63", "64"]),
        ("an index beyond the split", ["360", "359"]),
        ("null for a number", ["null"]),
    ],
)
def test_a_refusal_says_what_was_expected_and_what_came(shared_api: SharedApi, case: str, words: list[str]) -> None:
    media_type, content, _, _ = HOSTILE[case]
    detail = encode(shared_api, content=content, headers={"Content-Type": media_type}).json()["detail"]
    for word in words:
        assert word in detail


def test_numbers_too_large_for_the_model_are_no_nan_in_the_answer(shared_api: SharedApi) -> None:
    answer = shared_api.http.post("/api/v1/models/vectors/decode", json={"codes": [[3e38] * 7]})
    assert (answer.status_code, answer.json()["code"]) == (422, "NOT_FINITE")


def test_counted_rows_are_exposed(shared_api: SharedApi) -> None:
    def counted() -> float:
        lines = shared_api.http.get("/metrics").text.splitlines()
        return float(
            next((line.split()[-1] for line in lines if line.startswith('sae_rows_total{operation="encode"}')), 0)
        )

    before = counted()
    encode(shared_api, {"inputs": images(7).tolist()})
    assert counted() == before + 2 * 7, "on each way"
