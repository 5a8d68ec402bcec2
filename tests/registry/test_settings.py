"""Settings of the registry, from the environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from registry.settings import RegistrySettings, database_url


def test_everything_is_in_the_data_folder_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = RegistrySettings()
    monkeypatch.chdir("/")
    assert settings.data_dir == tmp_path / "data", "whatever folder the process goes to later"
    assert settings.url.render_as_string() == f"sqlite+pysqlite:///{tmp_path}/data/registry.sqlite3"
    assert all(folder.is_relative_to(tmp_path / "data") for folder in settings.folders)
    assert len(set(settings.folders)) == 5


def test_the_environment_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAE_DATA_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("SAE_DATABASE_URL", "postgresql://me:secret@host:1234/name?sslmode=require")
    settings = RegistrySettings()
    assert settings.artifacts_dir == tmp_path / "elsewhere" / "artifacts"
    assert settings.url.drivername == "postgresql+psycopg"
    assert (settings.url.host, settings.url.query) == ("host", {"sslmode": "require"})
    assert "secret" not in repr(settings) + str(settings)


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("postgresql://host/name", "postgresql+psycopg"),
        ("postgres://host/name", "postgresql+psycopg"),
        ("postgresql+psycopg://host/name", "postgresql+psycopg"),
        ("sqlite:////tmp/x", "sqlite+pysqlite"),
        ("sqlite+pysqlite:////tmp/x", "sqlite+pysqlite"),
    ],
)
def test_a_url_gets_the_driver_that_is_used_here(text: str, driver: str) -> None:
    assert database_url(text).drivername == driver


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense secret",
        "mysql://me:secret@host/name",
        "postgresql+asyncpg://me:secret@host/name",
        "sqlite://",
        "sqlite:///:memory:",
        "postgresql://me:secret@host:port/name",
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RegistrySettings(database_url=text)
    assert "postgresql://user:password@host/database" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_place_with_odd_characters_is_found_again(tmp_path: Path) -> None:
    settings = RegistrySettings(data_dir=tmp_path / "50% of ?a#b é")
    assert settings.url.database == str(tmp_path / "50% of ?a#b é" / "registry.sqlite3")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        RegistrySettings().data_dir = Path("/elsewhere")  # type: ignore[misc]
