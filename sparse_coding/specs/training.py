"""One training run: dataset, architecture, sparsity and optimiser settings, with bounds and sourced defaults.

Defaults are those of the tutorial's main run: KL 0.01 with rho 0.05, 784-256-128-256-784, Adam at 1e-3, batch 128,
15 epochs, seed 42.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from sparse_coding.specs.fields import NAME_PATTERN, Frozen, Name, Priority, Width, tag_or
from sparse_coding.specs.sparsity import Kl, Sparsity


class DatasetChoice(Frozen):
    """Which rows are learned from, and how they are prepared; the preparation becomes part of the model."""

    name: Name = Field(description="A built-in dataset or an uploaded one.", examples=["digits"])
    image_size: int | None = Field(
        None,
        strict=True,
        ge=2,
        le=512,
        description="Resize images to this height and width (bicubic); null keeps their size.",
    )
    train_limit: int | None = Field(
        None, strict=True, ge=1, le=100_000_000, description="Learn from the first rows of the training split only."
    )
    validation_fraction: float = Field(
        0.0,
        strict=True,
        ge=0,
        le=0.5,
        description="Share of the training rows that is kept for choosing, of which nothing is learned.",
    )
    validation_seed: int | None = Field(
        None,
        strict=True,
        ge=0,
        le=2**53 - 1,
        description="Draws those rows, in the classes' proportions where there are labels; `training.seed` where this "
        "is missing. Null takes the last rows.",
    )
    scaling: Literal["none", "minmax"] = Field(
        "none", description="`minmax` maps every input dimension to [0, 1] over the training rows."
    )


class Mlp(Frozen):
    """A fully connected autoencoder: n_inputs - hidden - n_latents - hidden reversed - n_inputs, ReLU between."""

    architecture: Literal["mlp"] = "mlp"
    n_latents: Width = Field(128, description="Width of the code.")
    hidden: tuple[Width, ...] = Field(
        (256,), max_length=8, description="Widths between input and code; mirrored in the decoder. Empty: none."
    )
    output: Literal["sigmoid", "identity"] = Field(
        "sigmoid", description="`sigmoid` for inputs in [0, 1]; `identity` for any vectors."
    )


class Training(Frozen):
    """How long and in which steps: Adam on shuffled batches, the last short batch kept."""

    epochs: int = Field(15, strict=True, ge=1, le=100_000, description="Passes over the training rows.")
    batch_size: int = Field(128, strict=True, ge=1, le=65_536, description="Rows of one step.")
    learning_rate: float = Field(0.001, strict=True, gt=0, le=10, description="Adam's step size.")
    seed: int = Field(42, strict=True, ge=0, le=2**53 - 1, description="Seeds the weights and the order of the rows.")
    precision: Literal["float32"] = Field("float32", description="Number format of weights and steps.")


class TrainSpec(Frozen):
    """Train one sparse autoencoder and publish it as the next version of the model `name`."""

    kind: Literal["train"] = "train"
    name: Name | None = Field(None, description="The model's name; made from dataset and sparsity where missing.")
    dataset: DatasetChoice
    model: Mlp = Mlp()
    sparsity: Sparsity = Kl()
    training: Training = Training()
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` takes CUDA where the worker has it.")
    priority: Priority = 0

    @model_validator(mode="before")
    @classmethod
    def _seed_the_validation(cls, value: Any) -> Any:
        """Written down, so that the members of a sweep keep the same rows, whatever their own seeds."""
        dataset = value.get("dataset") if isinstance(value, Mapping) else None
        if not isinstance(dataset, Mapping) or "validation_seed" in dataset:
            return value
        training = value.get("training")
        seed = training.get("seed") if isinstance(training, Mapping) else getattr(training, "seed", None)
        seed = Training().seed if seed is None else seed
        if type(seed) is not int or not 0 <= seed < 2**53:  # refused at its own place, and only there
            return value
        return {**value, "dataset": {"validation_seed": seed, **dataset}}

    @model_validator(mode="before")
    @classmethod
    def _name_the_model(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and value.get("name") is None and isinstance(value.get("dataset"), Mapping):
            sparsity = value.get("sparsity")
            kind = tag_or("kl")(sparsity if sparsity is not None else {})
            dataset = value["dataset"].get("name")
            if isinstance(dataset, str) and re.fullmatch(NAME_PATTERN, dataset):
                return {**value, "name": f"{dataset[:58]}-{kind}"}
        return value
