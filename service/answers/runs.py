"""A run as JSON: one shape for each kind, with the spec and the result of that kind."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, RootModel

from registry.database import tables
from service.answers.documents import DocumentedAs
from service.answers.fields import Answer, Count, RunError
from service.answers.run_results import BaselinesResult, ImportResult, SweepResult, TrainResult
from sparse_coding.specs.baselines import BaselinesSpec
from sparse_coding.specs.runs import ImportSpec
from sparse_coding.specs.sweep import SweepSpec
from sparse_coding.specs.training import TrainSpec

State = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]
Kind = Literal["train", "import", "sweep", "baselines"]

_SPEC: Final = "The spec of the request, with every default filled in."
_RESULT: Final = "Null until the run has succeeded."


class Progress(Answer):
    """How far a run is."""

    epoch: Count = Field(description="Completed epochs.")
    epochs: Count = Field(description="Epochs in all.")
    rows_per_second: float | None = None
    eta_seconds: float | None = Field(None, description="Estimated seconds to the end.")


class _Run(Answer):
    """The current state of a run."""

    id: str = Field(max_length=36)
    kind: str
    state: State
    stop_requested: Literal["cancel", "pause"] | None = Field(description="A stop request that is still to be served.")
    spec: dict[str, Any]
    progress: Progress | None
    attempt: Count = Field(description="Number of attempts so far.")
    failures: Count = Field(description="Failed attempts since the last new checkpoint.")
    available_at: datetime | None = Field(
        description="Queued: earliest start of the next attempt, in the future after a failure."
    )
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: RunError | None
    result: dict[str, Any] | None
    model: str | None = Field(max_length=80, description="`name@version` of the model that it published.")


class TrainRun(_Run):
    """A run that trains one model."""

    kind: Literal["train"]
    spec: Annotated[dict[str, Any], DocumentedAs(TrainSpec)] = Field(description=_SPEC)
    result: Annotated[dict[str, Any], DocumentedAs(TrainResult)] | None = Field(description=_RESULT)


class ImportRun(_Run):
    """A run that imports a built-in dataset."""

    kind: Literal["import"]
    spec: Annotated[dict[str, Any], DocumentedAs(ImportSpec)] = Field(description=_SPEC)
    result: Annotated[dict[str, Any], DocumentedAs(ImportResult)] | None = Field(description=_RESULT)


class SweepRun(_Run):
    """A run that trains several models side by side."""

    kind: Literal["sweep"]
    spec: Annotated[dict[str, Any], DocumentedAs(SweepSpec)] = Field(description=_SPEC)
    result: Annotated[dict[str, Any], DocumentedAs(SweepResult)] | None = Field(description=_RESULT)


class BaselinesRun(_Run):
    """A run that compares a model with dictionary learning."""

    kind: Literal["baselines"]
    spec: Annotated[dict[str, Any], DocumentedAs(BaselinesSpec)] = Field(description=_SPEC)
    result: Annotated[dict[str, Any], DocumentedAs(BaselinesResult)] | None = Field(description=_RESULT)


class RunAnswer(RootModel[Annotated[TrainRun | ImportRun | SweepRun | BaselinesRun, Field(discriminator="kind")]]):
    """The current state of a run."""


def answer(run: tables.Run) -> RunAnswer:
    """The row of a run as an answer."""
    return RunAnswer.model_validate(
        {
            "id": run.id,
            "kind": run.kind,
            "state": run.state,
            "stop_requested": run.stop_requested,
            "spec": run.spec,
            "progress": _progress(run.progress),
            "attempt": run.attempt,
            "failures": run.failures,
            "available_at": run.available_at if run.state == "queued" else None,
            "created_at": run.created_at,
            "started_at": run.started_at,
            "finished_at": run.finished_at,
            "error": RunError(code=run.error_code, detail=run.error_detail or "") if run.error_code else None,
            "result": run.result,
            "model": f"{run.model_name}@{run.model_version}" if run.model_name else None,
        }
    )


def _progress(stored: Mapping[str, Any] | None) -> Progress | None:
    """The documented fields; a worker may store more."""
    if stored is None:
        return None
    return Progress(**{name: stored[name] for name in Progress.model_fields if name in stored})
