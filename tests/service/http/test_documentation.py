"""The description of the interface is complete and bounded, and the page that explores it needs no other origin."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from service import app
from service.http import documentation
from service.settings import ServiceSettings
from testing.api import StartApi
from testing.published_models import SharedApi

METHODS = {"get", "put", "post", "delete"}


@pytest.fixture
def described(shared_api: SharedApi) -> dict[str, Any]:
    document: dict[str, Any] = shared_api.http.get("/openapi.json").json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert method in METHODS
            yield f"{method.upper()} {path}", operation


def schemas(node: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema, however deep, with its place."""
    if isinstance(node, dict):
        if isinstance(node.get("type"), str) and not {"in", "scheme"} & node.keys():
            yield place, node
        for name, child in node.items():
            if name not in {"example", "examples", "default", "const", "enum"}:
                yield from schemas(child, f"{place}/{name}")
    elif isinstance(node, list):
        for number, child in enumerate(node):
            yield from schemas(child, f"{place}/{number}")


def test_every_schema_is_closed_and_bounded(described: dict[str, Any]) -> None:
    loose: list[str] = []
    found = list(schemas(described["paths"])) + list(schemas(described["components"]["schemas"]))
    assert len(found) > 200
    for place, schema in found:
        wanted = {"string": {"maxLength"}, "array": {"maxItems"}, "integer": {"minimum", "maximum"}}
        exclusive = {name for name in ("minimum", "maximum") if f"exclusive{name.capitalize()}" in schema}
        if not {"enum", "const"} & schema.keys():
            missing = wanted.get(schema["type"], set()) - schema.keys() - exclusive
            loose += [f"{place}: {name}" for name in missing]
        if schema["type"] == "object" and "properties" in schema and schema.get("additionalProperties") is not False:
            loose.append(f"{place}: additionalProperties")
    assert loose == []


def test_what_a_request_may_hold_is_bounded_by_who_reads_it_and_not_only_by_its_description() -> None:
    """The completion adds bounds to answers alone: the schemas of requests stand as their readers have them."""
    plain = FastAPI.openapi(app.create_app(ServiceSettings()))["components"]["schemas"]
    completed = app.create_app(ServiceSettings()).openapi()["components"]["schemas"]
    for name in ("TrainSpec", "ImportSpec", "DatasetChoice", "Mlp", "Kl", "L1", "Training", "CancelOptions"):
        assert completed[name] == plain[name], name


def test_every_route_is_described_with_id_summary_and_a_tag_that_is(described: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in described["tags"]}
    assert all(tag["description"] for tag in described["tags"])
    seen: set[str] = set()
    used: set[str] = set()
    for place, operation in operations(described):
        assert re.fullmatch(r"[a-z]+(_[a-z]+)?", operation["operationId"]), place
        assert operation["operationId"] not in seen, place
        assert operation["summary"], place
        assert len(operation["tags"]) == 1, place
        used |= set(operation["tags"])
        seen.add(operation["operationId"])
    assert used == tags
    assert described["servers"] == [{"url": "/", "description": "This service"}]


def test_no_route_is_left_undescribed_but_the_page_itself(described: dict[str, Any]) -> None:
    routed = {route.path for route in iter_route_contexts(app.create_app(ServiceSettings()).routes)}
    hidden = {"/docs", "/docs/assets", "/docs/start.js", "/openapi.json"}
    assert routed - set(described["paths"]) == hidden


def test_every_operation_documents_its_refusals_as_problems(described: dict[str, Any]) -> None:
    for place, operation in operations(described):
        refusals = {status: answer for status, answer in operation["responses"].items() if status >= "400"}
        assert {"421", "500"} <= refusals.keys(), place
        if "{" in place:
            assert {"404", "422"} & refusals.keys(), place
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= refusals.keys(), place
        if not place.startswith("GET"):
            assert "403" in refusals, place
        for status, answer in refusals.items():
            schema = answer["content"]["application/problem+json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/Problem"}, (place, status)
        for answer in operation["responses"].values():
            assert "X-Request-ID" in answer["headers"], place
    assert "HTTPValidationError" not in str(described)


def test_every_json_body_has_an_example(described: dict[str, Any]) -> None:
    for place, operation in operations(described):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None:
            assert body.get("examples") or _has_examples(body["schema"], described), place


def _has_examples(schema: dict[str, Any], document: dict[str, Any]) -> bool:
    resolved = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return all("examples" in field or "default" in field for field in resolved["properties"].values())


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    for reference in set(re.findall(r"'\$ref': '([^']+)'", str(described))):
        assert reference.startswith("#/components/schemas/")
        assert reference.rpartition("/")[2] in described["components"]["schemas"]


def test_keys_are_described_where_one_is_wanted(serve: StartApi) -> None:
    key = "a-key-that-nobody-guesses"
    api = serve(api_key=key)
    document = api.http.get("/openapi.json", headers={"X-API-Key": key}).json()
    assert set(document["components"]["securitySchemes"]) == {"bearer", "api_key"}
    assert document["security"] == [{"bearer": []}, {"api_key": []}]
    assert document["paths"]["/livez"]["get"]["security"] == []
    assert "401" in document["paths"]["/api/v1/runs"]["get"]["responses"]
    assert "401" not in document["paths"]["/livez"]["get"]["responses"]
    assert key not in str(document)


def test_without_a_key_no_key_is_described(described: dict[str, Any]) -> None:
    assert "security" not in described
    assert "securitySchemes" not in described["components"]


class Addresses(HTMLParser):
    """Every address that a page makes a browser fetch, and every script or style that it holds itself."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.fetched += [value for name in ("src", "href") if (value := given.get(name))]
        if (tag == "script" and "src" not in given) or tag == "style" or any(name.startswith("on") for name in given):
            self.inline.append(tag)


def test_the_explorer_and_all_that_it_names_come_from_our_own_origin(shared_api: SharedApi) -> None:
    page = shared_api.http.get("/docs")
    addresses = Addresses()
    addresses.feed(page.text)
    assert addresses.inline == [], "the policy of the page lets no inline script run"
    fetched = [address for address in addresses.fetched if not address.startswith("data:")]
    assert len(fetched) == 3
    for address in fetched:
        assert urlsplit(address).netloc == ""
        asset = shared_api.http.get(urljoin("/docs", address))
        assert asset.status_code == 200, address
        assert re.findall(r"url\((?!\s*[\"']?data:)", asset.text) == [] or not address.endswith(".css")
        assert re.findall(r"@import", asset.text) == [] or not address.endswith(".css")
    script = shared_api.http.get("/docs/start.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert re.findall(r"https?:|//", script.text) == []
    assert "validatorUrl: null" in script.text


def test_the_explorers_policy_lets_it_work_and_nothing_else_in(shared_api: SharedApi) -> None:
    policy = shared_api.http.get("/docs").headers["content-security-policy"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["connect-src"] == "'self'"
    assert "http" not in policy
    assert "'unsafe-eval'" not in policy


def test_the_explorer_reads_the_description_that_is_served(shared_api: SharedApi) -> None:
    assert '"/openapi.json"' in shared_api.http.get("/docs/start.js").text


@pytest.mark.parametrize(
    "path", ["/docs/assets/../../../app.py", "/docs/assets/%2e%2e/%2e%2e/core.py", "/docs/assets/"]
)
def test_the_assets_are_the_only_files_below_their_path(shared_api: SharedApi, path: str) -> None:
    answer = shared_api.http.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_title_of_the_page_is_that_of_the_service(shared_api: SharedApi) -> None:
    assert f"<title>{documentation.TITLE}</title>" in shared_api.http.get("/docs").text
