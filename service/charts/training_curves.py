"""The losses of a run over its epochs."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import altair as alt

from service.answers.metrics import EpochRecord
from service.charts import style
from service.charts.style import BLUE, GREEN, INK, VERMILION

_SERIES: Final = MappingProxyType(
    {
        "loss": ("total loss", INK, [1, 0]),
        "reconstruction": ("reconstruction (train)", BLUE, [1, 0]),
        "sparsity": ("sparsity penalty, unweighted", VERMILION, [2, 2]),
        "test_mse": ("test mse", GREEN, [6, 3]),
    }
)
"""Field of a metrics record -> its name, colour and dashes."""


def chart(records: Sequence[EpochRecord], title: str) -> alt.Chart:
    """The losses of a run over its epochs, on a log axis where they span more than a factor of `style.LOG_RATIO`.

    `records` are ascending; without a penalty there is no curve of it.
    """
    points = [
        {"epoch": record.epoch, "series": name, "value": value}
        for field, (name, _, _) in _SERIES.items()
        if field != "sparsity" or any(record.sparsity for record in records)
        for record in style.thinned(records)
        if (value := getattr(record, field)) is not None
    ]
    drawn = _lines(points) if points else style.nothing("No epoch has ended yet")
    return style.styled(drawn.properties(title=title, **style.WIDE))


def _lines(points: Sequence[Mapping[str, Any]]) -> alt.Chart:
    drawn = {point["series"] for point in points}
    names, colours, dashes = zip(*(look for look in _SERIES.values() if look[0] in drawn), strict=True)
    epochs = {point["epoch"] for point in points}
    looks: dict[str, Any] = {"title": None, "sort": list(names)}
    description = f"Line chart over {len(epochs)} epochs: {', '.join(names)}."
    unmarked = alt.Chart({"values": points}, description=description)
    several = len(epochs) > 1
    marked = unmarked.mark_line(strokeWidth=2) if several else unmarked.mark_point(filled=True, size=60, opacity=1)
    lines: alt.Chart = marked.encode(
        x=style.epoch_axis(epochs),
        y=style.loss_axis([point["value"] for point in points], "Loss per epoch"),
        color=alt.Color("series:N", scale=alt.Scale(domain=list(names), range=list(colours)), **looks),
    )
    if not several:
        return lines
    strokes = alt.Scale(domain=list(names), range=[list(dash) for dash in dashes])
    dashed: alt.Chart = lines.encode(strokeDash=alt.StrokeDash("series:N", scale=strokes, **looks))
    return dashed
