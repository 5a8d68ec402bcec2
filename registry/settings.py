"""Settings of the registry from environment variables (prefix `SAE_`): database, folders, retention. Opens nothing."""

from pathlib import Path
from typing import Final

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_DRIVERS: Final = {
    "sqlite": "sqlite+pysqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgresql+psycopg": "postgresql+psycopg",
}
_EXPECTED: Final = "must be sqlite:////absolute/path/of/a/file or postgresql://user:password@host/database"


class RegistrySettings(BaseSettings):
    """Settings of the registry, which every process has."""

    model_config = SettingsConfigDict(env_prefix="SAE_", frozen=True, hide_input_in_errors=True)

    data_dir: Path = Field(Path("data"), description="Folder of all stored data.", validate_default=True)
    database_url: str | None = Field(
        None,
        repr=False,
        description="`postgresql://...` or `sqlite:///...`; an SQLite file in the data folder if unset.",
    )

    keep_last: int = Field(
        2, ge=0, le=1_000_000, description="Number of newest checkpoints kept of an unfinished run; 0 keeps all."
    )
    unused_seconds: float = Field(
        86_400, ge=7200, le=366 * 86_400, description="Seconds that an unreferenced file is kept after its last use."
    )

    keep_answers_days: float = Field(30, ge=1, le=3660, description="Days that a computed result stays cached.")

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        """Make the path absolute, so that processes with other working directories use the same folder."""
        return folder.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, text: str | None) -> str | None:
        if text is not None:
            database_url(text)
        return text

    @property
    def url(self) -> URL:
        """URL of the database, with the driver that is used here."""
        if self.database_url is not None:
            return database_url(self.database_url)
        return URL.create("sqlite+pysqlite", database=str(self.data_dir / "registry.sqlite3"))

    @property
    def artifacts_dir(self) -> Path:
        """Blobs, named by their SHA-256."""
        return self.data_dir / "artifacts"

    @property
    def uploads_dir(self) -> Path:
        """Uploads in progress; on the file system of the artifacts, so that finished ones are moved by renaming."""
        return self.data_dir / "uploads"

    @property
    def work_dir(self) -> Path:
        """Folders of the trainers, one per attempt; also on the file system of the artifacts."""
        return self.data_dir / "work"

    @property
    def sources_dir(self) -> Path:
        """Files of built-in datasets that the operator provides."""
        return self.data_dir / "sources"

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders, parents first."""
        return self.data_dir, self.artifacts_dir, self.uploads_dir, self.work_dir, self.sources_dir


def database_url(text: str) -> URL:
    """The URL with the driver that is used here. Raises ValueError, without the URL's password, for any other."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(_EXPECTED) from None
    if url.drivername not in _DRIVERS:
        raise ValueError(_EXPECTED)
    if url.drivername.startswith("sqlite") and url.database in (None, "", ":memory:"):
        raise ValueError(f"{_EXPECTED}; several processes share the database, so it cannot be in memory")
    return url.set(drivername=_DRIVERS[url.drivername])
