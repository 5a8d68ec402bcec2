"""Numbers to charts: one Altair definition each, as Vega-Lite JSON, PNG or SVG, drawn without a browser.

Knows the shape of the API's answers and nothing of where they come from. Everything is drawn in the compute thread:
the first picture of a process takes a third of a second, later ones some hundredths.
"""

import io
import math
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

import altair as alt
import numpy as np
import vl_convert
from PIL import Image

from service.http import representations
from service.http.representations import PNG, SVG, VEGA, Representation
from service.pictures import png

FORMS: Final = (VEGA, PNG, SVG)
"""What every chart can be had as."""

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.HConcatChart | alt.VConcatChart
C = TypeVar("C", alt.Chart, alt.LayerChart, alt.HConcatChart, alt.VConcatChart)

BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
"""Four colours of Okabe and Ito (2008), which colour-blind readers can tell apart."""
INK: Final = "#1F2933"
FAINT: Final = "#52606D"
RULES: Final = "#E4E7EB"

FONT: Final = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"

PIXELS_PER_POINT: Final = 2.0
"""PNGs are drawn twice as fine as their size in Vega-Lite, for dense screens."""
PANEL: Final[Mapping[str, Any]] = MappingProxyType({"width": 300, "height": 220})
WIDE: Final[Mapping[str, Any]] = MappingProxyType({"width": 620, "height": 340})
MAX_POINTS: Final = 1000
"""Epochs of a curve that are drawn; more cannot be told apart on a screen."""
FEW_EPOCHS: Final = 10
"""So many epochs are all named on their axis; of more, even steps are."""
LOG_RATIO: Final = 20
"""From this ratio of the largest to the smallest value on, curves are drawn on a log axis."""

MAX_POWERS: Final = 12
"""Of more powers of ten, a log axis has only some."""

_SERIES: Final = MappingProxyType(
    {
        "loss": ("total loss", INK, [1, 0]),
        "reconstruction": ("reconstruction (train)", BLUE, [1, 0]),
        "sparsity": ("sparsity penalty, unweighted", VERMILION, [2, 2]),
        "test_mse": ("test mse", GREEN, [6, 3]),
    }
)
"""Field of a metrics record -> its name, colour and dashes."""


def render(chart: Chart, form: Representation) -> bytes:
    """A chart as Vega-Lite JSON, PNG or SVG; the same chart always makes the same bytes on one machine."""
    document = chart.to_dict()
    if form == PNG:
        return _without_alpha(vl_convert.vegalite_to_png(document, scale=PIXELS_PER_POINT, allowed_base_urls=[]))
    if form == SVG:
        return str(vl_convert.vegalite_to_svg(document, allowed_base_urls=[])).encode()
    return representations.json_bytes(document)


def _without_alpha(drawn: bytes) -> bytes:
    """The same picture on its white ground, in a ninth of the bytes."""
    with Image.open(io.BytesIO(drawn), formats=("PNG",)) as image:
        return png.encode(np.asarray(image.convert("RGB")))


def sparsity_histograms(report: Mapping[str, Any]) -> alt.HConcatChart:
    """The three histograms of a `sparsity` answer: population, lifetime, and activations on a log axis."""
    rows, latents = report["num_samples"], len(report["lifetime_sparsity"]["per_latent"])
    population, lifetime = report["population_sparsity"], report["lifetime_sparsity"]
    inactive = report["inactive_latents"]["count"]
    panels = (
        _fractions(
            population,
            f"Fraction of the {latents:,} latents active on a row",
            "Rows",
            ("Population sparsity", f"mean {population['mean']:.3f} (dashed) over {rows:,} rows"),
            BLUE,
        ),
        _fractions(
            lifetime,
            f"Fraction of the {rows:,} rows that activate a latent",
            "Latents",
            ("Lifetime sparsity", f"mean {lifetime['mean']:.3f} (dashed); {inactive} of {latents:,} below 1 %"),
            GREEN,
        ),
        _activations(report["activation_histogram"], report["threshold"]),
    )
    title = alt.Title(
        f"Sparsity of {report['model']} on the {report['split']} split",
        subtitle=f"A latent is active on a row when its activation is above {report['threshold']:g}",
        offset=20,
    )
    return styled(alt.hconcat(*panels, spacing=36, title=title))


def training_curves(records: Sequence[Mapping[str, Any]], title: str) -> alt.Chart:
    """The losses of a run over its epochs, on a log axis where they span more than a factor of `LOG_RATIO`.

    `records` are those of `GET /runs/{id}/metrics`, ascending; without a penalty there is no curve of it.
    """
    points = [
        {"epoch": record["epoch"], "series": name, "value": record[field]}
        for field, (name, _, _) in _SERIES.items()
        if field != "sparsity" or any(record.get(field) for record in records)
        for record in thinned(records)
        if record.get(field) is not None
    ]
    chart = _lines(points) if points else nothing("No epoch has ended yet")
    return styled(chart.properties(title=title, **WIDE))


def _lines(points: Sequence[Mapping[str, Any]]) -> alt.Chart:
    drawn = {point["series"] for point in points}
    names, colours, dashes = zip(*(look for look in _SERIES.values() if look[0] in drawn), strict=True)
    epochs = {point["epoch"] for point in points}
    looks: dict[str, Any] = {"title": None, "sort": list(names)}
    chart = alt.Chart({"values": points}, description=f"Line chart over {len(epochs)} epochs: {', '.join(names)}.")
    chart = chart.mark_line(strokeWidth=2) if len(epochs) > 1 else chart.mark_point(filled=True, size=60, opacity=1)
    lines: alt.Chart = chart.encode(
        x=epoch_axis(epochs),
        y=loss_axis([point["value"] for point in points], "Loss per epoch"),
        color=alt.Color("series:N", scale=alt.Scale(domain=list(names), range=list(colours)), **looks),
    )
    if len(epochs) == 1:
        return lines
    strokes = alt.Scale(domain=list(names), range=[list(dash) for dash in dashes])
    dashed: alt.Chart = lines.encode(strokeDash=alt.StrokeDash("series:N", scale=strokes, **looks))
    return dashed


def loss_axis(values: Sequence[float], title: str) -> alt.Y:
    """A linear axis from 0, or a log axis with a few readable ticks where the values span much."""
    low, high = min(values), max(values)
    if low <= 0 or high / low <= LOG_RATIO:
        return alt.Y("value:Q", title=title, scale=alt.Scale(zero=low >= 0))
    low, high = 0.8 * low, 1.25 * high
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    axis = alt.Axis(values=log_ticks(low, high), format="~g")
    return alt.Y("value:Q", title=f"{title} (log scale)", scale=scale, axis=axis)


def log_ticks(low: float, high: float) -> list[float]:
    """Numbers for a log axis from `low` to `high`: powers of ten and, where few, twice and five times them."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1,) if len(decades) > 5 else (1, 2, 5)
    step = math.ceil(len(decades) / MAX_POWERS)
    ticks = [float(f"{factor}e{decade}") for decade in decades[::step] for factor in factors]
    return [tick for tick in ticks if low <= tick <= high]


def even_ticks(low: float, high: float) -> list[float]:
    """From 0, or from `low` if it is above, in at most eight steps of 1, 2 or 5 times a power of ten."""
    power = math.floor(math.log10((high - low) / 9))
    step = next(step for factor in (1, 2, 5, 10) if (high - low) / (step := float(f"{factor}e{power}")) < 9)
    first, last = math.ceil(max(low, 0.0) / step), math.floor(high / step)
    return [float(f"{step * number:.6g}") for number in range(first, last + 1)]


def number_format(largest: float) -> str:
    """How numbers of an axis are written: plainly, or as powers where they would be rows of zeros."""
    return "~r" if 1e-4 <= largest < 1e6 else "~e"


def epoch_axis(epochs: Collection[int]) -> alt.X:
    """Whole numbers from the first epoch to the last, each once; a single one stands in the middle."""
    first, last = min(epochs), max(epochs)
    ticks = range(first, last + 1) if last - first < FEW_EPOCHS else even_ticks(first, last)
    axis = alt.Axis(values=[int(tick) for tick in ticks], format="d", grid=False, labelFlush=False)
    if first == last:
        first, last = first - 1, last + 1
    return alt.X("epoch:Q", title="Epoch", scale=alt.Scale(domain=[first, last], nice=False), axis=axis)


def nothing(why: str) -> alt.Chart:
    """A sheet that says why it is empty."""
    chart: alt.Chart = alt.Chart({"values": [{"why": why}]}, description=why).mark_text(size=14, color=FAINT)
    sheet: alt.Chart = chart.encode(text="why:N")
    return sheet


def thinned(records: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """At most about `MAX_POINTS` records at even distances, the last one among them."""
    step = max(1, math.ceil(len(records) / MAX_POINTS))
    return records[::-step][::-1]


def _fractions(
    statistic: Mapping[str, Any], x_title: str, counted: str, heading: tuple[str, str], colour: str
) -> alt.LayerChart:
    """A histogram over [0, 1] with its mean drawn in; the axis ends at the next tenth above the last bar."""
    bars = _bars(statistic["histogram"], floor=0)
    end = min(1.0, math.ceil(10 * max((bar["to"] for bar in bars), default=1.0) - 1e-9) / 10)
    x = alt.X("from:Q", title=x_title, scale=alt.Scale(domain=[0, end], nice=False), axis=_across("~g"))
    ticks = 6  # the same for scale and axis, so that a label stands at the top of every panel and headings align
    y = alt.Y("count:Q", title=counted, scale=alt.Scale(nice=ticks), axis=alt.Axis(tickMinStep=1, tickCount=ticks))
    return _panel(_histogram(bars, x, y, colour), statistic["mean"], heading)


def _activations(histogram: Mapping[str, Sequence[float]], threshold: float) -> alt.LayerChart:
    """All activations; one alone must be seen, so bars stand on a half."""
    floor = 0.5
    bars = _bars(histogram, floor)
    most = max((bar["count"] for bar in bars), default=1)
    powers = [10**exponent for exponent in range(math.ceil(math.log10(most)) + 1)]
    x = alt.X("from:Q", title="Activation of a latent on a row", scale=alt.Scale(nice=False), axis=_across("~g"))
    y = alt.Y(
        "count:Q",
        title="Activations (log scale)",
        scale=alt.Scale(type="log", domain=[floor, max(powers)], nice=False),
        axis=alt.Axis(values=powers, format="~s"),
    )
    return _panel(_histogram(bars, x, y, PURPLE), threshold, ("All activations", f"threshold {threshold:g} (dashed)"))


def _across(number_format: str) -> alt.Axis:
    return alt.Axis(format=number_format, grid=False, labelFlush=False, tickCount=6)


def _bars(histogram: Mapping[str, Sequence[float]], floor: float) -> list[dict[str, float]]:
    """The bins that are not empty, each from `floor` up to its count."""
    edges, counts = histogram["edges"], histogram["counts"]
    return [
        {"from": edges[i], "to": edges[i + 1], "count": count, "floor": floor}
        for i, count in enumerate(counts)
        if count > 0
    ]


def _histogram(bars: Sequence[Mapping[str, float]], x: alt.X, y: alt.Y, colour: str) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart({"values": bars})
        .mark_bar(color=colour, binSpacing=0, stroke="white", strokeWidth=0.5)
        .encode(x=x, x2="to:Q", y=y, y2="floor:Q")
    )
    return chart


def _panel(bars: alt.Chart, mark: float, heading: tuple[str, str]) -> alt.LayerChart:
    """One histogram under its heading, with a dashed line at `mark`."""
    name, remark = heading
    line: alt.Chart = (
        alt.Chart({"values": [{"mark": mark}]})
        .mark_rule(color=INK, strokeDash=[4, 3], strokeWidth=1.5)
        .encode(x="mark:Q")
    )
    title = alt.Title(name, subtitle=remark, fontSize=13, frame="group", offset=12)
    return alt.LayerChart(layer=[bars, line], title=title, description=f"{name}: {remark}", **PANEL)


def styled(chart: C) -> C:
    """Type, colours and spacing that all charts share."""
    text = {"labelColor": FAINT, "titleColor": INK, "labelFontSize": 11, "titleFontSize": 12, "titlePadding": 8}
    lines = {"gridColor": RULES, "domainColor": FAINT, "tickColor": FAINT, "titleFontWeight": "normal"}
    styled: C = chart.configure(
        font=FONT,
        background="white",
        padding=16,
        axis={**text, **lines},
        legend={**text, "symbolStrokeWidth": 2.5, "symbolSize": 200, "labelLimit": 300},
        title={"color": INK, "fontSize": 15, "subtitleColor": FAINT, "subtitleFontSize": 12, "anchor": "start"},
        view={"stroke": None},
    )
    return styled
