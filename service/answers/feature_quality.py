"""How good the features of one model are, on its own test split."""

from pydantic import BaseModel, Field

from sparse_coding.data.sampling import Rule


class Noise(BaseModel):
    """How far Gaussian noise on the inputs moves the codes."""

    sigma: float = Field(description="Standard deviation, in raw units; noisy inputs are not cut to [0, 1].")
    cosine: float = Field(description="Mean cosine between the codes of clean and noisy rows.")
    mse: float = Field(description="Mean squared difference between them, per row and latent.")


class FeatureQuality(BaseModel):
    """Of one model, on the test split of its own dataset."""

    num_samples: int = Field(description="Rows for dead latents and selectivity: as many as fit.")
    dead_latents: int = Field(
        description="Latents at or below 0.1 on all of these rows; they are left out of `hoyer` and `selectivity`."
    )
    hoyer: float | None = Field(
        description="Mean Hoyer sparsity of the latents' difference images; null if all are dead or there are too many."
    )
    selectivity: float | None = Field(description="Mean class selectivity; null without labels or if all are dead.")
    probe_accuracy: float | None = Field(
        description="Accuracy of a logistic regression on the codes, as in `probe`; null without suitable labels."
    )
    noise: list[Noise] = Field(
        description="For sigma 0.1, 0.2 and 0.3; the noise is the same for all models of one width."
    )
    noise_samples: int = Field(description="Rows that noise was added to: at most 1,000, fewer wide ones.")
    noise_rows_chosen: Rule = Field(
        description="How they were chosen: `all`, or drawn (`random`, `stratified` by class)."
    )
