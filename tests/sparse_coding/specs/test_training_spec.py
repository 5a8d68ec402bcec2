"""What may be asked of a run: the tutorial's defaults, the bounds, and what does not fit a dataset."""

from typing import Any

import pytest
from pydantic import ValidationError

from sparse_coding.specs import feasibility
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.catalogue import CATALOGUE
from sparse_coding.specs.feasibility import DatasetFacts
from sparse_coding.specs.runs import ImportSpec
from sparse_coding.specs.sparsity import L1
from sparse_coding.specs.training import TrainSpec

IMAGES = DatasetFacts("images", (1, 28, 28), 784, 1000, 200)
VECTORS = DatasetFacts("vectors", None, 12, 300, 100, minimum=-2.0, maximum=3.5)


def ask(**changes: Any) -> TrainSpec:
    parsed = run_specs.parse({"dataset": {"name": "mine"}, **changes})
    assert isinstance(parsed, TrainSpec)
    return parsed


def pointers(asked: TrainSpec, facts: DatasetFacts) -> list[str]:
    return [objection.pointer for objection in feasibility.objections(asked, facts)]


def test_only_a_dataset_is_the_tutorials_main_run() -> None:
    assert run_specs.document(ask()) == {
        "kind": "train",
        "name": "mine-kl",
        "dataset": {
            "name": "mine",
            "image_size": None,
            "train_limit": None,
            "validation_fraction": 0.0,
            "validation_seed": 42,
            "scaling": "none",
        },
        "model": {"architecture": "mlp", "n_latents": 128, "hidden": [256], "output": "sigmoid"},
        "sparsity": {"kind": "kl", "weight": 0.01, "rho": 0.05},
        "training": {"epochs": 15, "batch_size": 128, "learning_rate": 0.001, "seed": 42, "precision": "float32"},
        "device": "auto",
        "priority": 0,
    }


def test_l1_has_the_default_of_the_tutorials_function() -> None:
    assert ask(sparsity={"kind": "l1"}).sparsity == L1(weight=0.001, reduction="mean")


@pytest.mark.parametrize("sparsity", [{"kind": "kl"}, {"kind": "l1"}, {"kind": "none"}, {"weight": 0.5}])
def test_a_spec_survives_being_stored(sparsity: dict[str, Any]) -> None:
    asked = ask(sparsity=sparsity, model={"hidden": [64, 32]})
    assert run_specs.parse(run_specs.document(asked)) == asked


def test_a_model_is_named_after_dataset_and_sparsity_unless_it_has_a_name() -> None:
    assert ask(sparsity={"kind": "none"}).name == "mine-none"
    assert ask(name="own").name == "own"
    longest = ask(dataset={"name": "d" * 63}).name
    assert longest is not None
    assert len(longest) <= 63


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"sparsity": {"weight": -0.1}}, ("sparsity", "kl", "weight")),
        ({"sparsity": {"rho": 0}}, ("sparsity", "kl", "rho")),
        ({"sparsity": {"rho": 1}}, ("sparsity", "kl", "rho")),
        ({"sparsity": {"kind": "l1", "rho": 0.1}}, ("sparsity", "l1", "rho")),
        ({"sparsity": {"kind": "lasso"}}, ("sparsity",)),
        ({"sparsity": {"weight": float("nan")}}, ("sparsity", "kl", "weight")),
        ({"model": {"n_latents": 0}}, ("model", "n_latents")),
        ({"model": {"n_latents": True}}, ("model", "n_latents")),
        ({"model": {"n_latents": "12"}}, ("model", "n_latents")),
        ({"model": {"hidden": [8] * 9}}, ("model", "hidden")),
        ({"training": {"epochs": 0}}, ("training", "epochs")),
        ({"training": {"learning_rate": 0}}, ("training", "learning_rate")),
        ({"training": {"seed": 2**60}}, ("training", "seed")),
        ({"dataset": {"name": "Mine"}}, ("dataset", "name")),
        ({"dataset": {"name": "../mine"}}, ("dataset", "name")),
        ({"unknown": 1}, ("unknown",)),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_place_and_nowhere_else(
    change: dict[str, Any], where: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        ask(**change)
    assert [error["loc"] for error in refused.value.errors()] == [("train", *where)]


def test_a_kind_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValidationError, match="one of train, import, sweep, baselines"):
        run_specs.parse({"kind": "guess"})
    assert run_specs.parse({"kind": "import", "dataset": "mnist"}) == ImportSpec(dataset="mnist")


def test_a_spec_from_the_future_is_refused() -> None:
    with pytest.raises(ValueError, match="spec_version 3"):
        run_specs.parse({"dataset": {"name": "mine"}}, version=3)


def test_parameters_are_counted_as_the_tutorials_network_has_them() -> None:
    encoder = 784 * 256 + 256 + 256 * 128 + 128
    decoder = 128 * 256 + 256 + 256 * 784 + 784
    assert feasibility.count_parameters(ask().model, 784) == encoder + decoder
    assert feasibility.count_parameters(ask(model={"hidden": [], "n_latents": 3}).model, 10) == 10 * 3 + 3 + 3 * 10 + 10


def test_the_validation_slice_is_cut_from_the_limited_rows() -> None:
    choice = ask(dataset={"name": "mine", "train_limit": 500, "validation_fraction": 0.1}).dataset
    assert feasibility.training_rows(choice, IMAGES) == 450


def test_a_spec_that_fits_meets_no_objection() -> None:
    assert pointers(ask(), IMAGES) == []
    assert pointers(ask(dataset={"name": "mine", "scaling": "minmax"}), VECTORS) == []
    assert pointers(ask(model={"output": "identity"}), VECTORS) == []


@pytest.mark.parametrize(
    ("change", "facts", "pointer"),
    [
        ({"training": {"batch_size": 1001}}, IMAGES, "/training/batch_size"),
        ({"dataset": {"name": "mine", "train_limit": 100}}, IMAGES, "/training/batch_size"),
        ({"model": {"n_latents": 65_536, "hidden": [65_536]}}, IMAGES, "/model"),
        ({}, VECTORS, "/model/output"),
        (
            {"dataset": {"name": "mine", "image_size": 8}, "model": {"output": "identity"}},
            VECTORS,
            "/dataset/image_size",
        ),
    ],
)
def test_what_does_not_fit_the_dataset_is_objected_to_at_its_place(
    change: dict[str, Any], facts: DatasetFacts, pointer: str
) -> None:
    assert pointers(ask(**change), facts) == [pointer]


def test_the_catalogue_lists_the_tutorials_dataset() -> None:
    assert CATALOGUE["mnist"].facts == DatasetFacts("images", (1, 28, 28), 784, 60_000, 10_000)
