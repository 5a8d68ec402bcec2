"""The sparsity of a model's codes as three histograms."""

import math
from collections.abc import Mapping, Sequence

import altair as alt

from service.answers.sparsity import Histogram, LifetimeSparsity, PopulationSparsity, SparsityAnswer
from service.charts import style
from service.charts.style import BLUE, GREEN, INK, PURPLE


def histograms(answer: SparsityAnswer) -> alt.HConcatChart:
    """The three histograms of a `sparsity` answer: population, lifetime, and activations on a log axis."""
    rows, latents = answer.num_samples, len(answer.lifetime_sparsity.per_latent)
    population, lifetime = answer.population_sparsity, answer.lifetime_sparsity
    inactive = answer.inactive_latents.count
    panels = (
        _fractions(
            population,
            f"Fraction of the {latents:,} latents active on a row",
            "Rows",
            ("Population sparsity", f"mean {population.mean:.3f} (dashed) over {rows:,} rows"),
            BLUE,
        ),
        _fractions(
            lifetime,
            f"Fraction of the {rows:,} rows that activate a latent",
            "Latents",
            ("Lifetime sparsity", f"mean {lifetime.mean:.3f} (dashed); {inactive} of {latents:,} below 1 %"),
            GREEN,
        ),
        _activations(answer.activation_histogram, answer.threshold),
    )
    title = alt.Title(
        f"Sparsity of {answer.model} on the {answer.split} split",
        subtitle=f"A latent is active on a row when its activation is above {answer.threshold:g}",
        offset=20,
    )
    return style.styled(alt.hconcat(*panels, spacing=36, title=title))


def _fractions(
    statistic: PopulationSparsity | LifetimeSparsity, x_title: str, counted: str, heading: tuple[str, str], colour: str
) -> alt.LayerChart:
    """A histogram over [0, 1] with its mean drawn in; the axis ends at the next tenth above the last bar."""
    bars = _bins(statistic.histogram, floor=0)
    end = min(1.0, math.ceil(10 * max((bar["to"] for bar in bars), default=1.0) - 1e-9) / 10)
    x = alt.X("from:Q", title=x_title, scale=alt.Scale(domain=[0, end], nice=False), axis=_plain_axis("~g"))
    ticks = 6  # the same for scale and axis, so that a label is at the top of every panel and headings align
    y = alt.Y("count:Q", title=counted, scale=alt.Scale(nice=ticks), axis=alt.Axis(tickMinStep=1, tickCount=ticks))
    return _marked(_histogram(bars, x, y, colour), statistic.mean, heading)


def _activations(histogram: Histogram, threshold: float) -> alt.LayerChart:
    """All activations; one alone must be seen, so bars begin at a half."""
    floor = 0.5
    bars = _bins(histogram, floor)
    most = max((bar["count"] for bar in bars), default=1)
    powers = [10**exponent for exponent in range(math.ceil(math.log10(most)) + 1)]
    x = alt.X("from:Q", title="Activation of a latent on a row", scale=alt.Scale(nice=False), axis=_plain_axis("~g"))
    y = alt.Y(
        "count:Q",
        title="Activations (log scale)",
        scale=alt.Scale(type="log", domain=[floor, max(powers)], nice=False),
        axis=alt.Axis(values=powers, format="~s"),
    )
    return _marked(_histogram(bars, x, y, PURPLE), threshold, ("All activations", f"threshold {threshold:g} (dashed)"))


def _plain_axis(number_format: str) -> alt.Axis:
    return alt.Axis(format=number_format, grid=False, labelFlush=False, tickCount=6)


def _bins(histogram: Histogram, floor: float) -> list[dict[str, float]]:
    """The bins that are not empty, each from `floor` up to its count."""
    edges, counts = histogram.edges, histogram.counts
    return [
        {"from": edges[i], "to": edges[i + 1], "count": count, "floor": floor}
        for i, count in enumerate(counts)
        if count > 0
    ]


def _histogram(bars: Sequence[Mapping[str, float]], x: alt.X, y: alt.Y, colour: str) -> alt.Chart:
    chart: alt.Chart = (
        style.points(bars)
        .mark_bar(color=colour, binSpacing=0, stroke="white", strokeWidth=0.5)
        .encode(x=x, x2="to:Q", y=y, y2="floor:Q")
    )
    return chart


def _marked(bars: alt.Chart, mark: float, heading: tuple[str, str]) -> alt.LayerChart:
    """One histogram under its heading, with a dashed line at `mark`."""
    name, remark = heading
    rule: alt.Chart = style.points([{"mark": mark}]).mark_rule(color=INK, strokeDash=[4, 3], strokeWidth=1.5)
    line: alt.Chart = rule.encode(x="mark:Q")
    return style.panel([bars, line], style.title(name, remark), f"{name}: {remark}", **style.PANEL)
