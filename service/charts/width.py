"""Members of a sweep over the width of the code as a chart: their error, and their sparsity."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import altair as alt

from service.answers.tables import SweepMember
from service.charts import style
from service.charts.style import BLUE, GREEN, INK, PURPLE

Point = Mapping[str, Any]


class Member(SweepMember):
    """A member of a sweep that has figures."""

    mse: float
    l0: float
    population_sparsity: float
    inactive_latents: int


SERIES: Final = {"mse": BLUE, "active on a row": GREEN, "active on under 1 % of the rows": PURPLE}
NARROW: Final = "no wider than the input"
WIDE: Final = "overcomplete"
DENSE: Final = "dense reference"
COLLAPSED: Final = "collapsed"
SHAPES: Final = {NARROW: "circle", WIDE: "square", DENSE: "diamond", COLLAPSED: "cross"}


def panels(members: Sequence[Member], edge: float, error_title: str, title: alt.Title) -> alt.HConcatChart:
    """Two panels over the number of latents; a larger mse than `edge` is drawn there."""
    members = sorted(members, key=lambda member: member.n_latents)
    errors = [_up_to(edge, point) for point in _points(members, "mse", lambda member: member.mse)]
    shares = [
        *_points(members, "active on a row", lambda member: member.population_sparsity),
        *_points(members, "active on under 1 % of the rows", lambda member: member.inactive_latents / member.n_latents),
    ]
    quality = _lines(errors, _quality(errors, error_title), "Quality", legend=False)
    share = alt.Y("value:Q", title="Share of the latents", scale=alt.Scale(zero=True), axis=_axis())
    sparsity = _lines(shares, share, "Sparsity", legend=True)
    both = alt.hconcat(quality, sparsity, spacing=40, title=title)
    separate: alt.HConcatChart = both.resolve_scale(color="independent", shape="independent")
    return separate


def _points(members: Sequence[Member], series: str, number: Callable[[Member], float]) -> list[dict[str, Any]]:
    return [
        {
            "n_latents": member.n_latents,
            "value": number(member),
            "series": series,
            "code": _code(member),
            "filled": member.pareto or member.reference or member.collapsed,
            "suggested": member.suggested,
            "reference": member.reference,
            "note": "",
        }
        for member in members
    ]


def _up_to(edge: float, point: Point) -> dict[str, Any]:
    """The point, or what is drawn at the edge for one beyond it: it says what it would be, and no line leads there."""
    if point["value"] <= edge:
        return dict(point)
    return {**point, "value": edge, "note": f"mse {point['value']:.2g}"}


def _code(member: Member) -> str:
    if member.collapsed:
        return COLLAPSED
    return DENSE if member.reference else WIDE if member.overcomplete else NARROW


def _axis() -> alt.Axis:
    return alt.Axis(format="~g", tickCount=6)


def _quality(points: Sequence[Point], title: str) -> alt.Y:
    """Errors from 0 on, or on a log axis where they span much."""
    values = [point["value"] for point in points]
    if 0 < style.LOG_RATIO * min(values) < max(values):
        return style.loss_axis(values, title)
    return alt.Y("value:Q", title=title, scale=alt.Scale(zero=True), axis=_axis())


def _lines(points: Sequence[Point], y: alt.Y, heading: str, *, legend: bool) -> alt.LayerChart:
    """Lines through the members of each series, and their marks; the reference is by itself."""
    names = [name for name in SERIES if any(point["series"] == name for point in points)]
    codes = [code for code in SHAPES if any(point["code"] == code for point in points)]
    legends = alt.Legend(title=None, orient="right") if legend else None
    scale = alt.Scale(domain=names, range=[SERIES[name] for name in names])
    place = {"x": _widths(points), "y": y}
    look = {
        "color": alt.Color("series:N", scale=scale, legend=legends),
        "shape": alt.Shape(
            "code:N", scale=alt.Scale(domain=codes, range=[SHAPES[code] for code in codes]), legend=legends
        ),
    }
    swept = style.points(points, lambda point: not (point["reference"] or point["note"]))
    layers = [
        swept.mark_line(strokeWidth=1.5, opacity=0.6).encode(color=look["color"], **place),
        style.points(points, lambda point: point["suggested"])
        .mark_point(size=330, color=INK, strokeWidth=2)
        .encode(**place),
        style.points(points, lambda point: point["filled"])
        .mark_point(size=90, filled=True, opacity=1)
        .encode(**place, **look),
        style.points(points, lambda point: not point["filled"])
        .mark_point(size=80, fill="white", strokeWidth=2, opacity=1)
        .encode(**place, **look),
        style.points(points, lambda point: point["note"])
        .mark_text(dx=-9, align="right", fontSize=11, color=INK)
        .encode(text="note:N", **place),
    ]
    description = f"Line chart: {heading} over the number of latents."
    return style.panel(layers, style.title(heading, offset=8), description, **style.PANEL)


def _widths(points: Sequence[Point]) -> alt.X:
    widths = sorted({point["n_latents"] for point in points})
    return alt.X(
        "n_latents:Q",
        title="Latents (log scale)",
        scale=alt.Scale(type="log", base=2, domain=[widths[0] / 1.2, widths[-1] * 1.2], nice=False),
        axis=alt.Axis(values=widths, format="d", grid=False, labelOverlap="parity"),
    )
