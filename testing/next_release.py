"""A release after this one, which brings one more migration."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry.database import schema

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

def upgrade():
    sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table("runs", recreate="always" if sqlite else "never") as batch:
        batch.add_column(sa.Column("note", sa.Text()))
    {more}
"""


@dataclass(frozen=True)
class NextRelease:
    """Calling it makes this the next release; `over` returns to this one."""

    now: Path
    folder: Path
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, more: str = "") -> None:
        shutil.copytree(self.now, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
        (self.folder / "versions" / "0002_later.py").write_text(MIGRATION.format(more=more))
        self.monkeypatch.setattr(schema, "scripts", lambda: self.folder)

    def over(self) -> None:
        self.monkeypatch.setattr(schema, "scripts", lambda: self.now)
