"""Probes over HTTP: the same numbers as a direct computation, kept, shared between models, and drawn."""

import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sqlalchemy import select

from registry.database.tables import Analysis
from sparse_coding.data import datasets
from testing.published_models import PublishModel, SharedApi


def probe(shared_api: SharedApi, model: str = "kl", **query: Any) -> Any:
    return shared_api.http.get(f"/api/v1/models/{model}/probe", params=query)


def kinds(shared_api: SharedApi) -> list[str]:
    with shared_api.app_state.database.read() as session:
        return sorted(kind for kind in session.scalars(select(Analysis.kind)) if kind.startswith("probe-"))


def labelled(shared_api: SharedApi, split: str) -> Any:
    digest = shared_api.http.get("/api/v1/datasets/digits").json()["digest"]
    return datasets.open(shared_api.app_state.artifacts.path(digest)).split(split)


def codes(shared_api: SharedApi, model: str, split: str) -> Any:
    found: list[Any] = []
    for start in range(0, len(labelled(shared_api, split).rows), 400):
        indices = list(range(start, min(start + 400, len(labelled(shared_api, split).rows))))
        body = {"dataset": "digits", "split": split, "indices": indices}
        found += shared_api.http.post(f"/api/v1/models/{model}/encode", json=body).raise_for_status().json()["codes"]
    return np.array(found)


def regression(train: Any, labels: Any, scored: Any, wanted: Any) -> float:
    spread = train.std(0)
    spread[spread < 1e-9] = 1
    fitted = LogisticRegression(C=1, max_iter=5000).fit((train - train.mean(0)) / spread, labels)
    return float((fitted.predict((scored - train.mean(0)) / spread) == wanted).mean())


@pytest.mark.parametrize(("model", "inputs"), [("kl", 64), ("l1", 100), ("dead", 64)])
def test_every_accuracy_equals_a_direct_computation(shared_api: SharedApi, model: str, inputs: int) -> None:
    answer = probe(shared_api, model)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert (report["model"], report["split"]) == (f"{model}@1", "test")
    assert (report["fit_rows"], report["scored_rows"], report["classes"]) == (1437, 360, 10)
    found = {each["representation"]: each for each in report["representations"]}
    assert {name: each["columns"] for name, each in found.items()} == {"codes": 20, "inputs": inputs, "pca": 20}
    train, test = labelled(shared_api, "train"), labelled(shared_api, "test")
    coded = codes(shared_api, model, "train"), codes(shared_api, model, "test")
    expected = regression(coded[0], train.labels, coded[1], test.labels)
    assert found["codes"]["accuracy"] == pytest.approx(expected, abs=1.5 / 360)
    assert report["formulas"] == {"accuracy": "probe.logistic", "k_sparse": "probe.k_sparse"}


def test_inputs_and_their_components_are_the_baselines(shared_api: SharedApi) -> None:
    report = probe(shared_api).json()
    found = {each["representation"]: each for each in report["representations"]}
    train, test = labelled(shared_api, "train"), labelled(shared_api, "test")
    rows = [split.rows.reshape(len(split.rows), -1) / 255 for split in (train, test)]
    expected = regression(rows[0], train.labels, rows[1], test.labels)
    assert found["inputs"]["accuracy"] == pytest.approx(expected, abs=1.5 / 360)
    directions = np.linalg.svd(rows[0] - rows[0].mean(0), full_matrices=False)[2][:20].T
    expected = regression(rows[0] @ directions, train.labels, rows[1] @ directions, test.labels)
    assert found["pca"]["accuracy"] == pytest.approx(expected, abs=1.5 / 360)
    most = np.bincount(train.labels).argmax()
    assert report["majority"] == pytest.approx((test.labels == most).mean())
    assert report["chance"] == 0.5


def test_one_latent_is_the_one_that_differs_most(shared_api: SharedApi) -> None:
    """k = 1 on a single latent is a threshold; the best one on the training rows is beside it at most a little."""
    found = {each["representation"]: each["k_sparse"] for each in probe(shared_api).json()["representations"]}
    for sparse in found.values():
        assert [each["k"] for each in sparse] == [1, 2, 5]
        scores = [each["balanced_accuracy"] for each in sparse]
        assert 0.5 < scores[0] < scores[2] < 1
    train, test = labelled(shared_api, "train"), labelled(shared_api, "test")
    coded = codes(shared_api, "kl", "train"), codes(shared_api, "kl", "test")
    scores = []
    for each in range(10):
        inside = train.labels == each
        latent = np.abs(coded[0][inside].mean(0) - coded[0][~inside].mean(0)).argmax()
        column = coded[0][:, [latent]], coded[1][:, [latent]]
        spread = column[0].std()
        fitted = LogisticRegression(C=1, class_weight="balanced").fit(column[0] / spread, inside)
        named = fitted.predict(column[1] / spread)
        wanted = test.labels == each
        scores.append((named[wanted].mean() + (~named[~wanted]).mean()) / 2)
    assert found["codes"][0]["balanced_accuracy"] == pytest.approx(np.mean(scores), abs=5e-3)


def test_the_training_rows_can_be_scored_as_well(shared_api: SharedApi) -> None:
    report = probe(shared_api, split="train").json()
    assert (report["split"], report["fit_rows"], report["scored_rows"]) == ("train", 1437, 1437)
    found = {each["representation"]: each["accuracy"] for each in report["representations"]}
    assert found["inputs"] > 0.98


def test_models_of_one_dataset_share_what_is_read_from_its_inputs(
    shared_api: SharedApi, published: PublishModel
) -> None:
    probe(shared_api)
    published("probed")
    before = kinds(shared_api)
    first = probe(shared_api, "probed")
    after = kinds(shared_api)
    assert after == sorted([*before, "probe-codes"])
    assert probe(shared_api, "probed").content == first.content
    assert kinds(shared_api) == after


@pytest.mark.parametrize("model", ["vectors", "colour"])
def test_a_dataset_without_labels_is_a_conflict_that_says_so(shared_api: SharedApi, model: str) -> None:
    answer = probe(shared_api, model)
    assert (answer.status_code, answer.json()["code"]) == (409, "NO_LABELS")
    assert "labels" in answer.json()["detail"]


def test_a_single_class_cannot_be_distinguished(shared_api: SharedApi, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (80, 1, 3, 3), np.uint8)
    datasets.write(
        tmp_path / "alike.safetensors",
        train=images,
        test=images[:20],
        train_labels=np.zeros(80, np.int64),
        test_labels=np.zeros(20, np.int64),
    )
    shared_api.add_dataset("alike", tmp_path / "alike.safetensors")
    short = {"model": {"n_latents": 3, "hidden": []}, "training": {"epochs": 1, "batch_size": 16}}
    shared_api.publish(tmp_path, {"name": "alike", "dataset": {"name": "alike"}, **short})
    answer = probe(shared_api, "alike")
    assert (answer.status_code, answer.json()["code"]) == (409, "UNSUITABLE_LABELS")
    assert "have 1." in answer.json()["detail"]


def test_a_remark_says_why_no_class_can_be_distinguished(shared_api: SharedApi, tmp_path: Path) -> None:
    rows = np.random.default_rng(0).random((60, 4), np.float32)
    labels = {"train_labels": np.arange(60) % 2, "test_labels": np.zeros(20, np.int64)}
    datasets.write(tmp_path / "sided.safetensors", train=rows, test=rows[:20], **labels)
    shared_api.add_dataset("sided", tmp_path / "sided.safetensors")
    short = {"model": {"n_latents": 3, "hidden": []}, "training": {"epochs": 1, "batch_size": 16}}
    shared_api.publish(tmp_path, {"name": "sided", "dataset": {"name": "sided"}, **short})
    found = probe(shared_api, "sided").json()["representations"]
    assert {sparse["balanced_accuracy"] for each in found for sparse in each["k_sparse"]} == {None}
    words = [
        element.text for element in ElementTree.fromstring(probe(shared_api, "sided", format="svg").content).iter()
    ]
    assert "No class to tell from the rest" in words
    assert "the rows scored are of one class, or of none that was fitted on" in words


def test_the_probe_comes_as_a_chart_in_three_forms(shared_api: SharedApi) -> None:
    vega = probe(shared_api, format="vega")
    assert vega.headers["content-type"] == "application/vnd.vegalite.v6+json"
    assert len(vega.json()["hconcat"]) == 2
    svg = shared_api.http.get("/api/v1/models/kl/probe", headers={"Accept": "image/svg+xml"})
    words = [element.text for element in ElementTree.fromstring(svg.content).iter()]
    for expected in ("What a linear probe reads from kl@1", "Accuracy", "k = 5", "20 columns", "PCA"):
        assert expected in words
    image = Image.open(io.BytesIO(probe(shared_api, format="png").content))
    image.load()
    assert image.width > image.height


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "vega", "png", "svg"])
@pytest.mark.parametrize(
    ("reference", "cached"), [("kl@1", "private, max-age=31536000, immutable"), ("kl", "private, no-cache")]
)
def test_every_form_is_the_same_each_time_and_can_be_kept(
    shared_api: SharedApi, form: str, reference: str, cached: str
) -> None:
    first, second = (probe(shared_api, reference, format=form) for _ in range(2))
    assert first.content == second.content
    assert first.headers["cache-control"] == cached
    again = shared_api.http.get(
        f"/api/v1/models/{reference}/probe?format={form}", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("query", "named"), [({"split": "all"}, "split"), ({"k": 3}, "k"), ({"format": "csv"}, "format")]
)
def test_a_question_that_makes_no_sense_is_refused_by_name(shared_api: SharedApi, query: Any, named: str) -> None:
    answer = probe(shared_api, **query)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["pointer"] == f"query:{named}"


def test_a_model_that_is_not_there_is_not_found(shared_api: SharedApi) -> None:
    assert probe(shared_api, "nobody").json()["code"] == "MODEL_NOT_FOUND"
