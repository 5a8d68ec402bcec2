"""A claimed run -> the order that starts its trainer: the spec read again, its inputs found and made local.

Knows nothing of processes. What stands in the way is raised as an error of the registry or as `SpecNotUnderstood`.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError
from sqlalchemy.orm import Session

from registry import checkpoints, datasets, errors, metrics, run_blobs
from registry.database.tables import Run
from registry.stores.protocol import ArtifactStore
from sparse_coding.specs import catalogue
from sparse_coding.specs import runs as run_specs
from sparse_coding.specs.runs import AnySpec, ImportSpec
from worker import messages


class SpecNotUnderstood(Exception):
    """The stored spec is not one of this release. `may_pass`: a newer worker may understand it."""

    def __init__(self, detail: str, *, may_pass: bool) -> None:
        super().__init__(detail)
        self.may_pass = may_pass


def parsed(run: Run) -> AnySpec:
    """The run's spec, upgraded from the version it was stored under. Raises SpecNotUnderstood."""
    try:
        return run_specs.parse(run.spec, run.spec_version)
    except ValidationError as error:
        where = "/".join(str(part) for part in error.errors()[0]["loc"])
        raise SpecNotUnderstood(f"The stored spec does not fit this release, at {where}.", may_pass=False) from error
    except ValueError as error:
        newer = run.spec_version > run_specs.SPEC_VERSION
        raise SpecNotUnderstood(f"The stored spec cannot be read: {error}.", may_pass=newer) from error


def device(asked: AnySpec) -> Literal["auto", "cpu", "cuda"]:
    """An import computes nothing."""
    return "cpu" if isinstance(asked, ImportSpec) else asked.device


@dataclass(frozen=True)
class Inputs:
    """What a run starts from: digests for the registry, local paths for the trainer."""

    dataset_digest: str | None
    """None for a built-in dataset that nobody has made yet: the trainer makes it."""
    paths: messages.Inputs
    seconds_before: float
    """What the epochs before the checkpoint took."""


def inputs(session: Session, store: ArtifactStore, run: Run) -> Inputs:
    """Find the run's inputs, and make the dataset an input of the run, so that it is kept.

    Raises DatasetNotFound, ArtifactMissing, Fenced.
    """
    digest = run.dataset_digest or _digest_of(session, str(run.dataset_name))
    if digest is not None:
        run_blobs.attach_dataset(session, run.id, run.fence, digest)
    latest, model = checkpoints.latest(session, run.id), run_blobs.input_of(session, run.id, "model")
    paths = messages.Inputs(
        dataset=None if digest is None else store.path(digest),
        model=None if model is None else store.path(model),
        checkpoint=None if latest is None else store.path(latest.sha256),
    )
    return Inputs(digest, paths, sum(row.record["seconds"] for row in metrics.read(session, run.id)))


def _digest_of(session: Session, name: str) -> str | None:
    try:
        return datasets.get(session, name).digest
    except errors.DatasetNotFound:
        if name in catalogue.CATALOGUE:
            return None
        raise
