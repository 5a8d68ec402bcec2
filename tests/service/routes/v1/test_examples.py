"""The examples of the documentation work as they stand, with the demo's model and dataset."""

from collections.abc import Iterator
from typing import Any

import pytest

from client import demo
from sparse_coding.specs import catalogue
from sparse_coding.specs import runs as run_specs
from testing.published_models import SharedApi


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        if path.startswith("/api/v1/models"):
            for method, operation in item.items():
                yield method, path, operation


def filled(path: str, operation: dict[str, Any]) -> str:
    """The path with every parameter's example in its place."""
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))  # what the explorer fills in
    return path


@pytest.mark.slow
def test_every_path_that_is_read_works_with_its_examples(shared_api: SharedApi) -> None:
    document = shared_api.http.get("/openapi.json").json()
    tried = 0
    for method, path, operation in operations(document):
        if method == "get":
            answer = shared_api.http.get(filled(path, operation))
            assert answer.status_code == 200, (path, answer.text)
            assert answer.headers["content-type"] in operation["responses"]["200"]["content"]
            tried += 1
    assert tried >= 6


def test_every_example_of_a_body_works(shared_api: SharedApi) -> None:
    document = shared_api.http.get("/openapi.json").json()
    tried = []
    for method, path, operation in operations(document):
        examples = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples", {})
        for name, example in examples.items():
            answer = shared_api.http.request(method, filled(path, operation), json=example["value"])
            assert answer.status_code == 200, (path, name, answer.text)
            tried.append(path.rsplit("/", 1)[-1])
    assert {"encode", "decode", "reconstruct"} <= set(tried)


def test_the_example_of_an_upload_has_a_name_that_is_free(shared_api: SharedApi) -> None:
    upload = shared_api.http.get("/openapi.json").json()["paths"]["/api/v1/datasets/{name}"]["post"]
    (name,) = next(each for each in upload["parameters"] if each["name"] == "name")["schema"]["examples"]
    assert name not in catalogue.CATALOGUE


def test_the_smallest_example_of_a_run_asks_for_a_model_of_the_shape_of_the_demos(shared_api: SharedApi) -> None:
    document = shared_api.http.get("/openapi.json").json()
    asked = document["paths"]["/api/v1/runs"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    smallest = asked["smallest"]["value"]
    of_the_demo = demo.spec(1)
    assert smallest == {"dataset": of_the_demo["dataset"]}
    assert run_specs.parse(smallest).name == of_the_demo["name"]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["json", "npy", "safetensors", "vega", "png", "svg"])
def test_every_format_that_is_documented_is_given(shared_api: SharedApi, form: str) -> None:
    document = shared_api.http.get("/openapi.json").json()
    tried = 0
    for method, path, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "format" and form in parameter["schema"]["anyOf"][0]["enum"]:
                examples = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                body = next(iter(examples.get("examples", {}).values()), {}).get("value")
                answer = shared_api.http.request(method, f"{filled(path, operation)}?format={form}", json=body)
                assert answer.status_code == 200, (path, form, answer.text)
                assert answer.headers["content-type"] in operation["responses"]["200"]["content"]
                tried += 1
    assert tried


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else [])
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_every_reference_in_the_description_leads_somewhere(shared_api: SharedApi) -> None:
    document = shared_api.http.get("/openapi.json").json()
    for reference in set(references(document)):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            assert step in place, reference
            place = place[step]
