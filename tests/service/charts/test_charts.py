"""Charts: what they count is said on their axes, and the same numbers make the same bytes."""

import io
import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
from PIL import Image

from service.answers.metrics import EpochRecord
from service.answers.sparsity import SparsityAnswer
from service.charts import sparsity as sparsity_chart
from service.charts import style, training_curves
from service.http.representations import PNG, SVG, VEGA


def histogram(values: np.ndarray, bins: int, span: tuple[float, float] | None = None) -> dict[str, list[float]]:
    counts, edges = np.histogram(values, bins, range=span)
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def report(codes: np.ndarray) -> SparsityAnswer:
    active = codes > 0.1
    population, lifetime = active.mean(1), active.mean(0)
    document = {
        "model": "digits-kl@1",
        "split": "test",
        "rows_chosen": "all",
        "num_samples": len(codes),
        "threshold": 0.1,
        "population_sparsity": {"mean": float(population.mean()), "histogram": histogram(population, 50, (0, 1))},
        "lifetime_sparsity": {
            "mean": float(lifetime.mean()),
            "per_latent": lifetime.tolist(),
            "histogram": histogram(lifetime, 50, (0, 1)),
        },
        "inactive_latents": {"count": int((lifetime < 0.01).sum()), "indices": []},
        "dead_latents": {"count": 0, "indices": []},
        "activation_histogram": histogram(codes, 100),
        "l0": {"threshold": active.sum() / len(codes), "nonzero": np.count_nonzero(codes) / len(codes)},
        "formulas": {},
    }
    return SparsityAnswer.model_validate(document)


CODES = {
    "sigmoid": np.random.default_rng(0).beta(0.3, 3, (200, 32)),
    "all zero": np.zeros((20, 8)),
    "all one": np.ones((20, 8)),
    "one latent": np.random.default_rng(1).random((3, 1)),
}


def records(epochs: int, **factors: float) -> list[EpochRecord]:
    return [
        EpochRecord(epoch=epoch, **{name: factor / epoch for name, factor in factors.items()})
        for epoch in range(1, epochs + 1)
    ]


RECORDS = {
    "none yet": [],
    "one epoch": records(1, loss=1, reconstruction=1, sparsity=2, test_mse=1),
    "no penalty": records(10, loss=1, reconstruction=1, sparsity=0, test_mse=1),
    "a wide span": records(100, loss=1, reconstruction=1, sparsity=5000, test_mse=1),
    "many epochs": records(5000, loss=1, reconstruction=1, sparsity=2, test_mse=1),
    "a missing figure": [EpochRecord(epoch=1, loss=1.0, reconstruction=1.0)],
    "zero loss": records(5, loss=0, reconstruction=0, sparsity=0, test_mse=0),
}


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def texts(svg: bytes) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(CODES))
def test_sparsity_is_drawn_from_any_codes(case: str) -> None:
    image = opened(style.render(sparsity_chart.histograms(report(CODES[case])), PNG))
    assert image.mode == "RGB"
    assert image.width > 2 * image.height, "three panels side by side"
    assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 20, "something is drawn on it"


@pytest.mark.parametrize("case", sorted(RECORDS))
def test_curves_are_drawn_from_any_records(case: str) -> None:
    image = opened(style.render(training_curves.chart(RECORDS[case], "Training"), PNG))
    assert image.width >= style.PIXELS_PER_POINT * style.WIDE["width"]
    assert image.height >= style.PIXELS_PER_POINT * style.WIDE["height"]


@pytest.mark.parametrize("form", [VEGA, PNG, SVG])
def test_the_same_numbers_make_the_same_bytes(form: Any) -> None:
    first, second = (style.render(sparsity_chart.histograms(report(CODES["sigmoid"])), form) for _ in range(2))
    assert first == second


def test_every_panel_says_what_it_counts() -> None:
    words = texts(style.render(sparsity_chart.histograms(report(CODES["sigmoid"])), SVG))
    for expected in (
        "Rows",
        "Latents",
        "Activations (log scale)",
        "Fraction of the 32 latents active on a row",
        "Fraction of the 200 rows that activate a latent",
        "Activation of a latent on a row",
        "Sparsity of digits-kl@1 on the test split",
    ):
        assert expected in words


def test_activations_are_counted_on_a_log_axis_where_a_single_one_can_be_seen() -> None:
    document = json.loads(style.render(sparsity_chart.histograms(report(CODES["sigmoid"])), VEGA))
    y = document["hconcat"][2]["layer"][0]["encoding"]["y"]
    assert y["scale"]["type"] == "log"
    assert y["scale"]["domain"][0] < 1


def test_a_chart_names_version_6_of_vega_lite_and_no_address_of_data() -> None:
    chart = style.render(training_curves.chart(RECORDS["a wide span"], "Training"), VEGA)
    document = json.loads(chart)
    assert "vega-lite/v6" in document["$schema"]
    assert b'"url"' not in chart


@pytest.mark.parametrize(("case", "scale"), [("a wide span", "log"), ("no penalty", "linear"), ("zero loss", "linear")])
def test_the_scale_of_curves_follows_what_they_span(case: str, scale: str) -> None:
    document = json.loads(style.render(training_curves.chart(RECORDS[case], "Training"), VEGA))
    assert document["encoding"]["y"]["scale"].get("type", "linear") == scale


def test_a_run_without_a_penalty_has_no_curve_of_it() -> None:
    words = texts(style.render(training_curves.chart(RECORDS["no penalty"], "Training"), SVG))
    assert "total loss" in words
    assert not any("sparsity" in word for word in words)


def test_the_last_epoch_of_many_is_drawn() -> None:
    document = json.loads(style.render(training_curves.chart(RECORDS["many epochs"], "Training"), VEGA))
    epochs = (
        [point["epoch"] for point in document["datasets"][document["data"]["name"]]] if "datasets" in document else []
    )
    epochs = epochs or [point["epoch"] for point in document["data"]["values"]]
    assert max(epochs) == 5000
    assert len(epochs) <= 4 * (style.MAX_POINTS + 1)


@pytest.mark.parametrize(("count", "expected"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (12, [2, 4, 6, 8, 10, 12])])
def test_every_tick_of_epochs_is_a_whole_number_and_stands_once(count: int, expected: list[int]) -> None:
    axis = style.epoch_axis(range(1, count + 1)).to_dict()["axis"]
    assert axis["values"] == expected
    words = texts(style.render(training_curves.chart(records(count, loss=1), "Training"), SVG))
    shown = [word for word in words if word in {str(epoch) for epoch in range(1, count + 1)}]
    assert set(map(str, expected)) <= set(shown)


def test_the_title_of_a_run_is_text_and_nothing_else() -> None:
    chart = training_curves.chart(RECORDS["no penalty"], "<script>alert(1)</script>")
    assert b"<script>" not in style.render(chart, SVG)
