"""The blobs that a run reads and writes, each with its role."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from registry import artifacts, transitions
from registry.database import sessions
from registry.database.tables import RunInput, RunOutput
from registry.errors import NotFound
from registry.stores.protocol import Stored


@dataclass(frozen=True)
class Output:
    """A blob that a run has written."""

    role: str
    member: int
    stored: Stored


def input_of(session: Session, run_id: str, role: str) -> str | None:
    """SHA-256 of the blob that the run reads in this role; None if it has not been chosen yet."""
    chosen = session.get(RunInput, (run_id, role))
    return None if chosen is None else chosen.sha256


def attach_dataset(session: Session, run_id: str, fence: int, dataset_digest: str) -> None:
    """Record which dataset file the run uses, which protects it from deletion. Raises Fenced."""
    transitions.write(session, run_id, fence, {"dataset_digest": dataset_digest})
    values = {"run_id": run_id, "role": "dataset", "sha256": dataset_digest}
    statement = sessions.insert(session, RunInput).values(values)
    session.execute(statement.on_conflict_do_update(index_elements=["run_id", "role"], set_={"sha256": dataset_digest}))


def add_outputs(session: Session, run_id: str, outputs: Sequence[Output]) -> None:
    """Add the run's outputs. The caller must hold the run's row: `runs.succeed` checks the fence first."""
    for output in sorted(outputs, key=lambda output: output.stored.sha256):
        artifacts.register(session, output.stored)
        session.add(RunOutput(run_id=run_id, role=output.role, member=output.member, sha256=output.stored.sha256))


def output(session: Session, run_id: str, role: str) -> str:
    """Digest of the only blob that the run has written in this role. Raises NotFound if there is none."""
    found = session.get(RunOutput, (run_id, role, 0))
    if found is None:
        raise NotFound(f"the run has no output {role}")
    return found.sha256
