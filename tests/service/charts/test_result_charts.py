"""Charts of sweeps and of baselines: labels that can be read, whatever the figures, and marks that are explained."""

import itertools
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from service.answers.metrics import EpochRecord
from service.answers.tables import BaselinesResults, SweepResults
from service.charts import baselines as baselines_chart
from service.charts import member_curves as member_curves_chart
from service.charts import point_labels, style
from service.charts import sweep as sweep_chart
from service.http.representations import SVG


def member(number: int, mse: float, l0: float, /, **facts: Any) -> dict[str, Any]:
    known = {"varied": {"sparsity.weight": number / 10}, "reference": False, "collapsed": False, "suggested": False}
    sizes = {"n_latents": 16, "overcomplete": False, "population_sparsity": min(1.0, l0 / 16), "inactive_latents": 1}
    others = {"sse_row": mse, "explained_variance": None, "dead_latents": 0, "seconds": 1.0, "name": f"swept-{number}"}
    figures = {"member": number, "mse": mse, "l0": l0, "error_units": "raw", "pareto": True}
    return {**figures, **known, **sizes, **others, **facts}


def sweep(*members: Mapping[str, Any], suggested: int | None = None) -> SweepResults:
    reason = "it has no knee" if suggested is None else None
    document = {"name": "swept", "dataset": "digits", "members": members, "suggested": suggested, "reason": reason}
    others = {"run": "1", "rule": "", "num_samples": 10, "threshold": 0.1, "train_seconds": 1.0, "formulas": {}}
    return SweepResults.model_validate({**document, **others})


def words(chart: style.Chart) -> list[str]:
    drawn = ElementTree.fromstring(style.render(chart, SVG))
    return [text for element in drawn.iter() if element.tag.endswith("text") for text in element.itertext()]


def swept(*members: Mapping[str, Any], suggested: int | None = None) -> list[str]:
    return words(sweep_chart.chart(sweep(*members, suggested=suggested)))


COLLAPSED: dict[str, Any] = {"collapsed": True, "pareto": False}


def test_members_at_one_place_share_a_label() -> None:
    found = swept(member(1, 0.5, 0, **COLLAPSED), member(10, 0.5, 0, **COLLAPSED), member(3, 0.1, 9))
    assert {"0.1, 1 (collapsed)", "0.3"} <= set(found)
    assert "0.1 (collapsed)" not in found


def test_a_label_for_many_says_how_many_they_are() -> None:
    assert "20 members (collapsed)" in swept(*(member(number, 0.5, 0, **COLLAPSED) for number in range(20)))


@pytest.mark.parametrize(("count", "named"), [(24, True), (25, False)])
def test_many_members_are_not_named_one_by_one(count: int, named: bool) -> None:
    found = swept(*(member(number, 0.9**number, number + 0.5) for number in range(count)))
    assert ("1.3" in found) is named
    assert any("the table names them" in word for word in found) is not named


def spots(count: int) -> Sequence[point_labels.Spot]:
    """Points along the left edge and the top, in the corners, too."""
    return [(0.0, 360.0 * place / count) for place in range(count)] + [
        (620.0 * place / count, 360.0) for place in range(count + 1)
    ]


def test_labels_stay_within_the_plane_and_off_each_other() -> None:
    size, text = (620.0, 360.0), "10 (collapsed)"
    points = spots(4)
    places = point_labels.places([(spot, text) for spot in points], points, (), size)
    width, height = point_labels.LETTER[0] * len(text), point_labels.LETTER[1]
    boxes = []
    for (x, y), place in zip(points, places, strict=True):
        left = x + place.dx - {"left": 0, "center": width / 2, "right": width}[place.align]
        middle = y - place.dy
        assert 0 <= left <= left + width <= size[0], (x, y, place)
        assert 0 <= middle - height / 2 <= middle + height / 2 <= size[1], (x, y, place)
        boxes.append((left, middle))
    for one, other in itertools.combinations(boxes, 2):
        assert abs(one[0] - other[0]) >= width or abs(one[1] - other[1]) >= height


def test_fields_are_named_where_members_differ_in_several() -> None:
    varied: list[dict[str, Any]] = [
        {"dataset.train_limit": 200, "training.batch_size": None},
        {"dataset.train_limit": None, "training.batch_size": 32},
        {"dataset.train_limit": 400, "training.batch_size": 16},
    ]
    found = swept(*(member(number, 0.5**number, number, varied=paths) for number, paths in enumerate(varied)))
    assert {"train_limit 200", "batch_size 32", "train_limit 400, batch_size 16"} <= set(found)


def test_a_field_that_is_the_same_everywhere_is_not_written() -> None:
    paths = [{"sparsity.kind": "l1", "sparsity.weight": weight} for weight in (0.25, 0.75)]
    found = swept(*(member(number, 0.5**number, 5 * number, varied=each) for number, each in enumerate(paths)))
    assert {"0.25", "0.75"} <= set(found)


@pytest.mark.parametrize("path", ["sparsity.weight", "model.n_latents"])
def test_one_huge_error_does_not_squeeze_the_others(path: str) -> None:
    errors = (0.002, 0.004, 1e32)
    members = [
        member(place, mse, 9 - place, varied={path: place}, n_latents=8 << place) for place, mse in enumerate(errors)
    ]
    results = sweep(*members)
    found = words(sweep_chart.chart(results))
    assert any("1 model drawn at the top, not to scale" in word and "1e+32" in word for word in found)
    assert all(len(word) < 12 for word in found if word.replace(".", "").isdigit()), "no rows of zeros"
    drawn = sweep_chart.chart(results).to_dict()["datasets"].values()
    heights = [
        point.get("mse", point.get("value"))
        for points in drawn
        for point in points
        if "l0" in point or point["series"] == "mse"
    ]
    assert max(heights) == 0.008
    assert any(word.endswith("mse 1e+32") or "mse 1e+32)" in word for word in found), "said beside the point"


def test_over_the_width_front_suggestion_and_collapse_are_marked() -> None:
    widths = [{"varied": {"model.n_latents": 8 << place}, "n_latents": 8 << place} for place in range(4)]
    members = [
        member(0, 0.4, 1, **widths[0]),
        member(1, 0.2, 2, **{**widths[1], "suggested": True}),
        member(2, 0.3, 3, **{**widths[2], "pareto": False}),
        member(3, 0.9, 0, **{**widths[3], **COLLAPSED}),
    ]
    found = swept(*members, suggested=1)
    assert "collapsed" in found
    assert any("ring: suggested" in word for word in found)
    ring, filled, hollow, _ = sweep_chart.chart(sweep(*members, suggested=1)).to_dict()["hconcat"][0]["layer"][1:]
    data = sweep_chart.chart(sweep(*members, suggested=1)).to_dict()["datasets"]
    drawn = [[point["n_latents"] for point in data[layer["data"]["name"]]] for layer in (ring, filled, hollow)]
    assert drawn == [[16], [8, 16, 64], [32]]
    none = swept(*({**each, "suggested": False} for each in members))
    assert any("none is suggested: it has no knee" in word for word in none)


def comparison_chart(*l0: float, k: int = 1) -> style.Chart:
    names = ("model", "ksvd", "pca")
    entries = [{"method": name, "mse": 0.1, "l0": count} for name, count in zip(names, l0, strict=True)]
    document = {"entries": entries, "k": k, "error_units": "raw", "model": "m@1", "dictionary": "decoder", "run": "1"}
    others: dict[str, Any] = {"num_samples": 10, "fit_rows": 10, "probe_rows": None, "formulas": {}}
    return baselines_chart.chart(BaselinesResults.model_validate({**document, **others}))


def test_only_a_linear_axis_has_stems() -> None:
    linear, log = (comparison_chart(*l0).to_dict()["hconcat"][1] for l0 in ((10, 3, 12), (128, 1, 90)))
    assert [layer["mark"]["type"] for layer in linear["layer"]] == ["rule", "point", "text"]
    assert [layer["mark"]["type"] for layer in log["layer"]] == ["point", "text"]


def test_small_counts_are_written_out_and_one_atom_is_one() -> None:
    found = words(comparison_chart(128, 1, 90))
    assert {"1", "10", "100"} <= set(found)
    assert not any("e+" in word for word in found)
    assert any("with 1 atom;" in word for word in found)
    assert any("with 2 atoms;" in word for word in words(comparison_chart(128, 2, 90, k=2)))


def test_of_many_members_the_curves_say_how_the_colours_run() -> None:
    def curves(count: int) -> list[str]:
        records = [EpochRecord(epoch=epoch, member=one, test_mse=1 / epoch) for epoch in (1, 2) for one in range(count)]
        return words(member_curves_chart.chart(records, [f"{one}: weight {one}" for one in range(count)], "Training"))

    assert {"0: weight 0", "19: weight 19"} <= set(curves(20))
    many = curves(64)
    assert "colour runs from member 0: weight 0 (dark) to member 63: weight 63 (light)" in many
    assert {"member", "0", "63"} <= set(many)
