"""The answer of a probe as bars: accuracy of each representation, and of k of its columns."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import altair as alt

from service.answers.probe import ProbeAnswer, Probed
from service.charts import style
from service.charts.style import BLUE, FAINT, GREEN, INK, VERMILION

_LOOKS: Final = MappingProxyType({"codes": ("codes", BLUE), "inputs": ("inputs", VERMILION), "pca": ("PCA", GREEN)})
"""Representation -> its name and colour."""
HEIGHT: Final = 240
BAR: Final = 34
"""Width of a bar and the gap beside it in pixels."""
NOTHING_SPARSE: Final = "the rows scored are of one class, or of none that was fitted on"
"""Why no class can be distinguished from the rest."""


def bars(report: ProbeAnswer) -> alt.HConcatChart:
    """Two panels: all columns, with what always naming the most frequent class scores; and k of them, with chance."""
    title = alt.Title(
        f"What a linear probe reads from {report.model}",
        subtitle=f"Fitted on {report.fit_rows:,} training rows, scored on {report.scored_rows:,} rows of the "
        f"{report.split} split, {report.classes} classes",
        offset=20,
    )
    panels: alt.HConcatChart = alt.hconcat(_whole(report), _sparse(report), spacing=48, title=title)
    panels = panels.resolve_scale(color="independent")  # so that the right one has a legend, and only that
    return style.styled(panels)


def _whole(report: ProbeAnswer) -> alt.LayerChart:
    points = [
        {"name": _name(each), "columns": f"{each.columns:,} columns", "value": each.accuracy, "of": _name(each)}
        for each in report.representations
    ]
    remark = f"always the most frequent class: {report.majority:.3f} (dashed)"
    x = alt.X("name:N", title=None, sort=None, scale=alt.Scale(padding=0.25), axis=_flat(labelExpr=_two_lines(points)))
    return _bars(points, x, "Accuracy", ("All columns", remark), mark=report.majority, width=9 * BAR)


def _sparse(report: ProbeAnswer) -> alt.Chart | alt.LayerChart:
    points = [
        {"name": f"k = {each.k}", "of": _name(probed), "value": each.balanced_accuracy}
        for probed in report.representations
        for each in probed.k_sparse
        if each.balanced_accuracy is not None
    ]
    if not points:
        title = style.title("The k columns that differ most", NOTHING_SPARSE)
        return style.nothing("No class to tell from the rest").properties(title=title, width=12 * BAR, height=HEIGHT)
    x = alt.X("name:N", title=None, sort=None, scale=alt.Scale(paddingInner=0.25, paddingOuter=0.15), axis=_flat())
    remark = "one class against the rest; chance: 0.5 (dashed)"
    heading = ("The k columns that differ most", remark)
    return _bars(points, x, "Balanced accuracy, mean over classes", heading, mark=0.5, width=12 * BAR)


def _bars(
    points: Sequence[Mapping[str, Any]], x: alt.X, y_title: str, heading: tuple[str, str], *, mark: float, width: int
) -> alt.LayerChart:
    """Bars with their numbers, and a dashed line at `mark`."""
    several = len({point["name"] for point in points}) < len(points)
    placed: dict[str, Any] = {"x": x}
    if several:
        placed["xOffset"] = alt.XOffset("of:N", sort=None)
    y = alt.Y("value:Q", title=y_title, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="~g", tickCount=6))
    names, colours = zip(*_LOOKS.values(), strict=True)
    colour = alt.Color("of:N", scale=alt.Scale(domain=list(names), range=list(colours)), title=None)
    drawn = style.points(points).mark_bar().encode(y=y, color=colour if several else colour.legend(None), **placed)
    written = style.points(points).mark_text(dy=-8, fontSize=11, color=INK)
    text = written.encode(y="value:Q", text=alt.Text("value:Q", format=".3f"), **placed)
    line = style.points([{"mark": mark}]).mark_rule(color=FAINT, strokeDash=[4, 3], strokeWidth=1.5)
    rule: alt.Chart = line.encode(y="mark:Q")
    description = f"Bar chart: {heading[0]}; {heading[1]}."
    return style.panel([drawn, rule, text], style.title(*heading), description, width, HEIGHT)


def _flat(**more: Any) -> alt.Axis:
    return alt.Axis(labelAngle=0, ticks=False, grid=False, **more)


def _name(probed: Probed) -> str:
    return _LOOKS[probed.representation][0]


def _two_lines(points: Sequence[Mapping[str, Any]]) -> str:
    """A Vega expression: under each name, the number of its columns."""
    cases = "".join(
        f"datum.label == '{point['name']}' ? ['{point['name']}', '{point['columns']}'] : " for point in points
    )
    return f"{cases}datum.label"
