"""Runs over HTTP, on SQLite and PostgreSQL: created, followed, stopped, deleted, and their files downloaded."""

import base64
import csv
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from sqlalchemy import func, select

from registry import artifacts, checkpoints, datasets, models, runs
from registry.database.tables import RunEvent
from registry.errors import Fenced
from registry.metrics import MetricRecord
from registry.stores.protocol import Stored
from testing.api import Api, StartApi

RUNS = "/api/v1/runs"
DIGITS: dict[str, Any] = {"dataset": {"name": "digits"}}
FIELDS = [
    *("id", "kind", "state", "stop_requested", "spec", "progress", "attempt", "failures", "available_at"),
    *("created_at", "started_at", "finished_at", "error", "result", "model"),
]
RECORD = {"loss": 0.5, "reconstruction": 0.4, "sparsity": 10.0, "test_mse": 0.3, "explained_variance": 0.2}
RECORD |= {"l0": 4.5, "dead_latents": 1, "seconds": 0.25}


def ask(api: Api, body: dict[str, Any] | None = None, **headers: str) -> dict[str, Any]:
    answer = api.http.post(RUNS, json=DIGITS if body is None else body, headers=headers)
    assert answer.status_code == 202, answer.text
    run: dict[str, Any] = answer.json()
    return run


def claim(api: Api) -> Any:
    with api.app_state.database.write() as session:
        return runs.claim(session, owner="worker", lease_seconds=60, devices=["auto", "cpu"])


def act(api: Api, verb: Callable[..., Any], *given: Any, **named: Any) -> Any:
    with api.app_state.database.write() as session:
        return verb(session, *given, **named)


def stored(api: Api, folder: Path, content: bytes) -> Stored:
    file = folder / hashlib.sha256(content).hexdigest()
    file.write_bytes(content)
    blob: Stored = api.app_state.artifacts.put(file)
    act(api, artifacts.register, blob)
    return blob


def code(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


def enter(api: Api, folder: Path, name: str, **facts: Any) -> None:
    vectors = {"kind": "vectors", "image_shape": None, "n_inputs": 9, "train_rows": 150, "test_rows": 50}
    blob = stored(api, folder, name.encode())
    act(api, datasets.enter, name=name, stored=blob, facts=datasets.Facts(**vectors | facts))


def test_only_a_dataset_is_a_full_run_and_its_answer_says_where_to_look(api: Api) -> None:
    answer = api.http.post(RUNS, json=DIGITS)
    run = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"{RUNS}/{run['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert list(run) == FIELDS
    assert (run["kind"], run["state"], run["attempt"], run["failures"]) == ("train", "queued", 0, 0)
    assert run["spec"]["name"] == "digits-kl"
    assert run["spec"]["model"] == {"architecture": "mlp", "n_latents": 128, "hidden": [256], "output": "sigmoid"}
    assert run["spec"]["sparsity"] == {"kind": "kl", "weight": 0.01, "rho": 0.05}
    assert run["created_at"].endswith("Z")
    assert [run[field] for field in ("progress", "started_at", "finished_at", "error", "result", "model")] == [None] * 6
    assert api.http.get(answer.headers["location"]).json() == run


def test_a_dataset_can_be_asked_for_by_itself(api: Api) -> None:
    run = ask(api, {"kind": "import", "dataset": "mnist"})
    assert (run["kind"], run["spec"]) == ("import", {"kind": "import", "dataset": "mnist", "priority": 0})


@pytest.mark.parametrize(
    ("body", "expected", "pointer", "words"),
    [
        ({"training": {"batch_size": 1438}}, "SPEC_REFUSED", "/training/batch_size", "1437"),
        ({"dataset": {"name": "digits", "train_limit": 100}}, "SPEC_REFUSED", "/training/batch_size", "100"),
        ({"model": {"n_latents": 65_536, "hidden": [65_536]}}, "SPEC_REFUSED", "/model", "200,000,000"),
        ({"name": "stats"}, "SPEC_REFUSED", "/name", "stats"),
        ({"dataset": {"name": "nowhere"}}, "UNKNOWN_DATASET", "/dataset/name", "digits, mnist"),
        ({"kind": "import", "dataset": "nowhere"}, "UNKNOWN_DATASET", "/dataset", "built-in"),
        ({"dataset": {"name": "signals", "image_size": 8}}, "SPEC_REFUSED", "/dataset/image_size", "vectors"),
        ({"dataset": {"name": "signals"}}, "SPEC_REFUSED", "/model/output", "[-3, 4]"),
    ],
)
def test_a_spec_that_does_not_fit_its_dataset_is_refused_and_nothing_is_queued(
    api: Api, tmp_path: Path, body: dict[str, Any], expected: str, pointer: str, words: str
) -> None:
    enter(api, tmp_path, "signals", minimum=-3.0, maximum=4.0)
    for _ in range(2):  # a refused request leaves its key free, too
        answer = api.http.post(RUNS, json=DIGITS | body, headers={"Idempotency-Key": "k"})
        assert code(answer) == (422, expected)
        fault = answer.json()["errors"][0]
        assert fault["pointer"] == pointer
        assert words in fault["detail"]
        assert words in answer.json()["detail"]
    assert api.http.get(RUNS).json() == {"items": [], "next_cursor": None}


def test_a_dataset_in_the_registry_is_judged_by_its_own_facts(api: Api, tmp_path: Path) -> None:
    enter(api, tmp_path, "signals", minimum=0.0, maximum=1.0)
    assert ask(api, {"dataset": {"name": "signals"}})["state"] == "queued"


def test_the_same_key_and_body_give_the_first_run_again(api: Api) -> None:
    first = ask(api, **{"Idempotency-Key": "once"})
    spelled_out = DIGITS | {"kind": "train", "priority": 0}
    for key, body in (("once", DIGITS), ('"once"', DIGITS), ("once", spelled_out)):
        again = api.http.post(RUNS, json=body, headers={"Idempotency-Key": key})
        assert (again.status_code, again.json()["id"]) == (202, first["id"])
        assert again.headers["idempotency-replayed"] == "true"
        assert again.headers["location"] == f"{RUNS}/{first['id']}"
    assert len(api.http.get(RUNS).json()["items"]) == 1


def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    ask(api, **{"Idempotency-Key": "once"})
    answer = api.http.post(RUNS, json=DIGITS | {"priority": 1}, headers={"Idempotency-Key": "once"})
    assert code(answer) == (422, "IDEMPOTENCY_MISMATCH")
    assert ask(api, **{"Idempotency-Key": "twice"})["state"] == "queued"


def test_a_key_that_is_no_visible_text_is_refused(serve: StartApi) -> None:
    api = serve()
    for key in ("", "a b", '""', "x" * 256):
        answer = api.http.post(RUNS, json=DIGITS, headers={"Idempotency-Key": key})
        assert code(answer) == (422, "INVALID_REQUEST"), key
        assert answer.json()["errors"][0]["pointer"] == "header:idempotency-key"


def test_a_full_queue_is_a_503_that_says_when_to_come_back_and_still_knows_what_it_took(
    serve: StartApi,
) -> None:
    api = serve(max_queued_runs=2)
    first = ask(api, **{"Idempotency-Key": "once"})
    ask(api)
    answer = api.http.post(RUNS, json=DIGITS)
    assert code(answer) == (503, "QUEUE_FULL")
    assert int(answer.headers["retry-after"]) >= 1
    assert ask(api, **{"Idempotency-Key": "once"})["id"] == first["id"]
    claim(api)
    assert ask(api)["state"] == "queued"


def test_a_spec_is_judged_before_it_is_enqueued(serve: StartApi) -> None:
    api = serve(max_queued_runs=1)
    ask(api, **{"Idempotency-Key": "once"})
    unknown = {"dataset": {"name": "nowhere"}}
    assert code(api.http.post(RUNS, json=unknown)) == (422, "UNKNOWN_DATASET"), "although the queue is full"
    with api.app_state.database.read() as session:
        assert session.scalar(select(func.count()).select_from(RunEvent)) == 1


def test_no_run_is_accepted_while_the_store_is_full_until_files_are_deleted(serve: StartApi, tmp_path: Path) -> None:
    api = serve(max_stored_bytes=2**20)
    facts = datasets.Facts(kind="vectors", image_shape=None, n_inputs=1, train_rows=1, test_rows=1)
    act(api, datasets.enter, name="large", stored=stored(api, tmp_path, bytes(2**20)), facts=facts)
    assert code(api.http.post(RUNS, json=DIGITS)) == (507, "STORAGE_FULL")
    assert api.http.get(RUNS).json()["items"] == []
    assert api.http.delete("/api/v1/datasets/large").status_code == 204
    assert api.http.post(RUNS, json=DIGITS).status_code == 202


def test_runs_are_listed_newest_first_in_pages_and_by_state_and_kind(api: Api) -> None:
    made = [ask(api)["id"] for _ in range(4)] + [ask(api, {"kind": "import", "dataset": "mnist"})["id"]]
    api.http.post(f"{RUNS}/{made[1]}/cancel")
    seen, cursor = [], ""
    while cursor is not None:
        page = api.http.get(f"{RUNS}?limit=2{cursor and f'&cursor={cursor}'}").json()
        assert len(page["items"]) <= 2
        seen += [run["id"] for run in page["items"]]
        cursor = page["next_cursor"]
    assert seen == made[::-1]
    by_state = api.http.get(f"{RUNS}?state=cancelled&limit=100000").json()["items"]
    assert [run["id"] for run in by_state] == [made[1]]
    assert [run["id"] for run in api.http.get(f"{RUNS}?kind=import").json()["items"]] == [made[4]]
    assert [run["id"] for run in api.http.get(f"{RUNS}?dataset=mnist").json()["items"]] == [made[4]]
    assert api.http.get(f"{RUNS}?dataset=mnist&state=cancelled").json()["items"] == []


@pytest.mark.parametrize("cursor", ["x", "AAAA", "../..", "0" * 200, "eyJhIjoxfQ"])
def test_a_made_up_cursor_is_refused(serve: StartApi, cursor: str) -> None:
    assert code(serve().http.get(RUNS, params={"cursor": cursor})) == (422, "INVALID_CURSOR")


def test_a_queued_run_is_cancelled_at_once_and_only_once(api: Api) -> None:
    run = ask(api)
    cancelled = api.http.post(f"{RUNS}/{run['id']}/cancel").json()
    assert cancelled["state"] == "cancelled"
    assert cancelled["finished_at"] >= cancelled["created_at"]
    again = api.http.post(f"{RUNS}/{run['id']}/cancel", json={"force": True})  # by who has lost the first answer
    assert (again.status_code, again.json()) == (200, cancelled)
    other = ask(api)
    held = claim(api)
    act(api, runs.succeed, held.id, held.fence, result={})
    assert code(api.http.post(f"{RUNS}/{other['id']}/cancel")) == (409, "RUN_FINISHED")


def test_a_running_run_is_asked_to_stop_and_with_force_is_taken_from_its_worker(api: Api) -> None:
    run = ask(api)
    held = claim(api)
    waiting = api.http.post(f"{RUNS}/{run['id']}/cancel", json={}).json()
    assert (waiting["state"], waiting["stop_requested"]) == ("running", "cancel")
    assert waiting["started_at"] is not None
    taken = api.http.post(f"{RUNS}/{run['id']}/cancel", json={"force": True}).json()
    assert (taken["state"], taken["stop_requested"]) == ("cancelled", None)
    with pytest.raises(Fenced):
        act(api, runs.renew, held.id, held.fence, 60)


def test_a_stop_request_with_an_unknown_field_changes_nothing(api: Api) -> None:
    run = ask(api)
    answer = api.http.post(f"{RUNS}/{run['id']}/cancel", json={"forced": True})
    assert code(answer) == (422, "INVALID_REQUEST")
    assert answer.json()["errors"][0]["pointer"] == "/forced"
    assert api.http.get(f"{RUNS}/{run['id']}").json()["state"] == "queued"


def test_a_run_can_be_deleted_when_it_has_ended_and_not_before(api: Api) -> None:
    path = f"{RUNS}/{ask(api)['id']}"
    assert code(api.http.delete(path)) == (409, "RUN_IS_LIVE")
    claim(api)
    assert code(api.http.delete(path)) == (409, "RUN_IS_LIVE")
    api.http.post(f"{path}/cancel", json={"force": True})
    gone = api.http.delete(path)
    assert (gone.status_code, gone.content, gone.headers["freed-bytes"]) == (204, b"", "0")
    assert code(api.http.delete(path)) == (404, "RUN_NOT_FOUND")


def test_the_last_checkpoint_of_a_failed_run_exists_until_its_deletion(api: Api, tmp_path: Path) -> None:
    path, learned = f"{RUNS}/{ask(api)['id']}", b"what was learned until then"
    held = claim(api)
    act(api, checkpoints.add, held.id, held.fence, epoch=7, stored=stored(api, tmp_path, learned))
    act(api, runs.fail, held.id, held.fence, code="CRASHED", detail="It crashed.", may_pass=False)
    assert api.http.get(path).json()["state"] == "failed"
    assert api.http.get(f"{path}/checkpoints/7").content == learned
    assert api.http.delete(path).headers["freed-bytes"] == str(len(learned))
    assert code(api.http.get(f"{path}/checkpoints/7")) == (404, "RUN_NOT_FOUND")


@pytest.mark.parametrize("run_id", ["x", "00000000-0000-7000-8000-000000000000", "..%2f..%2fetc", "%2e%2e", "a%00b"])
def test_an_id_that_no_run_has_is_404_everywhere(serve: StartApi, run_id: str) -> None:
    api = serve()
    for method, rest in (
        *(("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("GET", "/metrics")),
        *(("GET", "/checkpoints"), ("GET", "/checkpoints/1"), ("GET", "/attempts")),
    ):
        answer = api.http.request(method, f"{RUNS}/{run_id}{rest}")
        assert answer.status_code in {404, 405}, (method, rest, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"


def test_progress_and_the_reason_of_a_failure_are_reported(api: Api) -> None:
    run = ask(api)
    held = claim(api)
    progress = {"epoch": 3, "epochs": 15, "rows_per_second": 1000.5, "eta_seconds": 17.25, "phase": "training"}
    act(api, runs.record, held.id, held.fence, progress=progress)
    shown = api.http.get(f"{RUNS}/{run['id']}").json()
    assert shown["progress"] == {"epoch": 3, "epochs": 15, "rows_per_second": 1000.5, "eta_seconds": 17.25}
    act(api, runs.fail, held.id, held.fence, code="DATASET_UNAVAILABLE", detail="Put files there.", may_pass=False)
    failed = api.http.get(f"{RUNS}/{run['id']}").json()
    assert (failed["state"], failed["failures"]) == ("failed", 1)
    assert failed["error"] == {"code": "DATASET_UNAVAILABLE", "detail": "Put files there."}


def test_a_successful_run_names_its_model_and_is_not_deleted_before_it(api: Api, tmp_path: Path) -> None:
    run = ask(api)
    held = claim(api)
    weights, rows = stored(api, tmp_path, b"weights"), stored(api, tmp_path, b"rows")
    publication = models.Publication("digits-kl", run["spec"], 1, {"mse": 0.5}, weights, "digits", rows.sha256)
    act(api, runs.succeed, held.id, held.fence, result={"mse": 0.5, "collapsed": False}, publish=[publication])
    done = api.http.get(f"{RUNS}/{run['id']}").json()
    assert (done["state"], done["model"]) == ("succeeded", "digits-kl@1")
    assert done["result"] == {"mse": 0.5, "collapsed": False}
    assert code(api.http.delete(f"{RUNS}/{run['id']}")) == (409, "RUN_IN_USE")
    assert api.http.delete("/api/v1/models/digits-kl@1").status_code == 204
    assert api.http.delete(f"{RUNS}/{run['id']}").status_code == 204


@pytest.fixture
def measured(api: Api) -> tuple[Api, str]:
    """A running run with three epochs of metrics; its metrics' path."""
    run = ask(api)
    held = claim(api)
    records = [MetricRecord(0, epoch, RECORD | {"loss": 1 / epoch, "l0": None}) for epoch in (1, 2, 3)]
    act(api, runs.record, held.id, held.fence, progress=None, metrics=records)
    return api, f"{RUNS}/{run['id']}/metrics"


def test_metrics_ascend_and_go_on_after_an_epoch(measured: tuple[Api, str]) -> None:
    api, path = measured
    items = api.http.get(path).json()["items"]
    assert [item["epoch"] for item in items] == [1, 2, 3]
    assert items[1] == {"epoch": 2} | RECORD | {"loss": 0.5, "l0": None}
    assert [item["epoch"] for item in api.http.get(f"{path}?after=2").json()["items"]] == [3]
    page = api.http.get(f"{path}?limit=2").json()
    assert ([item["epoch"] for item in page["items"]], page["next_cursor"]) == ([1, 2], "2")
    rest = api.http.get(f"{path}?after={page['next_cursor']}&limit=2").json()
    assert ([item["epoch"] for item in rest["items"]], rest["next_cursor"]) == ([3], None)


def test_metrics_are_had_as_a_table(measured: tuple[Api, str]) -> None:
    api, path = measured
    for answer in (api.http.get(f"{path}?format=csv"), api.http.get(path, headers={"Accept": "text/csv"})):
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["epoch"] for row in rows] == ["1", "2", "3"]
        assert (float(rows[1]["loss"]), rows[1]["l0"], rows[0]["dead_latents"]) == (0.5, "", "1")


def test_metrics_are_had_as_a_chart(measured: tuple[Api, str]) -> None:
    api, path = measured
    picture = api.http.get(path, headers={"Accept": "image/png"})
    Image.open(io.BytesIO(picture.content)).load()
    assert api.http.get(f"{path}?format=svg").text.lstrip().startswith("<svg")
    chart = api.http.get(f"{path}?format=vega")
    assert chart.headers["content-type"] == "application/vnd.vegalite.v6+json"
    assert "digits-kl" in json.dumps(chart.json()["title"])


def test_metrics_that_have_not_changed_are_not_sent_twice(measured: tuple[Api, str]) -> None:
    api, path = measured
    first = api.http.get(path)
    assert first.headers["cache-control"] == "private, no-cache"
    assert first.headers["vary"] == "Accept"
    again = api.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_form_that_metrics_do_not_have_is_406_and_lists_those_that_they_have(measured: tuple[Api, str]) -> None:
    api, path = measured
    answer = api.http.get(path, headers={"Accept": "application/x-npy"})
    assert code(answer) == (406, "NOT_ACCEPTABLE")
    for media_type in ("application/json", "text/csv", "image/png"):
        assert media_type in answer.json()["detail"]


def test_a_run_without_metrics_has_empty_ones_in_every_form(serve: StartApi) -> None:
    api = serve()
    path = f"{RUNS}/{ask(api)['id']}/metrics"
    assert api.http.get(path).json() == {"items": [], "next_cursor": None}
    assert api.http.get(f"{path}?format=csv").text == "epoch\n"
    assert api.http.get(f"{path}?format=png").content.startswith(b"\x89PNG")


def test_checkpoints_are_listed_and_downloaded_with_their_digest(api: Api, tmp_path: Path) -> None:
    run = ask(api)
    held = claim(api)
    contents = {2: b"after two" * 100, 4: b"after four"}
    for epoch, content in contents.items():
        blob = stored(api, tmp_path, content)
        act(api, checkpoints.add, held.id, held.fence, epoch=epoch, stored=blob)
    path = f"{RUNS}/{run['id']}/checkpoints"
    page = api.http.get(path).json()
    items = page["items"]
    assert [(item["epoch"], item["bytes"], page["next_cursor"]) for item in items] == [(2, 900, None), (4, 10, None)]
    assert api.http.get(f"{path}?limit=1").json() == {"items": items[:1], "next_cursor": "2"}
    assert api.http.get(f"{path}?limit=1&after=2").json() == {"items": items[1:], "next_cursor": None}
    for item in items:
        answer = api.http.get(f"{path}/{item['epoch']}")
        assert answer.content == contents[item["epoch"]]
        digest = hashlib.sha256(answer.content)
        assert (answer.headers["etag"], item["digest"]) == (f'"{digest.hexdigest()}"', digest.hexdigest())
        assert answer.headers["repr-digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"] == "application/vnd.safetensors"
    kept = api.http.get(f"{path}/2", headers={"If-None-Match": f'"{items[0]["digest"]}"'})
    assert (kept.status_code, kept.content) == (304, b"")
    part = api.http.get(f"{path}/2", headers={"Range": "bytes=0-4"})
    assert (part.status_code, part.content) == (206, b"after")
    beyond = api.http.get(f"{path}/2", headers={"Range": "bytes=5000-"})
    assert code(beyond) == (416, "RANGE_NOT_SATISFIABLE")
    assert beyond.headers["content-range"] == "bytes */900"
    for unread in ("bytes=b-a", "lines=1-2", "bytes=" + "0-," * 5000):
        assert api.http.get(f"{path}/2", headers={"Range": unread}).content == contents[2]
    assert code(api.http.get(f"{path}/3")) == (404, "CHECKPOINT_NOT_FOUND")
