"""`python -m registry migrate`, `gc`, `backup`: maintenance of the database and the stored files."""

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
    "The database is PostgreSQL and is not part of this copy: dump it with pg_dump (pg_dump --format=custom "
    "--file=registry.dump DATABASE) before each run of this command, and keep both together.\n"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit status: 0 for success, 1 for failure with the reason on stderr."""
    options = _parser().parse_args(arguments)
    try:
        options.do(RegistrySettings(), options)
    except ValidationError as error:
        faults = (f"SAE_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors())
        return _print_error("; ".join(faults))
    except (RegistryError, OSError) as error:
        return _print_error(for_operators(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m registry", description="Maintain the database and the stored files."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    migrate = commands.add_parser("migrate", help="create the folders and migrate the database to the current schema")
    migrate.set_defaults(do=_migrate)
    gc = commands.add_parser("gc", help="delete old checkpoints, old cached results and unreferenced files")
    gc.add_argument("--dry-run", action="store_true", help="only list what would be deleted")
    gc.add_argument(
        "--stopped", action="store_true", help="also delete recently used files; nothing else may be running"
    )
    gc.set_defaults(do=_collect)
    copy = commands.add_parser(
        "backup", help="copy the database and its files to a new folder while the service is running"
    )
    copy.add_argument("target", type=Path, help="a new or an empty folder")
    copy.set_defaults(do=_back_up)
    return parser


def _migrate(settings: RegistrySettings, _options: argparse.Namespace) -> None:
    schema.upgrade(settings)


def _collect(settings: RegistrySettings, options: argparse.Namespace) -> None:
    """Print a line for each deleted file (SHA-256, bytes, reason) and the total."""
    rules, store = collection.rules(settings), DirectoryStore(settings.artifacts_dir)
    count = size = 0
    with _current(settings) as database:
        if options.stopped:
            _require_no_workers(database)
            rules = dataclasses.replace(rules, seconds=0)
        listed = collection.survey(database, store, rules)
        for gone in listed if options.dry_run else collection.collect(database, store, rules, orphaned=True):
            count, size = count + 1, size + gone.bytes
            sys.stdout.write(f"{gone.name}  {gone.bytes:>15,}  {gone.why}\n")
    sys.stdout.write(f"{size:,} bytes {'would be ' if options.dry_run else ''}freed: {count:,} files\n")


def _require_no_workers(database: sessions.Database) -> None:
    """Raises StillWorking if a worker is alive: no row refers yet to what it has just stored."""
    with database.read() as session:
        alive = [worker.id for worker in workers.alive(session, workers.ALIVE_SECONDS)]
    if alive:
        raise StillWorking(
            f"nothing else may be running, but the worker {alive[0]} sent a heartbeat within the last "
            f"{workers.ALIVE_SECONDS} s: stop all processes; if a worker was killed, wait that long"
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
    """Open the database. Raises SchemaError unless its schema is this release's."""
    database = sessions.open(settings)
    try:
        schema.require_current(database)
        yield database
    finally:
        database.dispose()


def _print_error(reason: str) -> int:
    sys.stderr.write(f"error: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
