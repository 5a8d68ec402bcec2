"""Result tables of sweeps and of baselines runs."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, RootModel

from service.answers.run_results import BaselinesEntry, ErrorUnits, Formulas, Share, Varied


class ValidationFigures(BaseModel):
    """Figures on the validation slice of the training split."""

    mse: float
    l0: float


class SweepMember(BaseModel):
    """One member of a sweep: how it differs from the others, and its held-out figures."""

    member: int
    name: str = Field(description="Name of the model that it published.")
    model: str | None = Field(None, description="`name@version`; null if that version was deleted.")
    varied: Varied = Field(description="Dotted path of each varied field, and its value.")
    reference: bool = Field(description="Whether it is the dense reference, without a penalty.")
    mse: float | None = Field(description="Mean squared error. Null, as all figures, for a diverged member.")
    sse_row: float | None
    explained_variance: float | None = Field(description="Null also where the rows do not vary.")
    l0: float | None = Field(description="Mean number of active latents per row.")
    population_sparsity: Share | None
    inactive_latents: int | None
    dead_latents: int | None
    error_units: ErrorUnits | None = Field(None, description="`scaled` with `minmax`.")
    collapsed: bool = Field(
        description="Whether it is no better than the mean of the rows, or all its latents are dead."
    )
    collapsed_reason: str | None = None
    diverged: str | None = Field(None, description="Why it has no figures and published nothing.")
    n_latents: int
    overcomplete: bool = Field(description="Whether the code is wider than the input.")
    probe_accuracy: float | None = Field(
        None, description="Accuracy of a linear probe on the codes; null without labels."
    )
    probe_rows: int | None = Field(None, description="Training rows of the probe.")
    seconds: float = Field(description="Training time; members that train together share it.")
    validation: ValidationFigures | None = Field(None, description="Null without a validation slice.")
    pareto: bool = Field(description="Whether no other member is at least as good in mse and L0, and better in one.")
    suggested: bool = Field(description="Whether it lies in the knee of the Pareto front.")


class SweepResults(BaseModel):
    """The members of a sweep, side by side."""

    kind: Literal["sweep"] = "sweep"
    run: str
    name: str
    dataset: str
    members: list[SweepMember]
    suggested: int | None = Field(description="Number of the member in the knee of the front; null if there is none.")
    rule: str = Field(description="How a member is suggested.")
    reason: str | None = Field(description="Why none is suggested.")
    num_samples: int = Field(description="Rows of the test split that the figures were measured on.")
    threshold: float = Field(description="A latent is active on a row when its activation is strictly above this.")
    train_seconds: float
    formulas: Formulas = Field(description="Id of the formula behind each figure.")


class BaselinesResults(BaseModel):
    """A model compared with dictionary learning, PCA and raw inputs."""

    kind: Literal["baselines"] = "baselines"
    run: str
    model: str
    k: int = Field(
        description="Coefficients per row of dictionaries and of truncated codes: the model's rounded L0, at least 1 "
        "and at most the number of latents and of inputs."
    )
    entries: list[BaselinesEntry]
    dictionary: Literal["decoder", "difference"] = Field(
        description="What the model's atoms are: columns of its decoder, or difference images of a deep decoder."
    )
    num_samples: int = Field(description="Rows of the test split that the figures were measured on.")
    fit_rows: int = Field(description="Training rows of the dictionaries.")
    rows_chosen: Literal["all", "first", "random", "stratified"] = Field(
        "first",
        description="How those rows were chosen: `all` that the model learned from; drawn at `random`, or in the "
        "classes' proportions (`stratified`); `first` in runs of releases that took the first rows.",
    )
    probe_rows: int | None = Field(description="Training rows of the probe; null without labels.")
    remarks: list[str] = Field([], description="Classes that only the rows fitted on have, or only those scored.")
    error_units: ErrorUnits
    formulas: Formulas = Field(description="Id of the formula behind each figure.")


class Results(RootModel[Annotated[SweepResults | BaselinesResults, Field(discriminator="kind")]]):
    """The result table of a sweep or of a baselines run."""
