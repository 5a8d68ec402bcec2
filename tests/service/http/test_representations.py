"""Which representation a request gets, and how fixed content is kept by clients."""

import io

import numpy as np
import pytest
import safetensors.numpy
from fastapi import Request

from service.errors import NotAcceptable
from service.http import representations
from service.http.representations import CSV, JSON, NPY, PNG, SAFETENSORS, SVG, VEGA, Representation

CHART = (JSON, VEGA, PNG, SVG)


def request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw})


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/json", JSON),
        ("image/png", PNG),
        ("IMAGE/PNG", PNG),
        ("image/*", PNG),
        ("*/*", JSON),
        ("image/svg+xml;q=0.9, image/png;q=0.8", SVG),
        ("image/png;q=0.8, */*;q=0.1", PNG),
        ("application/json;q=0, */*", VEGA),
        ("image/*, image/png;q=0.1", SVG),
        ("application/vnd.vegalite.v6+json", VEGA),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", JSON),
        ("image/avif,image/webp,image/*,*/*;q=0.8", PNG),
        ("image/png;q=nonsense, image/svg+xml;q=0.1", SVG),
        (" ,;, image/png ; charset=x ; q=0.5", PNG),
    ],
)
def test_the_accept_header_chooses(accept: str, expected: Representation) -> None:
    assert representations.choose(request(accept=accept), CHART) == expected


@pytest.mark.parametrize("headers", [{}, {"accept": ""}])
def test_without_an_accept_header_the_first_offer_is_chosen(headers: dict[str, str]) -> None:
    assert representations.choose(request(**headers), CHART) == JSON


def test_the_format_in_the_query_overrides_the_header() -> None:
    assert representations.choose(request(accept="image/png"), CHART, "svg") == SVG


@pytest.mark.parametrize(("accept", "requested"), [("text/csv", None), ("image/png;q=0", None), ("*/*", "csv")])
def test_what_there_is_not_is_refused_with_a_list(accept: str, requested: str | None) -> None:
    with pytest.raises(NotAcceptable) as refused:
        representations.choose(request(accept=accept), (JSON, NPY), requested)
    assert refused.value.available == ("application/json", "application/x-npy")
    assert "application/x-npy (format=npy)" in str(refused.value)


def test_fixed_content_has_its_digest_as_a_strong_etag() -> None:
    first = representations.fixed(request(), b"a", CSV, pinned=True)
    assert first.headers["etag"] == '"ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"'
    assert first.headers["vary"] == "Accept"
    assert first.headers["content-type"] == "text/csv; charset=utf-8"
    assert first.body == b"a"


@pytest.mark.parametrize(
    ("pinned", "expected"), [(True, "private, max-age=31536000, immutable"), (False, "private, no-cache")]
)
def test_only_a_url_that_names_a_version_is_kept_without_asking(pinned: bool, expected: str) -> None:
    assert representations.fixed(request(), b"a", CSV, pinned=pinned).headers["cache-control"] == expected


@pytest.mark.parametrize("known", ["{}", "W/{}", '"other", {}', "*"])
def test_a_client_that_has_the_content_gets_a_304_without_it(known: str) -> None:
    etag = representations.fixed(request(), b"a", CSV, pinned=False).headers["etag"]
    again = representations.fixed(request(if_none_match=known.format(etag)), b"a", CSV, pinned=False)
    assert (again.status_code, again.body, again.headers["etag"]) == (304, b"", etag)
    other = representations.fixed(request(if_none_match='"other"'), b"a", CSV, pinned=False)
    assert other.status_code == 200


def test_arrays_survive_their_formats() -> None:
    codes = np.random.default_rng(0).random((3, 4), np.float32)
    arrays = {"codes": codes, "mse": codes[:, ::2]}
    npy = np.load(io.BytesIO(representations.array_bytes(NPY, arrays, {})), allow_pickle=False)
    np.testing.assert_array_equal(npy, codes)
    tensors = safetensors.numpy.load(representations.array_bytes(SAFETENSORS, arrays, {}))
    np.testing.assert_array_equal(tensors["codes"], codes)
    np.testing.assert_array_equal(tensors["mse"], codes[:, ::2])
    json = representations.array_bytes(JSON, arrays, {"model": "a@1"})
    assert json.startswith(b'{"model":"a@1","codes":[[0.')
