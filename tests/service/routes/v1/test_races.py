"""Requests that meet a deletion and a collection at the same moment, on PostgreSQL: SQLite has one writer at a time.

Who came first is arranged by a lock that the test holds, and seen in the server's own list of who waits.
"""

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select, text, update

from registry import artifacts, collection, datasets, models, run_blobs, runs
from registry.database.tables import Artifact, Dataset, ModelVersion
from testing.api import Api, StartApi
from testing.waiting import eventually

RUNS = "/api/v1/runs"
MODEL = "/api/v1/models/kl@1"
ASKED = {"kind": "baselines", "model": "kl"}
FACTS = datasets.Facts("images", (1, 8, 8), 64, 80, 20)
PATIENCE = 60.0


@pytest.fixture
def api(serve: StartApi, postgres_database: str) -> Api:
    return serve(database_url=postgres_database)


def act(api: Api, verb: Callable[..., Any], *given: Any, **named: Any) -> Any:
    with api.app_state.database.write() as session:
        return verb(session, *given, **named)


@pytest.fixture
def weights(api: Api) -> str:
    """The digest of the weights of `kl@1`, which nobody has wanted for long."""
    folder = api.app_state.uploads
    folder.mkdir(parents=True, exist_ok=True)
    stored = {}
    for name in ("dataset", "weights"):
        (folder / name).write_text(name)
        stored[name] = api.app_state.artifacts.put(folder / name)
    act(api, datasets.enter, name="digits", stored=stored["dataset"], facts=FACTS)
    act(api, runs.enqueue, kind="train", spec={}, spec_version=1, dataset_name="digits")
    run = act(api, runs.claim, owner="worker", lease_seconds=60, devices=["auto"])
    facts = ("digits", stored["dataset"].sha256)
    publish = [models.Publication("kl", {}, 1, {}, stored["weights"], *facts)]
    act(api, runs.succeed, run.id, run.fence, result={}, publish=publish)
    act(api, lambda session: session.execute(update(Artifact).values(touched_at=run.created_at.replace(year=2000))))
    return str(stored["weights"].sha256)


def waiting(api: Api) -> int:
    """How many sessions wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with api.app_state.database.read() as session:
        return int(session.scalar(text(query)))


def delete_and_collect(api: Api) -> int:
    """The status of the deletion; what nothing needs is gone after it."""
    answer = api.http.delete(MODEL)
    list(collection.collect(api.app_state.database, api.app_state.artifacts, collection.Rules(2, 3600)))
    return int(answer.status_code)


def test_a_model_that_a_request_has_found_is_deleted_after_it_and_its_weights_stay(api: Api, weights: str) -> None:
    with ThreadPoolExecutor(2) as others:
        with api.app_state.database.write() as session:
            session.scalar(select(Dataset.id).with_for_update())
            asking = others.submit(api.http.post, RUNS, json=ASKED)
            eventually(
                "what another thread makes so", lambda: waiting(api) == 1
            )  # it has found the model, and waits for the dataset
            deleting: Future[int] = others.submit(delete_and_collect, api)
            eventually("what another thread makes so", lambda: deleting.done() or waiting(api) == 2)
        asked = asking.result(PATIENCE)
        assert (asked.status_code, deleting.result(PATIENCE)) == (202, 204), asked.text
    claimed = act(api, runs.claim, owner="worker", lease_seconds=60, devices=["auto"])
    assert claimed.spec["model"] == "kl@1"
    assert api.app_state.artifacts.path(weights).read_text() == "weights"
    with api.app_state.database.read() as session:
        assert run_blobs.input_of(session, claimed.id, "model") == weights


def test_a_model_whose_deletion_a_request_had_to_wait_for_is_not_found(api: Api, weights: str) -> None:
    with ThreadPoolExecutor(1) as others:
        with api.app_state.database.write() as session:
            models.delete_version(session, "kl", 1)
            asking = others.submit(api.http.post, RUNS, json=ASKED)
            eventually("what another thread makes so", lambda: asking.done() or waiting(api) == 1)
        answer = asking.result(PATIENCE)
    assert (answer.status_code, answer.json()["code"]) == (404, "MODEL_NOT_FOUND")
    assert json.loads(api.http.get(RUNS, params={"state": "queued"}).text)["items"] == []
    with api.app_state.database.read() as session:
        assert session.scalar(select(ModelVersion.id)) is None
        assert artifacts.freed(session, [weights]) == len("weights")


def test_a_dataset_whose_deletion_a_request_had_to_wait_for_is_unknown(api: Api) -> None:
    folder = api.app_state.uploads
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rows").write_text("rows")
    act(api, datasets.enter, name="mine", stored=api.app_state.artifacts.put(folder / "rows"), facts=FACTS)
    with ThreadPoolExecutor(1) as others:
        with api.app_state.database.write() as session:
            datasets.delete(session, "mine")
            asking = others.submit(api.http.post, RUNS, json={"dataset": {"name": "mine"}})
            eventually("the request waits for the deletion", lambda: asking.done() or waiting(api) == 1)
        answer = asking.result(PATIENCE)
    assert (answer.status_code, answer.json()["code"]) == (422, "UNKNOWN_DATASET")
    assert api.http.get(RUNS).json()["items"] == []
