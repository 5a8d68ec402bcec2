"""The table of a sweep: front and suggestion on figures written out, and rows made from real networks."""

from typing import Any

from sparse_coding.training import sweep_table


def row(number: int, mse: float | None, l0: float, **more: Any) -> dict[str, Any]:
    validation = None if mse is None else {"mse": mse, "l0": l0}
    return {
        "member": number,
        "mse": mse,
        "l0": l0,
        "varied": {},
        "collapsed": False,
        "reference": False,
        "validation": validation,
        "num_samples": 50,
        "threshold": 0.1,
        "error_units": "raw",
        "probe_rows": None,
    } | more


def test_the_front_and_the_knee_of_a_table_written_out() -> None:
    rows = [
        row(0, 0.001, 100.0),
        row(1, 0.0012, 10.0),  # far below the line from member 0 to member 2
        row(2, 0.1, 5.0),
        row(3, 0.002, 50.0),  # member 1 is better in both
        row(4, 0.05, 0.0, collapsed=True),
        row(5, 0.0005, 120.0, reference=True),
        row(6, None, 0.0),
    ]
    found = sweep_table.table(rows)
    assert [marked["pareto"] for marked in found["members"]] == [True, True, True, False, False, False, False]
    assert [marked["suggested"] for marked in found["members"]] == [False, True] + [False] * 5
    assert (found["suggested"], found["reason"]) == (1, None)
    assert "validation" in found["rule"]


def test_without_a_knee_it_is_said_of_which_front() -> None:
    found = sweep_table.table([row(0, 0.001, 100.0), row(1, 0.0012, 10.0)])
    assert found["suggested"] is None
    assert found["reason"].startswith("on the validation slice, ")


def test_members_with_other_rows_for_choosing_are_not_chosen_among() -> None:
    rows = [row(0, 0.001, 100.0), row(1, 0.0012, 10.0), row(2, 0.1, 5.0)]
    rows = [one | {"varied": {"dataset.train_limit": 100 + one["member"]}} for one in rows]
    assert sweep_table.table(rows)["suggested"] is None
    assert "different validation rows" in sweep_table.table(rows)["reason"]


def test_the_choice_is_made_on_the_validation_slice() -> None:
    rows = [row(0, 0.001, 100.0), row(1, 0.0012, 10.0), row(2, 0.1, 5.0), row(3, 0.05, 9.0)]
    rows[3]["validation"] = {"mse": 0.0011, "l0": 9.0}
    assert sweep_table.table(rows)["suggested"] == 3
    without = [one | {"validation": None} for one in rows]
    assert sweep_table.table(without)["suggested"] is None
    assert "validation_fraction" in sweep_table.table(without)["reason"]
