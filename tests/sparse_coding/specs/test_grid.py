"""Paths into a spec's document, and every combination of what stands at some of them."""

from sparse_coding.specs import grid

BASE = {"model": {"n_latents": 8, "hidden": [4]}, "sparsity": {"kind": "kl", "weight": 0.1, "rho": 0.05}, "name": "a"}


def test_combinations_written_out() -> None:
    asked = {"sparsity.weight": [1, 2], "model.n_latents": [8, 16]}
    assert list(grid.combinations(asked)) == [
        {"sparsity.weight": 1, "model.n_latents": 8},
        {"sparsity.weight": 1, "model.n_latents": 16},
        {"sparsity.weight": 2, "model.n_latents": 8},
        {"sparsity.weight": 2, "model.n_latents": 16},
    ]


def test_leaves_are_values_and_lists_and_not_objects_that_hold_something() -> None:
    partial = {"model": {"hidden": [1, 2]}, "sparsity": {"kind": "l1", "weight": 0}, "training": {}}
    assert grid.leaves(partial) == {
        "model.hidden": [1, 2],
        "sparsity.kind": "l1",
        "sparsity.weight": 0,
        "training": {},
    }


def test_a_changed_field_leaves_the_others_and_the_original_alone() -> None:
    changed = grid.varied(BASE, {"model.n_latents": 9, "name": "b"})
    assert changed == {**BASE, "model": {"n_latents": 9, "hidden": [4]}, "name": "b"}
    assert BASE["model"] == {"n_latents": 8, "hidden": [4]}


def test_values_are_found_where_there_are_any() -> None:
    assert grid.found(BASE, ["sparsity.weight", "sparsity.strength", "name.first", "model.hidden"]) == {
        "sparsity.weight": 0.1,
        "model.hidden": [4],
    }


def test_a_path_below_another_one_overlaps() -> None:
    assert grid.overlapping(["sparsity", "sparsity.weight", "model.n_latents", "model.n"]) == ["sparsity.weight"]


def test_what_becomes_of_another_kind_starts_from_nothing() -> None:
    assert grid.varied(BASE, {"sparsity.kind": "l1"})["sparsity"] == {"kind": "l1"}
    assert grid.varied(BASE, {"sparsity.kind": "kl", "sparsity.weight": 2})["sparsity"] == {
        "kind": "kl",
        "weight": 2,
        "rho": 0.05,
    }


def test_a_path_into_a_value_that_has_no_fields_makes_some_to_be_refused_later() -> None:
    assert grid.varied(BASE, {"name.first": 1})["name"] == {"first": 1}
