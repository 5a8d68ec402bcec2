"""Fields that answers of several routes share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0, le=2**53)]
"""A number of things; no larger than what a double holds exactly."""


class Answer(BaseModel):
    """A JSON object without unknown fields."""

    model_config = ConfigDict(extra="forbid")


class RunError(Answer):
    """Why a run failed."""

    code: str = Field(max_length=100, description="For programs: stable.")
    detail: str = Field(max_length=10_000, description="For humans: what happened, and what can be done.")
