"""Settings of a worker, from environment variables with the prefix `SAE_`."""

from typing import Literal, Self

from pydantic import Field, model_validator

from registry.settings import RegistrySettings


class WorkerSettings(RegistrySettings):
    """Settings of the supervisor, which sends the trainer what it needs with each run."""

    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Device to train on; `auto` uses CUDA if available."
    )
    threads: int | None = Field(None, ge=1, le=1024, description="CPU threads of a training run; default: all cores.")
    lease_seconds: float = Field(
        60, ge=10, le=3600, description="Seconds until a run whose lease is not renewed is taken."
    )
    lease_margin_seconds: float = Field(
        10, gt=0, description="Seconds before the end of its lease at which a worker gives its run up."
    )
    renew_seconds: float = Field(15, gt=0, description="Interval at which a worker renews the lease of its run.")
    poll_seconds: float = Field(0.5, gt=0, le=60, description="Interval of looking for a stop request.")
    idle_seconds: float = Field(0.2, gt=0, le=60, description="Interval of looking for a queued run.")
    write_seconds: float = Field(1, ge=0, le=60, description="Minimum seconds between writes of progress and metrics.")
    reap_seconds: float = Field(15, gt=0, le=600, description="Interval of queueing runs of lost workers again.")
    grace_seconds: float = Field(30, ge=0, description="Seconds that a trainer may take to stop.")
    exit_seconds: float = Field(10, gt=0, description="Seconds that a trainer may take to end after its last message.")
    checkpoint_seconds: float = Field(30, ge=0, description="Minimum seconds between checkpoints of a run.")
    collect_seconds: float = Field(3600, gt=0, le=7 * 86_400, description="Interval of garbage collection.")
    stall_seconds: float = Field(600, gt=0, description="Seconds without a message after which a trainer is killed.")
    exit_when_idle: bool = Field(False, description="Exit when no run can be claimed, instead of waiting.")

    @model_validator(mode="after")
    def _renew_in_time(self) -> Self:
        if self.renew_seconds > (self.lease_seconds - self.lease_margin_seconds) / 2:
            raise ValueError(
                "renew_seconds must allow two renewals until lease_margin_seconds before the lease expires"
            )
        return self
