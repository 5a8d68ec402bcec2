"""What the specs share: the base class, names, bounds, and unions with a default kind."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,62}$"
"""A dataset's or a model's name: a slug of at most 63 characters."""

UNION_TAGS: Final = frozenset({"train", "import", "sweep", "baselines", "kl", "l1", "none"})
"""What pydantic puts into the location of an error for the member of a union; no field bears such a name."""

Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=63)]
Width = Annotated[int, Field(strict=True, ge=1, le=65_536)]
Priority = Annotated[
    int, Field(strict=True, ge=-100, le=100, description="Higher runs first; equals run in order of arrival.")
]


class Frozen(BaseModel):
    """A part of a spec: immutable, without unknown fields, finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def tag_or(default: str) -> Callable[[object], str]:
    """A discriminator that, unlike pydantic's own, has a default for a missing `kind`."""

    def kind_of(value: object) -> str:
        if isinstance(value, Mapping):
            return str(value.get("kind", default))
        return str(getattr(value, "kind", default))

    return kind_of
