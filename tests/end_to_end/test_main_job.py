"""The main job through all processes: upload, train, and get codes, reconstructions, statistics and pictures back.

What the service answers is compared with plain numpy on the weights that it hands out.
"""

import gzip
import io
import json
import struct
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load
from sklearn.datasets import load_digits

from testing.local_service import LocalService

ROWS = {"train": 900, "test": 150}
EPOCHS = 60
SPARSITIES = {
    "kl": {"kind": "kl", "weight": 0.01, "rho": 0.05},
    "l1": {"kind": "l1", "weight": 0.001},
}


def idx(array: NDArray[np.uint8]) -> bytes:
    """The bytes of an IDX file of unsigned bytes."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@dataclass(frozen=True)
class Uploaded:
    """A dataset that the test made and the local_service holds."""

    name: str
    images: dict[str, NDArray[np.uint8]]
    labels: dict[str, NDArray[np.uint8]]


@pytest.fixture(scope="module")
def uploaded(local_service: LocalService) -> Uploaded:
    digits = load_digits()
    pixels = np.round(digits.images * 255 / 16).astype(np.uint8)
    cut = ROWS["train"]
    images = {"train": pixels[:cut], "test": pixels[cut : cut + ROWS["test"]]}
    labels = {
        "train": digits.target[:cut].astype(np.uint8),
        "test": digits.target[cut : cut + ROWS["test"]].astype("u1"),
    }
    files = [
        ("files", ("train-images-idx3-ubyte.gz", gzip.compress(idx(images["train"])))),
        ("files", ("train-labels-idx1-ubyte", idx(labels["train"]))),
        ("files", ("t10k-images-idx3-ubyte", idx(images["test"]))),
        ("files", ("t10k-labels-idx1-ubyte.gz", gzip.compress(idx(labels["test"])))),
    ]
    answer = local_service.http.post("/api/v1/datasets/scans", files=files)
    assert answer.status_code == 201, answer.text
    assert answer.json()["splits"] == ROWS
    assert answer.json()["image_shape"] == [1, 8, 8]
    return Uploaded("scans", images, labels)


@pytest.fixture(scope="module", params=sorted(SPARSITIES))
def run(local_service: LocalService, uploaded: Uploaded, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A finished run with that sparsity: narrow, short, but long enough to learn."""
    return local_service.trained(
        name=f"scans-{request.param}",
        dataset={"name": uploaded.name},
        model={"n_latents": 40, "hidden": [32]},
        sparsity=SPARSITIES[request.param],
        training={"epochs": EPOCHS, "batch_size": 64, "learning_rate": 0.003},
    )


def forward(weights: bytes, images: NDArray[np.uint8], sparsity: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Codes and reconstructions by plain numpy in float64."""
    tensors = {name: tensor.astype(np.float64) for name, tensor in load(weights).items()}

    def layers(part: str, x: NDArray[Any]) -> NDArray[Any]:
        numbers = sorted({int(name.split(".")[1]) for name in tensors if name.startswith(part)})
        for number in numbers:
            x = x @ tensors[f"{part}.{number}.weight"].T + tensors[f"{part}.{number}.bias"]
            if number != numbers[-1]:
                x = np.maximum(x, 0)
        return x

    def sigmoid(x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(1 / (1 + np.exp(-x)))

    before = layers("encoder", images.reshape(len(images), -1) / 255)
    codes = sigmoid(before) if sparsity == "kl" else np.maximum(before, 0)
    return codes, sigmoid(layers("decoder", codes))


def test_encode_equals_the_forward_pass_of_the_downloaded_weights(
    local_service: LocalService, uploaded: Uploaded, run: Any
) -> None:
    codes, outputs = forward(
        local_service.weights(run["model"]), uploaded.images["test"], run["spec"]["sparsity"]["kind"]
    )
    body = {"inputs": (uploaded.images["test"].reshape(-1, 64) / 255).tolist()}
    answer = local_service.http.post(f"/api/v1/models/{run['model']}/encode", json=body).raise_for_status().json()
    np.testing.assert_allclose(answer["codes"], codes, rtol=1e-5, atol=1e-5)
    by_index = {"dataset": uploaded.name, "split": "test", "indices": [0, 7, 149]}
    answer = (
        local_service.http.post(f"/api/v1/models/{run['model']}/reconstruct", json=by_index).raise_for_status().json()
    )
    np.testing.assert_allclose(answer["reconstructions"], outputs[[0, 7, 149]], rtol=1e-5, atol=1e-5)
    errors = np.mean((outputs - uploaded.images["test"].reshape(-1, 64) / 255) ** 2, axis=1)
    np.testing.assert_allclose(answer["mse"], errors[[0, 7, 149]], rtol=1e-4, atol=1e-6)


def test_decode_of_a_code_is_the_reconstruction(local_service: LocalService, uploaded: Uploaded, run: Any) -> None:
    codes, outputs = forward(
        local_service.weights(run["model"]), uploaded.images["test"], run["spec"]["sparsity"]["kind"]
    )
    answer = local_service.http.post(f"/api/v1/models/{run['model']}/decode", json={"codes": codes[:4].tolist()})
    np.testing.assert_allclose(answer.raise_for_status().json()["outputs"], outputs[:4], rtol=1e-5, atol=1e-5)


def test_sparsity_equals_a_direct_computation_from_the_codes(
    local_service: LocalService, uploaded: Uploaded, run: Any
) -> None:
    codes, _ = forward(local_service.weights(run["model"]), uploaded.images["test"], run["spec"]["sparsity"]["kind"])
    active = codes > 0.1
    answer = local_service.http.get(f"/api/v1/models/{run['model']}/sparsity?split=test").raise_for_status().json()
    assert answer["num_samples"] == ROWS["test"], "the number really used, not the 1000 asked for by default"
    assert answer["population_sparsity"]["mean"] == pytest.approx(active.mean(), abs=1e-4)
    np.testing.assert_allclose(answer["lifetime_sparsity"]["per_latent"], active.mean(axis=0), atol=1 / ROWS["test"])
    assert answer["inactive_latents"]["indices"] == list(np.flatnonzero(active.mean(axis=0) < 0.01))
    assert sum(answer["population_sparsity"]["histogram"]["counts"]) == ROWS["test"]
    assert sum(answer["activation_histogram"]["counts"]) == codes.size


def test_a_run_records_every_epoch_and_learns(local_service: LocalService, run: Any) -> None:
    items = local_service.http.get(f"/api/v1/runs/{run['id']}/metrics").raise_for_status().json()["items"]
    assert [item["epoch"] for item in items] == list(range(1, EPOCHS + 1))
    assert items[-1]["test_mse"] < items[0]["test_mse"]
    assert items[-1]["test_mse"] == pytest.approx(run["result"]["mse"], rel=1e-6)
    weight = run["spec"]["sparsity"]["weight"]
    for item in items:
        assert item["loss"] == pytest.approx(item["reconstruction"] + weight * item["sparsity"], rel=1e-5)
    assert run["result"]["collapsed"] is False


def test_the_same_seed_gives_identical_weights_and_another_seed_does_not(
    local_service: LocalService, uploaded: Uploaded
) -> None:
    def trained(seed: int) -> bytes:
        spec = {"dataset": {"name": uploaded.name}, "model": {"n_latents": 16, "hidden": []}, "name": "twin"}
        run = local_service.trained(**spec, training={"epochs": 3, "batch_size": 100, "seed": seed})
        return local_service.weights(run["model"])

    first, second, other = trained(1), trained(1), trained(2)
    assert first == second
    assert first != other


def test_pictures_open_and_have_the_promised_size(local_service: LocalService, uploaded: Uploaded, run: Any) -> None:
    def picture(answer: httpx.Response) -> Image.Image:
        assert answer.raise_for_status().headers["content-type"] == "image/png"
        image = Image.open(io.BytesIO(answer.content))
        image.load()
        return image

    features = picture(local_service.http.get(f"/api/v1/models/{run['model']}/features?format=png&limit=36"))
    assert features.width == features.height, "36 latents stand in a grid of 6 by 6"
    assert json.loads(features.info["latents"]) == list(range(36))
    one = picture(local_service.http.get(f"/api/v1/models/{run['model']}/features/3", headers={"Accept": "image/png"}))
    assert one.width % 8 == 0, "an 8 x 8 image upscaled by a whole factor"
    assert one.width == one.height
    charts = picture(local_service.http.get(f"/api/v1/models/{run['model']}/sparsity?format=png"))
    assert charts.width > charts.height, "three histograms side by side"
    body = {"dataset": uploaded.name, "split": "test", "indices": list(range(8))}
    picture(local_service.http.post(f"/api/v1/models/{run['model']}/reconstruct?format=png", json=body))


def test_top_inputs_of_a_latent_are_the_rows_with_its_largest_activations(
    local_service: LocalService, uploaded: Uploaded, run: Any
) -> None:
    codes, _ = forward(local_service.weights(run["model"]), uploaded.images["test"], run["spec"]["sparsity"]["kind"])
    latent = int(codes.max(axis=0).argmax())
    answer = local_service.http.get(f"/api/v1/models/{run['model']}/features/{latent}").raise_for_status().json()
    expected = np.sort(codes[:, latent])[::-1][: len(answer["top_inputs"])]
    np.testing.assert_allclose([top["activation"] for top in answer["top_inputs"]], expected, rtol=1e-4, atol=1e-5)
    for top in answer["top_inputs"]:
        assert top["label"] == str(uploaded.labels["test"][top["index"]])


def test_only_a_dataset_is_the_tutorials_main_run(local_service: LocalService) -> None:
    answer = local_service.http.post("/api/v1/runs", json={"dataset": {"name": "digits"}})
    run = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/api/v1/runs/{run['id']}")
    assert run["spec"]["model"] == {"architecture": "mlp", "n_latents": 128, "hidden": [256], "output": "sigmoid"}
    assert run["spec"]["sparsity"] == {"kind": "kl", "weight": 0.01, "rho": 0.05}
    assert run["spec"]["training"]["epochs"] == 15
    assert run["spec"]["name"] == "digits-kl"
    finished = local_service.finished(run)
    assert (finished["state"], finished["model"]) == ("succeeded", "digits-kl@1")


def test_vectors_train_too(local_service: LocalService) -> None:
    rows = np.random.default_rng(0).normal(size=(400, 12)) @ np.random.default_rng(1).normal(size=(12, 12)) * 5
    buffer = io.BytesIO()
    np.save(buffer, rows.astype(np.float32))
    answer = local_service.http.post(
        "/api/v1/datasets/signals?test_fraction=0.25",
        content=buffer.getvalue(),
        headers={"Content-Type": "application/x-npy"},
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["splits"] == {"train": 300, "test": 100}
    run = local_service.trained(
        dataset={"name": "signals", "scaling": "minmax"},
        model={"n_latents": 24, "hidden": [], "output": "identity"},
        sparsity={"kind": "l1", "weight": 0.001, "reduction": "sum"},
        training={"epochs": 30, "batch_size": 50},
    )
    answer = local_service.http.post(f"/api/v1/models/{run['model']}/reconstruct", json={"inputs": rows[:5].tolist()})
    outputs = np.array(answer.raise_for_status().json()["reconstructions"])
    assert outputs.shape == (5, 12)
    assert answer.json()["error_units"] == run["result"]["error_units"] == "scaled"
    assert np.abs(outputs).max() > 1.5, "reconstructions come back in raw units"


def test_a_dataset_that_cannot_be_fetched_fails_the_run_and_says_what_to_do(local_service: LocalService) -> None:
    run = local_service.finished(local_service.http.post("/api/v1/runs", json={"dataset": {"name": "mnist"}}).json())
    assert (run["state"], run["error"]["code"]) == ("failed", "DATASET_UNAVAILABLE")
    assert "train-images-idx3-ubyte" in run["error"]["detail"]
    assert "sources/mnist" in run["error"]["detail"]
