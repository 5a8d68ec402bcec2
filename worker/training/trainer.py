"""The trainer process: takes one order to start, carries out that run, and ends.

Has no database and does not know whose run it is. It loads torch only after the pipe is safe and its death is tied
to its supervisor's, because a library may print while it is imported, and the import takes seconds.
"""

import argparse
import importlib
import sys
import traceback
from collections.abc import Sequence

from worker import messages
from worker.training import pipe

INTERNAL_ERROR = "INTERNAL_ERROR"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 after a result or a stop as asked, 1 after an error that was reported."""
    options = _options(arguments)
    pipe.die_with(options.supervisor)
    pipe.leave_signals_to_the_supervisor()
    channel = pipe.take_over()
    if options.probe:
        channel.say(importlib.import_module("worker.training.assignment").hello("auto"))
        return 0
    return _serve(channel)


def _serve(channel: pipe.Pipe) -> int:
    try:
        start = channel.wait_for_start()
        channel.listen()
        ending = importlib.import_module("worker.training.assignment").carry_out(start, channel)
    except Exception:  # whatever it was, the run must hear of it; the traceback goes to the worker's log
        traceback.print_exc()
        ending = messages.Error(code=INTERNAL_ERROR, detail="The trainer failed unexpectedly; its log says where.")
    channel.say(ending)
    return 1 if isinstance(ending, messages.Error) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m worker.training.trainer", description="Carries out one run; see messages."
    )
    parser.add_argument("--probe", action="store_true", help="say what this machine computes with, and exit")
    parser.add_argument("--supervisor", type=int, metavar="PID", help="the process without which this one must end")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
