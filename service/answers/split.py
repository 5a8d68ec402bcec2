"""What answers about a model on a split of its dataset have in common."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel

SplitName = Literal["train", "test"]
SplitQuery = Annotated[SplitName, Query(description="Rows of which split of the dataset that it was trained on.")]


class OfModel(BaseModel):
    """About one version of a model."""

    model: str


class OfSplit(OfModel):
    """About one version of a model, on rows of one split of its dataset."""

    split: SplitName


class Latents(BaseModel):
    """Some of the model's latents."""

    count: int
    indices: list[int]
