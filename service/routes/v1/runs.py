"""Runs over HTTP: ask for one, look at it, steer it, forget it. What it leaves on its way stands in files of its own.

Judges a spec against its dataset before anything is queued. Knows neither training nor the queue's statements.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Body, Header, Query, Response
from pydantic import Field
from sqlalchemy.orm import Session

from registry import datasets, models, runs
from registry.database import tables
from registry.errors import DatasetNotFound, InvalidRequest
from service import space
from service.answers.fields import Answer, Count, RunError
from service.errors import Fault, SpecRefused, UnknownDataset
from service.http import deletions, paths, problems
from service.http.pages import MAX_PAGE, Cursor, Limit, NextCursor
from service.http.parameters import RunId
from service.state import AppState, AppStateDep
from sparse_coding.specs import catalogue, feasibility
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.baselines import BaselinesSpec
from sparse_coding.specs.runs import AnySpec, ImportSpec, RunSpec
from sparse_coding.specs.sweep import SweepSpec
from sparse_coding.specs.training import TrainSpec

router = APIRouter(prefix=paths.V1, tags=["runs"])

State = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]
Kind = Literal["train", "import", "sweep", "baselines"]

EXAMPLES: Final = {
    "tutorial": {
        "summary": "The tutorial's run on digits",
        "description": "Every other setting has the tutorial's default.",
        "value": {"name": "digits-kl", "dataset": {"name": "digits", "image_size": 28}},
    },
    "smallest": {"summary": "Only a dataset", "value": {"dataset": {"name": "digits", "image_size": 28}}},
    "l1": {
        "summary": "L1 on a ReLU code, no hidden layers",
        "value": {
            "name": "digits-l1",
            "dataset": {"name": "digits"},
            "model": {"n_latents": 64, "hidden": []},
            "sparsity": {"kind": "l1", "weight": 0.001},
            "training": {"epochs": 5},
        },
    },
    "sweep": {
        "summary": "Three weights side by side, with the dense reference",
        "value": {
            "kind": "sweep",
            "name": "digits-weights",
            "base": {
                "dataset": {"name": "digits"},
                "model": {"n_latents": 64, "hidden": []},
                "training": {"epochs": 5},
            },
            "grid": {"sparsity.weight": [0.001, 0.01, 0.1]},
            "reference": True,
        },
    },
    "baselines": {
        "summary": "A model beside dictionary learning",
        "value": {"kind": "baselines", "model": "digits-kl", "methods": ["ksvd", "pca"]},
    },
    "import": {"summary": "Bring a built-in dataset in", "value": {"kind": "import", "dataset": "digits"}},
}


class Progress(Answer):
    """How far a run is."""

    epoch: Count = Field(description="Epochs done.")
    epochs: Count
    rows_per_second: float | None = None
    eta_seconds: float | None = Field(None, description="Seconds to the end, as far as can be told.")


class RunAnswer(Answer):
    """A run as it is now."""

    id: str = Field(max_length=36)
    kind: str = Field(max_length=20)
    state: State
    stop_requested: Literal["cancel", "pause"] | None = Field(description="A wish that the worker will come to.")
    spec: dict[str, Any] = Field(description="What was asked for, with every default filled in.")
    progress: Progress | None
    attempt: Count = Field(description="How often it was begun.")
    failures: Count = Field(description="How often it failed since its last new checkpoint.")
    available_at: datetime | None = Field(description="Queued: not begun before; it lies ahead after a failure.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: RunError | None
    result: dict[str, Any] | None = Field(description="Figures of a finished run, over the whole test split.")
    model: str | None = Field(max_length=80, description="`name@version` that it published.")


class RunPage(Answer):
    """Runs, newest first."""

    items: list[RunAnswer] = Field(max_length=MAX_PAGE)
    next_cursor: NextCursor


class CancelWish(Answer):
    """How to cancel."""

    force: bool = Field(False, description="Do not wait for the worker: take the run from it now.")


@router.post(
    "/runs",
    status_code=202,
    summary="Ask for a run",
    response_description="The run is queued.",
    responses=problems.responses(422, 503, 507),
)
def create_run(
    app_state: AppStateDep,
    response: Response,
    asked: Annotated[RunSpec, Body(openapi_examples=EXAMPLES)],
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            pattern=r'^"?[!#-~]+"?$',
            description="Sent again with the same body, it gives the first answer's run instead of another one.",
        ),
    ] = None,
) -> RunAnswer:
    """Queue a run: training a model (`kind` `train`, the default), several side by side (`sweep`), setting one beside
    dictionary learning (`baselines`), or bringing in a built-in dataset (`import`).

    `{"dataset": {"name": "digits", "image_size": 28}}` is enough; everything else has a default. Follow the run
    at its `Location`.
    """
    key = idempotency_key.strip('"') if idempotency_key else None
    digest = hashlib.sha256(run_specs.canonical_json(run_specs.document(asked)).encode()).hexdigest()
    with app_state.database.write() as session:
        repeated = runs.repeated(session, key, digest) if key else None
        enqueued = repeated or _enqueue(app_state, session, asked, key, digest)
    response.headers["Location"] = f"{paths.V1}/runs/{enqueued.run.id}"
    response.headers["Retry-After"] = "1"
    if enqueued.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return _answer(enqueued.run)


def _enqueue(app_state: AppState, session: Session, asked: AnySpec, key: str | None, digest: str) -> runs.Enqueued:
    """Raises what a client should hear now, and not from a failed run later; nothing is queued then."""
    asked, reads = _reads(session, asked)
    enqueued = runs.enqueue(
        session,
        kind=asked.kind,
        spec=run_specs.document(asked),
        spec_version=run_specs.SPEC_VERSION,
        priority=asked.priority,
        device="auto" if isinstance(asked, ImportSpec) else asked.device,
        dataset_name=reads.dataset,
        inputs=reads.chosen,
        idempotency_key=key,
        request_sha256=digest,
        max_queued=app_state.settings.max_queued_runs,
    )
    if not enqueued.replayed:  # by a request that came at the same moment: what was accepted once stays so
        _judge(session, asked)
        space.require(session, app_state.settings.max_stored_bytes)
    return enqueued


@router.get("/runs", summary="List runs, newest first", responses=problems.responses(422))
def list_runs(
    app_state: AppStateDep,
    state: State | None = None,
    kind: Kind | None = None,
    dataset: Annotated[str | None, Query(max_length=63, description="Only runs on the dataset of this name.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RunPage:
    """All of them, or those of a state, of a kind, on a dataset."""
    with app_state.database.read() as session:
        page = runs.page(session, state=state, kind=kind, dataset=dataset, limit=limit, cursor=cursor)
    return RunPage(items=[_answer(run) for run in page.items], next_cursor=page.next_cursor)


@router.get("/runs/{run_id}", summary="Look at a run", responses=problems.responses(404))
def get_run(app_state: AppStateDep, run_id: RunId) -> RunAnswer:
    with app_state.database.read() as session:
        return _answer(runs.get(session, run_id))


@router.delete(
    "/runs/{run_id}",
    status_code=204,
    summary="Forget a run",
    responses={**deletions.DOCUMENTED, **problems.responses(404, 409)},
)
def delete_run(app_state: AppStateDep, run_id: RunId, response: Response) -> None:
    """Forget an ended run with its curves and checkpoints. A run that has not ended is 409, as is one whose model
    is still there."""
    with app_state.database.write() as session:
        deletions.set_freed_bytes(response, runs.delete(session, run_id))


@router.post("/runs/{run_id}/cancel", summary="Cancel a run", responses=problems.responses(404, 409))
def cancel_run(
    app_state: AppStateDep,
    run_id: RunId,
    wish: Annotated[CancelWish | None, Body(openapi_examples={"wait": {"value": {"force": False}}})] = None,
) -> RunAnswer:
    """A queued run is cancelled at once; a running one within two seconds and a step, or at once with `force`. The
    checkpoints that it has stay; to keep its newest state as well, pause it first."""
    with app_state.database.write() as session:
        return _answer(runs.cancel(session, run_id, force=wish is not None and wish.force))


@router.post("/runs/{run_id}/pause", summary="Set a run aside", responses=problems.responses(404, 409))
def pause_run(app_state: AppStateDep, run_id: RunId) -> RunAnswer:
    """A queued run is paused at once; a running one with a checkpoint when its epoch is done, which `stop_requested`
    says until then. A wish to cancel stays. Asked again, it changes nothing."""
    with app_state.database.write() as session:
        return _answer(runs.pause(session, run_id))


@router.post("/runs/{run_id}/resume", summary="Let a paused run go on", responses=problems.responses(404, 409))
def resume_run(app_state: AppStateDep, run_id: RunId) -> RunAnswer:
    """The run waits in the queue again and goes on from its last checkpoint; of a running one, a wish to pause is
    withdrawn. A run that is not paused stays as it is."""
    with app_state.database.write() as session:
        return _answer(runs.resume(session, run_id))


@dataclass(frozen=True)
class _Reads:
    """What a run will read: a dataset by name, and blobs that are chosen already."""

    dataset: str
    chosen: Mapping[str, str]


def _reads(session: Session, asked: AnySpec) -> tuple[AnySpec, _Reads]:
    """What the run reads; a model that it names is pinned to the version that the name means now, and held.

    Raises ModelNotFound, VersionNotFound, AliasNotFound, InvalidReference.
    """
    match asked:
        case ImportSpec():
            return asked, _Reads(asked.dataset, {})
        case TrainSpec():
            return asked, _Reads(asked.dataset.name, {})
        case SweepSpec():
            return asked, _Reads(asked.base.dataset.name, {})
        case BaselinesSpec():
            version = models.hold(session, asked.model)
            chosen = {"model": version.digest, "dataset": version.dataset_digest}
            return asked.model_copy(update={"model": version.reference}), _Reads(version.dataset_name, chosen)


def _judge(session: Session, asked: AnySpec) -> None:
    """Raise what a client should hear now, and not from a failed run later."""
    match asked:
        case ImportSpec() if asked.dataset not in catalogue.CATALOGUE:
            raise _unknown("/dataset", "only built-in datasets are imported")
        case TrainSpec():
            _refuse_name(str(asked.name))
            _refuse(feasibility.objections(asked, _facts(session, asked.dataset.name, "/dataset/name")))
        case SweepSpec():
            _refuse(feasibility.sweep_objections(asked, _facts(session, asked.base.dataset.name, "/base/dataset/name")))


def _refuse_name(name: str) -> None:
    try:
        models.require_name(name)
    except InvalidRequest as error:
        raise SpecRefused(f"/name: {error}", [Fault("/name", str(error))]) from error


def _refuse(objections: Iterable[feasibility.Objection]) -> None:
    faults = [Fault(found.pointer, found.detail) for found in objections]
    if faults:
        raise SpecRefused(f"{faults[0].pointer or 'the sweep'}: {faults[0].detail}", faults[: problems.MAX_FAULTS])


def _facts(session: Session, name: str, pointer: str) -> feasibility.DatasetFacts:
    """What is known of the dataset: from the registry, or of a built-in one from the catalogue."""
    try:
        row = datasets.get(session, name)
    except DatasetNotFound as error:
        if name not in catalogue.CATALOGUE:
            raise _unknown(pointer, "there is no dataset of this name") from error
        return catalogue.CATALOGUE[name].facts
    return feasibility.DatasetFacts(
        kind="images" if row.kind == "images" else "vectors",
        image_shape=_shape(row.image_shape),
        n_inputs=row.n_inputs,
        train_rows=row.train_rows,
        test_rows=row.test_rows,
        minimum=row.minimum,
        maximum=row.maximum,
    )


def _shape(stored: Sequence[int] | None) -> tuple[int, int, int] | None:
    if stored is None:
        return None
    channels, height, width = stored
    return channels, height, width


def _unknown(pointer: str, why: str) -> UnknownDataset:
    detail = f"{why}: built in are {', '.join(catalogue.CATALOGUE)}; others are uploaded to {paths.V1}/datasets/NAME"
    return UnknownDataset(f"{pointer}: {detail}", [Fault(pointer, detail)])


def _answer(run: tables.Run) -> RunAnswer:
    return RunAnswer(
        id=run.id,
        kind=run.kind,
        state=run.state,
        stop_requested=run.stop_requested,
        spec=run.spec,
        progress=_progress(run.progress),
        attempt=run.attempt,
        failures=run.failures,
        available_at=run.available_at if run.state == "queued" else None,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        error=RunError(code=run.error_code, detail=run.error_detail or "") if run.error_code else None,
        result=run.result,
        model=f"{run.model_name}@{run.model_version}" if run.model_name else None,
    )


def _progress(stored: Mapping[str, Any] | None) -> Progress | None:
    """The fields that are promised; a worker may tell more."""
    if stored is None:
        return None
    return Progress(**{name: stored[name] for name in Progress.model_fields if name in stored})
