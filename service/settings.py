"""What the front door is told by its environment (prefix `SAE_`): where it listens, who may come in, and its limits.

Knows nothing of requests. Every limit has a documented bound of its own, so that a typing error fails at start-up.
"""

import ipaddress
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from registry.settings import RegistrySettings

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names under which a service that only listens on this machine is served."""


class ServiceSettings(RegistrySettings):
    """Settings of the API process; those of the archive are inherited."""

    host: str = Field("127.0.0.1", max_length=255, description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    api_key: SecretStr | None = Field(
        None, min_length=16, max_length=512, description="Wanted from every client but health checks, where set."
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="More names under which the service may be called, separated by commas."
    )
    inference_device: Literal["cpu", "cuda"] = Field(
        "cpu", description="Where models that are served compute; `SAE_DEVICE` is the worker's."
    )
    inference_threads: int | None = Field(
        None, ge=1, le=1024, description="Threads of one computation in the API; all cores where missing."
    )
    max_body_bytes: int = Field(16 * 2**20, ge=1024, le=2**30, description="Largest request body with rows.")
    max_upload_bytes: int = Field(2 * 2**30, ge=1024, le=2**40, description="Largest upload, and what it unpacks to.")
    max_rows: int = Field(4096, ge=1, le=1_000_000, description="Rows of one encode, decode or reconstruct.")
    max_images: int = Field(400, ge=1, le=10_000, description="Pictures of one answer.")
    max_queued_runs: int = Field(1000, ge=1, le=1_000_000, description="Runs that may wait or be paused at a time.")
    max_stored_bytes: int = Field(50 * 2**30, ge=2**20, le=2**50, description="Bytes of artifacts kept in all.")
    max_waiting: int = Field(32, ge=1, le=10_000, description="Computations that may wait for the compute thread.")
    max_streams: int = Field(100, ge=1, le=10_000, description="Streams of events that may be open at a time.")
    model_cache_size: int = Field(8, ge=1, le=1000, description="Models kept loaded.")
    shutdown_seconds: int = Field(
        10, ge=1, le=3600, description="What requests, then computations, are given at shutdown."
    )

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip().lower() for name in value.split(",") if name.strip())
        return value

    @property
    def listens_beyond_this_machine(self) -> bool:
        """Whether other machines may reach the service; a name other than `localhost` is taken to mean so."""
        return not is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether an address or name means this machine only."""
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
