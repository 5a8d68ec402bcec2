"""A model's selectivity as a heat map of class by latent, under the selectivity of each latent."""

import math
from collections.abc import Sequence
from typing import Final

import altair as alt

from service.answers.selectivity import SelectivityAnswer
from service.charts import style
from service.charts.style import BLUE, GREEN

MAX_LATENTS: Final = 400
"""Columns that can be distinguished on a screen; of more latents, the most selective are drawn."""
MAX_CLASSES: Final = 50
"""Lines that fit on a screen; latents that prefer a class without a line are left out."""
DIGIT: Final = 7
"""Width of a digit below a column; a number has one such width of space beside it."""
WIDTH: Final = 720
"""Width that the columns share, in points; few columns take less."""
COLUMN: Final = (1.8, 24.0)
"""Least and greatest width of a column."""
LINE: Final = 20
BARS: Final = 70
SHARES: Final = [0, 0.2, 0.4, 0.6, 0.8, 1]
"""Of the largest class mean, shown beside the colours."""


def heat_map(report: SelectivityAnswer) -> alt.Chart | alt.VConcatChart:
    """Each latent's class means in units of its largest one; latents by preferred class and falling selectivity.

    Silent latents are left out, those that prefer a class beyond `MAX_CLASSES`, and of more than `MAX_LATENTS` the
    less selective ones.
    """
    drawn = _drawn(report)
    title = alt.Title(
        f"Selectivity of {report.model} on the {report.split} split", subtitle=_remark(report, drawn), offset=16
    )
    if not drawn:
        nothing = style.nothing(_empty(report))
        return style.styled(nothing.properties(title=title, **style.WIDE))
    width = len(drawn) * min(COLUMN[1], max(COLUMN[0], WIDTH / len(drawn)))
    panels = alt.vconcat(_indices(report, drawn, width), _cells(report, drawn, width), spacing=10, title=title)
    return style.styled(panels)


def _drawn(report: SelectivityAnswer) -> list[int]:
    """The latents from left to right."""
    index, preferred = report.selectivity.tolist(), report.preferred_class
    chosen = sorted(_placed(report), key=lambda latent: -index[latent])[:MAX_LATENTS]
    return sorted(chosen, key=lambda latent: (preferred[latent], -index[latent], latent))


def _placed(report: SelectivityAnswer) -> list[int]:
    """The latents whose preferred class has a line."""
    return [latent for latent, place in enumerate(report.preferred_class) if place is not None and place < MAX_CLASSES]


def _empty(report: SelectivityAnswer) -> str:
    silent = report.silent_latents.count == len(report.selectivity)
    return "No latent is above 0 on any row" if silent else f"No latent prefers one of the first {MAX_CLASSES} classes"


def _remark(report: SelectivityAnswer, drawn: Sequence[int]) -> str | list[str]:
    silent, total = report.silent_latents.count, len(report.selectivity)
    classes = len(report.classes)
    parts = [f"Mean selectivity {report.mean_selectivity:.3f} over {report.num_samples:,} rows"]
    if silent:
        parts.append(f"{silent:,} of {total:,} latents silent")
    placed = len(_placed(report))
    if len(drawn) < placed:
        parts.append(f"the {len(drawn):,} most selective drawn")
    words = "; ".join(parts)
    if classes <= MAX_CLASSES:
        return words
    others = total - silent - placed
    left_out = f", without {others:,} latents that prefer another" if others else ""
    return [words, f"The first {MAX_CLASSES} of {classes:,} classes drawn{left_out}"]


def _indices(report: SelectivityAnswer, drawn: Sequence[int], width: float) -> alt.Chart:
    """The selectivity of each latent, above its column."""
    index = report.selectivity.tolist()
    values = [{"latent": latent, "selectivity": index[latent]} for latent in drawn]
    axis = alt.Axis(values=[0, 0.5, 1], format="~g")
    bars: alt.Chart = alt.Chart({"values": values}, width=width, height=BARS).mark_bar(color=GREEN, binSpacing=0)
    return bars.encode(
        x=_columns(drawn, axis=None),
        y=alt.Y("selectivity:Q", title="Selectivity", scale=alt.Scale(domain=[0, 1]), axis=axis),
        tooltip=["latent:N", alt.Tooltip("selectivity:Q", format=".3f")],
    )


def _cells(report: SelectivityAnswer, drawn: Sequence[int], width: float) -> alt.Chart:
    names, means = report.classes[:MAX_CLASSES], report.class_means.tolist()
    largest = {latent: max(of_class[latent] for of_class in means if _known(of_class[latent])) for latent in drawn}
    values = [
        {"latent": latent, "class": name, "mean": of_class[latent], "share": of_class[latent] / largest[latent]}
        for name, of_class in zip(names, means, strict=False)
        for latent in drawn
        if _known(of_class[latent])
    ]
    title = ["Class mean over the", "latent's largest one"]
    # A gradient's name in an SVG counts up with every picture, and no two would be the same bytes.
    legend = alt.Legend(type="symbol", symbolType="square", title=title, values=SHARES, format="~g")
    colours = alt.Scale(domain=[0, 1], range=["#F4F7FA", BLUE])
    lines = alt.Axis(domain=False, ticks=False, labelLimit=160, labelPadding=4)
    sheet: alt.Chart = alt.Chart({"values": values}, width=width, height=LINE * len(names)).mark_rect()
    return sheet.encode(
        x=_columns(drawn, axis=_numbers(drawn, width / len(drawn))),
        y=alt.Y("class:N", title="Class", sort=list(names), axis=lines),
        color=alt.Color("share:Q", scale=colours, legend=legend),
        tooltip=["latent:N", "class:N", alt.Tooltip("mean:Q", format=".4g"), alt.Tooltip("share:Q", format=".2f")],
    )


def _known(mean: float) -> bool:
    """A class without rows has no mean, but NaN."""
    return not math.isnan(mean)


def _columns(drawn: Sequence[int], axis: alt.Axis | None) -> alt.X:
    return alt.X(
        "latent:N",
        title="Latents by preferred class, then by falling selectivity",
        sort=list(drawn),
        scale=alt.Scale(padding=0),
        axis=axis,
    )


def _numbers(drawn: Sequence[int], column: float) -> alt.Axis:
    """The latents' numbers, below every column or, where these are narrow, below every few of them."""
    step = math.ceil(DIGIT * (1 + len(str(max(drawn)))) / column)
    return alt.Axis(values=drawn[::step], ticks=step > 1, domain=False, labelAngle=0, labelOverlap=False)
