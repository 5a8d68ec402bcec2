"""What a linear classifier reads from a model's codes, beside what it reads from inputs and their components."""

from typing import Literal

from pydantic import BaseModel, Field

from service.answers.split import OfModel, SplitName
from sparse_coding.data.sampling import Rule

RepresentationName = Literal["codes", "inputs", "pca"]


class KSparse(BaseModel):
    """How well k columns distinguish single classes from the rest."""

    k: int
    balanced_accuracy: float | None = Field(
        description="Mean over the classes; 0.5 is chance. Null if no class can be distinguished: "
        "the scored rows are of one class, or of none of the training rows."
    )


class Probed(BaseModel):
    """One representation of the rows, and what a linear classifier reads from it."""

    representation: RepresentationName = Field(
        description="`codes` of the model, its `inputs` as they are, or their first principal components (`pca`)."
    )
    columns: int = Field(
        description="Numbers per row; `pca` has as many as the code if the training rows vary along as many."
    )
    columns_used: int = Field(description="Columns that vary over the training rows by more than rounding.")
    accuracy: float = Field(description="Share of the scored rows whose class a logistic regression predicts.")
    k_sparse: list[KSparse] = Field(description="For k = 1, 2 and 5.")


class ProbeAnswer(OfModel):
    """Codes beside two baselines, on the same rows."""

    split: SplitName = Field(description="Split of the scored rows; the probe is fitted on rows of `train`.")
    fit_rows: int = Field(
        description="Number of training rows, of those that the model learned from: at most 10,000, fewer wide ones."
    )
    fit_rows_chosen: Rule = Field(
        description="How they were chosen: `all`, or drawn by a fixed seed in proportion to the classes."
    )
    scored_rows: int = Field(description="Number of scored rows: all of `split`, fewer where they are very wide.")
    scored_rows_chosen: Rule = Field(description="How they were chosen, as in `fit_rows_chosen`.")
    remarks: list[str] = Field(description="Classes that only the training rows or only the scored rows have.")
    classes: int = Field(description="Number of classes among the training rows.")
    majority: float = Field(description="Accuracy of always predicting the most frequent class of the training rows.")
    chance: float = Field(description="Balanced accuracy of a guess.")
    representations: list[Probed]
    formulas: dict[str, str] = Field(description="Id of the formula behind each figure.")
