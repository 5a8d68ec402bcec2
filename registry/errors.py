"""Errors of the registry. They carry no HTTP status; `str(error)` is a sentence that may be shown to a client.

RegistryError
+- NotFound              RunNotFound, DatasetNotFound, CheckpointNotFound, ModelNotFound, VersionNotFound,
|                        AliasNotFound
+- Conflict              RunFinished, RunIsLive, RunInUse, DatasetExists, DatasetInUse, VersionInUse,
|                        IdempotencyMismatch
+- InvalidRequest        InvalidReference, InvalidAlias, InvalidCursor, ReservedName
+- QueueFull             the limit of queued and paused runs is reached
+- Fenced                the run was taken from this worker, which must stop and write nothing more
+- ArtifactMissing       the blob is not in the store
+- StoreBusy             the store is locked by a backup or by garbage collection
+- StillWorking          a worker is running although none may be
+- BackupFailed          nothing was copied; the message says what to do
+- DatabaseUnavailable   the database did not respond in time; DatabaseFull
+- UnsuitableDatabase    NetworkFileSystem
+- SchemaError           SchemaMissing, SchemaTooOld, SchemaTooNew, MigrationFailed
"""

import re
from typing import ClassVar, Final

_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def code_of(error: type[Exception]) -> str:
    """The name of an error class in UPPER_SNAKE: `TopKTooLarge` is `TOP_K_TOO_LARGE`, `HTTPError` is `HTTP_ERROR`.

    The core library, which imports nothing from here, has the same rule; a test compares the two.
    """
    return _WORD_START.sub("_", error.__name__).upper()


class RegistryError(Exception):
    """Base class of the registry's errors; `str(error)` says what was expected and what was received."""

    may_pass: ClassVar[bool] = False

    @property
    def code(self) -> str:
        """The class name in UPPER_SNAKE: stable, for programs."""
        return code_of(type(self))


class NotFound(RegistryError):
    """The requested item does not exist."""


class RunNotFound(NotFound):
    """There is no run with this id."""


class DatasetNotFound(NotFound):
    """There is no dataset of this name."""


class CheckpointNotFound(NotFound):
    """The run has no checkpoint after this epoch."""


class ModelNotFound(NotFound):
    """There is no model of this name."""


class VersionNotFound(NotFound):
    """The model has no such version."""


class AliasNotFound(NotFound):
    """The model has no such alias."""


class Conflict(RegistryError):
    """The request conflicts with the current state."""


class RunFinished(Conflict):
    """The run has finished, and a finished run never changes."""


class RunIsLive(Conflict):
    """The run has not finished yet."""


class RunInUse(Conflict):
    """A model version was published by the run."""


class DatasetExists(Conflict):
    """Another dataset has this name, and datasets never change."""


class DatasetInUse(Conflict):
    """An unfinished run uses the dataset, or a model version was trained on it."""


class VersionInUse(Conflict):
    """An alias points to the version."""


class IdempotencyMismatch(Conflict):
    """The idempotency key was used before, for another request."""


class InvalidRequest(RegistryError):
    """A malformed name, reference or cursor."""


class InvalidReference(InvalidRequest):
    """A model is `name`, `name@3` (version) or `name@production` (alias)."""


class InvalidAlias(InvalidRequest):
    """An alias is a lower-case letter and at most 30 more letters, digits and hyphens."""


class InvalidCursor(InvalidRequest):
    """A cursor must be the unchanged `next_cursor` of the previous page."""


class ReservedName(InvalidRequest):
    """The name is reserved and cannot be used for a model."""


class QueueFull(RegistryError):
    """The limit of runs that are queued or paused is reached."""

    may_pass: ClassVar[bool] = True


class Fenced(RegistryError):
    """The worker no longer holds the run: it was cancelled, has finished, or another worker has claimed it."""


class ArtifactMissing(RegistryError):
    """The blob is not in the store, or no longer."""


class StoreBusy(RegistryError):
    """Another process is copying or cleaning up the artifact store, and did not finish in time."""

    may_pass: ClassVar[bool] = True


class StillWorking(RegistryError):
    """The command requires that nothing else is running, but a worker is; nothing was done."""


class BackupFailed(RegistryError):
    """The backup failed, and none of its files were left behind."""


class DatabaseUnavailable(RegistryError):
    """The database did not respond in time. An interrupted transaction may or may not have taken effect."""

    may_pass: ClassVar[bool] = True

    def __init__(self, detail: str, driver_message: str = "") -> None:
        super().__init__(detail)
        self.driver_message = driver_message
        """The driver's message: for operators only, because it may contain hosts and users."""


class DatabaseFull(DatabaseUnavailable):
    """The disk of the SQLite database is full; existing data is intact and can be read."""


class UnsuitableDatabase(RegistryError):
    """The database cannot be used safely at this location."""


class NetworkFileSystem(UnsuitableDatabase):
    """SQLite's locks do not work on a network file system."""


class SchemaError(RegistryError):
    """The schema of the database is not the one that this release needs."""


class SchemaMissing(SchemaError):
    """The database has no schema yet."""


class SchemaTooOld(SchemaError):
    """The schema belongs to an earlier release."""


class SchemaTooNew(SchemaError):
    """The schema belongs to a later release."""


class MigrationFailed(SchemaError):
    """A migration would have left dangling references; it was rolled back."""


def for_operators(error: Exception) -> str:
    """The error as one sentence, for an outage with the driver's message; never for a client."""
    driver_message = getattr(error, "driver_message", "")
    return f"{error} ({driver_message})" if driver_message else str(error)


def shown(text: str) -> str:
    """Quote, escape and shorten a client's text for a message."""
    return repr(text if len(text) <= 64 else text[:60] + " ...")
