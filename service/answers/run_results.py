"""Results of runs by kind. Workers write them, and they are stored as JSON.

Every field may be missing: an older release may have stored the result.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, JsonValue

from registry.database import tables
from service.answers.fields import Count
from service.errors import NoResults, RunNotSucceeded

Share = Annotated[float, Field(ge=0, le=1)]
ErrorUnits = Literal["raw", "scaled"]
Formulas = dict[str, str | list[str]]
Varied = dict[str, bool | int | float | str | list[int] | dict[str, JsonValue] | None]


class _Environment(BaseModel):
    """How long the run took, and on what."""

    train_seconds: float | None = Field(None, description="Seconds of training, over all attempts.")
    rows_per_second: float | None = Field(None, description="Training rows per second.")
    device: str | None = Field(None, max_length=20, description="`cpu` or `cuda`.")
    threads: Count | None = Field(None, description="CPU threads.")
    torch: str | None = Field(None, max_length=100, description="Version of PyTorch.")


class ValidationResult(BaseModel):
    """Figures on the validation slice of the training split."""

    mse: float | None = None
    explained_variance: float | None = None
    l0: float | None = None
    num_samples: Count | None = Field(None, description="Rows of the validation slice.")


class _Figures(BaseModel):
    """Figures of one model over the whole test split."""

    mse: float | None = Field(None, description="Mean squared error. Null, as all figures, for a diverged member.")
    sse_row: float | None = Field(None, description="Mean over the rows of the summed squared error.")
    explained_variance: float | None = Field(None, description="Null where the rows do not vary.")
    l0: float | None = Field(None, description="Mean number of active latents per row.")
    population_sparsity: Share | None = Field(None, description="Mean share of latents that are active on a row.")
    lifetime_sparsity: Share | None = Field(None, description="Mean share of rows on which a latent is active.")
    inactive_latents: Count | None = Field(None, description="Latents that are active on fewer than 1 % of the rows.")
    dead_latents: Count | None = Field(None, description="Latents that are active on no row.")
    num_samples: Count | None = Field(None, description="Rows of the test split.")
    threshold: float | None = Field(None, description="A latent is active when its activation is above this.")
    collapsed: bool | None = Field(None, description="No better than the mean of the rows, or all latents dead.")
    collapsed_reason: str | None = None
    error_units: ErrorUnits | None = Field(None, description="`scaled` if the dataset is scaled with `minmax`.")
    formulas: Formulas | None = Field(None, description="Id of the formula behind each figure.")
    validation: ValidationResult | None = Field(None, description="Null without a validation slice.")


class TrainResult(_Figures, _Environment):
    """Result of a training run."""


class MemberResult(_Figures):
    """Result of one member of a sweep."""

    member: Count | None = Field(None, description="Number of the member.")
    name: str | None = Field(None, description="Name of the model that it published.")
    varied: Varied | None = Field(None, description="Dotted path of each varied field, and its value.")
    reference: bool | None = Field(None, description="Whether it is the dense reference, without a penalty.")
    n_latents: Count | None = None
    overcomplete: bool | None = Field(None, description="Whether the code is wider than the input.")
    probe_accuracy: float | None = Field(None, description="Accuracy of a linear probe on the codes.")
    probe_rows: Count | None = Field(None, description="Training rows of the probe.")
    diverged: str | None = Field(None, description="Why it has no figures and published no model.")
    seconds: float | None = Field(None, description="Training time; members that train together share it.")
    pareto: bool | None = Field(None, description="Whether it lies on the Pareto front of mse and L0.")
    suggested: bool | None = Field(None, description="Whether it lies in the knee of the Pareto front.")


class ModelResult(MemberResult, TrainResult):
    """Held-out figures of a model: those of its training run, or of its member of a sweep."""


class ImportResult(BaseModel):
    """Result of an import."""

    dataset: str | None = Field(None, max_length=63)
    digest: str | None = Field(None, max_length=64, description="SHA-256 of the dataset's file.")
    train_rows: Count | None = None
    test_rows: Count | None = None


class SweepResult(_Environment):
    """Result of a sweep."""

    members: list[MemberResult] | None = None
    suggested: Count | None = Field(None, description="Number of the suggested member; null if there is none.")
    rule: str | None = Field(None, description="How a member is suggested.")
    reason: str | None = Field(None, description="Why none is suggested.")
    num_samples: Count | None = Field(None, description="Rows of the test split.")
    threshold: float | None = Field(None, description="A latent is active when its activation is above this.")
    error_units: ErrorUnits | None = None
    probe_rows: Count | None = Field(None, description="Training rows of the probes.")
    formulas: Formulas | None = Field(None, description="Id of the formula behind each figure.")


class BaselinesEntry(BaseModel):
    """One method; a figure that does not apply to it is null."""

    method: str = Field(description="`model`, `model.truncated`, `ksvd`, `minibatch`, `pca`, `pca.truncated` or `raw`.")
    mse: float | None = None
    explained_variance: float | None = None
    l0: float | None = Field(None, description="Mean number of nonzero coefficients per row.")
    mutual_coherence: float | None = Field(None, description="Largest |cosine| between two of its atoms.")
    atoms: int | None = Field(None, description="Number of atoms, including those left out.")
    left_out: int | None = Field(None, description="Dead latents of the model, or atoms that no test row uses.")
    filled_atoms: int | None = Field(
        None, description="Atoms that began as random directions: there were fewer distinct rows than atoms."
    )
    matched_cosine: float | None = Field(None, description="Mean |cosine| to the model's atoms, matched one to one.")
    probe_accuracy: float | None = Field(None, description="Accuracy of a linear probe on the codes.")
    probe_columns: int | None = Field(
        None, description="Numbers of the code that vary by more than rounding, and that the probe therefore uses."
    )
    seconds: float | None = None


class BaselinesResult(_Environment):
    """Result of a baselines run."""

    model: str | None = Field(None, description="`name@version` of the model.")
    k: Count | None = Field(None, description="Coefficients per row of the dictionaries and of truncated codes.")
    entries: list[BaselinesEntry] | None = None
    dictionary: Literal["decoder", "difference"] | None = Field(None, description="What the model's atoms are.")
    fit_rows: Count | None = Field(None, description="Training rows of the dictionaries.")
    rows_chosen: str | None = Field(None, description="How: `all` that the model learned from, or drawn.")
    probe_rows: Count | None = Field(None, description="Training rows of the probes.")
    remarks: list[str] | None = Field(None, description="Classes that only rows fitted on have, or only those scored.")
    num_samples: Count | None = Field(None, description="Rows of the test split.")
    threshold: float | None = Field(None, description="A latent is active when its activation is above this.")
    error_units: ErrorUnits | None = None
    formulas: Formulas | None = Field(None, description="Id of the formula behind each figure.")


def succeeded(run: tables.Run, *kinds: str) -> Mapping[str, Any]:
    """The result of a run that is of one of these kinds and has succeeded. Raises `NoResults`, `RunNotSucceeded`."""
    if run.kind not in kinds:
        raise NoResults(
            f"these results are of runs of the kind {' or '.join(kinds)}; this one is of the kind {run.kind}"
        )
    if run.state != "succeeded":
        ended = run.state in ("failed", "cancelled")
        hope = "it has no results" if ended else "results are there once it has succeeded"
        raise RunNotSucceeded(f"the run is {run.state}: {hope}")
    assert run.result is not None  # as the table's CHECK has it
    return run.result
