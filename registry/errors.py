"""The archive's errors. Knows no HTTP; `str(error)` is a sentence that may be shown to a client.

RegistryError
+- NotFound              RunNotFound, DatasetNotFound, CheckpointNotFound, ModelNotFound, VersionNotFound,
|                        AliasNotFound
+- Conflict              RunFinished, RunIsLive, RunInUse, DatasetExists, DatasetInUse, VersionInUse,
|                        IdempotencyMismatch
+- InvalidRequest        InvalidReference, InvalidAlias, InvalidCursor, ReservedName
+- QueueFull             as many runs wait or are paused as may
+- Fenced                the run was taken from this worker: stop, and write nothing more
+- ArtifactMissing       the blob is not, or no longer, in the store
+- StoreBusy             the store is being copied or cleared
+- StillWorking          somebody works while nobody may
+- BackupFailed          nothing was copied; the reason says what to do
+- DatabaseUnavailable   the database did not answer in time; DatabaseFull
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
    """What the archive refuses; `str(error)` says what was expected and what came."""

    may_pass: ClassVar[bool] = False

    @property
    def code(self) -> str:
        """The class name in UPPER_SNAKE: stable, for programs."""
        return code_of(type(self))


class NotFound(RegistryError):
    """What was asked for is not there."""


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
    """The request makes sense, but not in the state that things are in."""


class RunFinished(Conflict):
    """The run has ended, and an ended run never changes."""


class RunIsLive(Conflict):
    """The run has not ended yet."""


class RunInUse(Conflict):
    """A model version comes from the run."""


class DatasetExists(Conflict):
    """Another dataset bears this name, and a dataset never changes."""


class DatasetInUse(Conflict):
    """An unfinished run names the dataset, or a model version was trained on it."""


class VersionInUse(Conflict):
    """An alias points to the version."""


class IdempotencyMismatch(Conflict):
    """The idempotency key was used before, for another request."""


class InvalidRequest(RegistryError):
    """A name, reference or cursor that cannot be one."""


class InvalidReference(InvalidRequest):
    """A model is `name`, `name@3` (version) or `name@production` (alias)."""


class InvalidAlias(InvalidRequest):
    """An alias is a lower-case letter and at most 30 more letters, digits and hyphens."""


class InvalidCursor(InvalidRequest):
    """A cursor is taken from `next_cursor` of the page before, as it stands."""


class ReservedName(InvalidRequest):
    """The name has a meaning of its own and cannot be a model's."""


class QueueFull(RegistryError):
    """As many runs wait, or are paused and will come back, as may at a time."""

    may_pass: ClassVar[bool] = True


class Fenced(RegistryError):
    """The run is no longer this worker's: it was cancelled, has ended, or its lease went to another."""


class ArtifactMissing(RegistryError):
    """The blob is not, or no longer, in the store."""


class StoreBusy(RegistryError):
    """The store of artifacts is being copied or cleared by somebody else, and did not become free in time."""

    may_pass: ClassVar[bool] = True


class StillWorking(RegistryError):
    """What may only be done when nothing else runs was not done."""


class BackupFailed(RegistryError):
    """A backup was not made, and nothing of it was left."""


class DatabaseUnavailable(RegistryError):
    """The database did not answer in time. Whether an interrupted transaction took effect is not known."""

    may_pass: ClassVar[bool] = True

    def __init__(self, detail: str, said: str = "") -> None:
        super().__init__(detail)
        self.said = said
        """What its driver said: for whoever runs the service, as it may name hosts and users."""


class DatabaseFull(DatabaseUnavailable):
    """The disk of an SQLite database takes no more: what is there is whole, and can be read."""


class UnsuitableDatabase(RegistryError):
    """The database cannot be relied upon where it is."""


class NetworkFileSystem(UnsuitableDatabase):
    """SQLite's locks do not hold on a network file system."""


class SchemaError(RegistryError):
    """The database's schema is not the one that this release works with."""


class SchemaMissing(SchemaError):
    """There is no schema yet."""


class SchemaTooOld(SchemaError):
    """The schema is an earlier release's."""


class SchemaTooNew(SchemaError):
    """The schema is a later release's."""


class MigrationFailed(SchemaError):
    """A migration would have left rows that refer to nothing; it was undone."""


def for_operators(error: Exception) -> str:
    """The error in one sentence, with what the database's driver said if it is an outage: never for a client."""
    said = getattr(error, "said", "")
    return f"{error} ({said})" if said else str(error)


def shown(text: str) -> str:
    """A client's word as it may stand in a message: quoted, escaped and cut."""
    return repr(text if len(text) <= 64 else text[:60] + " ...")
