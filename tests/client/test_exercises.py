"""`sae exercise`: what it asks for is what the tutorial asks for, and each exercise with real processes, shortened."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from client import demo, exercises
from client.exercises import Plan
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.sweep import SweepSpec
from testing.command_line import StartSae

PATIENCE = 300.0
PLAN = Plan(Path("unused"), epochs=7)
REQUESTS = {
    "weights": exercises.weights_spec(PLAN),
    "penalties": exercises.penalties_spec(PLAN),
    "widths": exercises.widths_spec(PLAN),
    "main": exercises.main_spec(PLAN),
    "baselines": exercises.baselines_spec("digits-kl@1"),
}
PICTURES = {
    "1": {"trade_off"},
    "2": {"trade_off", "comparison", "matches", "similar_comparison", "similar_matches"},
    "3": {"trade_off"},
    "4": {"heat_map", "most", "least", "classes"},
    "5": {"curve", "strip_0", "strip_1", "strip_2"},
    "dictionary": {
        *("comparison", "atoms_model", "atoms_ksvd", "atoms_minibatch", "atoms_pca"),
        *("matches_ksvd", "matches_minibatch", "matches_pca"),
    },
}


def members(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole specs of a sweep's members; the last is the dense reference."""
    parsed = run_specs.parse(asked)
    assert isinstance(parsed, SweepSpec)
    documents = [run_specs.document(member.spec) for member in parsed.expanded()]
    assert documents[-1]["sparsity"] == {"kind": "none"}
    assert all(one["training"]["epochs"] == 7 and one["dataset"]["image_size"] == 28 for one in documents)
    return documents


def test_exercise_1_asks_for_the_tutorials_weights_in_one_request() -> None:
    *swept, _ = members(REQUESTS["weights"])
    weights = [(one["sparsity"]["kind"], one["sparsity"]["weight"]) for one in swept]
    assert weights[:5] == [("l1", 0.0001), ("l1", 0.001), ("l1", 0.01), ("l1", 0.1), ("l1", 1.0)]
    assert weights[5:] == [("kl", 0.001), ("kl", 0.01), ("kl", 0.1), ("kl", 1.0), ("kl", 10.0)]
    assert {one["sparsity"]["rho"] for one in swept[5:]} == {0.05}


def test_exercise_2_asks_for_the_tutorials_pair() -> None:
    first, second, _ = members(REQUESTS["penalties"])
    assert first["sparsity"] == {"kind": "l1", "weight": 0.01, "reduction": "mean"}
    assert second["sparsity"] == {"kind": "kl", "weight": 0.1, "rho": 0.05}


def test_exercise_3_asks_for_the_tutorials_widths() -> None:
    *swept, _ = members(REQUESTS["widths"])
    assert [one["model"]["n_latents"] for one in swept] == [64, 128, 256, 512, 1024]
    assert {one["sparsity"]["kind"] for one in swept} == {"kl"}


def test_exercises_4_and_5_look_at_the_demos_model() -> None:
    assert exercises.main_spec(Plan(Path("unused"))) == demo.spec(demo.EPOCHS)


def test_other_data_are_learned_as_they_are_for_the_tutorials_epochs() -> None:
    learning = Plan(Path("unused"), dataset="mnist").learning
    assert learning == {"dataset": {"name": "mnist"}, "training": {"epochs": 15}}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_run_of_the_same_request_is_recognised_and_one_of_another_is_not(name: str) -> None:
    asked = REQUESTS[name]
    stored = run_specs.document(run_specs.parse(asked))
    assert exercises.covers(stored, asked)
    assert not exercises.covers({**stored, "kind": "import"}, {"kind": "train", **asked})
    others = [other for other in REQUESTS if other != name]
    assert not any(exercises.covers(stored, REQUESTS[other]) for other in others)


def test_more_or_other_items_of_a_list_are_another_request() -> None:
    assert exercises.covers({"grid": [1, 2], "more": 0}, {"grid": [1, 2]})
    for other in ([1], [1, 2, 3], [2, 1], None, 1):
        assert not exercises.covers({"grid": other}, {"grid": [1, 2]})


def member(kind: str, population: float, **flags: Any) -> dict[str, Any]:
    known = {"model": f"{kind}-{population}@1", "collapsed": False, "reference": False}
    return {**known, "varied": {"sparsity.kind": kind}, "population_sparsity": population, **flags}


def test_the_members_closest_in_population_sparsity_are_one_of_each_penalty() -> None:
    swept = [member("l1", 0.4), member("l1", 0.19), member("l1", 0.1), member("kl", 0.05), member("kl", 0.12)]
    pair = exercises.closest(swept)
    assert pair is not None
    assert [one["model"] for one in pair] == ["l1-0.1@1", "kl-0.12@1"]


def test_members_without_a_model_that_works_are_not_compared() -> None:
    silent = member("l1", 0.12, collapsed=True), member("l1", 0.11, model=None), member("none", 0.12, reference=True)
    pair = exercises.closest([*silent, member("l1", 0.4), member("kl", 0.12)])
    assert pair is not None
    assert pair[0]["population_sparsity"] == 0.4
    assert exercises.closest([*silent, member("kl", 0.12)]) is None


def said_by(sae: StartSae, name: str, epochs: int = 2) -> str:
    """The output of a short exercise that went well; its pictures have been looked at."""
    done = sae("exercise", name, "--epochs", str(epochs))
    assert done.process.wait(PATIENCE) == 0, done.output
    folder = done.folder / "exercises" / name
    text: str = done.output
    assert {path.stem for path in folder.glob("*.png")} == PICTURES[name]
    for path in folder.glob("*.png"):
        with Image.open(path) as picture:
            picture.load()
            assert min(picture.size) > 50
    return text


def test_exercises_1_and_2_sweep_compare_and_share_what_was_swept(sae: StartSae) -> None:
    said = said_by(sae, "1", epochs=20)  # fewer, and every member with KL is still a collapsed one
    for words in (
        "POST /api/v1/runs",
        "digits-weights-0",
        "digits-weights-9",
        "dense reference",
        "knee.chord",
        "probe",
    ):
        assert words in said
    said = said_by(sae, "2", epochs=20)
    assert said.count("POST /api/v1/runs") == 1
    for words in ("using the models of the run", "digits-l1-kl-0@1", "digits-l1-kl-1@1", "Hoyer sparsity", "noise 0.3"):
        assert words in said
    assert "most similar in sparsity: digits-weights-" in said


def test_exercise_3_marks_what_is_overcomplete(sae: StartSae) -> None:
    said = said_by(sae, "3", epochs=1)
    for words in ("digits-widths-4", "overcomplete"):
        assert words in said


def test_exercises_4_and_5_and_the_challenge_look_at_one_model(sae: StartSae) -> None:
    said = said_by(sae, "4")
    assert "POST /api/v1/runs" in said
    assert "mean selectivity" in said
    said = said_by(sae, "5")
    for words in ("using the models of the run", "are enough", "most important"):
        assert words in said
    said = said_by(sae, "dictionary")
    for words in (
        "using the models of the run",
        "ksvd",
        "minibatch",
        "pca.truncated",
        "model.truncated",
        "raw",
        "coherence",
    ):
        assert words in said


def test_an_unknown_exercise_is_refused_with_the_ones_that_there_are(sae: StartSae) -> None:
    asked = sae("exercise", "6")
    assert asked.process.wait(60) == 2
    assert "dictionary" in asked.output
