"""The union of all kinds of spec, and its JSON document.

Imports no torch and no numpy: the API server and the supervisor read specs without loading them.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Discriminator, Field, Tag, TypeAdapter

from sparse_coding.specs.baselines import BaselinesSpec
from sparse_coding.specs.fields import Frozen, Name, Priority, tag_or
from sparse_coding.specs.sweep import SweepSpec
from sparse_coding.specs.training import TrainSpec

SPEC_VERSION: Final = 2
"""Version written beside every stored spec; a stored spec of a lower version goes through `upgrade` first.

2: `dataset.validation_seed` draws the validation slice, which was the last rows before.
"""


class ImportSpec(Frozen):
    """Bring a built-in dataset into the registry without training on it."""

    kind: Literal["import"] = "import"
    dataset: Name = Field(description="The name of a built-in dataset.", examples=["digits"])
    priority: Priority = 0


AnySpec: TypeAlias = TrainSpec | ImportSpec | SweepSpec | BaselinesSpec
RunSpec = Annotated[
    Annotated[TrainSpec, Tag("train")]
    | Annotated[ImportSpec, Tag("import")]
    | Annotated[SweepSpec, Tag("sweep")]
    | Annotated[BaselinesSpec, Tag("baselines")],
    Discriminator(
        tag_or("train"),
        custom_error_type="unknown_kind",
        custom_error_message="kind must be one of train, import, sweep, baselines",
    ),
]

_adapter: TypeAdapter[AnySpec] = TypeAdapter(RunSpec)


def parse(document: Mapping[str, Any], version: int = SPEC_VERSION) -> AnySpec:
    """The spec that a JSON document of the given `spec_version` asks for.

    Raises pydantic's `ValidationError` for a document outside the bounds, `ValueError` for a version from the future.
    """
    return _adapter.validate_python(upgrade(document, version))


def upgrade(document: Mapping[str, Any], version: int) -> dict[str, Any]:
    """A stored document of an older `version`, rewritten for `SPEC_VERSION`."""
    if not 1 <= version <= SPEC_VERSION:
        raise ValueError(f"spec_version {version} is not known here; this release reads 1 to {SPEC_VERSION}")
    return dict(document) if version == SPEC_VERSION else _keeping_the_last_rows(document)


def _keeping_the_last_rows(document: Mapping[str, Any]) -> dict[str, Any]:
    """Upgrade a spec of version 1 without changing its meaning: a resumed run continues on the same rows."""
    upgraded = dict(document)
    if isinstance(upgraded.get("base"), Mapping):
        upgraded["base"] = _keeping_the_last_rows(upgraded["base"])
    if isinstance(upgraded.get("dataset"), Mapping):
        upgraded["dataset"] = {**upgraded["dataset"], "validation_seed": None}
    return upgraded


def document(spec: AnySpec) -> dict[str, Any]:
    """The spec with every default filled in, as JSON values."""
    return spec.model_dump(mode="json")


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces. Equal values have equal digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
