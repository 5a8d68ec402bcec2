"""How much of a model's codes is needed: errors by number of latents kept, and the lines of a picture."""

from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from service.answers.split import OfModel, SplitName
from sparse_coding.data.sampling import Rule


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
