"""A model beside dictionary learning as a chart: error, accuracy of a probe and sparsity of every method."""

import math
from collections.abc import Sequence
from typing import Final

import altair as alt

from service.answers.run_results import BaselinesEntry
from service.answers.tables import BaselinesResults
from service.charts import style
from service.charts.style import BLUE, FAINT, GREEN, INK, PURPLE, RULES

NAMES: Final = {
    "model": "model, full code",
    "model.truncated": "model, {k} largest",
    "ksvd": "K-SVD",
    "minibatch": "mini-batch dictionary",
    "pca": "PCA, all components",
    "pca.truncated": "PCA, {k} largest",
    "raw": "raw inputs",
}
WIDTH: Final = 210
HEADROOM: Final = 1.35
"""Width of a column in lengths of its longest line: space for the number behind it."""
PLAIN: Final = (1e-3, 1e4)
"""Powers of ten between these are written out."""
STEP: Final = 30
"""Height in pixels of a method's line."""


def chart(results: BaselinesResults) -> style.Chart:
    """A column of dots for each figure, with a line for each method in the order of the table."""
    entries = results.entries
    order = [_label(entry.method, results.k) for entry in entries]
    columns = (
        ("mse", f"Held-out mse, {results.error_units} units", BLUE),
        ("probe_accuracy", "Accuracy of a linear probe", GREEN),
        ("l0", "Coefficients per row (L0)", PURPLE),
    )
    there = [column for column in columns if any(getattr(entry, column[0]) is not None for entry in entries)]
    panels = [_column(entries, order, column, named=number == 0) for number, column in enumerate(there)]
    title = alt.Title(
        f"{results.model} beside dictionary learning",
        subtitle=f"the dictionaries code each row with {_atoms(results.k)}; dark: the model",
        offset=16,
    )
    return style.styled(alt.hconcat(*panels, spacing=28, title=title))


def _label(method: str, k: int) -> str:
    return NAMES.get(method, method).replace("{k}", str(k))


def _atoms(k: int) -> str:
    return "1 atom" if k == 1 else f"{k} atoms"


def _column(
    entries: Sequence[BaselinesEntry], order: Sequence[str], column: tuple[str, str, str], *, named: bool
) -> alt.LayerChart:
    """One figure of all methods that have it: a dot and the number beside it.

    On a linear axis the dot ends a line from 0; from the edge of a log axis, a line's length would mean nothing.
    """
    field, title, colour = column
    values = [getattr(entry, field) for entry in entries if getattr(entry, field) is not None]
    is_log = _spans_much(values)
    x = _powers(values, title) if is_log else _from_zero(values, title)
    points = [
        {
            "method": name,
            "value": getattr(entry, field),
            "from": 0,
            "text": f"{getattr(entry, field):.3g}",
            "colour": INK if entry.method.startswith("model") else colour,
        }
        for name, entry in zip(order, entries, strict=True)
        if getattr(entry, field) is not None
    ]
    axis = alt.Axis(ticks=False, domain=False, labels=named, labelLimit=260, labelPadding=10)
    lines = style.points(points).encode(
        x=x, y=alt.Y("method:N", sort=list(order), title=None, scale=alt.Scale(domain=list(order)), axis=axis)
    )
    stems = [] if is_log else [lines.mark_rule(color=RULES, strokeWidth=2).encode(x2="from:Q")]
    layers = [
        *stems,
        lines.mark_point(filled=True, size=110, opacity=1).encode(color=alt.Color("colour:N", scale=None)),
        lines.mark_text(align="left", dx=10, fontSize=11, color=FAINT).encode(text="text:N"),
    ]
    return alt.LayerChart(layer=layers, width=WIDTH, height=STEP * len(order), description=f"Dot plot: {title}.")


def _spans_much(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) > style.LOG_RATIO


def _from_zero(values: Sequence[float], title: str) -> alt.X:
    """A linear axis with space for the largest one's number."""
    high = max(values) or 1.0
    axis = alt.Axis(values=style.even_ticks(0, high)[::2], format=style.number_format(high), grid=False)
    return alt.X("value:Q", title=title, scale=alt.Scale(domain=[0, HEADROOM * high], nice=False), axis=axis)


def _powers(values: Sequence[float], title: str) -> alt.X:
    """A log axis with space for the largest one's number, and some four powers of ten."""
    low, high = min(values) / 1.5, max(values)
    powers = [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    plain = all(PLAIN[0] <= power <= PLAIN[1] for power in powers)
    ticks = powers[:: math.ceil(len(powers) / 4) or 1]
    axis = alt.Axis(values=ticks, format="~g" if plain else ".0e", grid=True)
    scale = alt.Scale(type="log", domain=[low, high * (high / low) ** 0.3], nice=False)
    return alt.X("value:Q", title=f"{title} (log scale)", scale=scale, axis=axis)
