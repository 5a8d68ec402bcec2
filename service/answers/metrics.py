"""Training metrics of a run."""

from pydantic import BaseModel, ConfigDict, Field

from service.answers.fields import Count


class EpochRecord(BaseModel):
    """Figures of one epoch; null or absent where the run has none."""

    model_config = ConfigDict(extra="forbid")
    member: Count | None = Field(None, description="Number of the member; of sweeps only.")
    epoch: Count
    loss: float | None = None
    reconstruction: float | None = None
    sparsity: float | None = Field(None, description="The sparsity penalty, before its weight is applied.")
    test_mse: float | None = None
    explained_variance: float | None = None
    l0: float | None = None
    dead_latents: Count | None = None
    seconds: float | None = None
