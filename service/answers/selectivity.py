"""How selective latents are for the classes of a dataset: all of them, or those of a picture."""

from typing import Final, Literal

from pydantic import BaseModel, Field

from service.answers.arrays import ArrayAnswer, NullableMatrix, Numbers
from service.answers.looks import WithLook
from service.answers.split import Latents, OfSplit

LISTED: Final = 16
"""Latents that an answer names as the most and the least selective, and for every class."""
Which = Literal["most", "least", "classes"]


class SelectiveLatent(BaseModel):
    """One latent, and the class with its largest mean activation."""

    latent: int
    selectivity: float = Field(description="From 0 (equal means for all classes) to 1 (active for one class only).")
    preferred_class: str
    class_mean: float = Field(description="Its mean activation over the rows of that class.")


class SelectivityAnswer(ArrayAnswer, OfSplit):
    """Mean activations and selectivity of the latents for the classes of a dataset."""

    num_samples: int = Field(description="Number of rows used: as many as fit.")
    classes: list[str]
    class_means: NullableMatrix = Field(
        description="[class][latent]: mean activation over the rows of a class; null for a class without rows."
    )
    selectivity: Numbers = Field(
        description="Per latent (mu_max - mu_rest) / (mu_max + mu_rest), mu_max the largest class mean and mu_rest the "
        "mean of the others; 0 for a silent latent."
    )
    preferred_class: list[int | None] = Field(
        description="Per latent the class with the largest mean, as a position in `classes`; null for a silent latent."
    )
    mean_selectivity: float = Field(description="Mean over all latents; silent ones count as 0.")
    silent_latents: Latents = Field(description="Latents that are 0 on every row; they are not listed below.")
    most_selective: list[SelectiveLatent] = Field(description=f"At most {LISTED}, by falling selectivity.")
    least_selective: list[SelectiveLatent] = Field(description=f"At most {LISTED}, by rising selectivity.")
    per_class: dict[str, list[int]] = Field(
        description=f"For every class at most {LISTED} latents that prefer it, by falling selectivity."
    )
    formulas: dict[str, str]


class SelectiveFeatures(WithLook, OfSplit):
    """The latents of a picture, in its order."""

    which: Which
    items: list[SelectiveLatent]
    formulas: dict[str, str]
