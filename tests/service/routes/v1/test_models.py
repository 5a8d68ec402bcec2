"""Models over HTTP: references, aliases, deletion, and weights that can be kept."""

import base64
import hashlib
from typing import Any

import pytest
import safetensors.numpy

from testing.published_models import PublishModel, SharedApi

IMMUTABLE = "private, max-age=31536000, immutable"


def test_a_model_says_where_it_comes_from(shared_api: SharedApi) -> None:
    answer = shared_api.http.get("/api/v1/models/kl")
    assert answer.status_code == 200
    model = answer.json()
    assert (model["name"], model["version"], model["aliases"]) == ("kl", 1, [])
    assert model["dataset"] == "digits"
    assert model["dataset_digest"] == shared_api.http.get("/api/v1/datasets/digits").json()["digest"]
    assert model["digest"] == hashlib.sha256(shared_api.http.get("/api/v1/models/kl/weights").content).hexdigest()
    assert model["spec"]["training"]["seed"] == 42, "every default is filled in"
    assert model["result"]["collapsed"] is False
    assert model["created_at"].endswith("Z")
    assert shared_api.http.get(f"/api/v1/runs/{model['run_id']}").json()["model"] == "kl@1"


@pytest.mark.parametrize("reference", ["kl", "kl@1", "kl%401"])
def test_a_model_is_found_by_name_and_by_version(shared_api: SharedApi, reference: str) -> None:
    model = shared_api.http.get(f"/api/v1/models/{reference}").json()
    assert (model["name"], model["version"]) == ("kl", 1)


@pytest.mark.parametrize(
    ("reference", "status", "code"),
    [
        ("nobody", 404, "MODEL_NOT_FOUND"),
        ("kl@99", 404, "VERSION_NOT_FOUND"),
        ("kl@production", 404, "ALIAS_NOT_FOUND"),
        ("kl@0", 422, "INVALID_REFERENCE"),
        ("kl@01", 422, "INVALID_REFERENCE"),
        ("kl@1@2", 422, "INVALID_REFERENCE"),
        ("Kl", 422, "INVALID_REFERENCE"),
        ("..%5cregistry", 422, "INVALID_REFERENCE"),
        ("a%00b", 422, "INVALID_REFERENCE"),
        ("x" * 500, 422, "INVALID_REQUEST"),
    ],
)
@pytest.mark.parametrize("below", ["", "/weights", "/sparsity", "/features"])
def test_what_is_not_there_is_said_to_be_missing(
    shared_api: SharedApi, reference: str, status: int, code: str, below: str
) -> None:
    answer = shared_api.http.get(f"/api/v1/models/{reference}{below}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_models_are_listed_newest_first_in_pages(shared_api: SharedApi) -> None:
    names: list[str] = []
    cursor = None
    while True:
        page = shared_api.http.get(
            "/api/v1/models", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
        ).json()
        assert len(page["items"]) <= 2
        names += [model["name"] for model in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    expected = ["vectors", "colour", "digits-kl", "dead", "l1", "kl"]
    assert [name for name in names if name in expected] == expected
    run = shared_api.http.get("/api/v1/models/colour").json()["run_id"]
    for asked, found in (("dataset=tints", ["colour"]), (f"run={run}", ["colour"]), (f"run={run}&dataset=digits", [])):
        items = shared_api.http.get(f"/api/v1/models?{asked}").json()["items"]
        assert [model["name"] for model in items] == found
    assert shared_api.http.get("/api/v1/models?limit=100000").status_code == 200, "a large limit is cut"
    assert shared_api.http.get("/api/v1/models?cursor=nonsense").json()["code"] == "INVALID_CURSOR"


def test_an_alias_moves_between_versions_and_holds_the_one_it_points_to(
    shared_api: SharedApi, published: PublishModel
) -> None:
    http = shared_api.http
    published("moved"), published("moved")
    first = http.put("/api/v1/models/moved/aliases/production", json={"version": 1})
    assert (first.status_code, first.json()["version"], first.json()["aliases"]) == (200, 1, ["production"])
    assert http.get("/api/v1/models/moved@production").json()["version"] == 1
    second = http.put("/api/v1/models/moved/aliases/production", json={"version": 2})
    assert second.json()["version"] == 2
    assert http.get("/api/v1/models/moved@1").json()["aliases"] == []
    refused = http.delete("/api/v1/models/moved@2")
    assert (refused.status_code, refused.json()["code"]) == (409, "VERSION_IN_USE")
    assert http.delete("/api/v1/models/moved/aliases/production").status_code == 204
    assert http.get("/api/v1/models/moved@production").status_code == 404
    assert http.delete("/api/v1/models/moved/aliases/production").json()["code"] == "ALIAS_NOT_FOUND"
    assert http.delete("/api/v1/models/moved@2").status_code == 204


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("kl/aliases/production", {"version": 99}, "VERSION_NOT_FOUND"),
        ("nobody/aliases/production", {"version": 1}, "MODEL_NOT_FOUND"),
        ("kl/aliases/Production", {"version": 1}, "INVALID_ALIAS"),
        ("kl/aliases/7", {"version": 1}, "INVALID_ALIAS"),
        ("kl/aliases/production", {"version": 0}, "INVALID_REQUEST"),
        ("kl/aliases/production", {"version": "1"}, "INVALID_REQUEST"),
        ("kl/aliases/production", {"version": 1, "force": True}, "INVALID_REQUEST"),
        ("kl/aliases/production", {}, "INVALID_REQUEST"),
    ],
)
def test_an_alias_that_makes_no_sense_is_refused(
    shared_api: SharedApi, path: str, body: dict[str, Any], code: str
) -> None:
    answer = shared_api.http.put(f"/api/v1/models/{path}", json=body)
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] == code
    assert shared_api.http.get("/api/v1/models/kl").json()["aliases"] == []


def test_a_deleted_version_is_gone_and_its_number_is_not_given_again(
    shared_api: SharedApi, published: PublishModel
) -> None:
    http = shared_api.http
    published("fleeting"), published("fleeting")
    versions = http.get("/api/v1/models?name=fleeting").json()["items"]
    assert [model["version"] for model in versions] == [2, 1]
    for reference in ("fleeting", "fleeting@latest"):
        refused = http.delete(f"/api/v1/models/{reference}")
        assert (refused.status_code, refused.json()["code"]) == (422, "INVALID_REQUEST")
    gone = http.delete("/api/v1/models/fleeting@2")
    assert (gone.status_code, gone.headers["Freed-Bytes"]) == (204, "0"), "the first version has the same weights"
    assert http.get("/api/v1/models/fleeting@2").json()["code"] == "VERSION_NOT_FOUND"
    assert http.get("/api/v1/models/fleeting").json()["version"] == 1
    assert http.delete("/api/v1/models/fleeting@2").status_code == 404
    assert published("fleeting").version == 3


def test_weights_come_whole_with_their_digest(shared_api: SharedApi) -> None:
    answer = shared_api.http.get("/api/v1/models/kl@1/weights")
    digest = hashlib.sha256(answer.content)
    assert answer.headers["content-type"] == "application/vnd.safetensors"
    assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert answer.headers["etag"] == f'"{digest.hexdigest()}"'
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert {"encoder.0.weight", "decoder.2.bias"} <= safetensors.numpy.load(answer.content).keys()


@pytest.mark.parametrize(("reference", "kept"), [("kl@1", IMMUTABLE), ("kl", "private, no-cache")])
def test_only_a_numbered_version_is_immutable(shared_api: SharedApi, reference: str, kept: str) -> None:
    path = f"/api/v1/models/{reference}/weights"
    first = shared_api.http.get(path)
    assert first.headers["cache-control"] == kept
    again = shared_api.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == kept


def test_an_alias_is_not_immutable(shared_api: SharedApi, published: PublishModel) -> None:
    published("pointed")
    shared_api.http.put("/api/v1/models/pointed/aliases/v1", json={"version": 1})
    assert shared_api.http.get("/api/v1/models/pointed@v1/weights").headers["cache-control"] == "private, no-cache"


def test_a_broken_download_of_weights_goes_on_where_it_was(shared_api: SharedApi) -> None:
    whole = shared_api.http.get("/api/v1/models/kl@1/weights")
    rest = shared_api.http.get(
        "/api/v1/models/kl@1/weights", headers={"Range": "bytes=100-", "If-Range": whole.headers["etag"]}
    )
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
