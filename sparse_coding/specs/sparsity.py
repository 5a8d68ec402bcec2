"""Which sparsity mechanism a run trains with: one frozen model per mechanism, with the discriminator `kind`."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from sparse_coding.specs.fields import Frozen, tag_or


class Kl(Frozen):
    """Penalty `kl.batch` on a sigmoid code: every latent's mean over the batch is drawn to rho."""

    kind: Literal["kl"] = "kl"
    weight: float = Field(0.01, strict=True, ge=0, le=1e6, description="Factor of the penalty in the loss.")
    rho: float = Field(0.05, strict=True, gt=0, lt=1, description="Target mean activation of each latent.")


class L1(Frozen):
    """Penalty on the absolute activations of a ReLU code."""

    kind: Literal["l1"] = "l1"
    weight: float = Field(0.001, strict=True, ge=0, le=1e6, description="Factor of the penalty in the loss.")
    reduction: Literal["mean", "sum"] = Field(
        "mean", description="`mean` over rows and latents (`l1.mean`), or `sum` over latents (`l1.sum`)."
    )


class NoPenalty(Frozen):
    """No penalty on a ReLU code: the dense reference."""

    kind: Literal["none"] = "none"


Sparsity = Annotated[
    Annotated[Kl, Tag("kl")] | Annotated[L1, Tag("l1")] | Annotated[NoPenalty, Tag("none")],
    Discriminator(
        tag_or("kl"), custom_error_type="unknown_kind", custom_error_message="kind must be one of kl, l1, none"
    ),
]
