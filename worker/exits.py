"""Turns exit statuses of trainers and errors of the system into errors of a run.

Used only if the trainer has not sent a last message (`result`, `stopped` or `error`), which would decide.
"""

import signal

from sparse_coding.errors import DISK_FULL
from worker import messages

OUT_OF_MEMORY_OR_KILLED = "OUT_OF_MEMORY_OR_KILLED"
CRASHED = "CRASHED"
STORAGE_FAILED = "STORAGE_FAILED"


def verdict(returncode: int) -> messages.Error:
    """The error for an exit without a last message; negative codes are signals, as in `subprocess`."""
    if returncode == -signal.SIGKILL:
        detail = "The training process was killed from outside, most often because memory ran out."
        return messages.Error(code=OUT_OF_MEMORY_OR_KILLED, detail=detail, may_pass=True)
    how = f"by signal {-returncode}" if returncode < 0 else f"with status {returncode}"
    return messages.Error(code=CRASHED, detail=f"The training process ended {how} before it had a result.")


def storage(error: Exception) -> messages.Error:
    """The error for a file that could not be written or stored; it may pass when disk space is freed."""
    full = isinstance(error, OSError) and error.errno in DISK_FULL
    why = "the disk of the data folder is full, or a limit on its files is reached" if full else "the log says why"
    detail = f"A file could not be stored: {why}. Earlier checkpoints are intact."
    return messages.Error(code=STORAGE_FAILED, detail=detail, may_pass=True)
