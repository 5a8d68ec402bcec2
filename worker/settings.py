"""What can be set about a worker, by environment variables with the prefix `SAE_`. Knows no run."""

from typing import Literal, Self

from pydantic import Field, model_validator

from registry.settings import RegistrySettings
from worker.supervising import lease


class WorkerSettings(RegistrySettings):
    """Settings of the supervisor; what the trainer needs of them is told to it with each run."""

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where to train; `auto` takes CUDA if there.")
    threads: int | None = Field(None, ge=1, le=1024, description="CPU threads of a training run; default: all cores.")
    lease_seconds: float = Field(60, ge=30, le=3600, description="A worker not heard of for so long has lost its run.")
    renew_seconds: float = Field(15, gt=0, description="How often a running worker renews its lease.")
    poll_seconds: float = Field(0.5, gt=0, le=60, description="How often a run is looked at for a wish to stop.")
    idle_seconds: float = Field(0.2, gt=0, le=60, description="How often an idle worker looks for a queued run.")
    reap_seconds: float = Field(15, gt=0, le=600, description="How often runs of lost workers are put back.")
    grace_seconds: float = Field(30, ge=0, description="How long a trainer may take to stop before it is killed.")
    checkpoint_seconds: float = Field(30, ge=0, description="Least time between two checkpoints of a run.")
    collect_seconds: float = Field(
        3600, gt=0, le=7 * 86_400, description="How often what nothing needs is removed from the archive."
    )
    stall_seconds: float = Field(600, gt=0, description="A trainer that says nothing for so long is killed.")
    exit_when_idle: bool = Field(False, description="End when no run is left to claim, instead of waiting for one.")

    @model_validator(mode="after")
    def _renew_in_time(self) -> Self:
        if self.renew_seconds > (self.lease_seconds - lease.MARGIN_SECONDS) / 2:
            raise ValueError("renew_seconds must leave room for two renewals, 10 seconds before the lease ends")
        return self
