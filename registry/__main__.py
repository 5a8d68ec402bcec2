"""`python -m registry migrate`, `gc`, `backup`: what an operator does to the archive itself. Starts no other room."""

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from registry import backup, collection, workers
from registry.database import schema, sessions
from registry.errors import RegistryError, StillWorking, for_operators
from registry.settings import RegistrySettings
from registry.stores.directory import DirectoryStore

_PG_DUMP: Final = (
    "The database is PostgreSQL and is not in this copy: dump it with pg_dump (pg_dump --format=custom "
    "--file=registry.dump DATABASE), each time before this command, and keep both together.\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 if it is done, 1 if it could not be, with the reason on stderr."""
    options = _parser().parse_args(arguments)
    try:
        options.do(RegistrySettings(), options)
    except ValidationError as error:
        faults = (f"SAE_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors())
        return _complain("; ".join(faults))
    except (RegistryError, OSError) as error:
        return _complain(for_operators(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m registry", description="Looks after the archive.")
    commands = parser.add_subparsers(required=True, metavar="command")
    migrate = commands.add_parser("migrate", help="make the folders, and bring the database's schema up to date")
    migrate.set_defaults(do=_migrate)
    gc = commands.add_parser("gc", help="remove old checkpoints and answers, and files that nothing needs")
    gc.add_argument("--dry-run", action="store_true", help="only list what would go")
    gc.add_argument("--stopped", action="store_true", help="nothing else runs: take what was wanted lately, too")
    gc.set_defaults(do=_collect)
    copy = commands.add_parser("backup", help="copy the database and its files to a new folder, while all goes on")
    copy.add_argument("target", type=Path, help="a folder that is new or empty")
    copy.set_defaults(do=_back_up)
    return parser


def _migrate(settings: RegistrySettings, _options: argparse.Namespace) -> None:
    schema.upgrade(settings)


def _collect(settings: RegistrySettings, options: argparse.Namespace) -> None:
    """A line for each file: its SHA-256, its bytes, why it goes; then the sum."""
    rules, store = collection.rules(settings), DirectoryStore(settings.artifacts_dir)
    count = size = 0
    with _current(settings) as database:
        if options.stopped:
            _require_rest(database)
            rules = dataclasses.replace(rules, seconds=0)
        look = collection.survey(database, store, rules)
        for gone in look if options.dry_run else collection.collect(database, store, rules, strays=True):
            count, size = count + 1, size + gone.bytes
            sys.stdout.write(f"{gone.name}  {gone.bytes:>15,}  {gone.why}\n")
    sys.stdout.write(f"{size:,} bytes {'would be ' if options.dry_run else ''}freed: {count:,} files\n")


def _require_rest(database: sessions.Database) -> None:
    """Raises StillWorking: what a worker has just put into the store is not named by any row yet."""
    with database.read() as session:
        at_work = [worker.id for worker in workers.alive(session, workers.ALIVE_SECONDS)]
    if at_work:
        raise StillWorking(
            f"nothing else may run, and the worker {at_work[0]} was heard of in the last {workers.ALIVE_SECONDS} s: "
            "stop everything, and wait so long if one was killed"
        )


def _back_up(settings: RegistrySettings, options: argparse.Namespace) -> None:
    with _current(settings):
        copied = backup.make(settings, options.target)
    shared = f", {copied.linked:,} of them shared with the store" if copied.linked else ""
    sys.stdout.write(f"{options.target}: {copied.files:,} files, {copied.bytes:,} bytes{shared}\n")
    if not copied.database:
        sys.stdout.write(_PG_DUMP)


@contextmanager
def _current(settings: RegistrySettings) -> Iterator[sessions.Database]:
    """The database, if its schema is this release's."""
    database = sessions.open(settings)
    try:
        schema.require_current(database)
        yield database
    finally:
        database.dispose()


def _complain(reason: str) -> int:
    sys.stderr.write(f"error: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
