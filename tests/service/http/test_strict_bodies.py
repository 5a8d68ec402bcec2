"""Bodies are read strictly: a number is not a boolean, a text is not a number, and nothing is converted in silence."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from service.inference.inputs import CodeRows, DatasetRows, NumberRows, SparseRow, SparseRows
from service.routes.v1.models import AliasTarget
from service.routes.v1.runs import CancelOptions
from sparse_coding.specs.baselines import BaselinesSpec
from sparse_coding.specs.runs import ImportSpec
from sparse_coding.specs.sweep import SweepSpec
from sparse_coding.specs.training import TrainSpec
from testing.published_models import SharedApi

BODIES = [CancelOptions, AliasTarget, TrainSpec, ImportSpec, SweepSpec, BaselinesSpec]
BODIES += [DatasetRows, NumberRows, CodeRows, SparseRow, SparseRows]

WRONG: dict[type, list[Any]] = {bool: [0, 1, "true", "1", 1.0], int: ["1", True, 1.0], float: ["1", "0.5", True]}
"""Values of another JSON type, which pydantic would convert by default."""


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and all models in it."""
    yield model
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from models(part)


def parts(annotation: Any) -> Iterator[Any]:
    """The type, and the types of its items and alternatives."""
    yield annotation
    if get_origin(annotation) in (Annotated, Union, types.UnionType, tuple, list):
        for inner in get_args(annotation):
            yield from parts(inner)


def scalars() -> Iterator[tuple[str, FieldInfo, type]]:
    """Every field of a body that is a boolean or a number, or may be one."""
    for model in {found for body in BODIES for found in models(body)}:
        for name, field in model.model_fields.items():
            for kind in (bool, int, float):
                if field.annotation in (kind, kind | None):
                    yield f"{model.__name__}.{name}", field, kind


FIELDS = sorted(scalars(), key=lambda found: found[0])


def test_there_are_fields_to_check() -> None:
    assert {"CancelOptions.force", "AliasTarget.version", "Training.epochs", "SweepSpec.reference"} <= {
        name for name, _, _ in FIELDS
    }


@pytest.mark.parametrize(("name", "field", "kind"), FIELDS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_value_of_another_json_type_is_refused(name: str, field: FieldInfo, kind: type) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[field.annotation, field])
    for wrong in WRONG[kind]:
        with pytest.raises(ValidationError):
            adapter.validate_python(wrong)


@pytest.mark.parametrize("sent", [0, 1, "true", None, []])
def test_force_must_be_a_boolean(shared_api: SharedApi, sent: Any) -> None:
    answer = shared_api.http.post("/api/v1/runs/x/cancel", json={"force": sent})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/force")
