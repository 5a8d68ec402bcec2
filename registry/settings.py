"""Where the archive keeps its database and its files, as its environment says (prefix `SAE_`). Opens nothing."""

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
_WANTED: Final = "must be sqlite:////absolute/path/of/a/file or postgresql://user:password@host/database"


class RegistrySettings(BaseSettings):
    """Settings of the archive; every process of the house inherits them."""

    model_config = SettingsConfigDict(env_prefix="SAE_", frozen=True, hide_input_in_errors=True)

    data_dir: Path = Field(Path("data"), description="Folder of everything that is kept.", validate_default=True)
    database_url: str | None = Field(
        None,
        repr=False,
        description="`postgresql://...` or `sqlite:///...`; an SQLite file in the data folder if unset.",
    )

    keep_last: int = Field(
        2, ge=0, le=1_000_000, description="Newest checkpoints of an unfinished run that are kept; 0 keeps all."
    )
    unused_seconds: float = Field(
        86_400, ge=7200, le=366 * 86_400, description="How long a file is kept that nothing needs."
    )

    keep_answers_days: float = Field(
        30, ge=1, le=3660, description="Days that a computed answer is kept; it can be computed again."
    )

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, folder: Path) -> Path:
        """A process that changes its folder, or is told a path by another, must mean the same place."""
        return folder.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, text: str | None) -> str | None:
        if text is not None:
            database_url(text)
        return text

    @property
    def url(self) -> URL:
        """Where the database is, with the driver that is used here."""
        if self.database_url is not None:
            return database_url(self.database_url)
        return URL.create("sqlite+pysqlite", database=str(self.data_dir / "registry.sqlite3"))

    @property
    def artifacts_dir(self) -> Path:
        """Blobs, named by their SHA-256."""
        return self.data_dir / "artifacts"

    @property
    def uploads_dir(self) -> Path:
        """What clients are sending; on the file system of the artifacts, so that it is adopted by renaming."""
        return self.data_dir / "uploads"

    @property
    def work_dir(self) -> Path:
        """The trainers' folders, one for each attempt; on the file system of the artifacts, too."""
        return self.data_dir / "work"

    @property
    def sources_dir(self) -> Path:
        """Files of built-in datasets that an operator has put there."""
        return self.data_dir / "sources"

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders, the outer one first."""
        return self.data_dir, self.artifacts_dir, self.uploads_dir, self.work_dir, self.sources_dir


def database_url(text: str) -> URL:
    """The URL with the driver that is used here. Raises ValueError, without the URL's password, for any other."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(_WANTED) from None
    if url.drivername not in _DRIVERS:
        raise ValueError(_WANTED)
    if url.drivername.startswith("sqlite") and url.database in (None, "", ":memory:"):
        raise ValueError(f"{_WANTED}; several processes share the database, so it cannot be in memory")
    return url.set(drivername=_DRIVERS[url.drivername])
