"""Cached results of analyses, on SQLite and PostgreSQL: computed once for one key, and never at the cost of storage."""

import dataclasses
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from registry import models
from service.analyses import cache, features, probe, selectivity, sparsity, subjects, truncation
from service.analyses.analysis import Analysis, ArrayForm, JsonForm
from sparse_coding.analysis import feature_images, feature_quality, matching
from sparse_coding.analysis import probe as core_probe
from sparse_coding.analysis import selectivity as core_selectivity
from sparse_coding.analysis import sparsity as core_sparsity
from sparse_coding.analysis import truncation as core_truncation
from testing.api import Api
from testing.published_models import SharedApi


class Text(BaseModel):
    text: str


class Maker:
    """Makes a result, and counts how often it had to."""

    def __init__(self, text: str = "answer") -> None:
        self.result, self.times = Text(text=text), 0

    def __call__(self) -> Text:
        self.times += 1
        return self.result


def analysis(
    maker: Any, kind: str = "test", inputs: Mapping[str, Any] | None = None, versions: Mapping[str, int] | None = None
) -> Analysis[Text]:
    return Analysis(kind, inputs or {}, versions or {}, JsonForm(Text), maker)


def made(api: Api, *args: Any, **kwargs: Any) -> str:
    return cache.run_cached(api.app_state, analysis(*args, **kwargs)).text


def test_an_answer_is_computed_once(api: Api) -> None:
    maker = Maker()
    for _ in range(3):
        assert made(api, maker, inputs={"model": "a", "threshold": 0.1}) == "answer"
    assert maker.times == 1


@pytest.mark.parametrize(
    ("kind", "inputs"), [("other", {"n": 1}), ("test", {"n": 2}), ("test", {"n": 1, "m": 1}), ("test", {})]
)
def test_another_question_is_computed_anew(api: Api, kind: str, inputs: dict[str, Any]) -> None:
    made(api, Maker("first"), inputs={"n": 1})
    assert made(api, Maker("second"), kind=kind, inputs=inputs) == "second"


def test_the_result_of_an_older_formula_is_not_served(api: Api) -> None:
    made(api, Maker("old"), versions={"mse": 1, "l0": 1})
    assert made(api, Maker("new"), versions={"mse": 2, "l0": 1}) == "new"
    assert made(api, Maker("unused"), versions={"l0": 1, "mse": 2}) == "new"


def test_a_result_that_was_stored_in_another_form_is_not_read(api: Api) -> None:
    class Text(BaseModel):
        text: str
        length: int

    made(api, Maker())
    other = Analysis("test", {}, {}, JsonForm(Text), lambda: Text(text="answer", length=6))
    assert cache.run_cached(api.app_state, other).length == 6


def test_arrays_come_back_as_they_were_stored(api: Api) -> None:
    @dataclass(frozen=True, eq=False)
    class Pair:
        floats: np.ndarray
        integers: np.ndarray

    pair = Pair(np.array([[1.5, np.nan]]), np.arange(3))
    stored = Analysis("test", {}, {}, ArrayForm(Pair), lambda: pair)
    cache.run_cached(api.app_state, stored)
    found = cache.find(api.app_state, stored)
    assert found is not None
    np.testing.assert_array_equal(found.floats, pair.floats)
    np.testing.assert_array_equal(found.integers, pair.integers)


def test_the_order_of_parameters_does_not_matter() -> None:
    assert analysis(Maker(), inputs={"a": 1, "b": 2}).key == analysis(Maker(), inputs={"b": 2, "a": 1}).key


def test_a_question_that_failed_is_asked_again(api: Api) -> None:
    def fail() -> Text:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        made(api, fail)
    assert made(api, Maker()) == "answer"


def test_a_full_storage_keeps_nothing_and_answers_all_the_same(api: Api) -> None:
    full = dataclasses.replace(
        api.app_state, settings=api.app_state.settings.model_copy(update={"max_stored_bytes": 3})
    )
    maker = Maker()
    for _ in range(2):
        assert cache.run_cached(full, analysis(maker)).text == "answer"
    assert maker.times == 2
    assert [path for path in api.app_state.settings.artifacts_dir.rglob("*") if path.is_file()] == []


def test_nothing_is_left_among_the_uploads(api: Api) -> None:
    made(api, Maker())
    assert list(api.app_state.uploads.iterdir()) == []


def subject(shared_api: SharedApi, name: str = "kl") -> subjects.Subject:
    with shared_api.app_state.database.read() as session:
        return subjects.of(shared_api.app_state, models.resolve(session, name))


def test_a_wide_code_is_analysed_on_fewer_rows(shared_api: SharedApi) -> None:
    assert subject(shared_api).fitting(100) == 100
    assert subject(shared_api).fitting(10**9) == subjects.MAX_ACTIVATIONS // 20


def test_a_model_is_known_without_being_loaded(shared_api: SharedApi) -> None:
    for name in ("kl", "vectors", "colour"):
        known = subject(shared_api, name)
        assert (known.n_inputs, known.n_latents) == (known.model.n_inputs, known.model.n_latents)


def test_every_analysis_has_a_version_of_each_formula(shared_api: SharedApi) -> None:
    of = subject(shared_api)
    task = probe.task(of, "test")
    for planned, formulas in (
        (sparsity.analysis(of, "test", 10, "first", 0.1), core_sparsity.FORMULAS),
        (selectivity.analysis(of, "test"), core_selectivity.FORMULAS),
        (truncation.analysis(of, "test", 10), core_truncation.FORMULAS),
        (probe.of_codes(of, task), core_probe.FORMULAS),
    ):
        assert set(planned.versions) == set(formulas.values())
    assert set(feature_quality.VERSIONS) == set(feature_quality.FORMULAS.values())
    assert features.analysis(of).versions == feature_images.VERSIONS
    assert set(matching.VERSIONS) == {matching.PW_MCC}


@pytest.mark.slow
def test_what_is_kept_is_answered_while_something_slow_is_computed(shared_api: SharedApi) -> None:
    """The slow thing ends only after the kept answer has come: if that waited, both would wait for ever."""
    path = "/api/v1/models/kl/probe"
    first = shared_api.http.get(path).raise_for_status()
    go_on = threading.Event()
    slow = shared_api.app_state.batch._submit(lambda: go_on.wait(60))
    try:
        again = shared_api.http.get(path).raise_for_status()
        codes = {"dataset": "digits", "split": "test", "indices": [0]}
        shared_api.http.post("/api/v1/models/kl/encode", json=codes).raise_for_status()
    finally:
        go_on.set()
    assert again.json() == first.json()
    assert slow.result(60)


PATHS = (
    "models/kl/sparsity?num_samples=17",
    "models/kl/selectivity?split=train",
    "models/kl/selectivity/features?format=json&split=train",
    "models/kl/truncation?rows=3",
    "models/kl/probe?split=train",
    "models/kl/features",
    "comparisons?models=kl,l1",
    "comparisons/matches?models=kl,dead",
)


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_a_second_request_loads_no_model_and_computes_nothing(
    shared_api: SharedApi, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"/api/v1/{path}"
    first = shared_api.http.get(url).raise_for_status()
    loaded: list[str] = []
    monkeypatch.setattr(shared_api.app_state.models, "get", loaded.append)
    submitted: list[Any] = []
    monkeypatch.setattr(shared_api.app_state.batch, "_submit", submitted.append)
    again = shared_api.http.get(url).raise_for_status()
    assert again.content == first.content
    assert (loaded, submitted) == ([], [])


def test_equal_requests_at_one_time_compute_once(shared_api: SharedApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """All find nothing before one of them is computed: the thread that computes is held up until they have."""
    calls: list[int] = []
    analyse = core_sparsity.analyse

    def counted(*args: Any, **kwargs: Any) -> Any:
        calls.append(len(calls))
        return analyse(*args, **kwargs)

    monkeypatch.setattr(core_sparsity, "analyse", counted)
    url = "/api/v1/models/kl/sparsity?num_samples=23"
    go_on = threading.Event()
    held = shared_api.app_state.batch._submit(lambda: go_on.wait(60))
    with ThreadPoolExecutor(3) as clients:
        sent = [clients.submit(shared_api.http.get, url) for _ in range(3)]
        while shared_api.app_state.batch.waiting < 4 and not any(each.done() for each in sent):
            threading.Event().wait(0.01)
        go_on.set()
        answers = [each.result(60).raise_for_status() for each in sent]
    assert held.result(60)
    assert len(calls) == 1
    assert len({answer.content for answer in answers}) == 1
