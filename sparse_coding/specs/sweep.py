"""A sweep: several training runs that differ in some fields, given as a grid or as a list of members."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal

from pydantic import Field, JsonValue, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from sparse_coding.specs import grid as grids
from sparse_coding.specs.fields import UNION_TAGS, Frozen, Priority
from sparse_coding.specs.training import TrainSpec

MAX_MEMBERS: Final = 64
"""Autoencoders of one sweep, its reference counted."""

SWEEP_NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,52}$"
"""A sweep's name; shorter than a model's, because its members' names add a suffix."""

VALIDATION_FRACTION: Final = 0.1
"""Share of the training rows that a sweep keeps for choosing among its members."""

_VARIED: Final = ("model", "sparsity", "training", "dataset.train_limit")
"""In what the members of a sweep may differ. Their errors are compared, so all see rows that are prepared alike."""


@dataclass(frozen=True)
class Member:
    """One autoencoder of a sweep."""

    number: int
    varied: dict[str, Any]
    """Dotted path of every field in which members differ -> this member's value, if it has such a field."""
    spec: TrainSpec
    is_reference: bool = False


class SweepSpec(Frozen):
    """Train several autoencoders that differ in some fields, side by side, and publish each as a model of its own."""

    kind: Literal["sweep"] = "sweep"
    name: Annotated[str, Field(pattern=SWEEP_NAME_PATTERN, max_length=53)] | None = Field(
        None, description="The models are named `NAME-0`, `NAME-1` ...; made from the dataset's name where missing."
    )
    base: TrainSpec = Field(
        description="What all members share. Without a `validation_fraction` a tenth of the training rows is kept for "
        "choosing among the members, the same for all of them."
    )
    grid: dict[str, Annotated[tuple[JsonValue, ...], Field(min_length=1, max_length=MAX_MEMBERS)]] | None = Field(
        None,
        min_length=1,
        max_length=8,
        description="Dotted path of a field -> the values it shall take; several fields are combined.",
        examples=[{"sparsity.weight": [0.001, 0.01, 0.1]}],
    )
    members: tuple[dict[str, JsonValue], ...] | None = Field(
        None,
        min_length=1,
        max_length=MAX_MEMBERS,
        description="Instead of `grid`: for each member the fields in which it differs from the base.",
    )
    reference: bool = Field(False, strict=True, description="One more member without a penalty: the dense reference.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` takes CUDA where the worker has it.")
    priority: Priority = 0

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, value: Any) -> Any:
        """What the sweep itself does not say is taken from its base, or has a default of its own."""
        base = value.get("base") if isinstance(value, Mapping) else None
        dataset = base.get("dataset") if isinstance(base, Mapping) else None
        if not isinstance(base, Mapping) or not isinstance(dataset, Mapping):
            return value
        filled = {name: base[name] for name in ("device", "priority", "name") if name in base} | dict(value)
        if filled.get("name") is None and isinstance(dataset.get("name"), str):
            filled["name"] = f"{dataset['name'][:47]}-sweep"
        return filled | {"base": {**base, "dataset": {"validation_fraction": VALIDATION_FRACTION, **dataset}}}

    @model_validator(mode="after")
    def _make_sense(self) -> "SweepSpec":
        if (self.grid is None) == (self.members is None):
            raise PydanticCustomError("sweep", "a sweep has either a grid or members")
        count = self.count
        if count > MAX_MEMBERS:
            raise PydanticCustomError(
                "sweep",
                "a sweep has at most {most} members, its reference counted; {count} were asked for",
                {"most": MAX_MEMBERS, "count": count},
            )
        # one value of a grid is in several members, and refused once
        faults = {(fault["loc"], "", ""): fault for fault in self._overlaps()} or {
            (fault["loc"], str(fault["type"]), repr(fault["input"])): fault
            for number, pointer, changes in self._asked()
            for fault in self._faults(number, pointer, changes)
        }
        if faults:
            raise ValidationError.from_exception_data("sweep", list(faults.values()))
        return self

    @property
    def count(self) -> int:
        """Members, the reference counted."""
        asked = len(self.members or ()) if self.grid is None else math.prod(map(len, self.grid.values()))
        return asked + self.reference

    def expanded(self) -> tuple[Member, ...]:
        """Every member with its whole spec, in the order of the grid or the list; the reference last."""
        asked = list(self._asked())
        paths = list(dict.fromkeys(path for _, _, changes in asked for path in grids.leaves(changes)))
        members = [self._member(number, str(number), changes, paths) for number, _, changes in asked]
        if self.reference:
            dense = {"sparsity.kind": "none"}
            last = self._member(len(members), "reference", dense, [*dict.fromkeys([*paths, *dense])])
            members.append(replace(last, is_reference=True))
        return tuple(members)

    def pointer(self, number: int, pointer: str) -> str:
        """Where in this document stands what a member has at a JSON pointer into its own spec."""
        path = pointer.strip("/").replace("/", ".")
        for asked, place, changes in self._asked():
            for changed in changes:
                if asked == number and (path == changed or path.startswith(f"{changed}.")):
                    return "".join(f"/{step}" for step in (*place, changed))
        return f"/base{pointer}"

    def _member(self, number: int, suffix: str, changes: Mapping[str, Any], paths: Sequence[str]) -> Member:
        whole = TrainSpec.model_validate(self._document(suffix, changes))
        return Member(number, grids.found(whole.model_dump(mode="json"), paths), whole)

    def _overlaps(self) -> Iterator[InitErrorDetails]:
        for path in grids.overlapping(self.grid or {}):
            words = "another path of the grid contains this one"
            yield InitErrorDetails(type=PydanticCustomError("not_varied", words), loc=("grid", path), input=path)

    def _asked(self) -> Iterator[tuple[int, tuple[str | int, ...], dict[str, Any]]]:
        """Number, place in the document, and changed paths of each member; the reference is not asked for."""
        if self.grid is not None:
            for number, changes in enumerate(grids.combinations(self.grid)):
                yield number, ("grid",), changes
        for number, partial in enumerate(self.members or ()):
            yield number, ("members", number), grids.leaves(partial)

    def _document(self, suffix: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        document = grids.varied(self.base.model_dump(mode="json"), changes)
        return document | {"name": f"{self.name}-{suffix}", "device": self.device, "priority": self.priority}

    def _faults(
        self, number: int, place: tuple[str | int, ...], changes: Mapping[str, Any]
    ) -> Iterator[InitErrorDetails]:
        """Why a member cannot be: fields that a sweep does not vary, and what its whole spec is refused for."""
        for path, value in changes.items():
            if path.partition(".")[0] not in _VARIED and path not in _VARIED:
                words = f"a sweep varies fields of {', '.join(_VARIED[:3])}, and {_VARIED[3]}"
                yield InitErrorDetails(type=PydanticCustomError("not_varied", words), loc=(*place, path), input=value)
                return
        try:
            TrainSpec.model_validate(self._document(str(number), changes))
        except ValidationError as error:
            for fault in error.errors():
                path = ".".join(str(step) for step in fault["loc"] if step not in UNION_TAGS)
                words = fault["msg"].replace("{", "{{").replace("}", "}}")
                yield InitErrorDetails(
                    type=PydanticCustomError(fault["type"], words), loc=(*place, path), input=fault["input"]
                )
