"""SAE_ variables that the client reads; the other packages read theirs from the same environment."""

import os
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from client.errors import SettingRefused

WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only compared with
"""Wildcard addresses to listen on, and the loopback address at which they are reached."""


class ClientSettings(BaseSettings):
    """Where the service is, or will be started."""

    model_config = SettingsConfigDict(env_prefix="SAE_", frozen=True)

    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    port: int = Field(8000, ge=1, le=65_535, description="Port that the API listens on.")
    api_key: SecretStr | None = Field(None, description="Key that the API requires with every request.")
    data_dir: Path = Field(Path("data"), description="Folder of the database and the artifacts.")
    grace_seconds: float = Field(30, ge=0, le=3600, description="Seconds that a worker's trainer may take to stop.")

    @property
    def url(self) -> str:
        """URL of the service for clients on this machine."""
        host = WILDCARDS.get(self.host, self.host)
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def read() -> ClientSettings:
    """Read the settings from the environment. Raises `SettingRefused` with the variable's name."""
    try:
        return ClientSettings()
    except ValidationError as error:
        names = {f"SAE_{item['loc'][0]}".upper(): item["msg"] for item in error.errors()}
        given = "; ".join(f"{name}={os.environ.get(name, '')}: {message}" for name, message in names.items())
        raise SettingRefused(given) from None
