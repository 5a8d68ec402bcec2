"""How much of a model's codes is needed: errors by number of latents kept, of a split (cached) or of rows sent."""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from service.analyses.analysis import Analysis, JsonForm
from service.analyses.subjects import Subject
from service.answers.split import SplitName
from service.answers.truncation import SampleFigures, Strip, StripLine, TruncationFigures
from service.inference import checks
from sparse_coding.analysis import truncation
from sparse_coding.data import sampling
from sparse_coding.models.weights import TrainedModel

STRIP_FORMULAS: Final = {name: truncation.FORMULAS[name] for name in ("mse", "sufficient_latents")}
"""Of a line of pictures."""


def analysis(subject: Subject, split: SplitName, rows: int) -> Analysis[SampleFigures]:
    """The figures of `rows` rows drawn from a split, or of as many as fit.

    Raises `TooManyRows` where not even one fits.
    """
    of = subject.dataset.split(split)
    count = fitting(subject, min(rows, len(of.rows)))

    def measure() -> SampleFigures:
        chosen = sampling.of_split(of, count)
        figures = measured(subject.model, subject.model.prepare(chosen.of(of.rows)))
        return SampleFigures(**dict(figures), rows_chosen=chosen.rule)

    inputs = {**subject.identity, "split": split, "rows": count}
    return Analysis("truncation", inputs, truncation.VERSIONS, JsonForm(SampleFigures), measure)


def fitting(subject: Subject, rows: int) -> int:
    """The most of `rows` rows that are truncated at once. Raises `TooManyRows` where not even one fits."""
    return truncation.fitting(subject.spec.model, subject.n_inputs, rows)


def measured(model: TrainedModel, rows: np.ndarray) -> TruncationFigures:
    """The figures of rows in raw units. Raises `NotFinite`."""
    curves = checks.finite(truncation.curves(model, rows), "errors")
    importance = checks.finite(truncation.importance(model, rows), "errors")
    found = truncation.Truncation(curves, importance)
    return TruncationFigures(**found.document(), error_units=model.preprocessing.error_units)


def strip(reference: str, model: TrainedModel, rows: np.ndarray, counts: Sequence[int]) -> Strip:
    """A line for each row in raw units, from so many of its latents, its sufficient number, and all."""
    curves = checks.finite(truncation.curves(model, rows), "errors")
    enough = truncation.sufficient(curves).tolist()
    found = zip(curves, enough, strict=True)
    return Strip(
        model=reference,
        lines=[_line(curve, {*counts, number, model.n_latents}, number) for curve, number in found],
        tolerance=truncation.TOLERANCE,
        error_units=model.preprocessing.error_units,
        formulas=STRIP_FORMULAS,
    )


def _line(curve: np.ndarray, counts: Collection[int], sufficient: int) -> StripLine:
    kept = sorted(counts)
    return StripLine(latents_kept=kept, mse=[float(curve[count]) for count in kept], sufficient_latents=sufficient)


def images(model: TrainedModel, row: np.ndarray, line: StripLine) -> np.ndarray:
    """A row in raw units and what comes back of it, [m, channels, height, width]. Raises `NotAnImage`, `NotFinite`."""
    shown = np.concatenate([row[None], truncation.strip(model, row[None], line.latents_kept)[0]])
    return checks.finite(shown, "pictures").reshape(-1, *checks.image_shape(model))
