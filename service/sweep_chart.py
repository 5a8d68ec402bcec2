"""A sweep's table as a chart: error against active latents, or both over the width of the code.

Knows the shape of a sweep's results and nothing of how members were trained or one of them was chosen.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import altair as alt

from service import charts
from service.charts import BLUE, FAINT, GREEN, INK, PURPLE, VERMILION

Member = Mapping[str, Any]

WIDTH: Final = "model.n_latents"
KIND: Final = "sparsity.kind"
COLOURS: Final = (BLUE, VERMILION, GREEN, PURPLE)
MARGIN: Final = 1.35
"""The log axis of errors goes so far beyond its outermost points: room for what is written beside them."""
DECADE: Final = 10
"""A log axis that spans less has its ticks at even distances: powers of ten and their like are too few there."""
ROOM: Final = 0.12
"""A linear axis goes so much of its points' span beyond them; it begins at 0 where they span more than twofold."""
SIZE: Final = (620, 360)
"""Width and height of the plane in pixels."""
LETTER: Final = (6.2, 13.0)
"""About the width of a character and the height of a line at the labels' size."""


class _Place(NamedTuple):
    """Where a label stands beside its point: shift in pixels of its anchor, and which end is anchored."""

    dx: int
    dy: int
    align: Literal["left", "center", "right"]


PLACES: Final = (
    _Place(14, 0, "left"),
    _Place(0, -15, "center"),
    _Place(-14, 0, "right"),
    _Place(0, 16, "center"),
    _Place(9, -13, "left"),
    _Place(9, 14, "left"),
    _Place(0, -29, "center"),
    _Place(0, 30, "center"),
)


def chart(results: Mapping[str, Any]) -> charts.Chart:
    """The trade-off of a sweep, on the axes on which its knee is looked for; both numbers over the width of the code
    where nothing else was varied."""
    if _fields(results["members"]) == [WIDTH]:
        return charts.styled(_over_width(results))
    return charts.styled(_trade_off(results))


def _fields(members: Sequence[Member]) -> list[str]:
    """What was varied; that the reference differs as well does not count."""
    return list(dict.fromkeys(path for member in members if not member["reference"] for path in member["varied"]))


def _drawn(results: Mapping[str, Any]) -> list[Member]:
    """Members that have figures: whose numbers stopped being finite has none."""
    return [member for member in results["members"] if member["mse"] is not None]


def _error(members: Sequence[Member]) -> str:
    return f"Held-out mse, {' and '.join(sorted({member['error_units'] for member in members}))} units"


# --- error against sparsity ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Axis:
    """A number of all members along one side of the plane."""

    title: str
    values: Sequence[float]
    pixels: int
    is_log: bool = False

    @property
    def domain(self) -> tuple[float, float]:
        low, high = min(self.values), max(self.values)
        if self.is_log:
            return low / MARGIN, high * MARGIN
        low = 0.0 if low < high / 2 else low
        room = ROOM * (high - low or high or 1.0)
        return max(0.0, low - room), high + room

    @property
    def scale(self) -> alt.Scale:
        return alt.Scale(type="log" if self.is_log else "linear", domain=list(self.domain), nice=False)

    @property
    def axis(self) -> alt.Axis:
        low, high = self.domain
        if self.is_log and high / low > DECADE:
            return alt.Axis(values=charts.log_ticks(low, high), format="~g", labelFlush=False)
        return alt.Axis(values=charts.even_ticks(low, high), format="~r", labelFlush=False)

    def pixel(self, value: float) -> float:
        """Distance from the axis' lower end."""
        low, high = self.domain
        if self.is_log:
            return self.pixels * math.log(value / low) / math.log(high / low)
        return self.pixels * (value - low) / (high - low)


def _trade_off(results: Mapping[str, Any]) -> alt.LayerChart:
    members = _drawn(results)
    errors = [member["mse"] for member in members]
    x = _Axis("Active latents per row (L0)", [member["l0"] for member in members], SIZE[0])
    y = _Axis(f"{_error(members)}, log scale", errors, SIZE[1], is_log=True)
    if min(errors) <= 0:
        y = _Axis(_error(members), errors, SIZE[1])
    fields = _fields(members)
    coloured = _coloured(members, fields)
    points = [_point(member, coloured, fields) for member in members]
    layers = [_front(points), *_marks(points, coloured), *_labels(points, x, y)]
    plane = alt.LayerChart(layer=[_on_plane(layer, x, y) for layer in layers], width=SIZE[0], height=SIZE[1])
    return plane.properties(title=_title(results), description=f"Scatter plot of {_models(len(members))}.")


def _on_plane(layer: alt.Chart, x: _Axis, y: _Axis) -> alt.Chart:
    """One layer on the axes that all share."""
    placed: alt.Chart = layer.encode(
        x=alt.X("l0:Q", title=x.title, scale=x.scale, axis=x.axis),
        y=alt.Y("mse:Q", title=y.title, scale=y.scale, axis=y.axis),
    )
    return placed


def _coloured(members: Sequence[Member], fields: Sequence[str]) -> str | None:
    """Of several varied fields, the one that is told by colour: the kind of penalty, else that of the fewest values."""
    few = [field for field in fields if 1 < len(_values(members, field)) <= len(COLOURS)]
    if len(fields) < 2 or not few:
        return None
    return KIND if KIND in few else min(few, key=lambda field: len(_values(members, field)))


def _values(members: Sequence[Member], field: str) -> list[str]:
    """Texts of the values that a varied field takes, each once."""
    return list(dict.fromkeys(_text(m["varied"].get(field)) for m in members if not m["reference"]))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def _point(member: Member, coloured: str | None, fields: Sequence[str]) -> dict[str, Any]:
    """What is drawn of a member."""
    written = [_text(member["varied"][path]) for path in fields if path != coloured and path in member["varied"]]
    label = "dense reference" if member["reference"] else ", ".join(written) or str(member["member"])
    notes = ("suggested", member["suggested"]), ("collapsed", member["collapsed"])
    label += "".join(f" ({note})" for note, holds in notes if holds)
    return {
        "l0": member["l0"],
        "mse": member["mse"],
        "label": label,
        "series": _series(member, coloured),
        "suggested": member["suggested"],
        "collapsed": member["collapsed"],
        "on_front": member["pareto"],
        "pareto": member["pareto"] and not member["reference"],
        "behind": not member["pareto"] and not member["reference"],
        "reference": member["reference"],
    }


def _series(member: Member, coloured: str | None) -> str:
    if member["reference"]:
        return "dense reference"
    return "members" if coloured is None else _text(member["varied"].get(coloured))


def _front(points: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """A line through the Pareto front, behind everything."""
    on_front = [{"l0": point["l0"], "mse": point["mse"]} for point in points if point["on_front"]]
    line: alt.Chart = alt.Chart({"values": on_front}).mark_line(color=FAINT, opacity=0.55, strokeWidth=1.5)
    return line


def _marks(points: Sequence[Mapping[str, Any]], coloured: str | None) -> list[alt.Chart]:
    """Members as dots, hollow off the front; collapsed ones as crosses, the reference as a diamond; the ring around
    the suggested one."""
    ring = _some(points, "suggested").mark_point(size=330, color=INK, strokeWidth=2)
    sound = [point for point in points if not point["collapsed"]]
    layers = [
        _some(points, "collapsed").mark_point(shape="cross", size=70, angle=45, filled=True),
        _some(sound, "pareto").mark_point(size=110, filled=True),
        _some(sound, "behind").mark_point(size=90, filled=False, strokeWidth=2),
        _some(sound, "reference").mark_point(shape="diamond", size=150, filled=True),
    ]
    series = list(dict.fromkeys(point["series"] for point in points if not point["reference"]))
    names, colours = [*series, "dense reference"], [*COLOURS[: len(series)], INK]
    legend = None if coloured is None else alt.Legend(title=coloured, symbolType="circle", values=series)
    colour = alt.Color("series:N", scale=alt.Scale(domain=names, range=colours), legend=legend)
    return [ring, *(layer.encode(color=colour, opacity=alt.value(1)) for layer in layers)]


def _some(points: Sequence[Mapping[str, Any]], role: str) -> alt.Chart:
    return alt.Chart({"values": [point for point in points if point[role]]})


def _labels(points: Sequence[Mapping[str, Any]], x: _Axis, y: _Axis) -> list[alt.Chart]:
    """Every point's label where it hides no other point or label, as far as that can be."""
    taken = [_box(x.pixel(point["l0"]), y.pixel(point["mse"]), 14, 14) for point in points]
    placed: dict[_Place, list[Mapping[str, Any]]] = {}
    for point in points:
        options = {place: _label_box(point, place, x, y) for place in PLACES}
        place = min(options, key=lambda place: _clashes(options[place], taken))
        taken.append(options[place])
        placed.setdefault(place, []).append(point)
    return [
        alt.Chart({"values": some})
        .mark_text(dx=place.dx, dy=place.dy, align=place.align, fontSize=11, color=INK)
        .encode(text="label:N")
        for place, some in placed.items()
    ]


_Box = tuple[float, float, float, float]


def _box(x: float, y: float, width: float, height: float) -> _Box:
    """Left, bottom, right and top of a box about its middle."""
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _label_box(point: Mapping[str, Any], place: _Place, x: _Axis, y: _Axis) -> _Box:
    width = LETTER[0] * len(point["label"])
    shift = {"left": width / 2, "center": 0.0, "right": -width / 2}[place.align]
    return _box(x.pixel(point["l0"]) + place.dx + shift, y.pixel(point["mse"]) - place.dy, width, LETTER[1])


def _clashes(box: _Box, taken: Sequence[_Box]) -> float:
    """Area that is covered twice; what leaves the plane counts, too."""
    outside = max(0.0, -box[0]) + max(0.0, box[2] - SIZE[0]) + max(0.0, -box[1]) + max(0.0, box[3] - SIZE[1])
    overlaps = (
        max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
        * max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
        for other in taken
    )
    return outside * LETTER[1] + sum(overlaps)


def _title(results: Mapping[str, Any]) -> alt.Title:
    members = _drawn(results)
    fields = _fields(members)
    written = ", ".join(field for field in fields if field != _coloured(members, fields)) or "its number"
    words = [
        f"{_models(len(members))}; written beside each: {written}",
        "line: Pareto front over mse and L0; ring: suggested, judged on the validation slice"
        if results["suggested"] is not None
        else f"line: Pareto front; none is suggested: {results['reason']}",
    ]
    if len(members) < len(results["members"]):
        words.append(f"{_models(len(results['members']) - len(members))} diverged and cannot be drawn")
    return alt.Title(f"Trade-off of the sweep {results['name']} on {results['dataset']}", subtitle=words, offset=14)


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count} models"


# --- over the width of the code --------------------------------------------------------------------------------------


_WIDTH_SERIES: Final = {"mse": BLUE, "active on a row": GREEN, "active on under 1 % of the rows": PURPLE}
_NARROW: Final = "no wider than the input"
_WIDE: Final = "overcomplete"
_DENSE: Final = "dense reference"


def _over_width(results: Mapping[str, Any]) -> alt.HConcatChart:
    """Two panels over the number of latents: how good, and how sparse."""
    members = sorted(_drawn(results), key=lambda member: int(member["n_latents"]))
    shares = [
        *_shares(members, "active on a row", lambda member: member["population_sparsity"]),
        *_shares(
            members, "active on under 1 % of the rows", lambda member: member["inactive_latents"] / member["n_latents"]
        ),
    ]
    errors = _shares(members, "mse", lambda member: member["mse"])
    title = alt.Title(
        f"Width of the code in the sweep {results['name']} on {results['dataset']}",
        subtitle="overcomplete: the code is wider than the input",
        offset=20,
    )
    quality = _curve(errors, _error(members), "Quality", legend=False)
    sparsity = _curve(shares, "Share of the latents", "Sparsity", legend=True)
    panels = alt.hconcat(quality, sparsity, spacing=40, title=title)
    separate: alt.HConcatChart = panels.resolve_scale(color="independent", shape="independent")
    return separate


def _shares(members: Sequence[Member], series: str, number: Callable[[Member], float]) -> list[dict[str, Any]]:
    return [
        {
            "n_latents": member["n_latents"],
            "value": number(member),
            "series": series,
            "code": _DENSE if member["reference"] else _WIDE if member["overcomplete"] else _NARROW,
        }
        for member in members
    ]


def _curve(points: Sequence[Mapping[str, Any]], y_title: str, heading: str, *, legend: bool) -> alt.LayerChart:
    """Lines through the members of each series, and their marks; the reference stands by itself."""
    names = [name for name in _WIDTH_SERIES if any(point["series"] == name for point in points)]
    codes = [code for code in (_NARROW, _WIDE, _DENSE) if any(point["code"] == code for point in points)]
    shapes = {_NARROW: "circle", _WIDE: "square", _DENSE: "diamond"}
    widths = sorted({point["n_latents"] for point in points})
    x = alt.X(
        "n_latents:Q",
        title="Latents (log scale)",
        scale=alt.Scale(type="log", base=2, domain=[widths[0] / 1.2, widths[-1] * 1.2], nice=False),
        axis=alt.Axis(values=widths, format="d", grid=False, labelOverlap="parity"),
    )
    y = alt.Y("value:Q", title=y_title, scale=alt.Scale(zero=True), axis=alt.Axis(format="~g", tickCount=6))
    scale = alt.Scale(domain=names, range=[_WIDTH_SERIES[name] for name in names])
    told = alt.Legend(title=None, orient="right") if legend else None
    colour = alt.Color("series:N", scale=scale, legend=told)
    shape = alt.Shape("code:N", scale=alt.Scale(domain=codes, range=[shapes[code] for code in codes]), legend=told)
    swept = [point for point in points if point["code"] != _DENSE]
    lines = alt.Chart({"values": swept}).mark_line(strokeWidth=1.5, opacity=0.6).encode(x=x, y=y, color=colour)
    marks = alt.Chart({"values": list(points)}).mark_point(size=90, filled=True, opacity=1)
    layers = [lines, marks.encode(x=x, y=y, color=colour, shape=shape)]
    return alt.LayerChart(layer=layers, title=alt.Title(heading, fontSize=13, frame="group", offset=8), **charts.PANEL)
