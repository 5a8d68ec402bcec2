"""All tables, with constraints for every invariant that concerns a single row.

A state is text with a CHECK, a stop request is a column, and nothing is deleted by cascade: a reference protects its
target. The migrations in alembic/ create the same schema by hand; a test compares both.
"""

from datetime import datetime
from typing import Annotated, Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship

from registry.database.clock import Moment, now_ms

LIVE: Final = ("queued", "running", "paused")
TERMINAL: Final = ("succeeded", "failed", "cancelled")

NAMING: Final = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

Id = Annotated[str, mapped_column(String(36))]
Name = Annotated[str, mapped_column(String(63))]
Digest = Annotated[str, mapped_column(String(64))]
Big = Annotated[int, mapped_column(BigInteger)]
Blob = Annotated[str, mapped_column(String(64), ForeignKey("artifacts.sha256"))]
OfRun = Annotated[str, mapped_column(String(36), ForeignKey("runs.id"))]
Made = Annotated[datetime, mapped_column(default=now_ms())]


class Base(DeclarativeBase):
    """Base of all tables. JSON keeps the order of keys, which JSONB does not."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - the name and type that SQLAlchemy requires
        str: Text(),
        float: Double(),
        datetime: Moment(),
        dict[str, Any]: JSON(none_as_null=True),
        list[int]: JSON(none_as_null=True),
        list[str]: JSON(none_as_null=True),
    }


class Artifact(Base):
    """A blob in the store. `collection` deletes an unreferenced row, and then its file."""

    __tablename__ = "artifacts"
    __table_args__ = (CheckConstraint("length(sha256) = 64", "sha256"), CheckConstraint("bytes >= 0", "bytes"))

    sha256: Mapped[Digest] = mapped_column(primary_key=True)
    bytes: Mapped[Big]
    created_at: Mapped[Made]
    touched_at: Mapped[Made]


class Dataset(Base):
    """A dataset by name; immutable, so `bytes` can be stored here as well."""

    __tablename__ = "datasets"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("kind IN ('images', 'vectors')", "kind"),
        CheckConstraint("(kind = 'images') = (image_shape IS NOT NULL)", "image_shape"),
        CheckConstraint("n_inputs > 0 AND train_rows > 0 AND test_rows >= 0", "counts"),
        Index(None, "digest"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[Name]
    digest: Mapped[Blob]
    bytes: Mapped[Big]
    kind: Mapped[str]
    image_shape: Mapped[list[int] | None]
    n_inputs: Mapped[int]
    classes: Mapped[list[str] | None]
    train_rows: Mapped[int]
    test_rows: Mapped[int]
    minimum: Mapped[float | None]
    maximum: Mapped[float | None]
    builtin: Mapped[bool]
    created_at: Mapped[Made]


class Run(Base):
    """A run and its state; runs.py has the transitions."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint("state IN ('queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled')", "state"),
        CheckConstraint("device IN ('auto', 'cpu', 'cuda')", "device"),
        CheckConstraint("(state = 'running') = (lease_owner IS NOT NULL)", "lease_owner"),
        CheckConstraint("(lease_owner IS NULL) = (lease_expires_at IS NULL)", "lease_expires_at"),
        CheckConstraint("stop_requested IN ('cancel', 'pause')", "stop_requested"),
        CheckConstraint("stop_requested IS NULL OR state = 'running'", "wish_of_a_running_run"),
        CheckConstraint("(state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)", "finished_at"),
        CheckConstraint("(state = 'failed') = (error_code IS NOT NULL)", "error_code"),
        CheckConstraint("(state = 'succeeded') = (result IS NOT NULL)", "result"),
        CheckConstraint("(model_name IS NULL) = (model_version IS NULL)", "model"),
        CheckConstraint("attempt >= 0 AND failures >= 0 AND fence >= attempt AND event_seq >= 0", "counters"),
        Index(
            "ix_runs_queue",
            text("priority DESC"),
            "available_at",
            "id",
            postgresql_where=text("state = 'queued'"),
            sqlite_where=text("state = 'queued'"),
        ),
        # without lease_expires_at, so that renewing a lease updates no index, which keeps it cheap on PostgreSQL
        Index(
            "ix_runs_running",
            "id",
            postgresql_where=text("state = 'running'"),
            sqlite_where=text("state = 'running'"),
        ),
        Index(None, "state", "id"),
        Index(None, "dataset_name"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    spec: Mapped[dict[str, Any]]
    spec_version: Mapped[int]
    priority: Mapped[int]
    device: Mapped[str]
    dataset_name: Mapped[Name | None]
    dataset_digest: Mapped[Digest | None]
    available_at: Mapped[Made]
    attempt: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    fence: Mapped[Big] = mapped_column(default=0)
    lease_owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    stop_requested: Mapped[str | None]
    event_seq: Mapped[Big] = mapped_column(default=0)
    progress: Mapped[dict[str, Any] | None]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    result: Mapped[dict[str, Any] | None]
    model_name: Mapped[Name | None]
    model_version: Mapped[int | None]
    created_at: Mapped[Made]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class RunInput(Base):
    """A blob that a run reads, which protects it from deletion."""

    __tablename__ = "run_inputs"
    __table_args__ = (Index(None, "sha256"),)

    run_id: Mapped[OfRun] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    sha256: Mapped[Blob]


class RunOutput(Base):
    """A blob that a run has written; `member` is 0 except in runs of several models."""

    __tablename__ = "run_outputs"
    __table_args__ = (Index(None, "sha256"),)

    run_id: Mapped[OfRun] = mapped_column(primary_key=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    member: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sha256: Mapped[Blob]


class RunMetric(Base):
    """The metrics record of one epoch and member of a run."""

    __tablename__ = "run_metrics"

    run_id: Mapped[OfRun] = mapped_column(primary_key=True)
    member: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    record: Mapped[dict[str, Any]]


class RunEvent(Base):
    """An event of a run; `seq` has no gaps within the run."""

    __tablename__ = "run_events"

    run_id: Mapped[OfRun] = mapped_column(primary_key=True)
    seq: Mapped[Big] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[Made]
    type: Mapped[str]
    data: Mapped[dict[str, Any]]


class Attempt(Base):
    """One attempt at a run, from claim to outcome: worker, environment, first epoch, how it ended."""

    __tablename__ = "attempts"
    __table_args__ = (
        CheckConstraint(
            "outcome IN ('succeeded', 'failed', 'released', 'stopped', 'cancelled', 'lost')",
            "outcome",
        ),
        CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", "ended_at"),
        Index(
            "uq_attempts_open",
            "run_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
            sqlite_where=text("ended_at IS NULL"),
        ),
    )

    run_id: Mapped[OfRun] = mapped_column(primary_key=True)
    fence: Mapped[Big] = mapped_column(primary_key=True, autoincrement=False)
    attempt: Mapped[int]
    worker_id: Mapped[str]
    resumed_epoch: Mapped[int | None]
    environment: Mapped[dict[str, Any] | None]
    started_at: Mapped[Made]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]


class Checkpoint(Base):
    """A file from which the run resumes after `epoch` epochs."""

    __tablename__ = "checkpoints"
    __table_args__ = (CheckConstraint("epoch >= 0", "epoch"), Index(None, "sha256"))

    run_id: Mapped[OfRun] = mapped_column(primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    fence: Mapped[Big]
    sha256: Mapped[Blob]
    bytes: Mapped[Big]
    created_at: Mapped[Made]


class Model(Base):
    """A model name. It stays when its last version is deleted, so that no number is used twice."""

    __tablename__ = "models"
    __table_args__ = (CheckConstraint("name <> 'stats'", "name"), CheckConstraint("last_version >= 1", "last_version"))

    name: Mapped[Name] = mapped_column(primary_key=True)
    last_version: Mapped[int]
    created_at: Mapped[Made]


class ModelVersion(Base):
    """The final weights of a run, with a name and a number."""

    __tablename__ = "model_versions"
    __table_args__ = (
        UniqueConstraint("id"),
        UniqueConstraint("run_id", "member"),
        CheckConstraint("version >= 1", "version"),
        Index(None, "digest"),
        Index(None, "dataset_digest"),
    )

    name: Mapped[Name] = mapped_column(ForeignKey("models.name"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    id: Mapped[Id]
    run_id: Mapped[OfRun]
    member: Mapped[int]
    digest: Mapped[Blob]
    dataset_name: Mapped[Name]
    dataset_digest: Mapped[Blob]
    spec: Mapped[dict[str, Any]]
    spec_version: Mapped[int]
    result: Mapped[dict[str, Any]]
    created_at: Mapped[Made]

    pointers: Mapped[list["Alias"]] = relationship(lazy="selectin", viewonly=True, order_by="Alias.alias")

    @property
    def reference(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @property
    def aliases(self) -> list[str]:
        """The aliases that pointed to this version when it was loaded, in alphabetical order."""
        return [pointer.alias for pointer in self.pointers]


class Alias(Base):
    """A movable name for a version, which protects the version from deletion."""

    __tablename__ = "aliases"
    __table_args__ = (
        ForeignKeyConstraint(["name", "version"], ["model_versions.name", "model_versions.version"]),
        Index(None, "name", "version"),
    )

    name: Mapped[Name] = mapped_column(primary_key=True)
    alias: Mapped[str] = mapped_column(String(31), primary_key=True)
    version: Mapped[int]
    updated_at: Mapped[Made]


class Analysis(Base):
    """A cached result: `key` is the hash of kind, digests, parameters and formula version."""

    __tablename__ = "analyses"
    __table_args__ = (Index(None, "sha256"),)

    key: Mapped[Digest] = mapped_column(primary_key=True)
    kind: Mapped[str]
    sha256: Mapped[Blob]
    created_at: Mapped[Made]


class IdempotencyKey(Base):
    """A client's key for one request. A transaction inserts the key before its run, so that the key decides."""

    __tablename__ = "idempotency_keys"
    __table_args__ = (Index(None, "run_id"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[Digest]
    run_id: Mapped[Id] = mapped_column(ForeignKey("runs.id", deferrable=True, initially="DEFERRED"))
    created_at: Mapped[Made]


class Worker(Base):
    """A worker and its last heartbeat; informational, never a token of ownership."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    boot_id: Mapped[str | None]
    pid_namespace: Mapped[str | None]
    pid: Mapped[int]
    pid_started: Mapped[str | None]
    device: Mapped[str]
    device_name: Mapped[str | None]
    threads: Mapped[int | None]
    release: Mapped[str]
    started_at: Mapped[Made]
    seen_at: Mapped[Made]

    serial: Mapped[str] = column_property(func.substr(id, func.length(id) - 35, type_=String()))  # noqa: A003 - the column
    """The end of its id, an identifier that sorts by time of creation."""
