"""Answers as charts: the one way from an answer to the bytes of its chart, in any of `representations.CHARTS`.

altair and vl-convert take a second to load, and most requests draw nothing. So the modules that load them are reached
as attributes of the package, which imports them when the first chart is drawn, and nowhere else outside of this folder.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pydantic import BaseModel

from service import charts
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
    return charts.style.render(charts.sparsity.histograms(answer), form)


def selectivity(answer: SelectivityAnswer, form: Representation) -> bytes:
    """A heat map of class by latent."""
    return charts.style.render(charts.selectivity.heat_map(answer), form)


def truncation(answer: RowsTruncation, form: Representation) -> bytes:
    """Errors against the number of latents kept."""
    return charts.style.render(charts.truncation.curve(answer), form)


def probe(answer: ProbeAnswer, form: Representation) -> bytes:
    """Accuracies as bars."""
    return charts.style.render(charts.probe.bars(answer), form)


def comparison(answer: ComparisonAnswer, form: Representation) -> bytes:
    """Curves over each other, and figures beside each other."""
    return charts.style.render(charts.comparison.panels(answer), form)


def training_curves(records: Sequence[EpochRecord], title: str, form: Representation) -> bytes:
    """The losses of a run over its epochs."""
    return charts.style.render(charts.training_curves.chart(records, title), form)


def member_curves(records: Sequence[EpochRecord], labels: Sequence[str], title: str, form: Representation) -> bytes:
    """The held-out error of every member of a sweep over its epochs."""
    return charts.style.render(charts.member_curves.chart(records, labels, title), form)


def results(table: SweepResults | BaselinesResults, form: Representation) -> bytes:
    """The trade-off of a sweep, or a model beside dictionary learning."""
    drawn = charts.sweep.chart(table) if isinstance(table, SweepResults) else charts.baselines.chart(table)
    return charts.style.render(drawn, form)
