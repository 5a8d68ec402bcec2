"""What a trainer's exit says when the trainer itself said nothing. Knows only numbers.

A trainer that ended well has sent its last message (`result`, `stopped` or `error`) before, and that decides.
"""

import signal

from worker import messages

OUT_OF_MEMORY_OR_KILLED = "OUT_OF_MEMORY_OR_KILLED"
CRASHED = "CRASHED"


def verdict(returncode: int) -> messages.Error:
    """The failure that an exit without a last message stands for; negative codes are signals, as in `subprocess`."""
    if returncode == -signal.SIGKILL:
        detail = "The training process was killed from outside, most often because memory ran out."
        return messages.Error(code=OUT_OF_MEMORY_OR_KILLED, detail=detail, may_pass=True)
    how = f"by signal {-returncode}" if returncode < 0 else f"with status {returncode}"
    return messages.Error(code=CRASHED, detail=f"The training process ended {how} before it had a result.")
