"""`python -m worker`: one worker in the foreground. Knows the outside: settings, signals, exit codes, the log."""

import argparse
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from pydantic import ValidationError

from registry import errors
from registry.database import schema, sessions
from worker import logs
from worker.settings import WorkerSettings
from worker.supervising.devices import DeviceMissing
from worker.supervising.last_resort import LastResort
from worker.supervising.supervisor import Supervisor

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 after a stop as asked, 1 with a sentence on stderr when it cannot work here."""
    options = _parser().parse_args(arguments)
    try:
        settings = WorkerSettings()
        if options.migrate:
            schema.upgrade(settings)
        _check_schema(settings)
        logs.configure()
        supervisor = Supervisor(settings, options.fork_server)
        _obey_signals(supervisor)
        with LastResort(STOP_SIGNALS, settings.grace_seconds):
            supervisor.serve()
    except ValidationError as error:
        return _refuse("; ".join(f"SAE_{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()))
    except (errors.RegistryError, DeviceMissing) as error:
        return _refuse(errors.for_operators(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker", description="One worker in the foreground.")
    shared = "control socket of a fork server that several workers share; by default a worker has its own"
    parser.add_argument("--fork-server", type=int, metavar="DESCRIPTOR", help=shared)
    parser.add_argument("--migrate", action="store_true", help="first bring the database's schema up to date")
    return parser


def _check_schema(settings: WorkerSettings) -> None:
    database = sessions.open(settings)
    try:
        schema.require_current(database)
    finally:
        database.dispose()


def _obey_signals(supervisor: Supervisor) -> None:
    def handle(_number: int, _frame: FrameType | None) -> None:
        supervisor.ask_to_stop()

    for number in STOP_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means it
            signal.signal(number, handle)


def _refuse(reason: str) -> int:
    sys.stderr.write(f"worker: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
