"""Every error has its status, and every refusal is a problem document that says where and what."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pydantic
import pytest

import registry.errors as registry_errors
import service.errors as service_errors
import sparse_coding.errors as core_errors
from service.http import problems
from sparse_coding.specs import runs as run_specs
from testing.published_models import SharedApi

TREES: list[type[Exception]] = [
    service_errors.ServiceError,
    core_errors.SparseCodingError,
    registry_errors.RegistryError,
]


def family(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from family(child)


CLASSES = [one for tree in TREES for one in family(tree)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: f"{error.__module__}.{error.__name__}")
def test_every_error_class_has_a_row_of_its_own_in_the_table(error: type[Exception]) -> None:
    assert error in problems.STATUSES


def test_the_table_has_no_row_for_anything_else_and_only_statuses_that_have_a_title() -> None:
    assert set(problems.STATUSES) == set(CLASSES)
    assert set(problems.STATUSES.values()) <= set(problems.TITLES)


def test_a_second_row_for_a_class_is_refused() -> None:
    with pytest.raises(ValueError, match="LatentNotFound has two rows"):
        problems.table([(service_errors.LatentNotFound, 404), (service_errors.LatentNotFound, 404)])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("TopKTooLarge", "TOP_K_TOO_LARGE"),
        ("HTTPError", "HTTP_ERROR"),
        ("NotAnImage", "NOT_AN_IMAGE"),
        ("Sha256Mismatch", "SHA256_MISMATCH"),
    ],
)
@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.__name__)
def test_code_is_the_class_name_in_capitals_in_every_package(tree: type[Any], name: str, code: str) -> None:
    assert type(name, (tree,), {})("detail").code == code


def test_a_class_without_a_row_has_the_status_of_its_parent() -> None:
    class Later(registry_errors.ModelNotFound):
        pass

    assert problems.status_of(Later) == 404


@pytest.mark.parametrize(
    ("error", "header", "value"),
    [
        (service_errors.KeyRequired("no key"), "www-authenticate", 'Bearer realm="sparse-coding-service"'),
        (service_errors.Overloaded("full", retry_after=7), "retry-after", "7"),
        (registry_errors.QueueFull("full"), "retry-after", "30"),
        (service_errors.UnsupportedMediaType("no", ["a/b", "c/d"]), "accept", "a/b, c/d"),
    ],
)
def test_what_http_wants_said_beside_the_status_is_said(error: Exception, header: str, value: str) -> None:
    assert problems.answer(error, "id").headers[header] == value


def faults(answer: httpx.Response) -> dict[str, str]:
    document = answer.json()
    assert (answer.status_code, document["code"]) == (422, "INVALID_REQUEST"), document
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["type"] == "about:blank"
    assert document["title"] == "Unprocessable Content"
    return {fault["pointer"]: fault["detail"] for fault in document["errors"]}


@pytest.mark.parametrize(
    ("changed", "pointer", "words"),
    [
        ({"sparsity": {"kind": "kl", "weight": -0.1}}, "/sparsity/weight", ["greater than or equal to 0", "-0.1"]),
        ({"sparsity": {"kind": "kl", "rho": 0}}, "/sparsity/rho", ["greater than 0"]),
        ({"sparsity": {"rho": 1}}, "/sparsity/rho", ["less than 1", "got 1"]),
        ({"sparsity": {"kind": "l1", "weight": -1}}, "/sparsity/weight", ["greater than or equal to 0"]),
        ({"sparsity": {"kind": "l0"}}, "/sparsity", ["kl, l1, none"]),
        ({"model": {"n_latents": 0}}, "/model/n_latents", ["greater than or equal to 1", "got 0"]),
        ({"model": {"hidden": [1, 2, 0]}}, "/model/hidden/2", ["greater than or equal to 1"]),
        ({"model": {"hidden": [1] * 9}}, "/model/hidden", ["List should have at most 8 items, not 9"]),
        ({"training": {"epochs": "many"}}, "/training/epochs", ["valid integer", "got text"]),
        ({"training": {"epochs": 10**30}}, "/training/epochs", ["less than or equal to", "longer number"]),
        ({"training": {"batches": 3}}, "/training/batches", ["not permitted"]),
        ({"colour": "red"}, "/colour", ["not permitted"]),
        ({"a/b~c": 1}, "/a~1b~0c", ["not permitted"]),
        ({"kind": "dream"}, "", ["train, import"]),
        ({"name": "../../etc/passwd"}, "/name", ["match pattern"]),
        ({"name": "x" * 64}, "/name", ["at most 63 characters"]),
        ({"dataset": {"name": ".."}}, "/dataset/name", ["match pattern"]),
        ({"dataset": {"name": "%2e%2e"}}, "/dataset/name", ["match pattern"]),
        ({"dataset": {"name": "a\u0000b"}}, "/dataset/name", ["match pattern"]),
        ({"dataset": None}, "/dataset", ["got null"]),
        ({"priority": 101}, "/priority", ["less than or equal to 100"]),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused_by_a_pointer_to_the_field(
    shared_api: SharedApi, changed: dict[str, Any], pointer: str, words: list[str]
) -> None:
    answer = shared_api.http.post("/api/v1/runs", json={"dataset": {"name": "digits"}} | changed)
    found = faults(answer)
    assert pointer in found
    for word in words:
        assert word in found[pointer]
    assert "passwd" not in answer.text
    assert shared_api.http.get("/api/v1/runs?state=queued").json()["items"] == []


def test_a_long_input_is_never_echoed_and_many_faults_are_counted_not_listed(shared_api: SharedApi) -> None:
    body: dict[str, Any] = {"dataset": {"name": "n" * 5000}, "model": {"hidden": [0] * 5}, "k" * 5000: 1}
    answer = shared_api.http.post("/api/v1/runs", json=body | {f"field{i}": "v" * 100 for i in range(500)})
    assert len(faults(answer)) == problems.MAX_FAULTS
    assert "and 50" in answer.json()["detail"]
    assert "nnnn" not in answer.text
    assert "vvvv" not in answer.text
    assert len(answer.content) < 8000


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/api/v1/runs?limit=0", "query:limit"),
        ("/api/v1/runs?limit=many", "query:limit"),
        ("/api/v1/runs?state=happy", "query:state"),
        ("/api/v1/runs/" + "x" * 65, "path:run_id"),
        ("/api/v1/runs/x/metrics?after=-1", "query:after"),
        ("/api/v1/runs/x/checkpoints/99999999999", "path:epoch"),
        ("/api/v1/datasets/UPPER", "path:name"),
        ("/api/v1/datasets/digits/images?indices=1,,2", "query:indices"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named(shared_api: SharedApi, path: str, pointer: str) -> None:
    assert list(faults(shared_api.http.get(path))) == [pointer]


def test_a_parameter_is_named_without_its_branch_and_never_as_text(shared_api: SharedApi) -> None:
    for path, pointer in [
        ("/api/v1/models/kl/features?amplitude=lots", "query:amplitude"),
        ("/api/v1/models/kl/features/many", "path:latent"),
        ("/api/v1/runs/x/metrics?after=soon", "query:after"),
    ]:
        found = faults(shared_api.http.get(path))
        assert list(found) == [pointer]
        assert "got text" not in found[pointer]


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/api/v1/models/kl/sparsity?treshold=0.9", "format, num_samples, sample, split, threshold"),
        ("/api/v1/models/kl/features?limit=3&treshold=1", "amplitude, cursor, format, limit, mode, sort"),
        ("/api/v1/runs?treshold=", "cursor, dataset, kind, limit, state"),
        ("/api/v1/runs/x?treshold", "none is known"),
    ],
)
def test_a_parameter_that_a_route_does_not_have_is_refused_with_those_that_it_has(
    shared_api: SharedApi, path: str, known: str
) -> None:
    found = faults(shared_api.http.get(path))
    assert list(found) == ["query:treshold"]
    assert found["query:treshold"].endswith(known)


def test_unknown_parameters_are_not_echoed_at_length_and_do_not_trouble_probes(shared_api: SharedApi) -> None:
    answer = shared_api.http.get("/api/v1/runs?" + "&".join(f"{'n' * 1000}{i}=v" for i in range(30)))
    assert answer.status_code == 422
    assert len(answer.content) < 8000
    for path in ("/livez", "/readyz", "/metrics", "/docs", "/openapi.json"):
        assert shared_api.http.get(f"{path}?from=probe").status_code == 200


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/json5"])
def test_a_json_body_under_another_type_is_415_and_says_what_is_read(
    shared_api: SharedApi, media_type: str | None
) -> None:
    headers = {"Content-Type": media_type} if media_type else {}
    answer = shared_api.http.post("/api/v1/runs", content=json.dumps({"dataset": {"name": "digits"}}), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert answer.headers["accept"] == "application/json"


def test_a_missing_body_is_422(shared_api: SharedApi) -> None:
    assert "" in faults(shared_api.http.post("/api/v1/runs", headers={"Content-Type": "application/json"}))


def test_nothing_at_a_path_is_a_problem_that_points_to_the_explorer(shared_api: SharedApi) -> None:
    for path in ("/", "/api", "/api/v1", "/api/v1/nothing", "/api/v1/runs/", "/api/v1/datasets/"):
        answer = shared_api.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND"), path
        assert "/docs" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/api/v1/runs/x", "DELETE, GET, HEAD"),
        ("PUT", "/api/v1/runs", "GET, HEAD, POST"),
        ("GET", "/api/v1/runs/x/cancel", "POST"),
        ("PUT", "/api/v1/datasets/x", "DELETE, GET, HEAD, POST"),
        ("OPTIONS", "/livez", "GET, HEAD"),
        ("POST", "/openapi.json", "GET, HEAD"),
    ],
)
def test_a_method_that_is_not_there_is_405_with_every_method_that_is(
    shared_api: SharedApi, method: str, path: str, allowed: str
) -> None:
    answer = shared_api.http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == allowed
    assert allowed in answer.json()["detail"]


def test_a_body_that_a_route_parses_itself_is_refused_as_fastapi_would() -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        run_specs.parse({"dataset": {"name": "digits"}, "sparsity": {"kind": "kl", "rho": 2}})
    (fault,) = problems.unreadable(refused.value).errors()
    assert fault["loc"][0] == "body"
    assert fault["loc"][-1] == "rho"
