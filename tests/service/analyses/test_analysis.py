"""Kept answers, on SQLite and PostgreSQL: computed once for one question, and never at the cost of the storage."""

import dataclasses
import threading
from typing import Any

import pytest

from service.analyses import cache
from testing.api import Api
from testing.published_models import SharedApi


class Maker:
    """Makes an answer, and counts how often it had to."""

    def __init__(self, answer: bytes = b"answer") -> None:
        self.answer, self.times = answer, 0

    def __call__(self) -> bytes:
        self.times += 1
        return self.answer


def test_an_answer_is_computed_once(api: Api) -> None:
    maker = Maker()
    for _ in range(3):
        assert cache.kept(api.app_state, "test", {"model": "a", "threshold": 0.1}, maker) == b"answer"
    assert maker.times == 1


@pytest.mark.parametrize(
    ("kind", "inputs"), [("other", {"n": 1}), ("test", {"n": 2}), ("test", {"n": 1, "m": 1}), ("test", {})]
)
def test_another_question_is_computed_anew(api: Api, kind: str, inputs: dict[str, Any]) -> None:
    cache.kept(api.app_state, "test", {"n": 1}, Maker(b"first"))
    assert cache.kept(api.app_state, kind, inputs, Maker(b"second")) == b"second"


def test_the_order_of_parameters_does_not_matter() -> None:
    assert cache.key_of("test", {"a": 1, "b": 2}) == cache.key_of("test", {"b": 2, "a": 1})


def test_a_question_that_failed_is_asked_again(api: Api) -> None:
    def fail() -> bytes:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.kept(api.app_state, "test", {}, fail)
    assert cache.kept(api.app_state, "test", {}, Maker()) == b"answer"


def test_a_full_storage_keeps_nothing_and_answers_all_the_same(api: Api) -> None:
    full = dataclasses.replace(
        api.app_state, settings=api.app_state.settings.model_copy(update={"max_stored_bytes": 3})
    )
    maker = Maker()
    for _ in range(2):
        assert cache.kept(full, "test", {}, maker) == b"answer"
    assert maker.times == 2
    assert [path for path in api.app_state.settings.artifacts_dir.rglob("*") if path.is_file()] == []


def test_nothing_is_left_among_the_uploads(api: Api) -> None:
    cache.kept(api.app_state, "test", {}, Maker())
    assert list(api.app_state.uploads.iterdir()) == []


def test_a_wide_code_is_analysed_on_fewer_rows(shared_api: SharedApi) -> None:
    model = shared_api.app_state.models.get(shared_api.http.get("/api/v1/models/kl").json()["digest"])
    assert cache.fitting(model, 100) == 100
    assert cache.fitting(model, 10**9) == cache.MAX_ACTIVATIONS // 20


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
