"""The trainer process: takes one order to start, carries out that run, and ends.

It has no database and does not know whose run it is. A worker's trainers are forked by its fork server, which has
imported torch; one that is started by itself loads torch only after its pipe is safe and its death is tied to its
parent's, because a library may print while it is imported, and the import takes seconds.
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
    parser = argparse.ArgumentParser(prog="python -m worker.training.trainer", description="Carries out one run.")
    parser.add_argument("--parent", type=int, metavar="PID", help="the process without which this one must end")
    pipe.die_with(parser.parse_args(arguments).parent)
    pipe.leave_signals_to_the_supervisor()
    return carry_out_one(pipe.take_over())


def carry_out_one(channel: pipe.Pipe) -> int:
    """Take one order to start and carry it out; the exit status of the process."""
    try:
        start = channel.wait_for_start()
        channel.listen()
        ending = importlib.import_module("worker.training.assignment").carry_out(start, channel)
    except Exception:  # whatever it was, the run must hear of it; the traceback goes to the worker's log
        traceback.print_exc()
        ending = messages.Error(code=INTERNAL_ERROR, detail="The trainer failed unexpectedly; its log says where.")
    channel.say(ending)
    return 1 if isinstance(ending, messages.Error) else 0


if __name__ == "__main__":
    sys.exit(main())
