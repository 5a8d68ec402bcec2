"""What may be asked of a sweep and of baselines: members and their names, defaults, and what is refused where."""

from typing import Any

import pytest
from pydantic import ValidationError

from sparse_coding.specs import feasibility
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.baselines import BaselinesSpec
from sparse_coding.specs.feasibility import DatasetFacts
from sparse_coding.specs.sparsity import L1, Kl, NoPenalty
from sparse_coding.specs.sweep import SweepSpec

IMAGES = DatasetFacts("images", (1, 28, 28), 784, 1000, 200)
WEIGHTS = {"sparsity.weight": [0.1, 1.0]}


def ask(base: dict[str, Any] | None = None, **changes: Any) -> SweepSpec:
    parsed = run_specs.parse({"kind": "sweep", "base": {"dataset": {"name": "mine"}, **(base or {})}, **changes})
    assert isinstance(parsed, SweepSpec)
    return parsed


def test_the_members_of_a_grid_in_its_order_each_with_the_whole_of_its_base() -> None:
    base = {"model": {"hidden": []}, "sparsity": {"kind": "l1"}, "training": {"seed": 7}}
    members = ask(base, name="sw", grid={**WEIGHTS, "model.n_latents": [4, 8]}).expanded()
    assert [member.spec.name for member in members] == ["sw-0", "sw-1", "sw-2", "sw-3"]
    assert [(member.spec.sparsity, member.spec.model.n_latents) for member in members] == [
        (L1(weight=0.1), 4),
        (L1(weight=0.1), 8),
        (L1(weight=1.0), 4),
        (L1(weight=1.0), 8),
    ]
    assert {(member.spec.training.seed, member.spec.model.hidden) for member in members} == {(7, ())}
    assert members[1].varied == {"sparsity.weight": 0.1, "model.n_latents": 8}


def test_the_members_of_a_list_may_differ_in_kind() -> None:
    members = ask(members=[{"sparsity": {"kind": "l1", "weight": 0.5}}, {"sparsity": {"rho": 0.2}}, {}]).expanded()
    kinds = [member.spec.sparsity for member in members]
    assert kinds == [L1(weight=0.5), Kl(rho=0.2), Kl()]
    assert [member.varied for member in members] == [
        {"sparsity.kind": "l1", "sparsity.weight": 0.5},
        {"sparsity.kind": "kl", "sparsity.weight": 0.01, "sparsity.rho": 0.2},
        {"sparsity.kind": "kl", "sparsity.weight": 0.01, "sparsity.rho": 0.05},
    ]


def test_the_reference_comes_last_and_is_dense() -> None:
    last = ask(name="sw", grid=WEIGHTS, reference=True).expanded()[-1]
    assert (last.number, last.spec.name, last.is_reference) == (2, "sw-reference", True)
    assert last.spec.sparsity == NoPenalty()
    assert last.varied == {"sparsity.kind": "none"}, "it has no weight"


def test_what_the_sweep_does_not_say_is_taken_from_its_base() -> None:
    asked = ask({"device": "cpu", "priority": 3, "name": "own"}, grid=WEIGHTS)
    assert (asked.name, asked.device, asked.priority) == ("own", "cpu", 3)
    assert {(one.spec.device, one.spec.priority) for one in asked.expanded()} == {("cpu", 3)}
    assert ask(grid=WEIGHTS).name == "mine-sweep"
    assert ask({"priority": 3}, grid=WEIGHTS, priority=0).priority == 0


def test_a_tenth_of_the_rows_is_kept_for_choosing_unless_something_else_is_said() -> None:
    assert ask(grid=WEIGHTS).base.dataset.validation_fraction == 0.1
    said = ask({"dataset": {"name": "mine", "validation_fraction": 0.0}}, grid=WEIGHTS)
    assert said.base.dataset.validation_fraction == 0.0


@pytest.mark.parametrize("asked", [ask(grid=WEIGHTS, reference=True), ask(members=[{"model": {"n_latents": 3}}])])
def test_a_sweep_survives_being_stored(asked: SweepSpec) -> None:
    assert run_specs.parse(run_specs.document(asked)) == asked


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({}, ()),
        ({"grid": WEIGHTS, "members": [{}]}, ()),
        ({"grid": {}}, ("grid",)),
        ({"grid": {"sparsity.weight": []}}, ("grid", "sparsity.weight")),
        ({"grid": {"sparsity.weight": [0.1, -1]}}, ("grid", "sparsity.weight")),
        ({"grid": {"sparsity.weight": [0.1, -1], "training.seed": [1, 2]}}, ("grid", "sparsity.weight")),
        ({"grid": {"sparsity.strength": [0.1]}}, ("grid", "sparsity.strength")),
        ({"grid": {"sparsity": [{"kind": "l1"}], "sparsity.weight": [0.1]}}, ("grid", "sparsity.weight")),
        ({"grid": {"dataset.name": ["other"]}}, ("grid", "dataset.name")),
        ({"grid": {"dataset.scaling": ["minmax"]}}, ("grid", "dataset.scaling")),
        ({"grid": {"name": ["other"]}}, ("grid", "name")),
        ({"grid": {"training.seed": list(range(65))}}, ("grid", "training.seed")),
        ({"members": []}, ("members",)),
        ({"members": [{}, {"sparsity": {"kind": "l1", "rho": 0.1}}]}, ("members", 1, "sparsity.rho")),
        ({"members": [{"device": "cpu"}]}, ("members", 0, "device")),
        ({"name": "n" * 54, "grid": WEIGHTS}, ("name",)),
        ({"grid": WEIGHTS, "reference": 1}, ("reference",)),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_place(asked: dict[str, Any], where: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        ask(**asked)
    assert [error["loc"] for error in refused.value.errors()] == [("sweep", *where)]


def test_the_number_of_members_is_bounded_and_the_bound_is_said() -> None:
    assert ask(grid={"training.seed": list(range(64))}).count == 64
    with pytest.raises(ValidationError, match="at most 64 members, its reference counted; 65 were asked for"):
        ask(grid={"training.seed": list(range(64))}, reference=True)
    with pytest.raises(ValidationError, match="at most 64 members"):
        ask(grid={"training.seed": list(range(9)), "model.n_latents": list(range(1, 9))})


def test_a_member_that_does_not_fit_the_dataset_is_pointed_at() -> None:
    asked = ask(members=[{}, {"training": {"batch_size": 2000}}])
    found = [(one.pointer, one.detail) for one in feasibility.sweep_objections(asked, IMAGES)]
    assert found == [("/members/1/training.batch_size", "must be at most the 900 training rows, got 2000")]
    asked = ask({"training": {"batch_size": 2000}}, grid=WEIGHTS)
    assert [one.pointer for one in feasibility.sweep_objections(asked, IMAGES)] == ["/base/training/batch_size"]
    asked = ask(grid={"training.batch_size": [10, 2000], "training.seed": [1, 2]})
    assert [one.pointer for one in feasibility.sweep_objections(asked, IMAGES)] == ["/grid/training.batch_size"]


def test_all_members_together_have_a_bound() -> None:
    wide = {"model": {"n_latents": 65_536, "hidden": []}}  # 103 million parameters
    assert not list(feasibility.sweep_objections(ask(wide, grid={"training.seed": [1]}), IMAGES))
    (found,) = feasibility.sweep_objections(ask(wide, grid={"training.seed": [1, 2]}), IMAGES)
    assert "all members together" in found.detail
    limits = {"dataset.train_limit": list(range(200, 300, 10))}
    (found,) = feasibility.sweep_objections(ask(grid=limits), IMAGES)
    assert "at most 8 different selections of rows" in found.detail


def test_baselines_have_defaults_and_name_each_method_once() -> None:
    asked = run_specs.parse({"kind": "baselines", "model": "digits-kl"})
    assert asked == BaselinesSpec(model="digits-kl", methods=("ksvd", "minibatch", "pca", "raw"), fit_rows=10_000)
    with pytest.raises(ValidationError, match="named once"):
        run_specs.parse({"kind": "baselines", "model": "m", "methods": ["pca", "pca"]})
    with pytest.raises(ValidationError, match="methods"):
        run_specs.parse({"kind": "baselines", "model": "m", "methods": ["nmf"]})
