"""Arrays as fields of answers: numpy values that are written without being copied to lists, described by hand."""

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, SkipValidation, WithJsonSchema

NUMBER: dict[str, Any] = {"type": "number"}
INTEGER: dict[str, Any] = {"type": "integer"}
NULLABLE: dict[str, Any] = {"anyOf": [{"type": "number"}, {"type": "null"}]}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"items": items, "type": "array"}


Integers = Annotated[np.ndarray, SkipValidation, WithJsonSchema(_list(INTEGER))]
Numbers = Annotated[np.ndarray, SkipValidation, WithJsonSchema(_list(NUMBER))]
NullableMatrix = Annotated[np.ndarray, SkipValidation, WithJsonSchema(_list(_list(NULLABLE)))]
"""A NaN is written as null."""
Pixels = Annotated[np.ndarray, SkipValidation, WithJsonSchema(_list({}))]


class ArrayAnswer(BaseModel):
    """An answer with arrays among its fields."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
