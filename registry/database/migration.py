"""Applies migrations with alembic. Only `schema.upgrade` imports this module, and only if the database is older.

Importing alembic takes as long as importing SQLAlchemy, and most processes that start find a current schema.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def apply(scripts: Path, connection: Connection) -> None:
    """Migrate to the newest of the `scripts`, in the transaction of the connection."""
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
