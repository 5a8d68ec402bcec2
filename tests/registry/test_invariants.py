"""What the schema itself refuses, to whoever bypasses the registry's functions."""

import pytest
from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.exc import IntegrityError

from registry import artifacts, checkpoints, datasets, models, run_blobs, runs
from registry.database import tables
from testing.registry_harness import RegistryHarness

IMAGES = datasets.Facts("images", (1, 8, 8), 64, 80, 20)


@pytest.fixture
def populated(harness: RegistryHarness) -> RegistryHarness:
    """A registry with a row in every table that refers to another."""
    for content in ("input", "checkpoint", "analysis", "unused"):
        harness.write(artifacts.register, harness.blob(content))
    harness.write(datasets.enter, name="digits", stored=harness.blob("dataset"), facts=IMAGES)
    run = harness.enqueue(idempotency_key="key", request_sha256="0" * 64)
    harness.claim()
    harness.write(run_blobs.attach_dataset, run.id, 1, harness.blob("input").sha256)
    harness.write(checkpoints.add, run.id, 1, epoch=1, stored=harness.blob("checkpoint"))
    harness.succeed(harness.get(run))
    harness.write(models.set_alias, "model", "production", 1)
    execute(harness, f"INSERT INTO analyses VALUES ('{'0' * 64}', 'probe', '{harness.blob('analysis').sha256}', 0)")
    return harness


def execute(harness: RegistryHarness, statement: str) -> None:
    harness.write(lambda session: session.execute(text(statement)))


def refusal(harness: RegistryHarness, statement: str) -> str:
    """What the database says against the statement."""
    with pytest.raises(IntegrityError) as caught:
        execute(harness, statement)
    return str(caught.value.orig)


BROKEN = {
    "ck_runs_state": "UPDATE runs SET state = 'sleeping' WHERE state = 'queued'",
    "ck_runs_device": "UPDATE runs SET device = 'tpu'",
    "ck_runs_lease_owner": "UPDATE runs SET state = 'running' WHERE state = 'queued'",
    "ck_runs_lease_expires_at": "UPDATE runs SET lease_expires_at = 5 WHERE state = 'queued'",
    "ck_runs_stop_requested": "UPDATE runs SET stop_requested = 'sleep' WHERE state = 'running'",
    "ck_runs_wish_of_a_running_run": "UPDATE runs SET stop_requested = 'cancel' WHERE state = 'queued'",
    "ck_runs_finished_at": "UPDATE runs SET finished_at = 5 WHERE state = 'queued'",
    "ck_runs_error_code": "UPDATE runs SET error_code = 'X' WHERE state = 'queued'",
    "ck_runs_result": "UPDATE runs SET result = '{}' WHERE state = 'queued'",
    "ck_runs_model": "UPDATE runs SET model_version = 1 WHERE state = 'queued'",
    "ck_runs_counters": "UPDATE runs SET fence = 0 WHERE state = 'running'",
    "ck_attempts_outcome": "UPDATE attempts SET outcome = 'vanished' WHERE outcome IS NOT NULL",
    "ck_attempts_ended_at": "UPDATE attempts SET outcome = NULL",
    "ck_checkpoints_epoch": "UPDATE checkpoints SET epoch = -1",
    "ck_artifacts_sha256": "INSERT INTO artifacts VALUES ('abc', 1, 0, 0)",
    "ck_artifacts_bytes": f"INSERT INTO artifacts VALUES ('{'0' * 64}', -1, 0, 0)",
    "ck_datasets_kind": "UPDATE datasets SET kind = 'sounds', image_shape = NULL",
    "ck_datasets_image_shape": "UPDATE datasets SET image_shape = NULL",
    "ck_datasets_counts": "UPDATE datasets SET train_rows = 0",
    "ck_models_name": "INSERT INTO models VALUES ('stats', 1, 0)",
    "ck_models_last_version": "INSERT INTO models VALUES ('other', 0, 0)",
    "ck_model_versions_version": "INSERT INTO model_versions SELECT name, 0, 'another id', run_id, 1, digest,"
    " dataset_name, dataset_digest, spec, spec_version, result, created_at FROM model_versions",
    "uq_model_versions_run_id_member": "INSERT INTO model_versions SELECT name, 2, 'another id', run_id, member,"
    " digest, dataset_name, dataset_digest, spec, spec_version, result, created_at FROM model_versions",
    "uq_model_versions_id": "INSERT INTO model_versions SELECT name, 2, id, run_id, 1, digest,"
    " dataset_name, dataset_digest, spec, spec_version, result, created_at FROM model_versions",
    "uq_datasets_name": "INSERT INTO datasets SELECT 'another id', name, digest, bytes, kind, image_shape, n_inputs,"
    " classes, train_rows, test_rows, minimum, maximum, builtin, created_at FROM datasets",
    "uq_attempts_open": "INSERT INTO attempts (run_id, fence, attempt, worker_id, started_at)"
    " SELECT id, 9, 9, 'me', 0 FROM runs WHERE state = 'running'",
}
"""For each constraint a statement that breaks it, and no other."""


def test_no_row_can_contradict_itself(populated: RegistryHarness, subtests: pytest.Subtests) -> None:
    populated.running()
    populated.enqueue()
    for constraint, statement in BROKEN.items():
        with subtests.test(constraint):
            message = refusal(populated, statement)
            if "UNIQUE constraint failed" not in message:  # where SQLite names the columns instead
                assert constraint in message


def test_every_constraint_of_the_tables_is_tried() -> None:
    named = {
        str(constraint.name)
        for table in tables.Base.metadata.tables.values()
        for constraint in (*table.constraints, *table.indexes)
        if isinstance(constraint, CheckConstraint | UniqueConstraint)
        or (isinstance(constraint, Index) and constraint.unique)
    }
    assert named == set(BROKEN)


def test_a_blob_in_use_cannot_be_deleted(populated: RegistryHarness, subtests: pytest.Subtests) -> None:
    [run] = populated.read(runs.page, limit=1, state="succeeded").items
    for content in ("dataset", "input", "checkpoint", "analysis", f"weights {run.id}"):
        with subtests.test(ascii(content)):
            refusal(populated, f"DELETE FROM artifacts WHERE sha256 = '{populated.blob(content).sha256}'")


def test_a_blob_that_nothing_uses_can_be_deleted(populated: RegistryHarness) -> None:
    execute(populated, f"DELETE FROM artifacts WHERE sha256 = '{populated.blob('unused').sha256}'")


def test_nothing_is_deleted_by_cascade(populated: RegistryHarness, subtests: pytest.Subtests) -> None:
    for table in ("runs", "models", "model_versions", "artifacts"):
        with subtests.test(table):
            refusal(populated, f"DELETE FROM {table}")


def test_events_and_metrics_need_their_run(populated: RegistryHarness, subtests: pytest.Subtests) -> None:
    blob = populated.blob("unused").sha256
    rows = {
        "attempts": "('none', 1, 1, 'me', NULL, NULL, 0, 0, 'lost', NULL, NULL)",
        "checkpoints": f"('none', 1, 1, '{blob}', 1, 0)",
        "run_events": "('none', 1, 0, 'created', '{}')",
        "run_inputs": f"('none', 'dataset', '{blob}')",
        "run_metrics": "('none', 0, 1, '{}')",
        "run_outputs": f"('none', 'weights', 0, '{blob}')",
        "idempotency_keys": f"('other', '{'0' * 64}', 'none', 0)",
    }
    for table, row in rows.items():
        with subtests.test(table):
            assert "foreign key" in refusal(populated, f"INSERT INTO {table} VALUES {row}").lower()
