"""The tutorial's exercises and its challenge through the whole local_service, on scikit-learn's digits.

What the tables say is compared with what other routes, and plain numpy on the weights, say of the same models.
"""

import csv
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load
from sklearn.datasets import load_digits

from testing.local_service import LocalService

DIGITS = {"name": "digits"}
SMALL = {"n_latents": 24, "hidden": [32]}
TRAINING = {"epochs": 40, "batch_size": 64, "learning_rate": 0.003}
BASE = {"dataset": DIGITS, "model": SMALL, "training": TRAINING}


def get(local_service: LocalService, path: str, **query: Any) -> Any:
    return local_service.http.get(f"/api/v1/{path}", params=query).raise_for_status().json()


def picture(local_service: LocalService, path: str, **query: Any) -> Image.Image:
    answer = local_service.http.get(f"/api/v1/{path}", params=query, headers={"Accept": "image/png"}).raise_for_status()
    image = Image.open(io.BytesIO(answer.content))
    assert image.format == "PNG"
    return image


def held_out_images() -> np.ndarray:
    """The held-out images, as the network sees them."""
    pixels: np.ndarray = np.round(load_digits().images[1437:] * 255 / 16).reshape(360, 64) / 255
    return pixels


@pytest.fixture(scope="module")
def sweep(local_service: LocalService) -> dict[str, Any]:
    """Exercises 1 and 2 in small: L1 and KL by two weights each, with the dense reference."""
    members = [{"sparsity": {"kind": kind, "weight": weight}} for kind in ("l1", "kl") for weight in (0.001, 0.05)]
    run: dict[str, Any] = local_service.trained(kind="sweep", name="both", base=BASE, members=members, reference=True)
    return run


@pytest.fixture(scope="module")
def table(local_service: LocalService, sweep: dict[str, Any]) -> list[dict[str, Any]]:
    members: list[dict[str, Any]] = get(local_service, f"runs/{sweep['id']}/results")["members"]
    return members


def test_a_sweep_publishes_every_member_and_its_table_says_what_numpy_says(
    local_service: LocalService, table: list[dict[str, Any]]
) -> None:
    assert [row["model"] for row in table] == ["both-0@1", "both-1@1", "both-2@1", "both-3@1", "both-reference@1"]
    x = held_out_images()
    for row in table:
        tensors = {
            name: tensor.astype(np.float64) for name, tensor in load(local_service.weights(row["model"])).items()
        }
        code = layer(np.maximum(layer(x, tensors, "encoder.0"), 0), tensors, "encoder.2")
        dense = row["reference"] or row["varied"]["sparsity.kind"] == "l1"
        code = np.maximum(code, 0) if dense else 1 / (1 + np.exp(-code))
        output = layer(np.maximum(layer(code, tensors, "decoder.0"), 0), tensors, "decoder.2")
        error = np.mean((1 / (1 + np.exp(-output)) - x) ** 2)
        assert row["mse"] == pytest.approx(error, rel=1e-4)
        assert row["l0"] == pytest.approx((code > 0.1).sum(1).mean(), abs=0.02)
        assert row["probe_accuracy"] is None or 0 < row["probe_accuracy"] <= 1


def layer(rows: np.ndarray, tensors: dict[str, np.ndarray], name: str) -> np.ndarray:
    product: np.ndarray = rows @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]
    return product


def test_the_front_is_that_of_the_table(table: list[dict[str, Any]]) -> None:
    judged = [row for row in table if not row["reference"] and not row["collapsed"]]
    for row in judged:
        better = [o for o in judged if o["mse"] <= row["mse"] and o["l0"] <= row["l0"] and o is not row]
        assert row["pareto"] is not any((o["mse"], o["l0"]) != (row["mse"], row["l0"]) for o in better)
    assert not [row for row in table if row["pareto"] and row not in judged]


def test_the_table_is_had_as_csv_and_as_a_chart(
    local_service: LocalService, sweep: dict[str, Any], table: list[dict[str, Any]]
) -> None:
    text = local_service.http.get(f"/api/v1/runs/{sweep['id']}/results", headers={"Accept": "text/csv"}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["mse"]) for row in rows] == [row["mse"] for row in table]
    assert min(picture(local_service, f"runs/{sweep['id']}/results").size) > 300


def test_two_members_are_compared_and_their_features_matched(
    local_service: LocalService, table: list[dict[str, Any]]
) -> None:
    pair = f"{table[0]['model']},{table[2]['model']}"
    compared = get(local_service, "comparisons", models=pair)["models"]
    assert [one["result"]["mse"] for one in compared] == [table[0]["mse"], table[2]["mse"]]
    assert all(len(one["curves"]) == TRAINING["epochs"] for one in compared)
    assert min(picture(local_service, "comparisons", models=pair).size) > 300
    matches = get(local_service, "comparisons/matches", models=pair)
    assert 0 < matches["mean"] < 1
    itself = f"{table[2]['model']},{table[3]['model']}"
    assert 0 < get(local_service, "comparisons/matches", models=itself)["mean"] <= 1


def test_selectivity_is_that_of_the_codes(local_service: LocalService, table: list[dict[str, Any]]) -> None:
    model = table[2]["model"]
    rows = {"dataset": "digits", "split": "test", "indices": list(range(360))}
    answer = local_service.http.post(f"/api/v1/models/{model}/encode", json=rows).raise_for_status().json()
    codes, labels = np.array(answer["codes"]), load_digits().target[1437:]
    means = np.stack([codes[labels == digit].mean(0) for digit in range(10)])
    highest = means.max(0)
    rest = (means.sum(0) - highest) / 9
    found = get(local_service, f"models/{model}/selectivity")
    assert np.array(found["selectivity"]) == pytest.approx((highest - rest) / (highest + rest), abs=1e-5)
    assert found["preferred_class"] == means.argmax(0).tolist()
    assert min(picture(local_service, f"models/{model}/selectivity").size) > 200
    for which in ("most", "least", "classes"):
        assert min(picture(local_service, f"models/{model}/selectivity/features", which=which).size) > 50


def test_a_truncated_code_decodes_to_what_truncation_says(
    local_service: LocalService, table: list[dict[str, Any]]
) -> None:
    model = table[2]["model"]
    answer = local_service.http.post(
        f"/api/v1/models/{model}/encode?sparse=true&top_k=5",
        json={"dataset": "digits", "split": "test", "indices": list(range(360))},
    )
    rows = answer.raise_for_status().json()["rows"]
    outputs = (
        local_service.http.post(f"/api/v1/models/{model}/decode", json={"rows": rows})
        .raise_for_status()
        .json()["outputs"]
    )
    errors = np.mean((np.array(outputs) - held_out_images()) ** 2, axis=1)
    found = get(local_service, f"models/{model}/truncation", rows=360)
    assert found["mse"]["mean"][5] == pytest.approx(errors.mean(), rel=1e-4)
    assert found["mse"]["mean"][-1] == found["full_mse"]
    enough = found["sufficient_latents"]
    assert all(error <= 1.1 * found["full_mse"] for error in found["mse"]["mean"][enough:])
    assert min(picture(local_service, f"models/{model}/truncation").size) > 200
    assert picture(local_service, f"models/{model}/truncation/strip", index=3).width > 100


def test_the_comparison_with_dictionary_learning(local_service: LocalService, table: list[dict[str, Any]]) -> None:
    model = table[2]["model"]
    run = local_service.trained(kind="baselines", model=model, iterations=3)
    results = get(local_service, f"runs/{run['id']}/results")
    entries = {entry["method"]: entry for entry in results["entries"]}
    assert list(entries) == ["model", "model.truncated", "ksvd", "minibatch", "pca", "pca.truncated", "raw"]
    assert entries["model"]["mse"] == pytest.approx(table[2]["mse"], rel=1e-4)
    assert entries["ksvd"]["l0"] <= results["k"]
    assert entries["pca"]["mse"] < entries["pca.truncated"]["mse"]
    assert entries["raw"]["mse"] is None
    probed = {one["representation"]: one for one in get(local_service, f"models/{model}/probe")["representations"]}
    assert probed["codes"]["accuracy"] == pytest.approx(table[2]["probe_accuracy"], abs=0.03), "on a tenth more rows"
    assert probed["inputs"]["accuracy"] == pytest.approx(entries["raw"]["probe_accuracy"], abs=0.03)
    for method in ("model", "ksvd", "minibatch", "pca"):
        assert min(picture(local_service, f"runs/{run['id']}/results/atoms", method=method).size) > 50
    assert min(picture(local_service, f"runs/{run['id']}/results/matches", method="ksvd").size) > 50
    assert min(picture(local_service, f"runs/{run['id']}/results").size) > 200
