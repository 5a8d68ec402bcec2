"""Selectivity over HTTP: the same numbers as a direct computation, kept, drawn, and as pictures of features."""

import io
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from service.answers.selectivity import SelectivityAnswer
from service.answers.split import Latents
from service.charts import selectivity as selectivity_chart
from service.charts import style
from service.http.representations import SVG
from sparse_coding.data import datasets
from testing.published_models import SharedApi

IMMUTABLE = "private, max-age=31536000, immutable"


def selectivity(shared_api: SharedApi, model: str = "kl", below: str = "", **query: Any) -> Any:
    return shared_api.http.get(f"/api/v1/models/{model}/selectivity{below}", params=query)


def pictures(shared_api: SharedApi, model: str = "kl", **query: Any) -> Any:
    return selectivity(shared_api, model, "/features", **query)


def picture(answer: httpx.Response) -> Any:
    assert answer.headers["content-type"] == "image/png", answer.text
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


def labelled_codes(shared_api: SharedApi, model: str, split: str) -> tuple[Any, Any]:
    """Codes and class indices of 360 rows of the digits."""
    rows = list(range(360))
    body = {"dataset": "digits", "split": split, "indices": rows}
    codes = shared_api.http.post(f"/api/v1/models/{model}/encode", json=body).raise_for_status().json()["codes"]
    labels: list[int] = []
    for start in range(0, 360, 90):
        named = ",".join(map(str, rows[start : start + 90]))
        items = shared_api.http.get(f"/api/v1/datasets/digits/images?split={split}&indices={named}").json()["items"]
        labels += [int(item["label"]) for item in items]
    return np.array(codes), np.array(labels)


def directly(codes: Any, labels: Any) -> tuple[Any, Any]:
    """Class means, and the index by its definition."""
    means = np.stack([codes[labels == number].mean(axis=0) for number in range(10)])
    highest = means.max(axis=0)
    rest = (means.sum(axis=0) - highest) / 9
    return means, np.where(highest > 0, (highest - rest) / np.where(highest > 0, highest + rest, 1), 0)


def tile(image: Any, position: int, columns: int, side: int = 8, scale: int = 10) -> Any:
    row, column = divmod(position, columns)
    top, left = (4 + place * (side * scale + 4) for place in (row, column))
    return np.asarray(image)[top : top + side * scale : scale, left : left + side * scale : scale].astype(float)


def without_names(image: Any, columns: int) -> Any:
    """Only the tiles of lines that have names beside them."""
    return image.crop((image.width - (columns * (84 + 4 * (image.height % 84 != 4)) + 4), 0, image.width, image.height))


@pytest.fixture(scope="module")
def labelled(shared_api: SharedApi, tmp_path_factory: pytest.TempPathFactory) -> SharedApi:
    """The shared_api with a model of labelled vectors, and two of images with a class that the test split lacks."""
    folder: Path = tmp_path_factory.mktemp("labelled")
    chance = np.random.default_rng(0)
    labels = np.arange(60) % 3
    vectors = chance.random((60, 4), np.float32)
    images = chance.integers(0, 256, (60, 1, 6, 6), np.uint8)
    for name, rows in (("petals", vectors), ("leaves", images)):
        file = folder / f"{name}.safetensors"
        seen = np.minimum(labels, 1)
        datasets.write(file, train=rows, test=rows, train_labels=labels, test_labels=seen, classes=("oak", "é", "樹"))
        shared_api.add_dataset(name, file)
    for name, dataset, latents in (("petals", "petals", 5), ("leaves", "leaves", 5), ("forest", "leaves", 120)):
        asked = {"name": name, "dataset": {"name": dataset}, "model": {"n_latents": latents, "hidden": []}}
        shared_api.publish(folder, {**asked, "training": {"epochs": 2, "batch_size": 16}})
    return shared_api


@pytest.mark.parametrize("split", ["test", "train"])
@pytest.mark.parametrize("model", ["kl", "l1", "dead"])
def test_every_number_equals_a_direct_computation(shared_api: SharedApi, model: str, split: str) -> None:
    answer = selectivity(shared_api, model, split=split)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert (report["model"], report["split"]) == (f"{model}@1", split)
    assert report["num_samples"] == {"test": 360, "train": 1437}[split]
    assert report["classes"] == [str(number) for number in range(10)]
    assert report["formulas"]["selectivity"] == "class_selectivity"
    if split == "train":
        return
    means, index = directly(*labelled_codes(shared_api, model, split))
    np.testing.assert_allclose(report["class_means"], means, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(report["selectivity"], index, atol=1e-4)
    assert report["mean_selectivity"] == pytest.approx(index.mean(), abs=1e-4)
    silent = np.flatnonzero(means.max(axis=0) == 0).tolist()
    assert report["silent_latents"] == {"count": len(silent), "indices": silent}
    for latent, preferred in enumerate(report["preferred_class"]):
        if latent in silent:
            assert preferred is None
        else:
            assert means[preferred, latent] == pytest.approx(means[:, latent].max(), rel=1e-4)


@pytest.mark.parametrize("model", ["kl", "dead"])
def test_the_lists_name_the_latents_in_their_order(shared_api: SharedApi, model: str) -> None:
    report = selectivity(shared_api, model).json()
    index, silent = report["selectivity"], report["silent_latents"]["indices"]
    speaking = [latent for latent in range(20) if latent not in silent]
    assert model == "kl" or silent, "the model was trained to have some"
    for name, order in (("most_selective", -1), ("least_selective", 1)):
        items = report[name]
        expected = sorted(speaking, key=lambda latent: (order * index[latent], latent))[:16]
        assert [item["latent"] for item in items] == expected
        for item in items:
            preferred = report["preferred_class"][item["latent"]]
            assert item["preferred_class"] == report["classes"][preferred]
            assert item["class_mean"] == report["class_means"][preferred][item["latent"]]
    assert list(report["per_class"]) == report["classes"]
    for name, latents in report["per_class"].items():
        assert all(report["classes"][report["preferred_class"][latent]] == name for latent in latents)
        assert latents == sorted(latents, key=lambda latent: (-index[latent], latent))
    assert sorted(latent for latents in report["per_class"].values() for latent in latents) == speaking


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "vega", "png", "svg"])
@pytest.mark.parametrize(("reference", "cached"), [("kl@1", IMMUTABLE), ("kl", "private, no-cache")])
def test_every_form_is_the_same_each_time_and_can_be_kept(
    shared_api: SharedApi, form: str, reference: str, cached: str
) -> None:
    first, second = (selectivity(shared_api, reference, format=form) for _ in range(2))
    assert first.content == second.content
    assert first.headers["cache-control"] == cached
    again = shared_api.http.get(
        f"/api/v1/models/{reference}/selectivity?format={form}", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.slow
def test_the_heat_map_has_a_column_for_every_latent_that_speaks(shared_api: SharedApi) -> None:
    report = selectivity(shared_api, "dead").json()
    speaking = 20 - report["silent_latents"]["count"]
    document = selectivity(shared_api, "dead", format="vega").json()
    cells = document["vconcat"][1]
    order = cells["encoding"]["x"]["sort"]
    assert len(order) == speaking
    preferred = [report["preferred_class"][latent] for latent in order]
    assert preferred == sorted(preferred), "blocks, one for each class"
    shares = [value["share"] for value in document["datasets"][cells["data"]["name"]]]
    assert len(shares) == speaking * 10
    assert sum(share == 1 for share in shares) == speaking, "each latent in units of its own largest mean"
    svg = selectivity(shared_api, "dead", format="svg")
    words = [element.text for element in ElementTree.fromstring(svg.content).iter()]
    assert "Selectivity of dead@1 on the test split" in words
    image = picture(selectivity(shared_api, "dead", format="png"))
    assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 20


def spoken(latents: int, classes: int) -> SelectivityAnswer:
    """An answer in which latent i prefers class i modulo `classes`, and is the more selective the lower i."""
    preferred: list[int | None] = [latent % classes for latent in range(latents)]
    means = np.full((classes, latents), 0.5)
    means[preferred, range(latents)] = 1
    return SelectivityAnswer(
        model="m@1",
        split="test",
        num_samples=1000,
        classes=[f"class {number}" for number in range(classes)],
        class_means=means,
        selectivity=np.array([1 - latent / latents for latent in range(latents)]),
        preferred_class=preferred,
        mean_selectivity=0.5,
        silent_latents=Latents(count=0, indices=[]),
        most_selective=[],
        least_selective=[],
        per_class={},
        formulas={},
    )


@pytest.mark.parametrize(("latents", "step"), [(20, 1), (41, 2), (128, 5), (200, 8)])
def test_columns_can_be_traced_to_latents(latents: int, step: int) -> None:
    sheet = selectivity_chart.heat_map(spoken(latents, 10))
    x = sheet.to_dict()["vconcat"][1]["encoding"]["x"]
    assert x["axis"]["values"] == x["sort"][::step]
    svg = ElementTree.fromstring(style.render(sheet, SVG))
    words = [element.text for element in svg.iter()]
    assert {str(latent) for latent in x["sort"][::step]} <= set(words)


def test_latents_that_prefer_a_class_without_a_line_are_left_out_and_counted() -> None:
    sheet = selectivity_chart.heat_map(spoken(128, 70)).to_dict()
    assert [latent % 70 < 50 for latent in sheet["vconcat"][1]["encoding"]["x"]["sort"]] == [True] * 100
    assert sheet["title"]["subtitle"][1] == "The first 50 of 70 classes drawn, without 28 latents that prefer another"
    report = spoken(1, 60)
    report.preferred_class = [55]
    assert "No latent prefers one of the first 50 classes" in json.dumps(selectivity_chart.heat_map(report).to_dict())


@pytest.mark.parametrize("below", ["", "/features"])
@pytest.mark.parametrize("model", ["colour", "vectors"])
def test_a_dataset_without_labels_is_said_to_have_none(shared_api: SharedApi, model: str, below: str) -> None:
    answer = selectivity(shared_api, model, below, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "NO_LABELS")
    assert "no labels" in answer.json()["detail"]


def test_a_class_without_rows_has_no_means_and_no_latents(labelled: SharedApi) -> None:
    report = selectivity(labelled, "leaves").json()
    assert report["classes"] == ["oak", "é", "樹"]
    assert report["class_means"][2] == [None] * 5
    assert report["per_class"]["樹"] == []
    assert None not in selectivity(labelled, "leaves", split="train").json()["class_means"][2]
    assert selectivity(labelled, "leaves", format="png").status_code == 200
    shown = picture(pictures(labelled, "leaves", which="classes", limit=5))
    latents = json.loads(shown.text["latents"])
    assert (len(latents), latents[2]) == (3, [])
    columns = max(map(len, latents))
    assert (tile(without_names(shown, columns), 2 * columns, columns, 6, 14) == 255).all(), "blank"
    assert json.loads(shown.text["classes"]) == ["oak", "é", "樹"]


# --- pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["most", "least"])
def test_the_most_and_the_least_selective_are_shown_in_their_order(shared_api: SharedApi, which: str) -> None:
    listed = [item["latent"] for item in selectivity(shared_api).json()[f"{which}_selective"]]
    image = picture(pictures(shared_api, which=which, limit=5))
    assert json.loads(image.text["latents"]) == listed[:5]
    assert (image.text["which"], image.text["mode"], image.text["split"]) == (which, "difference", "test")
    assert image.size == (3 * 84 + 4, 2 * 84 + 4)
    for position, latent in enumerate(listed[:5]):
        one = shared_api.http.get(f"/api/v1/models/kl/features/{latent}?mode=difference").json()
        added = np.array(one["pixels"])
        np.testing.assert_allclose(tile(image, position, 3), 128 + 127 * added / np.abs(added).max(), atol=1)
    assert (tile(image, 5, 3) == 255).all()
    answer = pictures(shared_api, which=which, limit=5, format="json").json()
    assert [item["latent"] for item in answer["items"]] == listed[:5]
    assert answer["formulas"] == {"selectivity": "class_selectivity", "class_mean": "class_mean"}


def test_every_class_has_a_line_of_its_most_selective_latents(shared_api: SharedApi) -> None:
    per_class = selectivity(shared_api).json()["per_class"]
    image = picture(pictures(shared_api, which="classes", limit=2))
    lines = json.loads(image.text["latents"])
    assert lines == [latents[:2] for latents in per_class.values()]
    columns = max(map(len, lines))
    assert image.height == 10 * 84 + 4
    named, image = image, without_names(image, columns)
    names = np.asarray(named)[:, : named.width - image.width]
    assert len({names[4 + 84 * row : 84 * (row + 1)].tobytes() for row in range(10)}) == 10, "a name for each line"
    assert all((names[4 + 84 * row : 84 * (row + 1)] < 128).any() for row in range(10))
    assert (
        pictures(shared_api, which="classes", limit=2).content == pictures(shared_api, which="classes", limit=2).content
    )
    for row, line in enumerate(lines):
        for column in range(columns):
            blank = (tile(image, row * columns + column, columns) == 255).all()
            assert blank == (column >= len(line))


def test_the_look_of_pictures_is_that_of_features(shared_api: SharedApi) -> None:
    raw = picture(pictures(shared_api, limit=1, mode="raw", amplitude=2.5))
    latent = json.loads(raw.text["latents"])[0]
    pixels = np.array(shared_api.http.get(f"/api/v1/models/kl/features/{latent}?amplitude=2.5").json()["pixels"])
    expected = 255 * (pixels - pixels.min()) / (pixels.max() - pixels.min())
    np.testing.assert_allclose(tile(raw, 0, 1), expected, atol=1)
    loud = picture(pictures(shared_api, limit=1, amplitude="p95"))
    assert loud.text["amplitude"] == "p95"


@pytest.mark.slow
def test_where_all_latents_are_silent_the_pictures_are_blank(
    shared_api: SharedApi, tmp_path_factory: pytest.TempPathFactory
) -> None:
    silenced = {"kind": "l1", "weight": 1e6, "reduction": "sum"}
    training = {"epochs": 40, "batch_size": 64, "learning_rate": 0.1}
    asked = {"name": "mute", "dataset": {"name": "digits"}, "model": {"n_latents": 4, "hidden": []}}
    shared_api.publish(tmp_path_factory.mktemp("mute"), {**asked, "sparsity": silenced, "training": training})
    report = selectivity(shared_api, "mute").json()
    assert report["silent_latents"]["count"] == 4
    assert (report["mean_selectivity"], report["most_selective"]) == (0, [])
    for which in ("most", "classes"):
        image = picture(pictures(shared_api, "mute", which=which))
        blank = image if which == "most" else without_names(image, 1)
        assert (np.asarray(blank) == 255).all()
    assert "No latent is above 0" in selectivity(shared_api, "mute", format="svg").text


def test_a_model_of_vectors_has_numbers_and_no_pictures(labelled: SharedApi) -> None:
    assert len(selectivity(labelled, "petals").json()["selectivity"]) == 5
    assert len(pictures(labelled, "petals", format="json").json()["items"]) == 5
    refused = pictures(labelled, "petals")
    assert (refused.status_code, refused.json()["code"]) == (422, "NOT_AN_IMAGE")


def test_more_pictures_than_one_answer_may_hold_are_refused(labelled: SharedApi) -> None:
    refused = pictures(labelled, "forest", limit=101)
    assert (refused.status_code, refused.json()["code"]) == (413, "TOO_MANY_ROWS")
    assert "100" in refused.json()["detail"]
    assert picture(pictures(labelled, "forest", limit=100)).size[0] == 10 * 88 + 4


@pytest.mark.parametrize(
    ("below", "query"),
    [
        ("", {"split": "all"}),
        ("", {"format": "csv"}),
        ("", {"limit": 3}),
        ("/features", {"which": "best"}),
        ("/features", {"limit": 0}),
        ("/features", {"limit": 201}),
        ("/features", {"mode": "loud"}),
        ("/features", {"amplitude": "nan"}),
        ("/features", {"format": "svg"}),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(
    shared_api: SharedApi, below: str, query: dict[str, Any]
) -> None:
    answer = selectivity(shared_api, below=below, **query)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert next(iter(query)) in answer.json()["errors"][0]["pointer"]
