"""Messages of the pipe between supervisor and trainer: one JSON object per line, with a discriminator `type`.

Imports neither torch nor a database, because both ends use it. Messages are frozen and reject unknown fields: both ends
come from the same release, so an unknown field is a bug.
"""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from sparse_coding.specs import feasibility
from sparse_coding.specs.runs import RunSpec

PROTOCOL: Final = 1
"""Version of the messages, which both ends send in their first message."""

StopRequest = Literal["cancel", "pause", "release"]
"""Why a trainer must stop: requested by the run's owner, or (`release`) because its worker is exiting."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""A file directly in the run's folder; never a path that could lead out of it."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Inputs(_Message):
    """Local paths of the artifacts that a run starts from; null if there is none."""

    dataset: Path | None = None
    model: Path | None = None
    checkpoint: Path | None = None


class Start(_Message):
    """To the trainer, once: the run, where its files are and where it may write."""

    type: Literal["start"] = "start"
    protocol: Literal[1] = PROTOCOL
    run_id: str
    fence: int
    spec: RunSpec
    inputs: Inputs = Inputs()
    folder: Path
    sources: Path
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = Field(ge=1)
    checkpoint_seconds: float = Field(ge=0)
    seconds_before: float = Field(0, ge=0)
    """Duration of the epochs before the checkpoint, in earlier attempts."""


class Stop(_Message):
    """To the trainer: stop at the next safe boundary."""

    type: Literal["stop"] = "stop"
    request: StopRequest


class CheckpointNow(_Message):
    """To the trainer: write a checkpoint at the end of this epoch and go on."""

    type: Literal["checkpoint_now"] = "checkpoint_now"


class Forked(_Message):
    """From the fork server, before everything else: the trainer's process id, which its group and session have, too."""

    type: Literal["forked"] = "forked"
    pid: int


class Exited(_Message):
    """From the fork server, after everything else: the trainer has ended; negative codes are signals."""

    type: Literal["exited"] = "exited"
    returncode: int


class Hello(_Message):
    """From the trainer, first: its computing environment."""

    type: Literal["hello"] = "hello"
    protocol: Literal[1] = PROTOCOL
    torch: str
    device: Literal["cpu", "cuda"]
    device_name: str
    threads: int = Field(ge=1)


class File(_Message):
    """A finished file in the run's folder, ready to be moved into the store."""

    path: FileName
    sha256: Sha256
    bytes: int = Field(ge=0)


class Dataset(File):
    """From the trainer: a built-in dataset that it has imported and opened (the file may be moved)."""

    type: Literal["dataset"] = "dataset"
    name: str
    facts: feasibility.DatasetFacts
    classes: tuple[str, ...] | None


class Progress(_Message):
    """From the trainer, a few times a second at most. `epoch` counts the finished ones."""

    type: Literal["progress"] = "progress"
    phase: Literal["preparing", "training", "finishing"]
    epoch: int = Field(0, ge=0)
    epochs: int = Field(0, ge=0)
    rows_per_second: float | None = None
    eta_seconds: float | None = None


class Metrics(_Message):
    """From the trainer, once per epoch: the record of that epoch."""

    type: Literal["metrics"] = "metrics"
    member: int = Field(0, ge=0)
    epoch: int = Field(ge=1)
    record: dict[str, int | float | None]


class Checkpoint(File):
    """From the trainer: a state from which the run resumes after `epoch` epochs."""

    type: Literal["checkpoint"] = "checkpoint"
    epoch: int = Field(ge=0)


class Stopped(_Message):
    """From the trainer, last: it has stopped on request."""

    type: Literal["stopped"] = "stopped"
    request: StopRequest


class Output(File):
    """One file of a finished run."""

    role: Literal["weights", "atoms"]
    member: int = Field(0, ge=0)


class Result(_Message):
    """From the trainer, last: the run is done; `summary` becomes the run's `result`."""

    type: Literal["result"] = "result"
    outputs: tuple[Output, ...] = ()
    summary: dict[str, Any]


class Error(_Message):
    """From the trainer, last: the run failed. `may_pass`: another attempt may succeed."""

    type: Literal["error"] = "error"
    code: str
    detail: str
    may_pass: bool = False


Order = Start | Stop | CheckpointNow
Report = Forked | Hello | Dataset | Progress | Metrics | Checkpoint | Stopped | Result | Error | Exited

_orders: Final[TypeAdapter[Order]] = TypeAdapter(Annotated[Order, Field(discriminator="type")])
_reports: Final[TypeAdapter[Report]] = TypeAdapter(Annotated[Report, Field(discriminator="type")])


def line(message: Order | Report) -> bytes:
    """The message as one line of JSON, its newline included."""
    return message.model_dump_json().encode() + b"\n"


def read_order(text: bytes) -> Order:
    """Parse a message to the trainer. Raises pydantic's ValidationError."""
    return _orders.validate_json(text)


def read_report(text: bytes) -> Report:
    """Parse a message from the trainer. Raises pydantic's ValidationError."""
    return _reports.validate_json(text)
