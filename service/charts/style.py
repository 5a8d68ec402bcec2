"""The style that all charts share: colours, sizes, axes, panels and titles; and charts to Vega-Lite JSON, PNG or SVG.

Loads altair and vl-convert, which are slow to load. Everything is drawn in the interactive thread: the first picture of
a process takes a third of a second, later ones some hundredths.
"""

import io
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

import altair as alt
import numpy as np
import vl_convert
from PIL import Image

from service.http import representations
from service.http.representations import PNG, SVG, Representation
from service.pictures import png

Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.HConcatChart | alt.VConcatChart
R = TypeVar("R")
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
"""Points of a curve that are drawn; more cannot be distinguished on a screen."""
FEW_EPOCHS: Final = 10
"""Up to so many epochs are all named on their axis; beyond that, at even steps."""
LOG_RATIO: Final = 20
"""From this ratio of the largest to the smallest value on, curves are drawn on a log axis."""

MAX_POWERS: Final = 12
"""Powers of ten that a log axis names; of more, it names some."""


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
    """Whole numbers from the first epoch to the last, each once; a single one is in the middle."""
    first, last = min(epochs), max(epochs)
    ticks = range(first, last + 1) if last - first < FEW_EPOCHS else even_ticks(first, last)
    axis = alt.Axis(values=[int(tick) for tick in ticks], format="d", grid=False, labelFlush=False)
    if first == last:
        first, last = first - 1, last + 1
    return alt.X("epoch:Q", title="Epoch", scale=alt.Scale(domain=[first, last], nice=False), axis=axis)


def title(heading: str, remark: str | Sequence[str] | None = None, **more: Any) -> alt.Title:
    """The heading of a panel, with a remark below it if there is one."""
    below: dict[str, Any] = {} if remark is None else {"subtitle": remark}
    return alt.Title(heading, **below, fontSize=13, frame="group", **{"offset": 12, **more})


def panel(layers: Sequence[alt.Chart], heading: alt.Title, description: str, width: int, height: int) -> alt.LayerChart:
    """Layers over each other, under a heading and with a description for readers who do not see them."""
    return alt.LayerChart(layer=list(layers), title=heading, description=description, width=width, height=height)


def points(values: Sequence[Mapping[str, Any]], keep: Callable[[Any], Any] = lambda _: True) -> alt.Chart:
    """A chart over these values, or over those of them that `keep` is true of."""
    return alt.Chart({"values": [value for value in values if keep(value)]})


def nothing(why: str) -> alt.Chart:
    """A chart that says why it is empty."""
    chart: alt.Chart = alt.Chart({"values": [{"why": why}]}, description=why).mark_text(size=14, color=FAINT)
    sheet: alt.Chart = chart.encode(text="why:N")
    return sheet


def thinned(records: Sequence[R]) -> Sequence[R]:
    """At most about `MAX_POINTS` records at even distances, the last one among them."""
    step = max(1, math.ceil(len(records) / MAX_POINTS))
    return records[::-step][::-1]


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
