"""Models side by side: curves, figures, feature quality, and how similar their features are."""

from typing import Final, Literal

from pydantic import BaseModel, Field

from service.answers.feature_quality import FeatureQuality
from service.answers.run_results import Formulas
from sparse_coding.specs.sparsity import Sparsity

MAX_EPOCHS: Final = 1000
"""Records of one curve; of a longer run, records at even distances."""


class Figures(BaseModel):
    """Figures of the result of a run, over the whole test split."""

    mse: float | None
    explained_variance: float | None
    l0: float | None
    population_sparsity: float | None
    inactive_latents: int | None
    error_units: Literal["raw", "scaled"] | None = Field(
        description="Units of `mse`: `scaled` for a model with `minmax`."
    )


class CurvePoint(BaseModel):
    """One epoch."""

    epoch: int
    loss: float | None
    reconstruction: float | None
    sparsity: float | None = Field(description="The penalty before its weight.")
    test_mse: float | None
    l0: float | None


class Compared(BaseModel):
    """One of the models."""

    model: str
    dataset: str = Field(description="The dataset that it was trained on and its figures were measured on.")
    n_inputs: int
    n_latents: int
    sparsity: Sparsity = Field(description="The penalty, as in the spec.")
    result: Figures
    curves: list[CurvePoint] = Field(description=f"At most about {MAX_EPOCHS} epochs, at even distances.")
    quality: FeatureQuality


class ComparisonFormulas(BaseModel):
    """Id of the formula behind each figure."""

    result: Formulas
    quality: Formulas
    pw_mcc: str


class ComparisonAnswer(BaseModel):
    """Models in the order in which they were named."""

    models: list[Compared]
    pw_mcc: list[list[float | None]] = Field(
        description="Similarity of the features of each pair of models: mean |cosine| of matched atoms, without dead "
        "latents. Null for models with different numbers of inputs, too large dictionaries, or no live latents: a "
        "remark says which."
    )
    remarks: list[str] = Field(description="Differences between the models, and reasons for missing figures.")
    formulas: ComparisonFormulas
