"""Errors on the supervisor's side of the pipe, as the run's owner may read them."""

from typing import Any

from registry import errors
from worker import exits, messages
from worker.supervising import preparation


class FileChanged(Exception):
    """A file is not the one that the trainer reported."""


def explained(error: Exception, log: Any) -> messages.Error:
    """The error of the run; what only the operator can understand goes to the `log`, with its traceback."""
    if isinstance(error, errors.RegistryError):
        return messages.Error(code=error.code, detail=str(error), may_pass=error.may_pass)
    if isinstance(error, preparation.SpecNotUnderstood):
        return messages.Error(code="SPEC_NOT_UNDERSTOOD", detail=str(error), may_pass=error.may_pass)
    log.exception("attempt_failed")
    if isinstance(error, OSError | FileChanged):
        return exits.storage(error)
    return messages.Error(code="INTERNAL_ERROR", detail="The worker failed unexpectedly; its log says where.")
