"""`python -m registry migrate`: what an operator does to the archive itself. Starts no other room."""

import argparse
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from registry import schema
from registry.errors import RegistryError
from registry.settings import RegistrySettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 if it is done, 1 if it could not be, with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m registry", description="Looks after the archive.")
    commands = parser.add_subparsers(required=True, metavar="command")
    commands.add_parser("migrate", help="make the folders, and bring the database's schema up to date")
    parser.parse_args(arguments)
    try:
        schema.upgrade(RegistrySettings())
    except ValidationError as error:
        faults = (f"SAE_{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors())
        return _complain("; ".join(faults))
    except (RegistryError, OSError) as error:
        return _complain(str(error))
    return 0


def _complain(reason: str) -> int:
    sys.stderr.write(f"error: {reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
