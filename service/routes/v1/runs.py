"""Runs over HTTP: create, list, get, cancel, pause, resume, delete.

A spec is judged against its dataset before the run is enqueued.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Body, Header, Query, Response
from pydantic import Field
from sqlalchemy.orm import Session

from registry import datasets, models, runs
from registry.errors import DatasetNotFound, InvalidRequest
from service import space
from service.answers.fields import Answer
from service.answers.runs import Kind, RunAnswer, State, answer
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
        "summary": "A model compared with dictionary learning",
        "value": {"kind": "baselines", "model": "digits-kl", "methods": ["ksvd", "pca"]},
    },
    "import": {"summary": "Import a built-in dataset", "value": {"kind": "import", "dataset": "digits"}},
}


class RunPage(Answer):
    """Runs, newest first."""

    items: list[RunAnswer] = Field(max_length=MAX_PAGE)
    next_cursor: NextCursor


class CancelOptions(Answer):
    """How to cancel."""

    force: bool = Field(False, strict=True, description="Cancel at once, without waiting for the worker.")


@router.post(
    "/runs",
    status_code=202,
    summary="Create a run",
    response_description="The run is queued.",
    responses=problems.responses(404, 422, 503, 507),
)
def create_run(
    app_state: AppStateDep,
    response: Response,
    spec: Annotated[RunSpec, Body(openapi_examples=EXAMPLES)],
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            pattern=r'^"?[!#-~]+"?$',
            description="A repeated request with the same key and body returns the first request's run.",
        ),
    ] = None,
) -> RunAnswer:
    """Enqueue a run. The `kind` is `train` (one model, the default), `sweep` (several models side by side), `baselines`
    (compare a model with dictionary learning) or `import` (import a built-in dataset).

    `{"dataset": {"name": "digits", "image_size": 28}}` is enough; every other field has a default. The `Location`
    header is the URL of the run.
    """
    key = idempotency_key.strip('"') if idempotency_key else None
    digest = hashlib.sha256(run_specs.canonical_json(run_specs.document(spec)).encode()).hexdigest()
    with app_state.database.write() as session:
        repeated = runs.repeated(session, key, digest) if key else None
        enqueued = repeated or _admit(app_state, session, spec, key, digest)
    response.headers["Location"] = f"{paths.V1}/runs/{enqueued.run.id}"
    response.headers["Retry-After"] = "1"
    if enqueued.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return answer(enqueued.run)


def _admit(app_state: AppState, session: Session, spec: AnySpec, key: str | None, digest: str) -> runs.Enqueued:
    """Judge a spec and enqueue its run, in this order: nothing is written that a later check would undo.

    A request with the same key that came at the same moment may have enqueued it by then; that run is the answer.
    """
    spec, inputs = _resolve(session, spec)
    _judge(session, spec)
    space.require(session, app_state.settings.max_stored_bytes)
    return runs.enqueue(
        session,
        kind=spec.kind,
        spec=run_specs.document(spec),
        spec_version=run_specs.SPEC_VERSION,
        priority=spec.priority,
        device="auto" if isinstance(spec, ImportSpec) else spec.device,
        dataset_name=inputs.dataset,
        inputs=inputs.blobs,
        idempotency_key=key,
        request_sha256=digest,
        max_queued=app_state.settings.max_queued_runs,
    )


@router.get("/runs", summary="List runs", responses=problems.responses(422))
def list_runs(
    app_state: AppStateDep,
    state: Annotated[State | None, Query(description="Only runs in this state.")] = None,
    kind: Annotated[Kind | None, Query(description="Only runs of this kind.")] = None,
    dataset: Annotated[str | None, Query(max_length=63, description="Only runs on the dataset of this name.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> RunPage:
    """Runs, newest first; all, or those of a state, of a kind or on a dataset."""
    with app_state.database.read() as session:
        page = runs.page(session, state=state, kind=kind, dataset=dataset, limit=limit, cursor=cursor)
    return RunPage(items=[answer(run) for run in page.items], next_cursor=page.next_cursor)


@router.get("/runs/{run_id}", summary="Get a run", responses=problems.responses(404))
def get_run(app_state: AppStateDep, run_id: RunId) -> RunAnswer:
    with app_state.database.read() as session:
        return answer(runs.get(session, run_id))


@router.delete(
    "/runs/{run_id}",
    status_code=204,
    response_class=Response,
    summary="Delete a run",
    responses={**deletions.DOCUMENTED, **problems.responses(404, 409)},
)
def delete_run(app_state: AppStateDep, run_id: RunId, response: Response) -> None:
    """Delete a finished run with its metrics, events and checkpoints. 409 for a run that has not finished, and for one
    whose model still exists."""
    with app_state.database.write() as session:
        deletions.set_freed_bytes(response, runs.delete(session, run_id))


@router.post("/runs/{run_id}/cancel", summary="Cancel a run", responses=problems.responses(404, 409))
def cancel_run(
    app_state: AppStateDep,
    run_id: RunId,
    options: Annotated[CancelOptions | None, Body(openapi_examples={"wait": {"value": {"force": False}}})] = None,
) -> RunAnswer:
    """A queued run is cancelled at once; a running one within two seconds and a step, or at once with `force`. Its
    checkpoints stay; to keep its newest state as well, pause it first. Idempotent."""
    with app_state.database.write() as session:
        return answer(runs.cancel(session, run_id, force=options is not None and options.force))


@router.post("/runs/{run_id}/pause", summary="Pause a run", responses=problems.responses(404, 409))
def pause_run(app_state: AppStateDep, run_id: RunId) -> RunAnswer:
    """A queued run is paused at once; a running one with a checkpoint at the end of its epoch, and `stop_requested` is
    `pause` until then. A request to cancel takes precedence. Idempotent."""
    with app_state.database.write() as session:
        return answer(runs.pause(session, run_id))


@router.post("/runs/{run_id}/resume", summary="Resume a run", responses=problems.responses(404, 409))
def resume_run(app_state: AppStateDep, run_id: RunId) -> RunAnswer:
    """Return a paused run to the queue; it continues from its last checkpoint. For a running run, a request to pause is
    withdrawn. Any other run that has not finished stays as it is. Idempotent."""
    with app_state.database.write() as session:
        return answer(runs.resume(session, run_id))


@dataclass(frozen=True)
class _Inputs:
    """What a run reads: a dataset by name, and the blobs of a model version, role -> SHA-256."""

    dataset: str
    blobs: Mapping[str, str]


def _resolve(session: Session, spec: AnySpec) -> tuple[AnySpec, _Inputs]:
    """The inputs of a run; a model in its spec becomes the version that the name means now, which is locked.

    Raises ModelNotFound, VersionNotFound, AliasNotFound, InvalidReference.
    """
    match spec:
        case ImportSpec():
            return spec, _Inputs(spec.dataset, {})
        case TrainSpec():
            return spec, _Inputs(spec.dataset.name, {})
        case SweepSpec():
            return spec, _Inputs(spec.base.dataset.name, {})
        case BaselinesSpec():
            version = models.hold(session, spec.model)
            blobs = {"model": version.digest, "dataset": version.dataset_digest}
            return spec.model_copy(update={"model": version.reference}), _Inputs(version.dataset_name, blobs)


def _judge(session: Session, spec: AnySpec) -> None:
    """Raise now what would let the run fail later: `SpecRefused` or `UnknownDataset`."""
    match spec:
        case ImportSpec() if spec.dataset not in catalogue.CATALOGUE:
            raise _unknown("/dataset", "only built-in datasets can be imported")
        case TrainSpec():
            _refuse_name(str(spec.name))
            _refuse(feasibility.objections(spec, _facts(session, spec.dataset.name, "/dataset/name")))
        case SweepSpec():
            _refuse(feasibility.sweep_objections(spec, _facts(session, spec.base.dataset.name, "/base/dataset/name")))


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
    """Facts about the dataset: from the registry, or from the catalogue of built-in ones.

    A row of the registry is locked, so that nobody deletes the dataset before the run that names it is enqueued.
    """
    try:
        row = datasets.hold(session, name)
    except DatasetNotFound as error:
        if name not in catalogue.CATALOGUE:
            raise _unknown(pointer, "no dataset has this name") from error
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
    detail = f"{why}; built-in datasets: {', '.join(catalogue.CATALOGUE)}; upload others to {paths.V1}/datasets/NAME"
    return UnknownDataset(f"{pointer}: {detail}", [Fault(pointer, detail)])
