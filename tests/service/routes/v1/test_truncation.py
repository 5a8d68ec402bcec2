"""Truncation over HTTP: the same numbers as decoding truncated codes by hand, kept, drawn, and as strips."""

import io
import json
import xml.etree.ElementTree as ElementTree
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from service.pictures import lettering, png
from sparse_coding.data import sampling
from testing.published_models import SharedApi

IMMUTABLE = "private, max-age=31536000, immutable"
ROWS = 6
TOP = 4 + lettering.LINE


def truncation(shared_api: SharedApi, model: str = "kl", below: str = "", **query: Any) -> Any:
    return shared_api.http.get(f"/api/v1/models/{model}/truncation{below}", params=query)


def sent(shared_api: SharedApi, body: Any, model: str = "kl", below: str = "", **query: Any) -> Any:
    return shared_api.http.post(f"/api/v1/models/{model}/truncation{below}", json=body, params=query)


def digits(*indices: int) -> dict[str, Any]:
    return {"dataset": "digits", "split": "test", "indices": list(indices)}


def posted(shared_api: SharedApi, verb: str, body: Any, model: str = "kl") -> Any:
    return shared_api.http.post(f"/api/v1/models/{model}/{verb}", json=body).raise_for_status().json()


def picture(answer: httpx.Response) -> Any:
    assert answer.headers["content-type"] == "image/png", answer.text
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


def tile(image: Any, row: int, column: int) -> Any:
    """A tile's pixels of 8 x 8, drawn ten times larger with gaps of 4 and a number above."""
    top, left = TOP + (TOP + 80) * row, 4 + 84 * column
    grey = np.asarray(image)[top : top + 80 : 10, left : left + 80 : 10].astype(float)
    return grey[..., 0] if grey.ndim == 3 else grey


def truncated(codes: Any, kept: int) -> Any:
    """The codes with only their `kept` largest latents."""
    result = np.zeros_like(codes)
    for row, code in enumerate(codes):
        largest = np.argsort(-code, kind="stable")[:kept]
        result[row, largest] = code[largest]
    return result


def errors(shared_api: SharedApi, model: str, codes: Any, rows: Any) -> Any:
    outputs = np.array(posted(shared_api, "decode", {"codes": codes.tolist()}, model)["outputs"])
    return ((outputs - rows) ** 2).mean(axis=1)


def drawn(count: int) -> list[int]:
    """The rows of the digits' test split that stand for it."""
    indices = sampling.draw(360, count, load_digits().target[1437:]).indices
    assert indices.tolist() != list(range(count))
    return [int(index) for index in indices]


def rows_of(shared_api: SharedApi, model: str, indices: list[int]) -> Any:
    """Rows of the digits' test split as the model sees them."""
    named = ",".join(map(str, indices))
    items = shared_api.http.get(f"/api/v1/datasets/digits/images?split=test&indices={named}").json()["items"]
    images = [np.rint(np.array(item["pixels"]) * 255).astype(np.uint8) for item in items]
    side = {"kl": 8, "dead": 8, "l1": 10}[model]
    resized = [Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC) for image in images]
    return np.stack([np.asarray(image) for image in resized]).reshape(len(indices), -1) / 255


@pytest.mark.parametrize("model", ["kl", "l1", "dead"])
def test_every_number_equals_decoding_by_hand(shared_api: SharedApi, model: str) -> None:
    answer = truncation(shared_api, model, rows=ROWS)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert (report["model"], report["split"], report["num_samples"]) == (f"{model}@1", "test", ROWS)
    assert report["latents_kept"] == list(range(21))
    rows = rows_of(shared_api, model, drawn(ROWS))
    codes = np.array(posted(shared_api, "encode", digits(*drawn(ROWS)), model)["codes"])
    curves = np.stack([errors(shared_api, model, truncated(codes, kept), rows) for kept in range(21)], axis=1)
    np.testing.assert_allclose(report["mse"]["mean"], curves.mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose(report["mse"]["median"], np.median(curves, axis=0), rtol=1e-4)
    np.testing.assert_allclose(report["mse"]["upper_quartile"], np.percentile(curves, 75, axis=0), rtol=1e-4)
    assert report["full_mse"] == report["mse"]["mean"][20]
    mean = np.array(report["mse"]["mean"])
    enough = report["sufficient_latents"]
    assert (mean[enough:] <= 1.1 * mean[20]).all()
    assert enough == 0 or mean[enough - 1] > 1.1 * mean[20]
    assert (report["tolerance"], report["error_units"]) == (0.1, "raw")
    for latent in range(20):
        silenced = np.where(np.arange(20) == latent, 0, codes)
        rise = (errors(shared_api, model, silenced, rows) - curves[:, 20]).mean()
        assert report["importance"][latent] == pytest.approx(rise, rel=1e-3, abs=1e-6)
    importance = np.array(report["importance"])
    assert report["most_important"] == np.argsort(-importance, kind="stable")[:16].tolist()


def test_the_full_code_has_the_error_of_the_reconstruction(shared_api: SharedApi) -> None:
    report = sent(shared_api, digits(7)).json()
    assert np.float32(report["full_mse"]) == np.float32(posted(shared_api, "reconstruct", digits(7))["mse"][0])
    of_zero = errors(shared_api, "kl", np.zeros((1, 20)), rows_of(shared_api, "kl", [7]))
    assert report["mse"]["mean"][0] == pytest.approx(of_zero[0], rel=1e-4)


def test_rows_that_are_sent_give_the_same_as_those_of_the_split(shared_api: SharedApi) -> None:
    of_split = truncation(shared_api, rows=ROWS).json()
    assert (of_split.pop("split"), of_split.pop("rows_chosen")) == ("test", "stratified")
    assert sent(shared_api, digits(*drawn(ROWS))).json() == of_split
    by_value = sent(shared_api, {"inputs": rows_of(shared_api, "kl", drawn(ROWS)).tolist()}).json()
    np.testing.assert_allclose(by_value["mse"]["mean"], of_split["mse"]["mean"], rtol=1e-4)


@pytest.mark.slow
def test_rows_are_as_many_as_there_are(shared_api: SharedApi) -> None:
    assert truncation(shared_api).json()["num_samples"] == 100
    assert truncation(shared_api).json()["rows_chosen"] == "stratified"
    assert truncation(shared_api, rows=1000).json()["rows_chosen"] == "all"
    assert truncation(shared_api, rows=1000).json()["num_samples"] == 360
    assert truncation(shared_api, rows=1000, split="train").json()["num_samples"] == 1000


def test_errors_of_scaled_vectors_are_in_scaled_units(shared_api: SharedApi) -> None:
    report = truncation(shared_api, "vectors").json()
    assert (report["error_units"], report["num_samples"], len(report["importance"])) == ("scaled", 50, 7)
    body = {"dataset": "signals", "split": "test", "indices": list(range(50))}
    mse = posted(shared_api, "reconstruct", body, "vectors")["mse"]
    assert report["full_mse"] == pytest.approx(np.mean(mse), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "vega", "png", "svg"])
@pytest.mark.parametrize(("reference", "cached"), [("kl@1", IMMUTABLE), ("kl", "private, no-cache")])
def test_every_form_is_the_same_each_time_and_can_be_kept(
    shared_api: SharedApi, form: str, reference: str, cached: str
) -> None:
    first, second = (truncation(shared_api, reference, format=form) for _ in range(2))
    assert first.content == second.content
    assert first.headers["cache-control"] == cached
    again = shared_api.http.get(
        f"/api/v1/models/{reference}/truncation?format={form}", headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["kl", "l1", "dead", "vectors"])
def test_the_chart_names_the_number_that_is_enough(shared_api: SharedApi, model: str) -> None:
    report = truncation(shared_api, model).json()
    svg = truncation(shared_api, model, format="svg")
    words = [element.text for element in ElementTree.fromstring(svg.content).iter()]
    assert f"{report['sufficient_latents']} of {len(report['importance'])} latents are enough" in words
    assert f"Truncated codes of {model}@1 on the test split" in words
    image = picture(truncation(shared_api, model, format="png"))
    assert len(np.unique(np.asarray(image).reshape(-1, 3), axis=0)) > 20


def test_one_row_has_a_line_and_no_band(shared_api: SharedApi) -> None:
    document = sent(shared_api, digits(3), format="vega").json()
    kinds = [layer["mark"]["type"] for layer in document["layer"]]
    assert kinds == ["line", "rule", "rule", "text"]
    assert "One row" in document["title"]["subtitle"]


# --- strips ----------------------------------------------------------------------------------------------------------


def test_a_strip_shows_the_original_and_what_comes_back_from_more_and_more_latents(shared_api: SharedApi) -> None:
    image = picture(truncation(shared_api, below="/strip", index=3))
    enough = round(sent(shared_api, digits(3)).json()["sufficient_latents_of_rows"]["median"])
    kept = sorted([1, 2, 4, 8, 16, enough, 20])
    assert kept.index(enough) < 5, "in the midst of the others"
    assert json.loads(image.text["latents_kept"]) == [kept]
    assert json.loads(image.text["sufficient_latents"]) == [enough]
    assert image.text["model"] == "kl@1"
    assert image.size == (8 * 84 + 4, TOP + 80 + 4)
    np.testing.assert_allclose(tile(image, 0, 0), 255 * rows_of(shared_api, "kl", [3])[0].reshape(8, 8), atol=1)
    code = np.array(posted(shared_api, "encode", digits(3))["codes"])
    for column, count in enumerate(kept, start=1):
        outputs = posted(shared_api, "decode", {"codes": truncated(code, count).tolist()})["outputs"]
        np.testing.assert_allclose(tile(image, 0, column), 255 * np.array(outputs[0]).reshape(8, 8), atol=1)
    frames = [tuple(np.asarray(image)[TOP - 1, 4 + 84 * column]) == png.MARK for column in range(8)]
    assert [count for count, framed in zip([None, *kept], frames, strict=True) if framed] == [enough]
    words = [np.asarray(image)[: TOP - 2, 4 + 84 * column : 84 * (column + 1)].min() for column in range(8)]
    assert max(words) < 128, "a number above every picture"
    curve = sent(shared_api, digits(3)).json()["mse"]["mean"]
    np.testing.assert_allclose(json.loads(image.text["mse"])[0], [curve[count] for count in kept], rtol=1e-6)


def test_rows_that_are_sent_make_a_line_each(shared_api: SharedApi) -> None:
    image = picture(sent(shared_api, digits(3, 5, 3), below="/strip", steps="4,0"))
    kept = json.loads(image.text["latents_kept"])
    assert all(line == sorted({0, 4, 20, *line}) and len(line) <= 4 for line in kept)
    assert image.size == (5 * 84 + 4, 3 * (TOP + 80) + 4)
    np.testing.assert_array_equal(tile(image, 0, 0), tile(image, 2, 0))
    np.testing.assert_array_equal(tile(image, 0, 1), tile(image, 1, 1), "of no latents at all")
    answer = sent(shared_api, digits(3, 5, 3), below="/strip", steps="4,0", format="json").json()
    assert [line["latents_kept"] for line in answer["lines"]] == kept
    each = [sent(shared_api, digits(index)).json()["sufficient_latents"] for index in (3, 5, 3)]
    assert [line["sufficient_latents"] for line in answer["lines"]] == each
    assert answer["formulas"] == {"mse": "truncated_mse", "sufficient_latents": "sufficient_latents"}


def test_a_number_that_is_sufficient_and_asked_for_is_shown_once_and_short_lines_end_in_paper(
    shared_api: SharedApi,
) -> None:
    first, second = (sent(shared_api, digits(index)).json()["sufficient_latents"] for index in (3, 5))
    assert first != second
    image = picture(sent(shared_api, digits(3, 5), below="/strip", steps=str(first)))
    assert json.loads(image.text["latents_kept"]) == [[first, 20], sorted([first, second, 20])]
    assert (tile(image, 0, 3) == png.PAPER).all()
    assert not (tile(image, 1, 3) == png.PAPER).all()


def test_strips_of_colour_are_in_colour_and_those_of_vectors_are_numbers(shared_api: SharedApi) -> None:
    assert picture(truncation(shared_api, "colour", "/strip")).mode == "RGB"
    refused = truncation(shared_api, "vectors", "/strip")
    assert (refused.status_code, refused.json()["code"]) == (422, "NOT_AN_IMAGE")
    numbers = truncation(shared_api, "vectors", "/strip", format="json").json()
    assert numbers["error_units"] == "scaled"
    assert numbers["lines"][0]["latents_kept"][:3] == [1, 2, 4]


@pytest.mark.parametrize("form", ["json", "png"])
def test_a_strip_is_the_same_each_time_and_can_be_kept(shared_api: SharedApi, form: str) -> None:
    first, second = (truncation(shared_api, "kl@1", "/strip", format=form) for _ in range(2))
    assert first.content == second.content
    assert first.headers["cache-control"] == IMMUTABLE


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("below", "query"),
    [
        ("", {"split": "all"}),
        ("", {"rows": 0}),
        ("", {"rows": 1001}),
        ("", {"format": "csv"}),
        ("/strip", {"index": -1}),
        ("/strip", {"steps": "1;2"}),
        ("/strip", {"steps": "21"}),
        ("/strip", {"steps": ",".join(map(str, range(33)))}),
        ("/strip", {"format": "svg"}),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(
    shared_api: SharedApi, below: str, query: dict[str, Any]
) -> None:
    answer = truncation(shared_api, below=below, **query)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert next(iter(query)) in answer.json()["errors"][0]["pointer"]


def test_a_row_that_is_not_there_is_refused(shared_api: SharedApi) -> None:
    answer = truncation(shared_api, below="/strip", index=360)
    assert (answer.status_code, answer.json()["code"]) == (422, "INDEX_OUT_OF_RANGE")


@pytest.mark.parametrize(("below", "count", "most"), [("/strip", 17, "16"), ("", 501, "500")])
def test_too_many_rows_are_refused(shared_api: SharedApi, below: str, count: int, most: str) -> None:
    answer = sent(shared_api, digits(*[0] * count), below=below)
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_MANY_ROWS")
    assert most in answer.json()["detail"]


def test_more_pictures_than_one_answer_may_hold_are_refused(shared_api: SharedApi) -> None:
    steps = ",".join(map(str, range(20)))
    assert sent(shared_api, digits(0, 1, 2, 3), below="/strip", steps=steps).status_code == 200
    answer = sent(shared_api, digits(0, 1, 2, 3, 4), below="/strip", steps=steps)
    assert (answer.status_code, answer.json()["code"]) == (413, "TOO_MANY_ROWS")


@pytest.mark.parametrize("below", ["", "/strip"])
def test_numbers_that_leave_float32_on_the_way_are_refused(shared_api: SharedApi, below: str) -> None:
    answer = sent(shared_api, {"inputs": [[1e30] * 9]}, "vectors", below, format="json")
    assert (answer.status_code, answer.json()["code"]) == (422, "NOT_FINITE")


@pytest.mark.parametrize("below", ["", "/strip"])
@pytest.mark.parametrize(("body", "code"), [({"inputs": [[0.5] * 63]}, "WRONG_WIDTH"), ({}, "INVALID_REQUEST")])
def test_a_body_that_is_no_input_is_refused(shared_api: SharedApi, below: str, body: Any, code: str) -> None:
    answer = sent(shared_api, body, below=below)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
