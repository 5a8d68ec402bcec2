"""Several models as one sheet: their curves over each other, their figures beside each other."""

import json
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import altair as alt

from service.answers.comparison import Compared, ComparisonAnswer
from service.charts import style
from service.charts.style import BLUE, FAINT, GREEN, INK, PURPLE, VERMILION

COLOURS: Final = (BLUE, VERMILION, GREEN, PURPLE, "#E69F00", "#56B4E9", INK, "#9AA5B1")
"""One for each model: the colours of Okabe and Ito that can be seen on white, and two greys."""
CURVE: Final = (400, 230)
"""Width and height of a panel of curves in pixels."""
ROWS: Final = ("test rows", "training rows")
BARS: Final = 170
"""Width of a panel of bars."""
BAR: Final = 24
"""Height of a bar and the gap beside it."""
HEADROOM: Final = 1.35
"""Width of a panel of bars in lengths of its longest bar: space for the number behind it."""
REMARK: Final = 150
"""Letters on a line of a remark."""
LETTERS: Final = 30
"""Of a longer reference the middle is left out, as long as no two become the same."""
TITLE: Final[Mapping[str, str]] = {"subtitleColor": FAINT, "anchor": "start"}
"""Of a panel: its heading stands above its left end."""
PLAIN: Final = (999.5, 1e7)
"""Between these a figure is written as a whole number; above and below, with three digits."""

Models = Sequence[Compared]
Points = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class _Figure:
    """A number of every model, as a panel of bars."""

    title: str
    remark: str
    of: Callable[[Compared], float | None]


SPARSITY: Final = (
    _Figure("Held-out mse", "of the whole test split", lambda each: each.result.mse),
    _Figure("Active latents", "mean per row (L0)", lambda each: each.result.l0),
    _Figure("Population sparsity", "share of latents active", lambda each: each.result.population_sparsity),
    _Figure("Inactive latents", "on fewer than 1 % of rows", lambda each: each.result.inactive_latents),
)
QUALITY: Final = (
    _Figure("Locality of features", "mean Hoyer sparsity", lambda each: each.quality.hoyer),
    _Figure("Class selectivity", "mean of live latents", lambda each: each.quality.selectivity),
    _Figure("Linear probe", "accuracy on the codes", lambda each: each.quality.probe_accuracy),
)


def panels(document: ComparisonAnswer) -> alt.VConcatChart:
    """Curves of error and of active latents; bars of sparsity, bars of feature quality, and stability under noise."""
    compared = document.models
    rows = (
        alt.hconcat(_errors(compared), _active(compared), spacing=44),
        alt.hconcat(*_bars(compared, SPARSITY), spacing=28),
        alt.hconcat(*_bars(compared, QUALITY), _noise(compared), spacing=28),
    )
    remarks = [line for remark in document.remarks for line in textwrap.wrap(remark, REMARK, break_on_hyphens=False)]
    subtitle = [_datasets(compared), *remarks]
    title = alt.Title(f"{len(compared)} models compared", subtitle=subtitle, offset=20)
    return style.styled(alt.vconcat(*rows, spacing=32, title=title))


def name_of(model: Compared) -> str:
    """Reference and penalty: `digits-kl@1, KL 0.01`."""
    sparsity = model.sparsity
    kinds = {"kl": "KL", "l1": "L1", "none": "no penalty"}
    weight = "" if sparsity.kind == "none" else f" {sparsity.weight:g}"
    return f"{model.model}, {kinds[sparsity.kind]}{weight}"


def shortened(references: Sequence[str]) -> list[str]:
    """Each in at most `LETTERS` letters, or in so many more that different ones stay so: the middle is left out."""
    for most in range(LETTERS, max(map(len, references), default=0)):
        short = [_without_middle(reference, most) for reference in references]
        if len(set(short)) == len(set(references)):
            return short
    return list(references)


def _without_middle(text: str, most: int) -> str:
    head = (most - 1) // 2
    return text if len(text) <= most else f"{text[:head]}…{text[head + 1 - most :]}"


def _spelled(labels: Mapping[str, str]) -> str:
    """A Vega expression: what is written for each name."""
    return f"({json.dumps(labels)})[datum.label]"


def written(value: float | None) -> str:
    """A figure as it is written behind its bar."""
    if value is None:
        return "none"
    return f"{value:,.0f}" if PLAIN[0] <= value < PLAIN[1] else f"{value:.3g}"


def _datasets(compared: Models) -> str:
    names = list(dict.fromkeys(model.dataset for model in compared))
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return f"Learned from {listed}; figures of the test split"


def _colour(compared: Models) -> alt.Color:
    names = [name_of(model) for model in compared]
    scale = alt.Scale(domain=names, range=list(COLOURS[: len(names)]))
    short = shortened([model.model for model in compared])
    labels = {
        name: name.replace(model.model, label, 1) for name, model, label in zip(names, compared, short, strict=True)
    }
    legend = alt.Legend(
        orient="top", columns=min(len(names), 4), labelLimit=0, labelExpr=_spelled(labels), symbolType="square"
    )
    return alt.Color("name:N", title=None, sort=None, scale=scale, legend=legend)


# --- curves ----------------------------------------------------------------------------------------------------------


def _errors(compared: Models) -> alt.Chart | alt.LayerChart:
    series = {"reconstruction": "training rows", "test_mse": "test rows"}
    points = [
        {"name": name_of(model), "epoch": record.epoch, "rows": rows, "value": value}
        for field, rows in series.items()
        for model in compared
        for record in model.curves
        if (value := getattr(record, field)) is not None
    ]
    known = "solid or circle: test rows, dashed or triangle" if _alone(points) else "solid: test rows, dashed"
    heading = ("Error while learning", f"{known}: training rows")
    return _curves(compared, points, "Mean squared error", heading)


def _active(compared: Models) -> alt.Chart | alt.LayerChart:
    points = [
        {"name": name_of(model), "epoch": record.epoch, "rows": "test rows", "value": record.l0}
        for model in compared
        for record in model.curves
        if record.l0 is not None
    ]
    return _curves(compared, points, "Active latents per test row", ("Sparsity while learning", "L0 of the test rows"))


def _curves(compared: Models, points: Points, y_title: str, heading: tuple[str, str]) -> alt.Chart | alt.LayerChart:
    """A line for each model and kind of rows, and a point where there is a single epoch, of which there is no line."""
    title, (width, height) = style.title(*heading, **TITLE), CURVE
    if not points:
        return style.nothing("No epochs were recorded").properties(title=title, width=width, height=height)
    dashes = alt.Scale(domain=list(ROWS), range=[[1, 0], [4, 3]])
    shapes = alt.Scale(domain=list(ROWS), range=["circle", "triangle-up"])
    chart = style.points(points).encode(
        x=style.epoch_axis({point["epoch"] for point in points}),
        y=_scaled([point["value"] for point in points], y_title),
        color=_colour(compared),
    )
    line: alt.Chart = chart.mark_line(strokeWidth=2)
    layers = [line.encode(detail="rows:N", strokeDash=alt.StrokeDash("rows:N", scale=dashes, legend=None))]
    if alone := _alone(points):
        dot: alt.Chart = chart.properties(data={"values": alone}).mark_point(filled=True, size=60, opacity=1)
        layers.append(dot.encode(shape=alt.Shape("rows:N", scale=shapes, legend=None)))
    words = f"Line chart: {heading[0]}; {heading[1]}."
    return style.panel(layers, title, words, width, height)


def _alone(points: Points) -> list[Mapping[str, Any]]:
    """Those of the models and rows that have one epoch."""
    epochs = Counter((point["name"], point["rows"]) for point in points)
    return [point for point in points if epochs[point["name"], point["rows"]] == 1]


def _scaled(values: Sequence[float], title: str) -> alt.Y:
    """A linear axis from 0, or a log axis where the values span much."""
    low, high = min(values), max(values)
    if low <= 0 or high / low <= style.LOG_RATIO / 4:
        return alt.Y("value:Q", title=title, scale=alt.Scale(zero=True))
    low, high = 0.8 * low, 1.25 * high
    axis = alt.Axis(values=style.log_ticks(low, 0.9 * high), format="~g")  # none at the edge: headings align
    scale = alt.Scale(type="log", domain=[low, high], nice=False)
    return alt.Y("value:Q", title=f"{title} (log scale)", scale=scale, axis=axis)


# --- figures ---------------------------------------------------------------------------------------------------------


def _bars(compared: Models, figures: Sequence[_Figure]) -> list[alt.LayerChart]:
    """A panel for each figure; the names of the models are at the left of the first."""
    return [_figure_bars(compared, figure, named=place == 0) for place, figure in enumerate(figures)]


def _figure_bars(compared: Models, figure: _Figure, *, named: bool) -> alt.LayerChart:
    values = [figure.of(model) for model in compared]
    points = [
        {"name": name_of(model), "value": value or 0, "text": written(value)}
        for model, value in zip(compared, values, strict=True)
    ]
    longest = max((value for value in values if value is not None), default=0) or 1
    short = shortened([model.model for model in compared])
    labels = _spelled(dict(zip(map(name_of, compared), short, strict=True)))
    axis = alt.Axis(domain=False, ticks=False, grid=False, labelPadding=6, labelLimit=0, labelExpr=labels)
    y = alt.Y("name:N", title=None, sort=None, axis=axis if named else None)
    x = alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, HEADROOM * longest], nice=False), axis=None)
    chart = style.points(points)
    drawn = chart.mark_bar(height={"band": 0.75}).encode(x=x, y=y, color=_colour(compared))
    words = chart.mark_text(align="left", dx=5, fontSize=11, color=INK).encode(x="value:Q", y=y, text="text:N")
    heading, height = style.title(figure.title, figure.remark, **TITLE), max(BAR * len(points), 3 * BAR)
    return style.panel([drawn, words], heading, f"Bar chart: {figure.title}, {figure.remark}.", BARS, height)


def _noise(compared: Models) -> alt.Chart:
    measured = [(name_of(model), noise) for model in compared for noise in model.quality.noise]
    points = [{"name": name, "sigma": noise.sigma, "value": noise.cosine} for name, noise in measured]
    sigmas = sorted({noise.sigma for _, noise in measured})
    x = alt.X("sigma:O", title="Sigma of the noise", axis=alt.Axis(values=sigmas, labelAngle=0, format="~g"))
    low = min((noise.cosine for _, noise in measured), default=0)
    margin = 0.08 * (1 - low or 1)  # no label is at the edge, so that this heading aligns with its neighbours'
    scale = alt.Scale(domain=[low - margin, 1 + margin], nice=False)
    y = alt.Y("value:Q", title="Cosine", scale=scale, axis=alt.Axis(format="~g", tickCount=4))
    chart = alt.Chart({"values": points}, description="Line chart: cosine of clean and noisy codes over the noise.")
    lines: alt.Chart = chart.mark_line(point=True, strokeWidth=2).encode(x=x, y=y, color=_colour(compared))
    heading = ("Stability under noise", "mean cosine of codes")
    return lines.properties(title=style.title(*heading, **TITLE), width=BARS, height=max(BAR * len(compared), 4 * BAR))
