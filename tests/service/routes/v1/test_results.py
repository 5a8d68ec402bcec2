"""Results of a sweep and of baselines over HTTP: runs that a real worker has done, as tables, charts and pictures."""

import csv
import io
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file

from registry import models, run_blobs, runs
from service.answers import tables
from testing.published_models import SharedApi

PATIENCE = 240.0
LEARNING = {"epochs": 6, "batch_size": 32, "learning_rate": 0.005}
BASE = {"dataset": {"name": "digits"}, "model": {"n_latents": 20, "hidden": [16]}, "training": LEARNING}
SWEEPS: dict[str, dict[str, Any]] = {
    "weights": {"base": {**BASE, "sparsity": {"kind": "l1"}}, "grid": {"sparsity.weight": [1e-4, 1e-2, 100.0]}},
    "widths": {"base": {**BASE, "sparsity": {"kind": "l1"}}, "grid": {"model.n_latents": [8, 64, 80]}},
    "penalties": {
        "base": BASE,
        "members": [
            {"sparsity": {"kind": "l1", "weight": 0.01}},
            {"sparsity": {"kind": "kl", "weight": 0.001, "rho": 0.1}, "model": {"hidden": [16, 12]}},
            {"sparsity": {"kind": "l1", "weight": 0.01}, "training": {"learning_rate": 10.0, "epochs": 6}},
        ],
    },
}


def submit(shared_api: SharedApi, **asked: Any) -> str:
    answer = shared_api.http.post("/api/v1/runs", json=asked)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def drain(shared_api: SharedApi) -> None:
    """Let a real worker do all that is queued."""
    settings = {
        "DATA_DIR": shared_api.app_state.settings.data_dir,
        "DEVICE": "cpu",
        "THREADS": 1,
        "EXIT_WHEN_IDLE": "true",
    }
    environment = {f"SAE_{name}": str(value) for name, value in settings.items()}
    command = [sys.executable, "-m", "worker"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def finished(shared_api: SharedApi) -> dict[str, str]:
    """Ids of runs that have succeeded: three sweeps, and the baselines of two models of the shared_api."""
    ids = {
        name: submit(shared_api, kind="sweep", name=f"swept-{name}", reference=True, **asked)
        for name, asked in SWEEPS.items()
    }
    baselines = {"kind": "baselines", "iterations": 2, "fit_rows": 300}
    ids["baselines"] = submit(shared_api, **baselines, model="kl")
    ids["vectors"] = submit(shared_api, **baselines, model="vectors", methods=["pca"])
    drain(shared_api)
    for name, run_id in ids.items():
        run = shared_api.http.get(f"/api/v1/runs/{run_id}").json()
        assert run["state"] == "succeeded", (name, run["error"])
    return ids


def get(shared_api: SharedApi, run_id: str, below: str = "", **query: Any) -> Any:
    return shared_api.http.get(f"/api/v1/runs/{run_id}/results{below}", params=query)


def table(shared_api: SharedApi, run_id: str) -> Any:
    answer = get(shared_api, run_id)
    assert answer.status_code == 200, answer.text
    return answer.json()


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


@contextmanager
def taken(shared_api: SharedApi) -> Iterator[Any]:
    """A run of the first request in the queue, claimed here."""
    with shared_api.app_state.database.write() as session:
        run = runs.claim(session, owner="the tests", lease_seconds=60, devices=["auto"])
    assert run is not None
    yield run
    with shared_api.app_state.database.write() as session:
        runs.cancel(session, run.id, force=True)


# --- sweeps ----------------------------------------------------------------------------------------------------------


def test_every_member_has_the_figures_of_its_own_model(shared_api: SharedApi, finished: dict[str, str]) -> None:
    found = table(shared_api, finished["weights"])
    assert (found["kind"], found["name"], found["dataset"]) == ("sweep", "swept-weights", "digits")
    assert [member["model"] for member in found["members"]] == [
        *("swept-weights-0@1", "swept-weights-1@1", "swept-weights-2@1", "swept-weights-reference@1")
    ]
    assert [member["varied"].get("sparsity.weight") for member in found["members"][:3]] == [1e-4, 1e-2, 100.0]
    for member in found["members"]:
        published = shared_api.http.get(f"/api/v1/models/{member['model']}").json()
        assert published["run_id"] == finished["weights"]
        for figure in ("mse", "explained_variance", "l0", "population_sparsity", "inactive_latents", "collapsed"):
            assert member[figure] == published["result"][figure], figure
        assert 0 < member["probe_accuracy"] <= 1
        assert set(member["validation"]) == {"mse", "l0"}
    assert (found["num_samples"], found["threshold"]) == (360, 0.1)
    assert {"pareto", "knee.chord", "l0.threshold", "mse.mean"} <= set(map(str, found["formulas"].values()))


def test_the_front_leaves_out_the_reference_and_what_collapsed(shared_api: SharedApi, finished: dict[str, str]) -> None:
    members = table(shared_api, finished["weights"])["members"]
    assert [member["collapsed"] for member in members] == [False, False, True, False]
    assert [member["reference"] for member in members] == [False, False, False, True]
    assert members[0]["pareto"]
    assert not members[2]["pareto"]
    assert not members[3]["pareto"]


def test_none_is_suggested_where_the_front_has_too_few(shared_api: SharedApi, finished: dict[str, str]) -> None:
    found = table(shared_api, finished["weights"])
    assert found["suggested"] is None
    assert "a knee needs a front of 3" in found["reason"]
    assert "knee.chord" in found["rule"]
    assert not any(member["suggested"] for member in found["members"])


def test_codes_wider_than_the_input_are_marked(shared_api: SharedApi, finished: dict[str, str]) -> None:
    members = table(shared_api, finished["widths"])["members"]
    marks = [(member["n_latents"], member["overcomplete"]) for member in members]
    assert marks == [(8, False), (64, False), (80, True), (20, False)]


def test_a_member_that_diverged_has_no_figures_and_says_why(shared_api: SharedApi, finished: dict[str, str]) -> None:
    members = table(shared_api, finished["penalties"])["members"]
    diverged = [member for member in members if member["diverged"]]
    for member in diverged:
        assert (member["mse"], member["l0"], member["model"]) == (None, None, None)
    assert [member["n_latents"] for member in members] == [20, 20, 20, 20]


def test_a_table_in_csv_has_the_same_rows_and_a_column_for_each_varied_field(
    shared_api: SharedApi, finished: dict[str, str]
) -> None:
    members = table(shared_api, finished["penalties"])["members"]
    lines = rows(get(shared_api, finished["penalties"], format="csv").content)
    assert len(lines) == len(members)
    for line, member in zip(lines, members, strict=True):
        assert line["name"] == member["name"]
        assert line["mse"] == ("" if member["mse"] is None else repr(member["mse"]))
        assert line["sparsity.kind"] == member["varied"].get("sparsity.kind", "")
        assert json.loads(line["reference"]) is member["reference"]
        validation = member["validation"] or {"mse": None}
        assert line["validation_mse"] == ("" if validation["mse"] is None else repr(validation["mse"]))
    assert lines[1]["model.hidden"] == "[16, 12]"
    assert lines[0]["model.hidden"] == "[16]", "the base's"


def test_a_model_that_was_deleted_is_not_named_any_more(shared_api: SharedApi, finished: dict[str, str]) -> None:
    run_id = finished["widths"]
    assert table(shared_api, run_id)["members"][0]["model"] == "swept-widths-0@1"
    assert shared_api.http.delete("/api/v1/models/swept-widths-0@1").status_code == 204
    assert [member["model"] for member in table(shared_api, run_id)["members"]][:2] == [None, "swept-widths-1@1"]


def texts(content: bytes) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(content).iter()]


def test_the_chart_of_a_sweep_is_its_trade_off_with_every_member_named(
    shared_api: SharedApi, finished: dict[str, str]
) -> None:
    words = texts(get(shared_api, finished["weights"], format="svg").content)
    assert "Trade-off of the sweep swept-weights on digits" in words
    for label in ("0.0001", "0.01", "100 (collapsed)", "dense reference"):
        assert any(label in word for word in words), "alone, or with others that stand at its place"
    assert any(word.startswith("Active latents per row (L0)") for word in words)
    assert any(word.startswith("Held-out mse, raw units") for word in words)


def test_the_chart_of_penalties_tells_them_by_colour(shared_api: SharedApi, finished: dict[str, str]) -> None:
    words = texts(get(shared_api, finished["penalties"], format="svg").content)
    assert {"sparsity.kind", "l1", "kl"} <= set(words)


def test_where_only_the_width_was_varied_the_chart_runs_over_it(
    shared_api: SharedApi, finished: dict[str, str]
) -> None:
    vega = get(shared_api, finished["widths"], format="vega").json()
    assert len(vega["hconcat"]) == 2
    words = texts(get(shared_api, finished["widths"], format="svg").content)
    assert {"8", "64", "80", "overcomplete", "no wider than the input", "dense reference"} <= set(words)


@pytest.mark.parametrize("name", ["weights", "widths", "penalties", "baselines", "vectors"])
def test_every_chart_is_the_same_picture_each_time(shared_api: SharedApi, finished: dict[str, str], name: str) -> None:
    first, second = (get(shared_api, finished[name], format="png") for _ in range(2))
    assert first.content == second.content
    with Image.open(io.BytesIO(first.content)) as picture:
        picture.load()
        assert min(picture.size) > 200
    known = {"If-None-Match": first.headers["etag"]}
    again = shared_api.http.get(f"/api/v1/runs/{finished[name]}/results?format=png", headers=known)
    assert (again.status_code, again.content) == (304, b"")


# --- baselines -------------------------------------------------------------------------------------------------------


def test_the_baselines_of_a_model_are_one_table(shared_api: SharedApi, finished: dict[str, str]) -> None:
    found = table(shared_api, finished["baselines"])
    assert (found["kind"], found["model"], found["fit_rows"]) == ("baselines", "kl@1", 300)
    methods = [entry["method"] for entry in found["entries"]]
    assert sorted(methods) == ["ksvd", "minibatch", "model", "model.truncated", "pca", "pca.truncated", "raw"]
    by = {entry["method"]: entry for entry in found["entries"]}
    assert by["ksvd"]["l0"] <= found["k"]
    assert by["ksvd"]["atoms"] == 20
    assert by["raw"]["mse"] is None
    assert all(0 < entry["probe_accuracy"] <= 1 for entry in found["entries"])
    lines = rows(get(shared_api, finished["baselines"], format="csv").content)
    assert [line["method"] for line in lines] == methods
    words = texts(get(shared_api, finished["baselines"], format="svg").content)
    assert {"K-SVD", "mini-batch dictionary", "raw inputs", "Accuracy of a linear probe"} <= set(words)


@pytest.mark.parametrize("method", ["model", "ksvd", "minibatch", "pca"])
def test_the_atoms_of_a_method_are_drawn_as_the_run_left_them(
    shared_api: SharedApi, finished: dict[str, str], method: str
) -> None:
    answer = get(shared_api, finished["baselines"], "/atoms", method=method, limit=4)
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as picture:
        pixels, text = np.asarray(picture), dict(picture.info)
    with shared_api.app_state.database.read() as session:
        file = shared_api.app_state.artifacts.path(run_blobs.output(session, finished["baselines"], "atoms"))
    atom = load_file(file)[f"atoms.{method}"][0].reshape(8, 8)
    drawn = pixels[4 : 4 + 80 : 10, 4 : 4 + 80 : 10]
    expected = 128 + 127 * atom / np.abs(atom).max()
    np.testing.assert_allclose(drawn, expected, atol=0.51)
    assert len(json.loads(text["atoms"])) == 4
    assert text["method"] == method


@pytest.mark.parametrize("method", ["ksvd", "minibatch", "pca"])
def test_matched_atoms_look_alike(shared_api: SharedApi, finished: dict[str, str], method: str) -> None:
    answer = get(shared_api, finished["baselines"], "/matches", method=method, limit=3)
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as picture:
        pixels, text = np.asarray(picture).astype(np.float64), dict(picture.info)
    cosines = json.loads(text["cosines"])
    assert cosines == sorted(cosines, reverse=True)
    side = 10 * 8
    upper, lower = pixels[8 : 8 + side, 8 : 8 + side], pixels[8 + side + 10 : 8 + 2 * side + 10, 8 : 8 + side]
    a, b = (upper - 128).ravel(), (lower - 128).ravel()
    assert a @ b / np.sqrt((a @ a) * (b @ b)) == pytest.approx(cosines[0], abs=0.02)


@pytest.mark.parametrize(
    ("name", "below", "query", "status", "code", "said"),
    [
        ("vectors", "/atoms", {"method": "ksvd"}, 404, "METHOD_NOT_FOUND", "pca"),
        ("vectors", "/matches", {"method": "ksvd"}, 404, "METHOD_NOT_FOUND", "pca"),
        ("vectors", "/atoms", {"method": "pca"}, 422, "NOT_AN_IMAGE", "vectors"),
        ("baselines", "/atoms", {"method": "raw"}, 422, "INVALID_REQUEST", "method"),
        ("baselines", "/atoms", {"limit": 0}, 422, "INVALID_REQUEST", "limit"),
        ("baselines", "", {"format": "npy"}, 422, "INVALID_REQUEST", "format"),
        ("baselines", "", {"of": "pca"}, 422, "INVALID_REQUEST", "of"),
        ("weights", "/atoms", {}, 409, "NO_RESULTS", "baselines"),
        ("weights", "/matches", {}, 409, "NO_RESULTS", "baselines"),
    ],
)
def test_what_there_is_not_is_said(
    shared_api: SharedApi,
    finished: dict[str, str],
    name: str,
    below: str,
    query: dict[str, Any],
    status: int,
    code: str,
    said: str,
) -> None:
    answer = get(shared_api, finished[name], below, **query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert said in answer.text


# --- runs without results --------------------------------------------------------------------------------------------


def test_a_run_of_another_kind_says_which_kinds_have_results(shared_api: SharedApi) -> None:
    with shared_api.app_state.database.read() as session:
        trained = models.resolve(session, "kl@1").run_id
    answer = get(shared_api, trained)
    assert (answer.status_code, answer.json()["code"]) == (409, "NO_RESULTS")
    assert "sweep or baselines" in answer.json()["detail"]
    assert "train" in answer.json()["detail"]


def test_a_run_without_success_has_no_results_and_says_in_which_state_it_is(shared_api: SharedApi) -> None:
    asked = {"kind": "sweep", "name": "never", "base": BASE, "grid": {"sparsity.weight": [0.1]}, "priority": 50}
    run_id = submit(shared_api, **asked)
    said = {}
    said["queued"] = get(shared_api, run_id)
    with taken(shared_api) as run:
        assert run.id == run_id
        said["running"] = get(shared_api, run_id)
    said["cancelled"] = get(shared_api, run_id)
    for state, answer in said.items():
        assert (answer.status_code, answer.json()["code"]) == (409, "RUN_NOT_SUCCEEDED")
        assert f"the run is {state}" in answer.json()["detail"]
    assert "once it has succeeded" in said["running"].json()["detail"]
    assert "it has no results" in said["cancelled"].json()["detail"]


def test_a_run_that_is_not_there_has_no_results(shared_api: SharedApi) -> None:
    for below in ("", "/atoms", "/matches"):
        answer = get(shared_api, "0193b7c0-0000-7000-8000-000000000000", below)
        assert (answer.status_code, answer.json()["code"]) == (404, "RUN_NOT_FOUND")


def test_a_field_that_a_worker_tells_and_nobody_promised_is_not_in_the_answer(
    shared_api: SharedApi, finished: dict[str, str]
) -> None:
    assert set(table(shared_api, finished["weights"])) == set(tables.SweepResults.model_fields)
    assert set(table(shared_api, finished["baselines"])) == set(tables.BaselinesResults.model_fields)
