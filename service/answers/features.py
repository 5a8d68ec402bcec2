"""Features: statistics of single latents, their images, and the inputs that activate them most."""

from typing import Final

from pydantic import BaseModel, Field

from service.answers.arrays import ArrayAnswer, Pixels
from service.answers.looks import WithLook
from service.answers.split import OfModel

MAX_TOP: Final = 32
"""Inputs that are stored for each latent."""


class Feature(BaseModel):
    """One latent's statistics over the test split."""

    latent: int
    lifetime_sparsity: float = Field(description="Fraction of rows on which its activation is above 0.1.")
    mean: float = Field(description="Mean activation over all rows.")
    max: float = Field(description="Largest activation.")
    p95: float | None = Field(description="95th percentile of its positive activations; null if there are none.")
    dead: bool = Field(description="No row activates it.")


class TopInput(BaseModel):
    """One of the rows that activate a latent most."""

    split: str
    index: int
    activation: float
    label: str | None = Field(description="Name of its class; null without labels.")


class FeatureAnswer(ArrayAnswer, WithLook, OfModel, Feature):
    """One latent: its statistics, its feature image, and the inputs that activate it most."""

    pixels: Pixels | None = Field(description="[height][width], or [height][width][3]; null for a model of vectors.")
    top_inputs: list[TopInput] = Field(description="Largest activation first; rows that leave it at 0 are left out.")
