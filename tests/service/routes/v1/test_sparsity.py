"""Sparsity over HTTP: the same numbers as a direct computation, kept, and drawn."""

import io
import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select

from registry.database.tables import Analysis
from testing.published_models import PublishModel, SharedApi


def sparsity(shared_api: SharedApi, model: str = "kl", **query: Any) -> Any:
    return shared_api.http.get(f"/api/v1/models/{model}/sparsity", params=query)


def codes(shared_api: SharedApi, model: str, split: str = "test", rows: int = 360) -> Any:
    found: list[Any] = []
    for start in range(0, rows, 400):
        body = {"dataset": "digits", "split": split, "indices": list(range(start, min(rows, start + 400)))}
        found += shared_api.http.post(f"/api/v1/models/{model}/encode", json=body).raise_for_status().json()["codes"]
    return np.array(found)


def kept(shared_api: SharedApi) -> int:
    with shared_api.app_state.database.read() as session:
        return int(session.execute(select(func.count()).select_from(Analysis)).scalar_one())


@pytest.mark.parametrize("model", ["kl", "l1", "dead"])
@pytest.mark.parametrize(
    ("split", "num_samples", "threshold", "rows"),
    [("test", None, None, 360), ("test", 50, 0.2, 50), ("train", 1000, 0.05, 1000), ("test", 10**6, 0.0, 360)],
)
def test_every_number_equals_a_direct_computation(
    shared_api: SharedApi, model: str, split: str, num_samples: int | None, threshold: float | None, rows: int
) -> None:
    given = {"num_samples": num_samples, "threshold": threshold}
    answer = sparsity(
        shared_api, model, split=split, **{name: value for name, value in given.items() if value is not None}
    )
    assert answer.status_code == 200, answer.text
    report = answer.json()
    above = 0.1 if threshold is None else threshold
    assert (report["model"], report["split"], report["num_samples"]) == (f"{model}@1", split, rows)
    assert report["threshold"] == above
    whole = codes(shared_api, model, split, {"test": 360, "train": 1437}[split])
    active = whole[:rows] > above
    lifetime = active.mean(axis=0)
    assert report["population_sparsity"]["mean"] == pytest.approx(active.mean(), abs=1e-4)
    np.testing.assert_allclose(report["lifetime_sparsity"]["per_latent"], lifetime, atol=2 / rows)
    assert report["lifetime_sparsity"]["mean"] == pytest.approx(lifetime.mean(), abs=1e-4)
    assert report["inactive_latents"]["indices"] == np.flatnonzero(lifetime < 0.01).tolist()
    assert report["dead_latents"]["indices"] == np.flatnonzero(whole.max(axis=0) <= above).tolist()
    assert report["dead_latents"]["count"] == len(report["dead_latents"]["indices"])
    assert report["l0"]["threshold"] == pytest.approx(active.sum(axis=1).mean(), abs=1e-2)
    assert report["l0"]["nonzero"] == pytest.approx((whole[:rows] != 0).sum(axis=1).mean(), abs=1e-2)
    assert report["formulas"]["lifetime_sparsity"] == "lifetime_sparsity"


def test_the_histograms_count_everything_once(shared_api: SharedApi) -> None:
    report = sparsity(shared_api).json()
    population, lifetime = report["population_sparsity"]["histogram"], report["lifetime_sparsity"]["histogram"]
    activations = report["activation_histogram"]
    assert (len(population["counts"]), sum(population["counts"])) == (50, 360)
    assert (len(lifetime["counts"]), sum(lifetime["counts"])) == (50, 20)
    assert (len(activations["counts"]), sum(activations["counts"])) == (100, 360 * 20)
    for histogram in (population, lifetime):
        np.testing.assert_allclose(histogram["edges"], np.linspace(0, 1, 51))
    whole = codes(shared_api, "kl")
    np.testing.assert_allclose(activations["edges"], np.linspace(whole.min(), whole.max(), 101), rtol=1e-4, atol=1e-6)


def test_a_second_request_is_a_look_up_with_the_same_bytes(shared_api: SharedApi, published: PublishModel) -> None:
    published("looked-up")
    before = kept(shared_api)
    first = sparsity(shared_api, "looked-up", num_samples=20)
    assert kept(shared_api) == before + 1
    second = sparsity(shared_api, "looked-up@1", num_samples=20)
    assert kept(shared_api) == before + 1
    assert first.content == second.content
    sparsity(shared_api, "looked-up", num_samples=21)
    assert kept(shared_api) == before + 2


def test_what_was_kept_is_computed_again_when_its_file_is_lost(shared_api: SharedApi, published: PublishModel) -> None:
    published("lost")
    first = sparsity(shared_api, "lost", num_samples=33)
    with shared_api.app_state.database.read() as session:
        digest = session.scalars(select(Analysis.sha256).order_by(Analysis.created_at.desc()).limit(1)).one()
    shared_api.app_state.artifacts.remove(digest)
    assert sparsity(shared_api, "lost", num_samples=33).content == first.content
    assert shared_api.app_state.artifacts.path(digest).is_file()


def test_the_three_histograms_come_as_one_chart_in_three_forms(shared_api: SharedApi) -> None:
    vega = sparsity(shared_api, format="vega")
    assert vega.headers["content-type"] == "application/vnd.vegalite.v6+json"
    assert len(vega.json()["hconcat"]) == 3
    svg = shared_api.http.get("/api/v1/models/kl/sparsity", headers={"Accept": "image/svg+xml"})
    assert svg.headers["content-type"] == "image/svg+xml"
    words = [element.text for element in ElementTree.fromstring(svg.content).iter()]
    assert "Fraction of the 20 latents active on a row" in words
    image = Image.open(io.BytesIO(sparsity(shared_api, format="png").content))
    image.load()
    assert image.width > 2 * image.height


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "vega", "png", "svg"])
@pytest.mark.parametrize(
    ("reference", "cached"), [("kl@1", "private, max-age=31536000, immutable"), ("kl", "private, no-cache")]
)
def test_every_form_is_the_same_each_time_and_can_be_kept(
    shared_api: SharedApi, form: str, reference: str, cached: str
) -> None:
    first, second = (sparsity(shared_api, reference, format=form) for _ in range(2))
    assert first.content == second.content
    assert first.headers["cache-control"] == cached
    again = shared_api.http.get(
        f"/api/v1/models/{reference}/sparsity?format={form}", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"split": "all"}, "split"),
        ({"num_samples": 0}, "num_samples"),
        ({"num_samples": 10**30}, "num_samples"),
        ({"threshold": -0.1}, "threshold"),
        ({"threshold": "nan"}, "threshold"),
        ({"threshold": "inf"}, "threshold"),
        ({"format": "pdf"}, "format"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(shared_api: SharedApi, query: Any, named: str) -> None:
    answer = sparsity(shared_api, **query)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["pointer"] == f"query:{named}"


def test_vectors_have_sparsity_too(shared_api: SharedApi) -> None:
    report = sparsity(shared_api, "vectors").json()
    assert (report["num_samples"], len(report["lifetime_sparsity"]["per_latent"])) == (50, 7)


def test_json_never_holds_nan(shared_api: SharedApi) -> None:
    text = sparsity(shared_api, "dead").text
    json.loads(text, parse_constant=lambda constant: pytest.fail(constant))
