"""What stands for a split that is sorted by class, and components of few rows: right values by direct computation."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from sparse_coding.data import datasets
from testing.published_models import SharedApi

pytestmark = pytest.mark.slow
ONCE = {"epochs": 1, "batch_size": 1024}
UNEVEN = np.array([1e7, 1, 1, 1, 1, 1])
"""Units of six columns."""
CLASSES, EACH = 10, 1400


def clusters(seed: int, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of ten classes that a line tells apart, sorted by class."""
    centres = 8 * np.random.default_rng(0).normal(size=(CLASSES, 6))
    labels = np.repeat(np.arange(CLASSES), each)
    noise = np.random.default_rng(seed).normal(size=(len(labels), 6))
    return (centres[labels] + noise).astype(np.float32), labels


@pytest.fixture(scope="module")
def api(shared_api: SharedApi, tmp_path_factory: pytest.TempPathFactory) -> SharedApi:
    """With `by-class` (14,000 rows, sorted), `half` (classes that one side lacks) and `forty` (40 training rows)."""
    folder = tmp_path_factory.mktemp("sampling")
    train, test, digits = clusters(1, EACH), clusters(2, 30), load_digits()
    pixels = np.round(digits.images * 255 / 16).astype(np.uint8)[:, None]
    few = train[1] < 8
    for name, rows, scored in (
        ("by-class", train, test),
        ("half", (train[0][few], train[1][few]), test),
        ("forty", (pixels[:40], digits.target[:40]), (pixels[1437:], digits.target[1437:])),
        ("uneven", *(((rows * UNEVEN).astype(np.float32), labels) for rows, labels in (clusters(3, 40), test))),
    ):
        file: Path = folder / name
        labels = {"train_labels": rows[1], "test_labels": scored[1], "classes": list("abcdefghij")}
        datasets.write(file, train=rows[0], test=scored[0], **labels)
        shared_api.add_dataset(name, file)
        model: dict[str, Any] = {"n_latents": 64 if name == "forty" else 8, "hidden": [], "output": "identity"}
        training = {**ONCE, "batch_size": min(1024, len(rows[0]) // 5)}
        dataset = {"name": name, "scaling": "minmax" if name == "uneven" else "none"}
        shared_api.publish(folder, {"name": name, "dataset": dataset, "model": model, "training": training})
    return shared_api


def get(api: SharedApi, path: str, **query: Any) -> Any:
    return api.http.get(f"/api/v1/models/{path}", params=query).raise_for_status().json()


def test_a_probe_of_sorted_rows_is_fitted_on_all_classes(api: SharedApi) -> None:
    """The first 10,000 of these rows are of 8 classes: on them, at most 0.8 could be reached."""
    report = get(api, "by-class/probe")
    assert (report["fit_rows"], report["fit_rows_chosen"], report["classes"]) == (10_000, "stratified", CLASSES)
    assert (report["scored_rows_chosen"], report["remarks"]) == ("all", [])
    inputs = next(each for each in report["representations"] if each["representation"] == "inputs")
    assert inputs["accuracy"] == 1
    assert report["majority"] == pytest.approx(0.1)


def test_classes_that_one_side_lacks_are_remarked(api: SharedApi) -> None:
    (remark,) = get(api, "half/probe")["remarks"]
    assert "60 of the 300 rows scored" in remark
    assert "i, j" in remark
    remarks = get(api, "../comparisons", models="half,by-class")["remarks"]
    assert any(text.startswith("Probe of half@1: 60 of the 300 rows scored") for text in remarks)
    assert not any("by-class@1: " in text for text in remarks)


def test_components_are_those_of_the_scaled_inputs(api: SharedApi) -> None:
    """As in baselines runs. Beside a column of 1e7, the variation of columns of 1 would be called rounding."""
    found = {each["representation"]: each for each in get(api, "uneven/probe")["representations"]}
    (train, labels), (test, wanted) = clusters(3, 40), clusters(2, 30)
    low, span = train.min(0), np.ptp(train, axis=0)
    fit, rows = (train - low) / span, (test - low) / span
    axes = np.linalg.svd(fit - fit.mean(0))[2]
    codes, coded = (fit - fit.mean(0)) @ axes.T, (rows - fit.mean(0)) @ axes.T
    spread = codes.std(0)
    regression = LogisticRegression(C=1, max_iter=1000).fit(codes / spread, labels)
    assert (found["pca"]["columns"], found["pca"]["columns_used"]) == (6, 6)
    assert found["pca"]["accuracy"] == pytest.approx(regression.score(coded / spread, wanted), abs=1.5 / 300)
    assert found["pca"]["accuracy"] > 0.99


def test_components_of_40_rows_are_the_39_that_vary(api: SharedApi) -> None:
    """numpy's singular vectors and scikit-learn's regression: 0.539. With a 40th component it was 0.09."""
    found = {each["representation"]: each for each in get(api, "forty/probe")["representations"]}
    digits = load_digits()
    pixels = np.round(digits.data * 255 / 16) / 255
    fit, rows = pixels[:40], pixels[1437:]
    axes = np.linalg.svd(fit - fit.mean(0))[2][:39]
    codes, coded = (fit - fit.mean(0)) @ axes.T, (rows - fit.mean(0)) @ axes.T
    spread = codes.std(0)
    regression = LogisticRegression(C=1, max_iter=1000).fit(codes / spread, digits.target[:40])
    expected = regression.score(coded / spread, digits.target[1437:])
    assert (found["pca"]["columns"], found["pca"]["columns_used"]) == (39, 39)
    assert found["pca"]["accuracy"] == pytest.approx(expected, abs=1.5 / 360)
    assert expected == pytest.approx(0.539, abs=0.003)
    varying = int((np.ptp(fit, axis=0) > 0).sum())
    assert (found["inputs"]["columns"], found["inputs"]["columns_used"]) == (64, varying)


def test_sparsity_takes_the_first_rows_unless_they_are_to_be_drawn(api: SharedApi) -> None:
    first, drawn = (get(api, "by-class/sparsity", split="train", sample=name) for name in ("first", "random"))
    assert (first["num_samples"], first["rows_chosen"]) == (1000, "first")
    assert (drawn["num_samples"], drawn["rows_chosen"]) == (1000, "stratified")
    assert first == get(api, "by-class/sparsity", split="train")
    assert get(api, "by-class/sparsity", sample="random")["rows_chosen"] == "all"
    whole = get(api, "by-class/sparsity", split="train", num_samples=14_000)["lifetime_sparsity"]["per_latent"]
    far, near = (
        np.abs(np.subtract(report["lifetime_sparsity"]["per_latent"], whole)).max() for report in (first, drawn)
    )
    assert near < 0.02 < far


def test_noise_is_added_to_rows_of_all_classes(api: SharedApi) -> None:
    quality = get(api, "../comparisons", models="by-class,half")["models"][0]["quality"]
    assert (quality["noise_samples"], quality["noise_rows_chosen"]) == (300, "all")
