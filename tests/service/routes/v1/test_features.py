"""Features over HTTP: statistics, pictures whose bytes never vary, and the inputs that activate a latent."""

import io
import json
import math
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from service.pictures import png
from testing.published_models import SharedApi

IMMUTABLE = "private, max-age=31536000, immutable"


def features(shared_api: SharedApi, model: str = "kl", below: str = "", **query: Any) -> Any:
    return shared_api.http.get(f"/api/v1/models/{model}/features{below}", params=query)


def picture(answer: httpx.Response) -> Image.Image:
    assert answer.headers["content-type"] == "image/png", answer.text
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


def codes(shared_api: SharedApi, model: str = "kl", dataset: str = "digits", rows: int = 360) -> Any:
    body = {"dataset": dataset, "split": "test", "indices": list(range(rows))}
    answer = shared_api.http.post(f"/api/v1/models/{model}/encode", json=body).raise_for_status()
    return np.array(answer.json()["codes"])


def decoded(shared_api: SharedApi, model: str, rows: Any) -> Any:
    answer = shared_api.http.post(f"/api/v1/models/{model}/decode", json={"codes": np.array(rows).tolist()})
    return np.array(answer.raise_for_status().json()["outputs"])


def tile(image: Image.Image, position: int, columns: int, side: int, scale: int) -> Any:
    """A tile's pixels in their original number."""
    row, column = divmod(position, columns)
    top, left = (4 + place * (side * scale + 4) for place in (row, column))
    cut = np.asarray(image)[top : top + side * scale, left : left + side * scale]
    assert (cut == cut[::scale, ::scale].repeat(scale, axis=0).repeat(scale, axis=1)).all(), "enlarged as a whole"
    return cut[::scale, ::scale]


@pytest.mark.parametrize("model", ["kl", "l1", "dead"])
def test_the_statistics_equal_a_direct_computation(shared_api: SharedApi, model: str) -> None:
    answer = features(shared_api, model).json()
    assert (answer["model"], answer["mode"], answer["amplitude"]) == (f"{model}@1", "raw", 1.0)
    assert answer["num_samples"] == 360
    found = codes(shared_api, model)
    assert [item["latent"] for item in answer["items"]] == list(range(20))
    for latent, item in enumerate(answer["items"]):
        activations = found[:, latent]
        positive = activations[activations > 0]
        assert item["lifetime_sparsity"] == pytest.approx((activations > 0.1).mean(), abs=2 / 360)
        assert item["mean"] == pytest.approx(activations.mean(), rel=1e-4, abs=1e-6)
        assert item["max"] == pytest.approx(activations.max(), rel=1e-4, abs=1e-6)
        assert item["dead"] is bool(activations.max() <= 0.1)
        expected = np.percentile(positive, 95) if len(positive) else None
        assert item["p95"] == (pytest.approx(expected, rel=1e-3) if expected is not None else None)


def test_pages_follow_each_other_in_either_order(shared_api: SharedApi) -> None:
    for sort in ("index", "lifetime_sparsity"):
        items: list[Any] = []
        cursor = None
        while True:
            page = features(shared_api, sort=sort, limit=7, **({"cursor": cursor} if cursor else {})).json()
            assert len(page["items"]) <= 7
            items += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert sorted(item["latent"] for item in items) == list(range(20))
        keys = [item["latent"] if sort == "index" else -item["lifetime_sparsity"] for item in items]
        assert keys == sorted(keys)


def test_a_cursor_belongs_to_one_model_and_one_order(shared_api: SharedApi) -> None:
    cursor = features(shared_api, limit=7).json()["next_cursor"]
    for model, query in (("l1", {"cursor": cursor}), ("kl", {"cursor": cursor, "sort": "lifetime_sparsity"})):
        assert features(shared_api, model, **query).json()["code"] == "INVALID_CURSOR"
    for wrong in ("", "7", cursor.replace("7", "-7", 1), cursor.replace("7", "99", 1), "x" * 100):
        assert features(shared_api, cursor=wrong).json()["code"] == "INVALID_CURSOR"


@pytest.mark.parametrize(("limit", "shown"), [(1, 1), (2, 2), (9, 9), (10, 10), (64, 20)])
def test_a_grid_is_as_wide_as_the_root_of_what_it_shows(shared_api: SharedApi, limit: int, shown: int) -> None:
    image = picture(features(shared_api, format="png", limit=limit))
    columns = math.ceil(math.sqrt(shown))
    rows = math.ceil(shown / columns)
    assert image.size == (columns * 84 + 4, rows * 84 + 4), "8 x 8 drawn ten times larger, gaps of 4"
    assert json.loads(image.text["latents"]) == list(range(shown))  # type: ignore[attr-defined]


@pytest.mark.parametrize("amplitude", [1, 2.5, "p95"])
def test_a_raw_tile_is_the_decoded_one_hot_code_from_its_minimum_to_its_maximum(
    shared_api: SharedApi, amplitude: Any
) -> None:
    image = picture(features(shared_api, format="png", amplitude=amplitude))
    statistics = features(shared_api).json()["items"]
    heights = [item["p95"] if amplitude == "p95" else amplitude for item in statistics]
    outputs = decoded(shared_api, "kl", np.diag(heights)).reshape(20, 8, 8)
    ranges = json.loads(image.text["ranges"])  # type: ignore[attr-defined]
    for latent in range(20):
        low, high = outputs[latent].min(), outputs[latent].max()
        np.testing.assert_allclose(ranges[latent], [low, high], rtol=1e-4, atol=1e-5)
        grey = tile(image, latent, 5, 8, 10).astype(float)
        grey = grey[..., 0] if grey.ndim == 3 else grey
        np.testing.assert_allclose(grey, 255 * (outputs[latent] - low) / (high - low), atol=1)


def test_a_difference_is_symmetric_about_mid_grey(shared_api: SharedApi) -> None:
    image = picture(features(shared_api, format="png", mode="difference", limit=4))
    outputs = decoded(shared_api, "kl", np.vstack([np.eye(20)[:4], np.zeros((1, 20))]))
    for latent in range(4):
        added = (outputs[latent] - outputs[4]).reshape(8, 8)
        expected = 128 + 127 * added / np.abs(added).max()
        np.testing.assert_allclose(tile(image, latent, 2, 8, 10).astype(float), expected, atol=1)
    assert "mid grey" in image.text["contrast"]  # type: ignore[attr-defined]


def test_dead_latents_have_a_frame_and_are_named(shared_api: SharedApi) -> None:
    dead = [item["latent"] for item in features(shared_api, "dead").json()["items"] if item["dead"]]
    assert dead, "the model was trained to have some"
    image = picture(features(shared_api, "dead", format="png"))
    assert json.loads(image.text["dead"]) == dead  # type: ignore[attr-defined]
    assert image.mode == "RGB"
    pixels = np.asarray(image)
    framed = [
        latent for latent in range(20) if tuple(pixels[4 + 84 * (latent // 5) - 1, 4 + 84 * (latent % 5)]) == png.MARK
    ]
    assert framed == dead
    alive = picture(features(shared_api, format="png"))
    assert json.loads(alive.text["dead"]) == []  # type: ignore[attr-defined]
    assert alive.mode == "L"


def test_a_dead_latent_has_no_percentile_and_still_a_picture(shared_api: SharedApi) -> None:
    silent = [item["latent"] for item in features(shared_api, "dead").json()["items"] if item["p95"] is None]
    assert silent
    answer = features(shared_api, "dead", f"/{silent[0]}", amplitude="p95", mode="difference")
    assert answer.json()["p95"] is None
    assert not np.any(answer.json()["pixels"])
    assert answer.json()["top_inputs"] == []
    picture(features(shared_api, "dead", format="png", amplitude="p95", mode="difference"))


@pytest.mark.parametrize("below", ["", "/3"])
@pytest.mark.parametrize("form", ["json", "png"])
@pytest.mark.parametrize(("reference", "cached"), [("kl@1", IMMUTABLE), ("kl", "private, no-cache")])
def test_an_answer_is_the_same_each_time_and_can_be_kept(
    shared_api: SharedApi, below: str, form: str, reference: str, cached: str
) -> None:
    first, second = (features(shared_api, reference, below, format=form) for _ in range(2))
    assert first.content == second.content
    assert first.headers["cache-control"] == cached
    assert first.headers["vary"] == "Accept"
    again = shared_api.http.get(
        f"/api/v1/models/{reference}/features{below}?format={form}", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def test_a_browser_that_wants_an_image_gets_one(shared_api: SharedApi) -> None:
    wants = {"Accept": "image/avif,image/webp,image/*,*/*;q=0.8"}
    picture(shared_api.http.get("/api/v1/models/kl/features", headers=wants))
    refused = shared_api.http.get("/api/v1/models/kl/features", headers={"Accept": "text/html"})
    assert refused.status_code == 406
    assert "image/png" in refused.json()["detail"]


# --- one latent ------------------------------------------------------------------------------------------------------


def test_one_latent_has_its_image_and_statistics(shared_api: SharedApi) -> None:
    answer = features(shared_api, below="/3").json()
    listed = features(shared_api).json()["items"][3]
    assert {name: answer[name] for name in listed} == listed
    assert answer["model"] == "kl@1"
    expected = decoded(shared_api, "kl", np.eye(20)[[3]])[0].reshape(8, 8)
    np.testing.assert_allclose(answer["pixels"], expected, rtol=1e-5, atol=1e-5)
    zero = decoded(shared_api, "kl", np.zeros((1, 20)))[0].reshape(8, 8)
    difference = features(shared_api, below="/3", mode="difference").json()["pixels"]
    np.testing.assert_allclose(difference, expected - zero, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("top", [None, 0, 1, 32])
def test_top_inputs_are_the_rows_with_its_largest_activations(shared_api: SharedApi, top: int | None) -> None:
    found = codes(shared_api)
    latent = int(found.max(axis=0).argmax())
    items = features(shared_api, below=f"/{latent}", **({} if top is None else {"top": top})).json()["top_inputs"]
    count = 8 if top is None else top
    assert len(items) == count
    expected = np.sort(found[:, latent])[::-1][:count]
    np.testing.assert_allclose([item["activation"] for item in items], expected, rtol=1e-4, atol=1e-6)
    for item in items:
        assert item["split"] == "test"
        assert item["activation"] == pytest.approx(found[item["index"], latent], rel=1e-4)
        named = shared_api.http.get(f"/api/v1/datasets/digits/images?split=test&indices={item['index']}").json()
        assert item["label"] == named["items"][0]["label"]


def test_the_picture_of_one_latent_is_its_image_and_nothing_around_it(shared_api: SharedApi) -> None:
    image = picture(features(shared_api, below="/3", format="png"))
    assert image.size == (256, 256)
    pixels = np.array(features(shared_api, below="/3").json()["pixels"])
    expected = 255 * (pixels - pixels.min()) / (pixels.max() - pixels.min())
    np.testing.assert_allclose(np.asarray(image)[::32, ::32].astype(float), expected, atol=1)
    assert json.loads(image.text["latents"]) == [3]  # type: ignore[attr-defined]
    assert image.text["model"] == "kl@1"  # type: ignore[attr-defined]


def test_colour_features_are_colour_pictures(shared_api: SharedApi) -> None:
    assert np.array(features(shared_api, "colour", "/0").json()["pixels"]).shape == (4, 6, 3)
    image = picture(features(shared_api, "colour", "/0", format="png"))
    assert (image.mode, image.size) == ("RGB", (252, 168))
    assert picture(features(shared_api, "colour", format="png")).size == (3 * (84 + 4) + 4, 2 * (56 + 4) + 4)


def test_rows_without_labels_have_none(shared_api: SharedApi) -> None:
    tops = [features(shared_api, "colour", f"/{latent}").json()["top_inputs"] for latent in range(5)]
    assert {item["label"] for top in tops for item in top} == {None}


def test_a_model_of_vectors_has_statistics_and_no_pictures(shared_api: SharedApi) -> None:
    assert len(features(shared_api, "vectors").json()["items"]) == 7
    one = features(shared_api, "vectors", "/0").json()
    assert one["pixels"] is None
    assert one["top_inputs"]
    for below in ("", "/0"):
        refused = features(shared_api, "vectors", below, format="png")
        assert (refused.status_code, refused.json()["code"]) == (422, "NOT_AN_IMAGE")
        assert "vectors" in refused.json()["detail"]


@pytest.mark.parametrize("form", ["json", "png"])
@pytest.mark.parametrize(("latent", "status"), [("20", 404), ("65535", 404), ("65536", 422), ("-1", 422), ("x", 422)])
def test_a_latent_that_is_not_there_is_said_to_be_missing(
    shared_api: SharedApi, latent: str, status: int, form: str
) -> None:
    answer = features(shared_api, below=f"/{latent}", format=form)
    assert answer.status_code == status
    if status == 404:
        assert answer.json()["code"] == "LATENT_NOT_FOUND"
        assert "19" in answer.json()["detail"]


@pytest.mark.parametrize(
    "query",
    [
        {"mode": "loud"},
        {"amplitude": 0},
        {"amplitude": -1},
        {"amplitude": "nan"},
        {"amplitude": "p96"},
        {"limit": 0},
        {"limit": 10**30},
        {"sort": "mean"},
        {"format": "svg"},
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(shared_api: SharedApi, query: dict[str, Any]) -> None:
    answer = features(shared_api, **query)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert next(iter(query)) in answer.json()["errors"][0]["pointer"]


def test_a_large_limit_is_cut(shared_api: SharedApi) -> None:
    assert len(features(shared_api, limit=100_000).json()["items"]) == 20
