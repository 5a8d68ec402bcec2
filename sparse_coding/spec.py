"""What may be asked of a run: a tagged union of frozen models with bounds and sourced defaults.

Knows no tensors: the front door and the supervisor read it without loading torch or numpy. Defaults are those of
the tutorial's main run: KL 0.01 with rho 0.05, 784-256-128-256-784, Adam at 1e-3, batch 128, 15 epochs, seed 42.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from sparse_coding import grid as grids

SPEC_VERSION: Final = 1
"""Version written beside every stored spec; a stored spec of a lower version goes through `upgrade` first."""

MAX_MEMBERS: Final = 64
"""Autoencoders of one sweep, its reference counted."""

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,62}$"
"""A dataset's or a model's name: a slug of at most 63 characters."""

SWEEP_NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,52}$"
"""A sweep's name: room is left for what its members' names end with."""

VALIDATION_FRACTION: Final = 0.1
"""Share of the training rows that a sweep keeps for choosing among its members."""

_VARIED: Final = ("model", "sparsity", "training", "dataset.train_limit")
"""In what the members of a sweep may differ. Their errors are compared, so all see rows that are prepared alike."""

Name = Annotated[str, Field(pattern=NAME_PATTERN, max_length=63)]
Width = Annotated[int, Field(strict=True, ge=1, le=65_536)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DatasetChoice(_Frozen):
    """Which rows are learned from, and how they are prepared; the preparation becomes part of the model."""

    name: Name = Field(description="A built-in dataset or an uploaded one.", examples=["digits"])
    image_size: int | None = Field(
        None,
        strict=True,
        ge=2,
        le=512,
        description="Resize images to this height and width (bicubic); null keeps their size.",
    )
    train_limit: int | None = Field(
        None, strict=True, ge=1, le=100_000_000, description="Learn from the first rows of the training split only."
    )
    validation_fraction: float = Field(
        0.0,
        strict=True,
        ge=0,
        le=0.5,
        description="Share of the training rows, taken from their end, that is kept for choosing.",
    )
    scaling: Literal["none", "minmax"] = Field(
        "none", description="`minmax` maps every input dimension to [0, 1] over the training rows."
    )


class Mlp(_Frozen):
    """A fully connected autoencoder: n_inputs - hidden - n_latents - hidden reversed - n_inputs, ReLU between."""

    architecture: Literal["mlp"] = "mlp"
    n_latents: Width = Field(128, description="Width of the code.")
    hidden: tuple[Width, ...] = Field(
        (256,), max_length=8, description="Widths between input and code; mirrored in the decoder. Empty: none."
    )
    output: Literal["sigmoid", "identity"] = Field(
        "sigmoid", description="`sigmoid` for inputs in [0, 1]; `identity` for any vectors."
    )


class Kl(_Frozen):
    """Penalty `kl.batch` on a sigmoid code: every latent's mean over the batch is drawn to rho."""

    kind: Literal["kl"] = "kl"
    weight: float = Field(0.01, strict=True, ge=0, le=1e6, description="Factor of the penalty in the loss.")
    rho: float = Field(0.05, strict=True, gt=0, lt=1, description="Target mean activation of each latent.")


class L1(_Frozen):
    """Penalty on the absolute activations of a ReLU code."""

    kind: Literal["l1"] = "l1"
    weight: float = Field(0.001, strict=True, ge=0, le=1e6, description="Factor of the penalty in the loss.")
    reduction: Literal["mean", "sum"] = Field(
        "mean", description="`mean` over rows and latents (`l1.mean`), or `sum` over latents (`l1.sum`)."
    )


class NoPenalty(_Frozen):
    """No penalty on a ReLU code: the dense reference."""

    kind: Literal["none"] = "none"


class Training(_Frozen):
    """How long and in which steps: Adam on shuffled batches, the last short batch kept."""

    epochs: int = Field(15, strict=True, ge=1, le=100_000, description="Passes over the training rows.")
    batch_size: int = Field(128, strict=True, ge=1, le=65_536, description="Rows of one step.")
    learning_rate: float = Field(0.001, strict=True, gt=0, le=10, description="Adam's step size.")
    seed: int = Field(42, strict=True, ge=0, le=2**53 - 1, description="Seeds the weights and the order of the rows.")
    precision: Literal["float32"] = Field("float32", description="Number format of weights and steps.")


def _tag_or(default: str) -> Callable[[object], str]:
    """A discriminator that, unlike pydantic's own, has a default for a missing `kind`."""

    def kind_of(value: object) -> str:
        if isinstance(value, Mapping):
            return str(value.get("kind", default))
        return str(getattr(value, "kind", default))

    return kind_of


Sparsity = Annotated[
    Annotated[Kl, Tag("kl")] | Annotated[L1, Tag("l1")] | Annotated[NoPenalty, Tag("none")],
    Discriminator(
        _tag_or("kl"), custom_error_type="unknown_kind", custom_error_message="kind must be one of kl, l1, none"
    ),
]
Method = Literal["ksvd", "minibatch", "pca", "raw"]
Priority = Annotated[
    int, Field(strict=True, ge=-100, le=100, description="Higher runs first; equals run in order of arrival.")
]


class TrainSpec(_Frozen):
    """Train one sparse autoencoder and publish it as the next version of the model `name`."""

    kind: Literal["train"] = "train"
    name: Name | None = Field(None, description="The model's name; made from dataset and sparsity where missing.")
    dataset: DatasetChoice
    model: Mlp = Mlp()
    sparsity: Sparsity = Kl()
    training: Training = Training()
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` takes CUDA where the worker has it.")
    priority: Priority = 0

    @model_validator(mode="before")
    @classmethod
    def _name_the_model(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and value.get("name") is None and isinstance(value.get("dataset"), Mapping):
            sparsity = value.get("sparsity")
            kind = _tag_or("kl")(sparsity if sparsity is not None else {})
            dataset = value["dataset"].get("name")
            if isinstance(dataset, str) and re.fullmatch(NAME_PATTERN, dataset):
                return {**value, "name": f"{dataset[:58]}-{kind}"}
        return value


class ImportSpec(_Frozen):
    """Bring a built-in dataset into the registry without training on it."""

    kind: Literal["import"] = "import"
    dataset: Name = Field(description="The name of a built-in dataset.", examples=["digits"])
    priority: Priority = 0


@dataclass(frozen=True)
class Member:
    """One autoencoder of a sweep."""

    number: int
    varied: dict[str, Any]
    """Dotted path of every field in which members differ -> this member's value, if it has such a field."""
    spec: TrainSpec
    is_reference: bool = False


class SweepSpec(_Frozen):
    """Train several autoencoders that differ in some fields, side by side, and publish each as a model of its own."""

    kind: Literal["sweep"] = "sweep"
    name: Annotated[str, Field(pattern=SWEEP_NAME_PATTERN, max_length=53)] | None = Field(
        None, description="The models are named `NAME-0`, `NAME-1` ...; made from the dataset's name where missing."
    )
    base: TrainSpec = Field(
        description="What all members share. Without a `validation_fraction` the last tenth of the training rows is "
        "kept for choosing among the members."
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


class BaselinesSpec(_Frozen):
    """Set a model beside dictionary learning, PCA and raw inputs on its own dataset."""

    kind: Literal["baselines"] = "baselines"
    model: str = Field(
        max_length=128,
        description="`name`, `name@3` or `name@alias`; the version that it means when the run is asked for.",
        examples=["digits-kl"],
    )
    methods: tuple[Method, ...] = Field(
        ("ksvd", "minibatch", "pca", "raw"),
        min_length=1,
        max_length=4,
        description="K-SVD, scikit-learn's mini-batch dictionary learning, PCA, and the inputs themselves.",
    )
    fit_rows: int = Field(
        10_000, strict=True, ge=2, le=100_000, description="First rows of the training split that are learned from."
    )
    iterations: int = Field(10, strict=True, ge=1, le=1000, description="Of K-SVD.")
    seed: int = Field(42, strict=True, ge=0, le=2**32 - 1, description="Chooses the rows that dictionaries begin with.")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` takes CUDA where the worker has it.")
    priority: Priority = 0

    @model_validator(mode="after")
    def _each_once(self) -> "BaselinesSpec":
        if len(set(self.methods)) < len(self.methods):
            raise PydanticCustomError("twice", "every method is named once")
        return self


AnySpec: TypeAlias = TrainSpec | ImportSpec | SweepSpec | BaselinesSpec
RunSpec = Annotated[
    Annotated[TrainSpec, Tag("train")]
    | Annotated[ImportSpec, Tag("import")]
    | Annotated[SweepSpec, Tag("sweep")]
    | Annotated[BaselinesSpec, Tag("baselines")],
    Discriminator(
        _tag_or("train"),
        custom_error_type="unknown_kind",
        custom_error_message="kind must be one of train, import, sweep, baselines",
    ),
]
UNION_TAGS: Final = frozenset({"train", "import", "sweep", "baselines", "kl", "l1", "none"})
"""What pydantic puts into the location of an error for the member of a union; no field bears such a name."""

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
    return dict(document)


def document(spec: AnySpec) -> dict[str, Any]:
    """The spec with every default filled in, as JSON values."""
    return spec.model_dump(mode="json")


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces. Equal values have equal digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
