"""Baselines: dictionary learning, PCA and raw inputs on a model's dataset."""

from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from sparse_coding.specs.fields import Frozen, Priority

Method = Literal["ksvd", "minibatch", "pca", "raw"]


class BaselinesSpec(Frozen):
    """Set a model beside dictionary learning, PCA and raw inputs on its own dataset."""

    kind: Literal["baselines"] = "baselines"
    model: str = Field(
        max_length=128,
        description="`name`, `name@3` or `name@alias`; the version that it means when the run is asked for.",
        examples=["digits-kl"],
    )
    methods: tuple[Method, ...] = Field(
        ("ksvd", "minibatch", "pca", "raw"),
        min_length=1,
        max_length=4,
        description="K-SVD, scikit-learn's mini-batch dictionary learning, PCA, and the inputs themselves.",
    )
    fit_rows: int = Field(
        10_000,
        strict=True,
        ge=2,
        le=100_000,
        description="Rows that are fitted on: so many of those that the model learned from, drawn by a fixed seed.",
    )
    iterations: int = Field(10, strict=True, ge=1, le=1000, description="Of K-SVD.")
    seed: int = Field(42, strict=True, ge=0, le=2**32 - 1, description="Chooses the rows that dictionaries begin with.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` takes CUDA where the worker has it.")
    priority: Priority = 0

    @model_validator(mode="after")
    def _each_once(self) -> "BaselinesSpec":
        if len(set(self.methods)) < len(self.methods):
            raise PydanticCustomError("twice", "every method is named once")
        return self
