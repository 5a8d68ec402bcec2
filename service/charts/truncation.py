"""Errors of truncated codes against the number of latents kept: mean, quartiles, and the number that suffices."""

import math
from typing import Any, Final

import altair as alt

from service.answers.truncation import RowsTruncation, SplitTruncation
from service.charts import style
from service.charts.style import BLUE, INK, VERMILION

Layers = list[alt.Chart]

BAND: Final = 0.2
"""Opacity of the band between the quartiles, through which the grid is seen."""

HEADROOM: Final = 1.15
"""Above the largest error on a linear axis, for words that stand there."""


def curve(report: RowsTruncation) -> alt.LayerChart:
    """The mean over the rows in a band between their quartiles; dashed, the error that counts as near enough."""
    where = f"on the {report.split} split" if isinstance(report, SplitTruncation) else "on rows that were sent"
    title = alt.Title(f"Truncated codes of {report.model} {where}", subtitle=_remark(report), offset=16)
    layers = [*_errors(report), *_marks(report)]
    return style.styled(alt.LayerChart(layer=layers, title=title, **style.WIDE))


def _remark(report: RowsTruncation) -> str:
    rows, full = report.num_samples, report.full_mse
    of_what = f"Mean over {rows:,} rows and band between their quartiles" if rows > 1 else "One row"
    return f"{of_what}; dashed: {report.tolerance:.0%} above the {full:.3g} of the full code"


def _errors(report: RowsTruncation) -> Layers:
    """The band and the line, at no more points than can be distinguished."""
    counts, curves = report.latents_kept, dict(report.mse)
    step = max(1, math.ceil(len(counts) / style.MAX_POINTS))
    values = [
        {"latents": count, **{name: errors[count] for name, errors in curves.items()}}
        for count in counts[::-step][::-1]
    ]
    x, y = _counts(counts[-1]), _up(report)
    chart = style.points(values)
    band: alt.Chart = chart.mark_area(color=BLUE, opacity=BAND).encode(
        x=x, y=alt.Y("lower_quartile:Q", **y), y2="upper_quartile:Q"
    )
    line: alt.Chart = chart.mark_line(color=BLUE, strokeWidth=2).encode(x=x, y=alt.Y("mean:Q", **y))
    return [band, line] if report.num_samples > 1 else [line]


def _marks(report: RowsTruncation) -> Layers:
    """The error that is near enough, and the number of latents from which on it is not exceeded."""
    most, enough = report.latents_kept[-1], report.sufficient_latents
    near = style.points([{"near": _near(report)}])
    first = style.points([{"latents": enough, "words": f"{enough:,} of {most:,} latents are enough"}])
    to_the_left = enough > 0.6 * most
    side: dict[str, Any] = {"align": "right", "dx": -6} if to_the_left else {"align": "left", "dx": 6}
    return [
        near.mark_rule(color=INK, strokeDash=[4, 3], strokeWidth=1.5).encode(y=alt.Y("near:Q", **_up(report))),
        first.mark_rule(color=VERMILION, strokeWidth=1.5).encode(x=_counts(most)),
        first.mark_text(color=VERMILION, fontSize=12, baseline="top", **side).encode(
            x=_counts(most), y=alt.value(6), text="words:N"
        ),
    ]


def _near(report: RowsTruncation) -> float:
    """The largest error that counts as near enough to the full code's."""
    return float((1 + report.tolerance) * report.full_mse)


def _counts(most: int) -> alt.X:
    whole = [tick for tick in style.even_ticks(0, most) if tick == round(tick)]
    axis = alt.Axis(values=whole, format=",d", grid=False, labelFlush=False)
    scale = alt.Scale(domain=[0, most], nice=False)
    return alt.X("latents:Q", title="Largest latents kept of each code", scale=scale, axis=axis)


def _up(report: RowsTruncation) -> dict[str, Any]:
    """A linear axis from 0, or a log axis where the errors span much."""
    errors = [*report.mse.mean, *report.mse.lower_quartile, *report.mse.upper_quartile]
    low, high = min(errors), max(*errors, _near(report))
    units = ", scaled units" if report.error_units == "scaled" else ""
    title = f"Mean squared error{units}"
    if low <= 0 or high / low <= style.LOG_RATIO:
        top = HEADROOM * high or 1.0
        axis = alt.Axis(values=style.even_ticks(0, top), format="~g")
        return {"title": title, "scale": alt.Scale(domain=[0, top], nice=False), "axis": axis}
    low, high = 0.8 * low, 1.4 * high
    axis = alt.Axis(values=style.log_ticks(low, high), format="~g")
    return {"title": f"{title} (log scale)", "scale": alt.Scale(type="log", domain=[low, high]), "axis": axis}
