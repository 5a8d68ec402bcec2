"""Settings of the API server, from its environment (prefix `SAE_`): address, access and limits.

Every limit has a documented bound of its own, so that a typing error fails at startup.
"""

import ipaddress
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from registry.settings import RegistrySettings

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""Host names under which a service that listens on the loopback address is served."""


class ServiceSettings(RegistrySettings):
    """Settings of the API process; those of the registry are inherited."""

    host: str = Field("127.0.0.1", max_length=255, description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    api_key: SecretStr | None = Field(
        None, min_length=16, max_length=512, description="Where set, required from every client but health checks."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Further host names of the service, separated by commas."
    )
    inference_device: Literal["cpu", "cuda"] = Field(
        "cpu", description="Device of inference in the API server; `SAE_DEVICE` is the worker's."
    )
    inference_threads: int | None = Field(
        None, ge=1, le=1024, description="Threads of one computation in the API server; all cores by default."
    )
    max_body_bytes: int = Field(16 * 2**20, ge=1024, le=2**30, description="Largest request body with rows.")
    max_upload_bytes: int = Field(2 * 2**30, ge=1024, le=2**40, description="Largest upload, packed and unpacked.")
    max_rows: int = Field(4096, ge=1, le=1_000_000, description="Rows of one encode, decode or reconstruct request.")
    max_images: int = Field(400, ge=1, le=10_000, description="Images of one response.")
    max_queued_runs: int = Field(1000, ge=1, le=1_000_000, description="Runs that may be queued or paused at a time.")
    max_stored_bytes: int = Field(50 * 2**30, ge=2**20, le=2**50, description="Bytes of all stored artifacts.")
    max_waiting: int = Field(32, ge=1, le=10_000, description="Computations that may wait for a compute thread.")
    max_connections: int = Field(
        1000, ge=8, le=100_000, description="Connections that may be open at a time, as far as files may be."
    )
    max_connections_of_address: int = Field(
        500, ge=1, le=100_000, description="Connections of one client address that may be open at a time."
    )
    max_streams: int = Field(100, ge=1, le=10_000, description="Streams of events that may be open at a time.")
    model_cache_size: int = Field(8, ge=1, le=1000, description="Models kept loaded.")
    shutdown_seconds: int = Field(
        10, ge=1, le=3600, description="Seconds that requests, then computations, have to finish at shutdown."
    )

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip().lower() for name in value.split(",") if name.strip())
        return value

    @property
    def listens_beyond_this_machine(self) -> bool:
        """Whether other machines may reach the service; true for every name other than `localhost`."""
        return not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine only."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
