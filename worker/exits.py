"""What a trainer's exit says when the trainer itself said nothing, and what the system's errors mean for a run.

Knows only numbers. A trainer that ended well has sent its last message (`result`, `stopped` or `error`) before, and
that decides.
"""

import signal

from sparse_coding.errors import DISK_FULL
from worker import messages

OUT_OF_MEMORY_OR_KILLED = "OUT_OF_MEMORY_OR_KILLED"
CRASHED = "CRASHED"
STORAGE_FAILED = "STORAGE_FAILED"


def verdict(returncode: int) -> messages.Error:
    """The failure that an exit without a last message stands for; negative codes are signals, as in `subprocess`."""
    if returncode == -signal.SIGKILL:
        detail = "The training process was killed from outside, most often because memory ran out."
        return messages.Error(code=OUT_OF_MEMORY_OR_KILLED, detail=detail, may_pass=True)
    how = f"by signal {-returncode}" if returncode < 0 else f"with status {returncode}"
    return messages.Error(code=CRASHED, detail=f"The training process ended {how} before it had a result.")


def storage(error: Exception) -> messages.Error:
    """The failure that a file stands for that could not be written or taken over; it may pass when room is made."""
    full = isinstance(error, OSError) and error.errno in DISK_FULL
    why = "the disk of the data folder is full, or a limit on its files is reached" if full else "the log says why"
    detail = f"A file could not be kept: {why}. The checkpoints before it are whole."
    return messages.Error(code=STORAGE_FAILED, detail=detail, may_pass=True)
