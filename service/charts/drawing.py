"""Answers as charts: the one way from an answer to the bytes of its chart, in any of `representations.CHARTS`.

altair and vl-convert take a second to load, and most requests draw nothing. So the modules that load them are imported
by the functions here when the first chart is drawn, and nowhere else outside of this folder.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from service.answers.comparison import ComparisonAnswer
from service.answers.metrics import EpochRecord
from service.answers.probe import ProbeAnswer
from service.answers.selectivity import SelectivityAnswer
from service.answers.sparsity import SparsityAnswer
from service.answers.tables import BaselinesResults, SweepResults
from service.answers.truncation import RowsTruncation
from service.http import representations
from service.http.representations import JSON, Representation

A = TypeVar("A", bound=BaseModel)


def written(answer: A, draw: Callable[[A, Representation], bytes], form: Representation) -> bytes:
    """The answer as JSON, or as the chart that `draw` makes of it."""
    return representations.json_bytes(answer) if form == JSON else draw(answer, form)


def sparsity(answer: SparsityAnswer, form: Representation) -> bytes:
    """Three histograms."""
    from service.charts import sparsity, style

    return style.render(sparsity.histograms(answer), form)


def selectivity(answer: SelectivityAnswer, form: Representation) -> bytes:
    """A heat map of class by latent."""
    from service.charts import selectivity, style

    return style.render(selectivity.heat_map(answer), form)


def truncation(answer: RowsTruncation, form: Representation) -> bytes:
    """Errors against the number of latents kept."""
    from service.charts import style, truncation

    return style.render(truncation.curve(answer), form)


def probe(answer: ProbeAnswer, form: Representation) -> bytes:
    """Accuracies as bars."""
    from service.charts import probe, style

    return style.render(probe.bars(answer), form)


def comparison(answer: ComparisonAnswer, form: Representation) -> bytes:
    """Curves over each other, and figures beside each other."""
    from service.charts import comparison, style

    return style.render(comparison.panels(answer), form)


def training_curves(records: Sequence[EpochRecord], title: str, form: Representation) -> bytes:
    """The losses of a run over its epochs."""
    from service.charts import style, training_curves

    return style.render(training_curves.chart(records, title), form)


def member_curves(records: Sequence[EpochRecord], labels: Sequence[str], title: str, form: Representation) -> bytes:
    """The held-out error of every member of a sweep over its epochs."""
    from service.charts import member_curves, style

    return style.render(member_curves.chart(records, labels, title), form)


def results(table: SweepResults | BaselinesResults, form: Representation) -> bytes:
    """The trade-off of a sweep, or a model beside dictionary learning."""
    from service.charts import baselines, style, sweep

    drawn = sweep.chart(table) if isinstance(table, SweepResults) else baselines.chart(table)
    return style.render(drawn, form)
