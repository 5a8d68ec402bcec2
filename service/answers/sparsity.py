"""How sparse a model's codes are: the statistics, and the answer with the model and split that they are of."""

from typing import Any, Literal, Self

from pydantic import BaseModel, Field

from service.answers.split import Latents, OfSplit
from sparse_coding.data.sampling import Rule

SampleName = Literal["first", "random"]


class Histogram(BaseModel):
    """Counts between neighbouring edges; there is one edge more than counts."""

    edges: list[float]
    counts: list[int]


class PopulationSparsity(BaseModel):
    """Fraction of latents active on a row."""

    mean: float = Field(description="Over the rows.")
    histogram: Histogram = Field(description="50 bins on [0, 1], counting rows.")


class LifetimeSparsity(BaseModel):
    """Fraction of rows that activate a latent."""

    mean: float = Field(description="Over the latents.")
    per_latent: list[float]
    histogram: Histogram = Field(description="50 bins on [0, 1], counting latents.")


class L0(BaseModel):
    """Mean number of latents per row."""

    threshold: float = Field(description="Above the threshold.")
    nonzero: float = Field(description="Not zero.")


class SparsityStatistics(BaseModel):
    """How many latents are active, and how often each one is."""

    num_samples: int = Field(
        description="Number of rows used: fewer than requested if the split is shorter or the code very wide."
    )
    rows_chosen: Rule = Field(
        description="How they were chosen: `all`, `first`, or drawn (`random`, `stratified` by class)."
    )
    threshold: float = Field(description="A latent is active on a row when its activation is strictly above this.")
    population_sparsity: PopulationSparsity
    lifetime_sparsity: LifetimeSparsity
    inactive_latents: Latents = Field(description="Latents that are active on fewer than 1 % of the rows.")
    dead_latents: Latents = Field(description="Latents at or below the threshold on every row of the whole split.")
    activation_histogram: Histogram = Field(description="All activations, 100 bins from the smallest to the largest.")
    l0: L0
    formulas: dict[str, str | list[str]] = Field(description="Id of the formula behind each figure.")


class SparsityAnswer(SparsityStatistics, OfSplit):
    """How many latents are active, and how often each one is."""

    @classmethod
    def of(cls, statistics: SparsityStatistics, **named: Any) -> Self:
        """The statistics of the `model` and `split` that are named."""
        return cls(**named, **dict(statistics))
