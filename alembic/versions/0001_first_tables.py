"""Creates all tables.

Written by hand and never changed with tables.py. Times are milliseconds since 1970, digests are SHA-256 in hexadecimal,
and nothing is deleted by cascade.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_artifacts_and_datasets()
    _create_runs()
    _create_inputs_and_outputs_of_runs()
    _create_metrics_and_events()
    _create_attempts_and_checkpoints()
    _create_models()
    _create_aliases()
    _create_cache_keys_and_workers()


def _create_artifacts_and_datasets() -> None:
    op.create_table(
        "artifacts",
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_artifacts")),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_artifacts_sha256")),
        sa.CheckConstraint("bytes >= 0", name=op.f("ck_artifacts_bytes")),
    )
    op.create_table(
        "datasets",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("image_shape", sa.JSON(), nullable=True),
        sa.Column("n_inputs", sa.Integer(), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=True),
        sa.Column("train_rows", sa.Integer(), nullable=False),
        sa.Column("test_rows", sa.Integer(), nullable=False),
        sa.Column("minimum", sa.Double(), nullable=True),
        sa.Column("maximum", sa.Double(), nullable=True),
        sa.Column("builtin", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_datasets")),
        sa.UniqueConstraint("name", name=op.f("uq_datasets_name")),
        sa.ForeignKeyConstraint(["digest"], ["artifacts.sha256"], name=op.f("fk_datasets_digest")),
        sa.CheckConstraint("kind IN ('images', 'vectors')", name=op.f("ck_datasets_kind")),
        sa.CheckConstraint("(kind = 'images') = (image_shape IS NOT NULL)", name=op.f("ck_datasets_image_shape")),
        sa.CheckConstraint("n_inputs > 0 AND train_rows > 0 AND test_rows >= 0", name=op.f("ck_datasets_counts")),
    )
    op.create_index(op.f("ix_datasets_digest"), "datasets", ["digest"])


def _create_runs() -> None:
    op.create_table("runs", *_columns_of_runs(), *_constraints_of_runs())
    queued, running = sa.text("state = 'queued'"), sa.text("state = 'running'")
    op.create_index(
        op.f("ix_runs_queue"),
        "runs",
        [sa.text("priority DESC"), "available_at", "id"],
        postgresql_where=queued,
        sqlite_where=queued,
    )
    op.create_index(op.f("ix_runs_running"), "runs", ["id"], postgresql_where=running, sqlite_where=running)
    op.create_index(op.f("ix_runs_state_id"), "runs", ["state", "id"])
    op.create_index(op.f("ix_runs_dataset_name"), "runs", ["dataset_name"])


def _columns_of_runs() -> list[sa.Column]:
    return [
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("spec_version", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("dataset_name", sa.String(63), nullable=True),
        sa.Column("dataset_digest", sa.String(64), nullable=True),
        sa.Column("available_at", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.Text(), nullable=True),
        sa.Column("lease_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("stop_requested", sa.Text(), nullable=True),
        sa.Column("event_seq", sa.BigInteger(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("model_name", sa.String(63), nullable=True),
        sa.Column("model_version", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
    ]


def _constraints_of_runs() -> list[sa.schema.SchemaItem]:
    checks = {
        "state": "state IN ('queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled')",
        "device": "device IN ('auto', 'cpu', 'cuda')",
        "lease_owner": "(state = 'running') = (lease_owner IS NOT NULL)",
        "lease_expires_at": "(lease_owner IS NULL) = (lease_expires_at IS NULL)",
        "stop_requested": "stop_requested IN ('cancel', 'pause')",
        "wish_of_a_running_run": "stop_requested IS NULL OR state = 'running'",
        "finished_at": "(state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)",
        "error_code": "(state = 'failed') = (error_code IS NOT NULL)",
        "result": "(state = 'succeeded') = (result IS NOT NULL)",
        "model": "(model_name IS NULL) = (model_version IS NULL)",
        "counters": "attempt >= 0 AND failures >= 0 AND fence >= attempt AND event_seq >= 0",
    }
    named = [sa.CheckConstraint(check, name=op.f(f"ck_runs_{name}")) for name, check in checks.items()]
    return [sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")), *named]


def _create_inputs_and_outputs_of_runs() -> None:
    op.create_table(
        "run_inputs",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "role", name=op.f("pk_run_inputs")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_inputs_run_id")),
        sa.ForeignKeyConstraint(["sha256"], ["artifacts.sha256"], name=op.f("fk_run_inputs_sha256")),
    )
    op.create_index(op.f("ix_run_inputs_sha256"), "run_inputs", ["sha256"])
    op.create_table(
        "run_outputs",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("member", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "role", "member", name=op.f("pk_run_outputs")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_outputs_run_id")),
        sa.ForeignKeyConstraint(["sha256"], ["artifacts.sha256"], name=op.f("fk_run_outputs_sha256")),
    )
    op.create_index(op.f("ix_run_outputs_sha256"), "run_outputs", ["sha256"])


def _create_metrics_and_events() -> None:
    op.create_table(
        "run_metrics",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("member", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "member", "epoch", name=op.f("pk_run_metrics")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_metrics_run_id")),
    )
    op.create_table(
        "run_events",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "seq", name=op.f("pk_run_events")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_events_run_id")),
    )


def _create_attempts_and_checkpoints() -> None:
    outcomes = "'succeeded', 'failed', 'released', 'stopped', 'cancelled', 'lost'"
    op.create_table(
        "attempts",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("fence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.Text(), nullable=False),
        sa.Column("resumed_epoch", sa.Integer(), nullable=True),
        sa.Column("environment", sa.JSON(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("run_id", "fence", name=op.f("pk_attempts")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_attempts_run_id")),
        sa.CheckConstraint(f"outcome IN ({outcomes})", name=op.f("ck_attempts_outcome")),
        sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name=op.f("ck_attempts_ended_at")),
    )
    still_open = sa.text("ended_at IS NULL")
    op.create_index(
        op.f("uq_attempts_open"),
        "attempts",
        ["run_id"],
        unique=True,
        postgresql_where=still_open,
        sqlite_where=still_open,
    )
    op.create_table(
        "checkpoints",
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "epoch", name=op.f("pk_checkpoints")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_checkpoints_run_id")),
        sa.ForeignKeyConstraint(["sha256"], ["artifacts.sha256"], name=op.f("fk_checkpoints_sha256")),
        sa.CheckConstraint("epoch >= 0", name=op.f("ck_checkpoints_epoch")),
    )
    op.create_index(op.f("ix_checkpoints_sha256"), "checkpoints", ["sha256"])


def _create_models() -> None:
    op.create_table(
        "models",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_models")),
        sa.CheckConstraint("name <> 'stats'", name=op.f("ck_models_name")),
        sa.CheckConstraint("last_version >= 1", name=op.f("ck_models_last_version")),
    )
    op.create_table(
        "model_versions",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("member", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("dataset_name", sa.String(63), nullable=False),
        sa.Column("dataset_digest", sa.String(64), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("spec_version", sa.Integer(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("id", name=op.f("uq_model_versions_id")),
        sa.UniqueConstraint("run_id", "member", name=op.f("uq_model_versions_run_id_member")),
        sa.ForeignKeyConstraint(["name"], ["models.name"], name=op.f("fk_model_versions_name")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_model_versions_run_id")),
        sa.ForeignKeyConstraint(["digest"], ["artifacts.sha256"], name=op.f("fk_model_versions_digest")),
        sa.ForeignKeyConstraint(
            ["dataset_digest"], ["artifacts.sha256"], name=op.f("fk_model_versions_dataset_digest")
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_model_versions_version")),
    )
    op.create_index(op.f("ix_model_versions_digest"), "model_versions", ["digest"])
    op.create_index(op.f("ix_model_versions_dataset_digest"), "model_versions", ["dataset_digest"])


def _create_aliases() -> None:
    op.create_table(
        "aliases",
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("alias", sa.String(31), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "alias", name=op.f("pk_aliases")),
        sa.ForeignKeyConstraint(
            ["name", "version"],
            ["model_versions.name", "model_versions.version"],
            name=op.f("fk_aliases_name_version"),
        ),
    )
    op.create_index(op.f("ix_aliases_name_version"), "aliases", ["name", "version"])


def _create_cache_keys_and_workers() -> None:
    op.create_table(
        "analyses",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_analyses")),
        sa.ForeignKeyConstraint(["sha256"], ["artifacts.sha256"], name=op.f("fk_analyses_sha256")),
    )
    op.create_index(op.f("ix_analyses_sha256"), "analyses", ["sha256"])
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("request_sha256", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(36), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency_keys")),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["runs.id"],
            name=op.f("fk_idempotency_keys_run_id"),
            deferrable=True,
            initially="DEFERRED",
        ),
    )
    op.create_index(op.f("ix_idempotency_keys_run_id"), "idempotency_keys", ["run_id"])
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("boot_id", sa.Text(), nullable=True),
        sa.Column("pid_namespace", sa.Text(), nullable=True),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("pid_started", sa.Text(), nullable=True),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("device_name", sa.Text(), nullable=True),
        sa.Column("threads", sa.Integer(), nullable=True),
        sa.Column("release", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
    )
