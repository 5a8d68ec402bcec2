"""The held-out error of every member of a sweep over its epochs, as one chart. Knows no spec and no requests."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import altair as alt

from service import charts

SCHEME: Final = "viridis"
"""From dark to light by the member's number, which is the order of the values that were asked for."""
MAX_LEGEND: Final = 20
"""Members that are named one by one."""


def chart(records: Sequence[Mapping[str, Any]], labels: Sequence[str], title: str) -> alt.Chart:
    """One line a member, over the records of `GET /runs/{id}/metrics`; `labels` by the member's number."""
    points = [
        {"epoch": record["epoch"], "member": labels[record["member"]], "value": record["test_mse"]}
        for member in range(len(labels))
        for record in charts.thinned([one for one in records if one["member"] == member])
    ]
    if not points:
        return charts.styled(charts.nothing("No epoch has ended yet").properties(title=title, **charts.WIDE))
    epochs = {point["epoch"] for point in points}
    legend = alt.Legend(symbolLimit=MAX_LEGEND) if len(labels) <= MAX_LEGEND else None
    drawn = alt.Chart({"values": points}, description=f"Held-out error of {len(labels)} members.")
    drawn = drawn.mark_line(strokeWidth=2) if len(epochs) > 1 else drawn.mark_point(filled=True, size=60, opacity=1)
    lines: alt.Chart = drawn.encode(
        x=charts.epoch_axis(epochs),
        y=charts.loss_axis([point["value"] for point in points], "Held-out mse"),
        color=alt.Color(
            "member:N",
            title=None,
            sort=list(labels),
            legend=legend,
            scale=alt.Scale(domain=list(labels), scheme=SCHEME),
        ),
    )
    return charts.styled(lines.properties(title=title, **charts.WIDE))
