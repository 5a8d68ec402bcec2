"""How much of a model's codes is needed: errors by number of latents kept, of a split (cached) or of rows sent."""

from collections.abc import Collection, Sequence
from typing import Any, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, Field

from service.analyses.analysis import Analysis, JsonForm
from service.analyses.subjects import Subject
from service.answers.split import OfModel, SplitName
from service.inference import checks
from sparse_coding.analysis import truncation
from sparse_coding.data import sampling
from sparse_coding.data.sampling import Rule
from sparse_coding.models.weights import TrainedModel

STRIP_FORMULAS: Final = {name: truncation.FORMULAS[name] for name in ("mse", "sufficient_latents")}
"""Of a line of pictures."""


class Quartiles(BaseModel):
    """Of the rows, between neighbours in proportion."""

    lower_quartile: float
    median: float
    upper_quartile: float


class ErrorCurve(BaseModel):
    """Mean squared error from the 0, 1, 2 ... n_latents largest latents of each row's code."""

    mean: list[float] = Field(description="Over the rows.")
    lower_quartile: list[float]
    median: list[float]
    upper_quartile: list[float]


class TruncationFigures(BaseModel):
    """Errors by number of latents, and the importance of each latent."""

    num_samples: int = Field(
        description="Number of rows used: fewer than requested if the split is shorter or the model very wide."
    )
    latents_kept: list[int] = Field(description="0 ... n_latents.")
    mse: ErrorCurve
    full_mse: float = Field(description="Error of the whole code: the last of the means.")
    sufficient_latents: int = Field(
        description="The smallest number from which on the mean is never more than `tolerance` above `full_mse`."
    )
    sufficient_latents_of_rows: Quartiles = Field(description="The same number of each row by itself.")
    tolerance: float
    importance: list[float] = Field(
        description="Per latent, by how much the mean error rises when it alone is set to 0; negative where it falls."
    )
    most_important: list[int] = Field(description="At most 16 latents, by falling importance.")
    error_units: Literal["raw", "scaled"] = Field(description="`scaled` for a model with `minmax`.")
    formulas: dict[str, str]


class RowsTruncation(TruncationFigures, OfModel):
    """Errors by number of latents, and the importance of each latent."""

    @classmethod
    def of(cls, figures: TruncationFigures, **named: Any) -> Self:
        """The figures of the `model` that is named."""
        return cls(**named, **dict(figures))


class SampleFigures(TruncationFigures):
    """How much of the codes of some rows of a split is needed."""

    rows_chosen: Rule = Field(description="How they were chosen: `all`, or drawn (`random`, `stratified` by class).")


class SplitTruncation(RowsTruncation, SampleFigures):
    """The same, for rows of a split."""

    split: SplitName


class StripLine(BaseModel):
    """One row, reconstructed from some of its latents."""

    latents_kept: list[int] = Field(
        description="Per picture after the original, ascending: the requested numbers, the sufficient one, and all."
    )
    mse: list[float]
    sufficient_latents: int = Field(
        description="One of these numbers: the smallest from which on this row's error is near enough."
    )


class Strip(OfModel):
    """The lines of a picture."""

    lines: list[StripLine]
    tolerance: float
    error_units: Literal["raw", "scaled"]
    formulas: dict[str, str]


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
