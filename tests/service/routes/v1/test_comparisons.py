"""Comparisons and matches over HTTP: beside what single routes say, beside direct computations, and as pictures."""

import io
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from registry import metrics, models, runs
from registry.metrics import MetricRecord
from service.analyses import matches, subjects
from service.answers.comparison import ComparisonAnswer
from service.charts import comparison as comparison_chart
from service.charts import style
from service.http.representations import PNG, SVG, VEGA
from service.routes.v1 import matches as matches_route
from sparse_coding.analysis import matching
from sparse_coding.data import datasets
from testing.api import Api
from testing.published_models import SharedApi

SHORT = {"epochs": 2, "batch_size": 64}
SMALL = {"n_latents": 20, "hidden": [16]}


@pytest.fixture(scope="module")
def compared(shared_api: SharedApi, tmp_path_factory: pytest.TempPathFactory) -> SharedApi:
    """The shared service with more to compare: another seed, a silent model, other vectors, images of one width."""
    folder = tmp_path_factory.mktemp("compared")
    bars = np.random.default_rng(0).integers(0, 256, (100, 1, 8, 9), np.uint8)
    datasets.write(folder / "bars.safetensors", train=bars, test=bars[:40])
    shared_api.add_dataset("bars", folder / "bars.safetensors")
    seeded = {"epochs": 6, "batch_size": 32, "learning_rate": 0.005, "seed": 7}
    silent = {"epochs": 12, "batch_size": 32, "learning_rate": 0.01}
    linear = {"n_latents": 4, "hidden": [], "output": "identity"}
    for name, asked in {
        "seeded": {"dataset": {"name": "digits"}, "model": SMALL, "training": seeded},
        "silent": {"dataset": {"name": "digits"}, "sparsity": {"kind": "l1", "weight": 1e4}, "training": silent},
        "signs": {"dataset": {"name": "signals"}, "model": linear, "sparsity": {"kind": "l1"}, "training": SHORT},
        "bars": {"dataset": {"name": "bars"}, "model": SMALL, "training": {"epochs": 1, "batch_size": 20}},
    }.items():
        shared_api.publish(folder, {"name": name, **asked})
    return shared_api


def comparison(shared_api: SharedApi, names: str, below: str = "", **query: Any) -> Any:
    return shared_api.http.get(f"/api/v1/comparisons{below}", params={"models": names, **query})


def inside(shared_api: SharedApi, name: str) -> Any:
    """The model itself, past the service."""
    return shared_api.app_state.models.get(shared_api.http.get(f"/api/v1/models/{name}").json()["digest"])


def rows_of(shared_api: SharedApi, dataset: str) -> Any:
    digest = shared_api.http.get(f"/api/v1/datasets/{dataset}").json()["digest"]
    return datasets.open(shared_api.app_state.artifacts.path(digest)).split("test")


def alive(shared_api: SharedApi, name: str) -> Any:
    items = shared_api.http.get(f"/api/v1/models/{name}/features").json()["items"]
    return [item["latent"] for item in items if not item["dead"]]


def texts(svg: bytes) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter()]


# --- side by side ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_model_stands_with_what_other_routes_say_of_it(compared: SharedApi) -> None:
    answer = comparison(compared, "l1,kl@1")
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert [each["model"] for each in report["models"]] == ["l1@1", "kl@1"], "in the order in which they were named"
    for each in report["models"]:
        model = compared.http.get(f"/api/v1/models/{each['model']}").json()
        assert each["sparsity"] == model["spec"]["sparsity"]
        assert (each["dataset"], each["n_latents"]) == ("digits", 20)
        for name in ("mse", "explained_variance", "l0", "population_sparsity", "inactive_latents", "error_units"):
            assert each["result"][name] == model["result"][name]
        records = compared.http.get(f"/api/v1/runs/{model['run_id']}/metrics").json()["items"]
        assert len(each["curves"]) == model["spec"]["training"]["epochs"] == len(records)
        for point, record in zip(each["curves"], records, strict=True):
            assert point == {name: record[name] for name in point}
            assert set(point) == {"epoch", "loss", "reconstruction", "sparsity", "test_mse", "l0"}
        codes = compared.http.get(f"/api/v1/models/{each['model']}/probe").json()["representations"][0]
        assert each["quality"]["probe_accuracy"] == codes["accuracy"]
    assert report["formulas"]["quality"]["hoyer"] == "hoyer"
    assert report["formulas"]["pw_mcc"] == "pw_mcc"


@pytest.mark.parametrize("name", ["kl", "dead", "seeded"])
def test_the_quality_of_features_equals_a_direct_computation(compared: SharedApi, name: str) -> None:
    quality = comparison(compared, f"{name},l1").json()["models"][0]["quality"]
    model, split = inside(compared, name), rows_of(compared, "digits")
    codes = model.encode(model.prepare(split.rows)).astype(np.float64)
    live = codes.max(0) > 0.1
    assert (quality["num_samples"], quality["dead_latents"]) == (360, int((~live).sum()))
    outputs = model.decode(np.vstack([np.eye(20), np.zeros((1, 20))]).astype(np.float32))
    images = np.abs((outputs[:20] - outputs[20])[live]).astype(np.float64)
    hoyer = (8 - images.sum(1) / np.sqrt((images**2).sum(1))) / (8 - 1)
    assert quality["hoyer"] == pytest.approx(hoyer.mean(), rel=1e-4)
    selectivity = []
    for latent in np.flatnonzero(live):
        means = sorted(codes[split.labels == each, latent].mean() for each in range(10))
        rest = np.mean(means[:-1])
        selectivity.append((means[-1] - rest) / (means[-1] + rest))
    assert quality["selectivity"] == pytest.approx(np.mean(selectivity), rel=1e-4)


def test_stability_is_that_of_the_codes_under_the_same_noise(compared: SharedApi) -> None:
    report = comparison(compared, "kl,seeded").json()
    rows = inside(compared, "kl").prepare(rows_of(compared, "digits").rows)
    noise = np.random.default_rng(0).standard_normal(rows.shape, np.float32)
    for each in report["models"]:
        model = inside(compared, each["model"])
        assert each["quality"]["noise_samples"] == 360
        assert [found["sigma"] for found in each["quality"]["noise"]] == [0.1, 0.2, 0.3]
        for found in each["quality"]["noise"]:
            pair = [model.encode(rows + np.float32(sigma) * noise) for sigma in (0, found["sigma"])]
            clean, noisy = (codes.astype(np.float64) for codes in pair)
            lengths = np.linalg.norm(clean, axis=1) * np.linalg.norm(noisy, axis=1)
            assert found["cosine"] == pytest.approx(((clean * noisy).sum(1) / lengths).mean(), rel=1e-4)
            assert found["mse"] == pytest.approx(((clean - noisy) ** 2).mean(), rel=1e-3)


def test_models_of_other_data_are_compared_and_what_cannot_be_is_null(compared: SharedApi) -> None:
    report = comparison(compared, "kl,vectors,signs,seeded").json()
    alike = np.array([[np.nan if value is None else value for value in row] for row in report["pw_mcc"]])
    widths = np.array([each["n_inputs"] for each in report["models"]])
    np.testing.assert_array_equal(np.isnan(alike), widths[:, None] != widths)
    np.testing.assert_array_equal(alike, alike.T)
    np.testing.assert_allclose(np.diag(alike), 1)
    assert 0 < alike[0, 3] < 1
    for each in report["models"]:
        labelled = each["dataset"] == "digits"
        assert (each["quality"]["probe_accuracy"] is not None) is labelled
        assert (each["quality"]["selectivity"] is not None) is labelled
    words = " ".join(report["remarks"])
    for expected in ("different datasets", "different numbers of inputs", "scaled units", "vectors@1, signs@1"):
        assert expected in words
    [only] = comparison(compared, "kl,seeded").json()["remarks"]
    assert only.startswith("seeded@1 collapsed.")


@pytest.fixture(scope="module")
def partly(compared: SharedApi, tmp_path_factory: pytest.TempPathFactory) -> SharedApi:
    """Models of datasets with labels of one split, and with labels of one class."""
    folder = tmp_path_factory.mktemp("partly")
    rows, labels = np.random.default_rng(0).random((60, 9), np.float32), np.arange(60) % 3
    for name, given in {
        "learned": {"train_labels": labels},
        "tested": {"test_labels": labels[:20]},
        "uniform": {"train_labels": 0 * labels, "test_labels": 0 * labels[:20]},
    }.items():
        datasets.write(folder / f"{name}.safetensors", train=rows, test=rows[:20], **given)
        compared.add_dataset(name, folder / f"{name}.safetensors")
        asked = {"model": {"n_latents": 4, "hidden": []}, "training": {"epochs": 1, "batch_size": 16}}
        compared.publish(folder, {"name": name, "dataset": {"name": name}, **asked})
    return compared


def test_figures_that_labels_do_not_allow_are_missing_for_a_reason(partly: SharedApi) -> None:
    report = comparison(partly, "learned,tested,uniform,vectors,signs").json()
    missing = [
        [each["quality"][name] is None for name in ("selectivity", "probe_accuracy")] for each in report["models"]
    ]
    assert missing == [[True, True], [False, True], [False, True], [True, True], [True, True]]
    both = "There is no class selectivity and no probe of"
    for expected in (
        f"{both} learned@1: the test split of the dataset has no labels.",
        "There is no probe of tested@1: the train split of the dataset has no labels.",
        "There is no probe of uniform@1: A probe needs 2 to 100 classes; the 60 training rows that it would be fitted "
        "on have 1.",
        f"{both} vectors@1, signs@1: the dataset has no labels.",
    ):
        assert expected in report["remarks"]


def test_a_probe_says_which_split_has_no_labels_and_what_can_be_had(partly: SharedApi) -> None:
    answers = {
        name: partly.http.get(f"/api/v1/models/{name}/probe").json() for name in ("learned", "tested", "vectors")
    }
    assert {answer["code"] for answer in answers.values()} == {"NO_LABELS"}
    assert "test split of this dataset has no labels" in answers["learned"]["detail"]
    assert "split=train" in answers["learned"]["detail"]
    assert "only the test split" in answers["tested"]["detail"]
    assert "this dataset has none" in answers["vectors"]["detail"]
    assert partly.http.get("/api/v1/models/learned/probe?split=train").status_code == 200


def test_a_model_that_collapsed_or_is_dead_is_remarked_upon(partly: SharedApi) -> None:
    result = partly.http.get("/api/v1/models/uniform").json()["result"]
    assert result["collapsed"], "one epoch is too short for it"
    remarks = comparison(partly, "uniform,silent").json()["remarks"]
    assert f"uniform@1 collapsed. {result['collapsed_reason']}" in remarks
    assert "All latents of silent@1 are dead: no features of it can be measured or matched (pw_mcc)." in remarks


def test_a_silent_model_has_no_quality_of_features_and_nothing_to_match(compared: SharedApi) -> None:
    report = comparison(compared, "silent,kl").json()
    quality = report["models"][0]["quality"]
    assert quality["dead_latents"] == report["models"][0]["n_latents"] == 128, "the weight was chosen for it"
    assert (quality["hoyer"], quality["selectivity"]) == (None, None)
    assert report["pw_mcc"][0] == [None, None]
    assert report["pw_mcc"][1][1] == pytest.approx(1)
    json.loads(comparison(compared, "silent,kl").text, parse_constant=lambda constant: pytest.fail(constant))
    found = comparison(compared, "silent,kl", "/matches").json()
    assert (found["mean"], found["pairs"], found["matched"], found["dead_latents"]) == (None, [], 0, [128, 0])
    refused = comparison(compared, "silent,kl", "/matches", format="png")
    assert (refused.status_code, refused.json()["code"]) == (422, "INVALID_REQUEST")
    assert "dead" in refused.json()["detail"]


def test_each_member_of_a_run_has_its_own_curves(api: Api) -> None:
    with api.app_state.database.write() as session:
        runs.enqueue(session, kind="train", spec={}, spec_version=1, dataset_name="digits")
        run = runs.claim(session, owner="the tests", lease_seconds=60, devices=["auto"])
        both = [MetricRecord(member, epoch, {"loss": member + epoch / 10}) for member in (0, 1) for epoch in (1, 2)]
        runs.record(session, run.id, run.fence, metrics=both)
    with api.app_state.database.read() as session:
        read = [(row.member, row.epoch) for row in metrics.read(session, run.id, member=1)]
        assert read == [(1, 1), (1, 2)]
        assert len(metrics.read(session, run.id)) == 4


@pytest.mark.slow
def test_a_comparison_is_computed_once_and_kept_as_long_as_its_names_mean_the_same(compared: SharedApi) -> None:
    for names, cached in (
        ("kl@1,l1@1", "private, max-age=31536000, immutable"),
        ("kl@1,l1", "private, no-cache"),
    ):
        for form in ("json", "vega", "png", "svg"):
            first = comparison(compared, names, format=form)
            assert first.headers["cache-control"] == cached
            again = compared.http.get(str(first.url), headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b""), "the same bytes have been made again"


def test_an_alias_is_the_version_that_it_points_to(compared: SharedApi) -> None:
    with compared.app_state.database.write() as session:
        models.set_alias(session, "seeded", "reference", 1)
    assert [each["model"] for each in comparison(compared, "kl,seeded@reference").json()["models"]] == [
        "kl@1",
        "seeded@1",
    ]
    assert comparison(compared, "seeded, seeded@reference").status_code == 422


@pytest.mark.parametrize("below", ["", "/matches"])
@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("kl", "1 came"),
        ("kl,l1,dead,colour,vectors,digits-kl,seeded,silent,signs", "9 came"),
        ("kl,kl", "kl@1 came 2 times"),
        ("kl,kl@1", "kl@1 came 2 times"),
    ],
)
def test_too_few_too_many_and_twice_the_same_are_refused(
    compared: SharedApi, below: str, names: str, said: str
) -> None:
    answer = comparison(compared, names, below)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert said in answer.json()["detail"]
    assert answer.json()["errors"][0]["pointer"] == "query:models"


@pytest.mark.parametrize("below", ["", "/matches"])
@pytest.mark.parametrize(
    ("names", "status", "code"),
    [
        ("kl,", 422, "INVALID_REFERENCE"),
        ("kl,KL!", 422, "INVALID_REFERENCE"),
        ("kl,nobody", 404, "MODEL_NOT_FOUND"),
        ("kl,l1@7", 404, "VERSION_NOT_FOUND"),
        ("kl,l1@best", 404, "ALIAS_NOT_FOUND"),
        ("k" * 2000, 422, "INVALID_REQUEST"),
    ],
)
def test_a_name_that_means_nothing_is_said_to(
    compared: SharedApi, below: str, names: str, status: int, code: str
) -> None:
    answer = comparison(compared, names, below)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("below", ["", "/matches"])
def test_names_and_forms_that_do_not_exist_are_refused(compared: SharedApi, below: str) -> None:
    assert compared.http.get(f"/api/v1/comparisons{below}").json()["errors"][0]["pointer"] == "query:models"
    assert comparison(compared, "kl,dead", below, colour="red").json()["errors"][0]["pointer"] == "query:colour"
    assert comparison(compared, "kl,dead", below, format="csv").status_code == 422
    wants = {"Accept": "text/html"}
    assert compared.http.get(f"/api/v1/comparisons{below}?models=kl,dead", headers=wants).status_code == 406


# --- the chart -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_sheet_names_every_model_with_its_penalty(compared: SharedApi) -> None:
    words = texts(comparison(compared, "kl,l1,vectors", format="svg").content)
    for expected in ("kl@1, KL 0.001", "l1@1, L1 0.001", "vectors@1, no penalty", "Error while learning", "none"):
        assert expected in words
    assert "Learned from digits and signals; figures of the test split" in words
    assert any("different datasets" in word for word in words)


def document(count: int, epochs: int, **quality: Any) -> dict[str, Any]:
    """A comparison's answer with some of its figures changed."""
    noise = [{"sigma": sigma, "cosine": 1 - sigma / 3, "mse": sigma} for sigma in (0.1, 0.2, 0.3)]
    curve = {"loss": 1.0, "reconstruction": 0.5, "sparsity": 0.1, "test_mse": 0.5, "l0": 4.0}
    each = {
        "dataset": "digits",
        "n_inputs": 64,
        "n_latents": 20,
        "sparsity": {"kind": "l1", "weight": 0.01, "reduction": "mean"},
        "result": {
            "mse": 0.01,
            "explained_variance": 0.9,
            "l0": 3.2,
            "population_sparsity": 0.1,
            "inactive_latents": 0,
            "error_units": "raw",
        },
        "curves": [
            {"epoch": epoch, **{name: value / epoch for name, value in curve.items()}} for epoch in range(1, epochs)
        ],
        "quality": {
            "num_samples": 100,
            "dead_latents": 0,
            "hoyer": 0.4,
            "selectivity": 0.5,
            "probe_accuracy": 0.9,
            "noise": noise,
            "noise_samples": 100,
            "noise_rows_chosen": "all",
            **quality,
        },
    }
    models = [{"model": f"m{number}@1", **each} for number in range(count)]
    formulas: dict[str, Any] = {"result": {}, "quality": {}, "pw_mcc": "pw_mcc"}
    return {"models": models, "pw_mcc": [[1.0] * count] * count, "remarks": [], "formulas": formulas}


def panels(case: dict[str, Any]) -> Any:
    return comparison_chart.panels(ComparisonAnswer.model_validate(case))


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        document(2, 0),
        document(2, 2),
        document(8, 30),
        document(3, 5, hoyer=None, selectivity=None, probe_accuracy=None),
    ],
    ids=["no epochs", "one epoch", "eight models", "figures that are missing"],
)
def test_a_sheet_is_drawn_from_any_figures(case: dict[str, Any]) -> None:
    sheet = panels(case)
    with Image.open(io.BytesIO(style.render(sheet, PNG))) as image:
        image.load()
        assert image.width > 1000
        assert image.height > 1000
    words = texts(style.render(sheet, SVG))
    for model in case["models"]:
        assert words.count(model["model"]) == 2, "beside the bars of sparsity and beside those of quality"
    assert b'"url"' not in style.render(sheet, VEGA)


def test_a_model_of_one_epoch_has_a_point_beside_the_line_of_a_longer_one() -> None:
    case = document(2, 5)
    case["models"][0]["curves"] = case["models"][0]["curves"][:1]
    for panel in panels(case).to_dict()["vconcat"][0]["hconcat"]:
        assert [layer["mark"]["type"] for layer in panel["layer"]] == ["line", "point"]
    svg = ElementTree.fromstring(style.render(panels(case), SVG))
    marks = [
        path
        for path in svg.iter()
        if path.get("aria-roledescription") == "point" and "epoch" in path.get("aria-label", "").lower()
    ]
    assert len(marks) == 3, "two errors and one number of latents"
    assert not panels(document(2, 5)).to_dict()["vconcat"][0]["hconcat"][0]["layer"][1:]


def test_names_that_differ_at_the_end_are_distinct_and_keep_their_penalty() -> None:
    case = document(2, 3)
    for number, model in enumerate(case["models"]):
        model["model"] = f"digits-at-28-by-28-with-a-name-of-the-long-november-{number}@1"
    words = texts(style.render(panels(case), SVG))
    for number in range(2):
        assert words.count(f"digits-at-28-b…ng-november-{number}@1") == 2
        assert words.count(f"digits-at-28-b…ng-november-{number}@1, L1 0.01") == 1
    inner = [f"{'a' * 40}{number}{'b' * 40}@1" for number in range(8)]
    assert len(set(comparison_chart.shortened(inner))) == 8, "different in what would be left out"


def test_a_long_remark_is_broken_between_words() -> None:
    case = {**document(2, 3), "remarks": ["There is no probe of " + ", ".join(["a-very-long-name@1"] * 20) + "."]}
    lines = panels(case).to_dict()["title"]["subtitle"][1:]
    assert " ".join(lines) == case["remarks"][0]
    assert all(len(line) <= 150 for line in lines)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5000, "5,000"), (999.9, "1,000"), (999.4, "999"), (0.01234, "0.0123"), (0, "0"), (2e9, "2e+09"), (None, "none")],
)
def test_a_figure_is_written_as_people_write_it(value: float | None, expected: str) -> None:
    assert comparison_chart.written(value) == expected


def test_no_two_models_share_a_colour() -> None:
    assert len(set(comparison_chart.COLOURS)) == len(comparison_chart.COLOURS) == 8


# --- matched features ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["kl,seeded", "seeded,dead", "dead,kl"])
def test_matches_equal_a_direct_matching_of_live_latents(compared: SharedApi, names: str) -> None:
    found = comparison(compared, names, "/matches").json()
    first, second = names.split(",")
    live = [alive(compared, name) for name in (first, second)]
    atoms = [
        matching.dictionary(inside(compared, name)).atoms[kept]
        for name, kept in zip((first, second), live, strict=True)
    ]
    expected = matching.match(*atoms)
    assert found["models"] == [f"{first}@1", f"{second}@1"]
    assert found["mean"] == pytest.approx(expected.mean)
    assert found["atoms"] == ["difference", "difference"]
    assert found["dead_latents"] == [20 - len(kept) for kept in live]
    assert found["matched"] == len(found["pairs"]) == min(map(len, live))
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in atoms]
    for pair in found["pairs"]:
        cosine = unit[0][live[0].index(pair["first"])] @ unit[1][live[1].index(pair["second"])]
        assert pair["sign"] * pair["cosine"] == pytest.approx(cosine, abs=1e-5)
    assert [-pair["cosine"] for pair in found["pairs"]] == sorted(-pair["cosine"] for pair in found["pairs"])
    assert comparison(compared, names).json()["pw_mcc"][0][1] == found["mean"]


def test_either_order_gives_the_same_pairs(compared: SharedApi) -> None:
    there, back = (comparison(compared, names, "/matches").json() for names in ("kl,seeded", "seeded,kl"))
    assert there["mean"] == back["mean"]
    mirrored = [{**pair, "first": pair["second"], "second": pair["first"]} for pair in back["pairs"]]
    assert sorted(there["pairs"], key=str) == sorted(mirrored, key=str)
    assert there["dead_latents"] == back["dead_latents"][::-1]


def test_a_limit_cuts_the_pairs_and_not_the_mean(compared: SharedApi) -> None:
    whole, cut = (comparison(compared, "kl,seeded", "/matches", limit=limit).json() for limit in (10**9, 3))
    assert cut["pairs"] == whole["pairs"][:3]
    assert (cut["mean"], cut["matched"]) == (whole["mean"], whole["matched"])
    assert comparison(compared, "kl,seeded", "/matches", limit=0).status_code == 422


def test_all_pairs_can_be_had_and_a_picture_says_how_many_there_are(
    compared: SharedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"dataset": {"name": "digits"}, "model": {"n_latents": 230, "hidden": []}, "training": SHORT}
    for name in ("broad-a", "broad-b"):
        compared.publish(tmp_path, {"name": name, **asked})
    found = comparison(compared, "broad-a,broad-b", "/matches", limit=4096).json()
    assert len(found["pairs"]) == found["matched"] > 200
    monkeypatch.setattr(matches_route, "MAX_DRAWN", 5)
    image = Image.open(io.BytesIO(comparison(compared, "kl,seeded", "/matches", format="png", limit=4096).content))
    text = image.text  # type: ignore[attr-defined]
    assert (len(json.loads(text["pairs"])), text["matched"]) == (5, "20")
    assert "at most 5" in text["layout"]


def test_linear_decoders_are_matched_by_their_columns(compared: SharedApi) -> None:
    found = comparison(compared, "vectors,signs", "/matches").json()
    assert found["atoms"] == ["decoder", "decoder"]
    refused = comparison(compared, "vectors,signs", "/matches", format="png")
    assert (refused.status_code, refused.json()["code"]) == (422, "NOT_AN_IMAGE")


def test_two_input_spaces_are_refused_with_their_widths(compared: SharedApi) -> None:
    refused = comparison(compared, "kl,l1", "/matches")
    assert (refused.status_code, refused.json()["code"]) == (422, "INVALID_REQUEST")
    assert "kl@1 takes 64 and l1@1 takes 100" in refused.json()["detail"]


def test_images_of_one_width_and_two_shapes_have_pairs_and_no_picture(compared: SharedApi) -> None:
    assert comparison(compared, "colour,bars", "/matches").json()["matched"] > 0
    refused = comparison(compared, "colour,bars", "/matches", format="png")
    assert refused.status_code == 422
    assert "3 x 4 x 6 and 1 x 8 x 9" in refused.json()["detail"]


def test_too_many_latents_are_refused_and_leave_a_gap_in_a_comparison(
    compared: SharedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matches, "MAX_ATOMS", 19)
    refused = comparison(compared, "kl,seeded", "/matches")
    assert refused.status_code == 422
    assert "at most 19 latents" in refused.json()["detail"]
    report = comparison(compared, "kl,seeded").json()
    assert report["pw_mcc"] == [[None, None], [None, None]]
    reason = "are not matched (pw_mcc): more than 19 of its latents are not dead."
    assert {f"The features of {name}@1 {reason}" for name in ("kl", "seeded")} < set(report["remarks"])
    monkeypatch.setattr(subjects, "MAX_ACTIVATIONS", 1000)
    assert "dictionary has more than 1,000 values" in comparison(compared, "kl,seeded").json()["remarks"][0]


@pytest.mark.parametrize("limit", [4, 64])
def test_the_picture_has_each_pair_above_each_other(compared: SharedApi, limit: int) -> None:
    answer = comparison(compared, "kl,seeded", "/matches", format="png", limit=limit)
    assert answer.headers["content-type"] == "image/png", answer.text
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    pairs = comparison(compared, "kl,seeded", "/matches", limit=limit).json()["pairs"]
    text = image.text  # type: ignore[attr-defined]
    assert [part[:2] for part in json.loads(text["pairs"])] == [[pair["first"], pair["second"]] for pair in pairs]
    assert json.loads(text["flipped"]) == [[pair["first"], pair["second"]] for pair in pairs if pair["sign"] < 0]
    assert json.loads(text["models"]) == ["kl@1", "seeded@1"]
    assert "above" in text["layout"]
    pixels = np.asarray(image).astype(float)
    for place, pair in enumerate(pairs[:3]):
        left, scale = 8 + place * (8 * 7 + 8), 7
        for name, latent, top in (("kl", pair["first"], 8), ("seeded", pair["second"], 8 + 9 * scale)):
            shown = compared.http.get(f"/api/v1/models/{name}/features/{latent}?mode=difference").json()["pixels"]
            expected = 128 + 127 * np.array(shown) / np.abs(shown).max()
            tile = pixels[top : top + 8 * scale : scale, left : left + 8 * scale : scale]
            np.testing.assert_allclose(tile, expected, atol=1)


def test_a_picture_never_changes_and_holds_no_more_than_allowed(compared: SharedApi, tmp_path: Path) -> None:
    first, second = (comparison(compared, "kl@1,seeded@1", "/matches", format="png") for _ in range(2))
    assert first.content == second.content
    assert first.headers["cache-control"] == "private, max-age=31536000, immutable"
    wide = {"model": {"n_latents": 120, "hidden": []}, "training": SHORT}
    for name in ("wide-a", "wide-b"):
        compared.publish(tmp_path, {"name": name, "dataset": {"name": "digits"}, **wide})
    refused = comparison(compared, "wide-a,wide-b", "/matches", format="png", limit=101)
    assert (refused.status_code, refused.json()["code"]) == (413, "TOO_MANY_ROWS")
