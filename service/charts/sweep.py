"""A sweep's table as a chart: error against active latents, or both over the width of the code."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import altair as alt

from service.answers.tables import SweepMember, SweepResults
from service.charts import point_labels, style
from service.charts import width as width_chart
from service.charts.style import BLUE, FAINT, GREEN, INK, PURPLE, VERMILION
from service.charts.width import Member

WIDTH: Final = "model.n_latents"
KIND: Final = "sparsity.kind"
DENSE: Final = width_chart.DENSE
COLOURS: Final = (BLUE, VERMILION, GREEN, PURPLE)
MARGIN: Final = 1.35
"""Factor by which the log axis of errors extends beyond its outermost points: space for their labels."""
DECADE: Final = 10
"""A log axis that spans less has its ticks at even distances: powers of ten and their like are too few there."""
MARGIN_SHARE: Final = 0.12
"""Share of its points' span by which a linear axis extends beyond them; it begins at 0 where the largest value is more
than twice the smallest."""
SIZE: Final = (620, 360)
"""Width and height of the plane in pixels."""
MAX_LABELS: Final = 24
"""Points that are named one by one; of more, the table says which is which."""
MAX_LETTERS: Final = 32
"""A longer label leaves out the names of fields; one that several points share says how many they are."""
REACH: Final = 1e4
"""Members whose error is so many times the smallest are drawn at the edge, so that the others can be distinguished."""


def chart(results: SweepResults) -> style.Chart:
    """The trade-off of a sweep, on the axes on which its knee is looked for; both numbers over the width of the code
    where nothing else was varied."""
    members = _drawn(results)
    if _fields(results.members) == [WIDTH]:
        title = alt.Title(
            f"Width of the code in the sweep {results.name} on {results.dataset}",
            subtitle=_remarks(results, "overcomplete: the code is wider than the input", "filled"),
            offset=20,
        )
        return style.styled(width_chart.panels(members, _edge(members), _error(members), title))
    return style.styled(_trade_off(results))


def _fields(members: Sequence[SweepMember]) -> list[str]:
    """What was varied, as far as members differ in it; that the reference differs as well does not count."""
    paths = list(dict.fromkeys(path for member in members if not member.reference for path in member.varied))
    return [path for path in paths if len(_values(members, path)) > 1] or paths


def _drawn(results: SweepResults) -> list[Member]:
    """Members that have figures; a diverged one has none."""
    return [Member.model_validate(dict(member)) for member in results.members if member.mse is not None]


def _limit(members: Sequence[Member]) -> float:
    """The largest error that is drawn where it is."""
    return REACH * min((member.mse for member in members if member.mse > 0), default=1.0)


def _edge(members: Sequence[Member]) -> float:
    """Where larger errors are drawn: a little above all others."""
    limit = _limit(members)
    return 2 * max((member.mse for member in members if 0 < member.mse <= limit), default=limit)


def _error(members: Sequence[Member]) -> str:
    return f"Held-out mse, {' and '.join(sorted({str(member.error_units) for member in members}))} units"


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
        margin = MARGIN_SHARE * (high - low or high or 1.0)
        return max(0.0, low - margin), high + margin

    @property
    def scale(self) -> alt.Scale:
        return alt.Scale(type="log" if self.is_log else "linear", domain=list(self.domain), nice=False)

    @property
    def axis(self) -> alt.Axis:
        low, high = self.domain
        if self.is_log and high / low > DECADE:
            return alt.Axis(values=style.log_ticks(low, high), format="~g", labelFlush=False)
        return alt.Axis(values=style.even_ticks(low, high), format=style.number_format(high), labelFlush=False)

    def pixel(self, value: float) -> float:
        """Distance from the axis' lower end."""
        low, high = self.domain
        if self.is_log:
            return self.pixels * math.log(value / low) / math.log(high / low)
        return self.pixels * (value - low) / (high - low)


def _trade_off(results: SweepResults) -> alt.LayerChart:
    members = _drawn(results)
    edge = _edge(members)
    errors = [min(member.mse, edge) for member in members]
    x = _Axis("Active latents per row (L0)", [member.l0 for member in members], SIZE[0])
    y = _Axis(f"{_error(members)}, log scale", errors, SIZE[1], is_log=True)
    if min(errors) <= 0:
        y = _Axis(_error(members), errors, SIZE[1])
    fields = _fields(members)
    coloured = _coloured(members, fields)
    points = [_point(member, coloured, fields, edge) for member in members]
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
    """Of several varied fields, the one that colours show: the kind of penalty, else that of the fewest values."""
    swept = [member for member in members if not member.reference]
    whole = [field for field in fields if all(member.varied.get(field) is not None for member in swept)]
    few = [field for field in whole if 1 < len(_values(members, field)) <= len(COLOURS)]
    if len(fields) < 2 or not few:
        return None
    return KIND if KIND in few else min(few, key=lambda field: len(_values(members, field)))


def _values(members: Sequence[SweepMember], field: str) -> list[str]:
    """Texts of the values that a varied field takes, each once."""
    return list(dict.fromkeys(_text(m.varied.get(field)) for m in members if not m.reference))


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def _point(member: Member, coloured: str | None, fields: Sequence[str], edge: float) -> dict[str, Any]:
    """What is drawn of a member."""
    notes = [note for note in ("suggested", "collapsed") if getattr(member, note)]
    if member.mse > edge:
        notes.append(f"mse {member.mse:.2g}")
    return {
        "l0": member.l0,
        "mse": min(member.mse, edge),
        "name": _name(member, [field for field in fields if field != coloured]),
        "notes": f" ({', '.join(notes)})" if notes else "",
        "series": _series(member, coloured),
        "suggested": member.suggested,
        "collapsed": member.collapsed,
        "on_front": member.pareto,
        "pareto": member.pareto and not member.reference,
        "behind": not member.pareto and not member.reference,
        "reference": member.reference,
    }


def _name(member: Member, fields: Sequence[str]) -> str:
    """The values of these fields; with their names where there are several and that is short."""
    if member.reference:
        return DENSE
    values = {path: _text(value) for path in fields if (value := member.varied.get(path)) is not None}
    if not values:
        return str(member.member)
    named = ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in values.items())
    return named if len(fields) > 1 and len(named) <= MAX_LETTERS else ", ".join(values.values())


def _series(member: Member, coloured: str | None) -> str:
    if member.reference:
        return DENSE
    return "members" if coloured is None else _text(member.varied.get(coloured))


def _front(points: Sequence[Mapping[str, Any]]) -> alt.Chart:
    """A line through the Pareto front, behind everything."""
    on_front = [{"l0": point["l0"], "mse": point["mse"]} for point in points if point["on_front"]]
    line: alt.Chart = style.points(on_front).mark_line(color=FAINT, opacity=0.55, strokeWidth=1.5)
    return line


def _marks(points: Sequence[Mapping[str, Any]], coloured: str | None) -> list[alt.Chart]:
    """Members as dots, hollow off the front; collapsed ones as crosses, the reference as a diamond; the ring around
    the suggested one."""
    ring = style.points(points, itemgetter("suggested")).mark_point(size=330, color=INK, strokeWidth=2)
    sound = [point for point in points if not point["collapsed"]]
    layers = [
        style.points(points, itemgetter("collapsed")).mark_point(shape="cross", size=70, angle=45, filled=True),
        style.points(sound, itemgetter("pareto")).mark_point(size=110, filled=True),
        style.points(sound, itemgetter("behind")).mark_point(size=90, filled=False, strokeWidth=2),
        style.points(sound, itemgetter("reference")).mark_point(shape="diamond", size=150, filled=True),
    ]
    series = list(dict.fromkeys(point["series"] for point in points if not point["reference"]))
    names, colours = [*series, DENSE], [*COLOURS[: len(series)], INK]
    legend = None if coloured is None else alt.Legend(title=coloured, symbolType="circle", values=series)
    colour = alt.Color("series:N", scale=alt.Scale(domain=names, range=colours), legend=legend)
    return [ring, *(layer.encode(color=colour, opacity=alt.value(1)) for layer in layers)]


def _labels(points: Sequence[Mapping[str, Any]], x: _Axis, y: _Axis) -> list[alt.Chart]:
    """A label for each place where points are, beside them where it hides nothing, as far as that can be."""
    if len(points) > MAX_LABELS:
        return []
    spots = [(x.pixel(point["l0"]), y.pixel(point["mse"])) for point in points]
    groups = point_labels.groups(spots)
    texts = [_joint([points[index] for index in group]) for group in groups]
    line = sorted(spot for spot, point in zip(spots, points, strict=True) if point["on_front"])
    beside = [(spots[group[0]], text) for group, text in zip(groups, texts, strict=True)]
    places = point_labels.places(beside, spots, line, SIZE)
    return [
        style.points([{"l0": points[group[0]]["l0"], "mse": points[group[0]]["mse"], "label": text}])
        .mark_text(dx=place.dx, dy=place.dy, align=place.align, fontSize=11, color=INK)
        .encode(text="label:N")
        for group, text, place in zip(groups, texts, places, strict=True)
    ]


def _joint(points: Sequence[Mapping[str, Any]]) -> str:
    """One label for points at one place; a note that several have in common is written once behind them."""
    together: dict[tuple[str, str], list[str]] = {}
    for point in points:
        together.setdefault((point["series"], point["notes"]), []).append(point["name"])
    mixed = len({series for series, _ in together if series != DENSE}) > 1
    parts = [
        (f"{series} " if mixed and series != DENSE else "") + ", ".join(names) + notes
        for (series, notes), names in together.items()
    ]
    label = "; ".join(parts)
    if len(points) > 1 and len(label) > MAX_LETTERS:
        return f"{len(points)} members" + "".join(dict.fromkeys(point["notes"] for point in points))
    return label


def _title(results: SweepResults) -> alt.Title:
    members = _drawn(results)
    fields = _fields(members)
    written = ", ".join(field for field in fields if field != _coloured(members, fields)) or "its number"
    beside = f"written beside each: {written}" if len(members) <= MAX_LABELS else "the table names them"
    words = _remarks(results, f"{_models(len(members))}; {beside}", "line")
    return alt.Title(f"Trade-off of the sweep {results.name} on {results.dataset}", subtitle=words, offset=14)


def _remarks(results: SweepResults, first: str, front: str) -> list[str]:
    """Lines below the title; `front` is what marks the front."""
    members = _drawn(results)
    words = [
        first,
        f"{front}: Pareto front over mse and L0; ring: suggested, judged on the validation slice"
        if results.suggested is not None
        else f"{front}: Pareto front over mse and L0; none is suggested: {results.reason}",
    ]
    edge = _edge(members)
    beyond = [member.mse for member in members if member.mse > edge]
    if beyond:
        reached = f"mse above {edge:.2g}, up to {max(beyond):.2g}"
        words.append(f"{_models(len(beyond))} drawn at the top, not to scale: {reached}")
    if len(members) < len(results.members):
        words.append(f"{_models(len(results.members) - len(members))} diverged and cannot be drawn")
    return words


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count} models"
