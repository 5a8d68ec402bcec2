"""How a feature is made visible: fields of answers and query parameters that several routes share."""

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field

Mode = Literal["raw", "difference"]
ModeQuery = Annotated[
    Mode, Query(description="`raw`: the decoded one-hot code. `difference`: that minus the decoded zero code.")
]
Amplitude = float | Literal["p95"]
AmplitudeQuery = Annotated[
    Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | Literal["p95"],
    Query(description="Activation of the one latent; `p95`: the 95th percentile of its own positive activations."),
]


@dataclass(frozen=True)
class Look:
    """How a latent is made visible."""

    mode: Mode
    amplitude: Amplitude


class WithLook(BaseModel):
    """An answer about features that are shown in one way."""

    mode: Mode
    amplitude: Amplitude
