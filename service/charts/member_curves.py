"""The held-out error of every member of a sweep over its epochs, as one chart."""

from collections.abc import Sequence
from typing import Any, Final

import altair as alt

from service.answers.metrics import EpochRecord
from service.charts import style

SCHEME: Final = alt.SchemeParams("viridis", extent=[0, 0.92])
"""From dark to light by the member's number, which is the order of the requested values."""
MAX_LEGEND: Final = 20
"""Members that are named one by one; colours of more cannot be distinguished, and only show the order."""


def chart(records: Sequence[EpochRecord], labels: Sequence[str], title: str) -> alt.Chart:
    """One line for each member, over ascending `records`; `labels` are in the order of the members' numbers."""
    points: list[dict[str, Any]] = [
        {"epoch": record.epoch, "number": member, "member": labels[member], "value": record.test_mse}
        for member in range(len(labels))
        for record in style.thinned([one for one in records if one.member == member])
        if record.test_mse is not None
    ]
    if not points:
        return style.styled(style.nothing("No epoch has ended yet").properties(title=title, **style.WIDE))
    epochs = {point["epoch"] for point in points}
    drawn = alt.Chart({"values": points}, description=f"Held-out error of {len(labels)} members.")
    drawn = drawn.mark_line(strokeWidth=2) if len(epochs) > 1 else drawn.mark_point(filled=True, size=60, opacity=1)
    lines: alt.Chart = drawn.encode(
        x=style.epoch_axis(epochs),
        y=style.loss_axis([point["value"] for point in points], "Held-out mse"),
        color=_named(labels) if len(labels) <= MAX_LEGEND else _in_order(len(labels) - 1),
        detail="member:N",
    )
    return style.styled(lines.properties(title=_title(title, labels), **style.WIDE))


def _named(labels: Sequence[str]) -> alt.Color:
    scale, legend = alt.Scale(domain=list(labels), scheme=SCHEME), alt.Legend(symbolLimit=MAX_LEGEND)
    return alt.Color("member:N", title=None, sort=list(labels), legend=legend, scale=scale)


def _in_order(last: int) -> alt.Color:
    legend = alt.Legend(values=[0, last], format="d", gradientLength=200)
    return alt.Color("number:Q", title="member", legend=legend, scale=alt.Scale(domain=[0, last], scheme=SCHEME))


def _title(title: str, labels: Sequence[str]) -> alt.Title:
    if len(labels) <= MAX_LEGEND:
        return alt.Title(title)
    return alt.Title(title, subtitle=f"colour runs from member {labels[0]} (dark) to member {labels[-1]} (light)")
