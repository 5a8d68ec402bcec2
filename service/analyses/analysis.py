"""An analysis as a value: what is measured, a key of everything that the result depends on, and how it is stored."""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

import safetensors.numpy
from pydantic import BaseModel

from service.http import representations
from sparse_coding.specs import runs as run_specs

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

_WORDS: Final = frozenset({"title", "description", "examples"})
"""Keys of a JSON schema that say nothing about the form of a document."""


class Form(Protocol[T]):
    """How a result is stored as bytes."""

    @property
    def layout(self) -> Any:
        """JSON value that differs where stored bytes of one layout cannot be read as another."""

    def dump(self, result: T) -> bytes:
        """The result as bytes."""

    def load(self, content: bytes) -> T:
        """The result that `dump` made these bytes of."""


@dataclass(frozen=True)
class JsonForm(Generic[M]):
    """Results that are pydantic models, stored as JSON."""

    model: type[M]

    @property
    def layout(self) -> Any:
        return _layout(self.model)

    def dump(self, result: M) -> bytes:
        return representations.json_bytes(result)

    def load(self, content: bytes) -> M:
        return self.model.model_validate_json(content)


@dataclass(frozen=True)
class ArrayForm(Generic[T]):
    """Results that are dataclasses of numpy arrays, stored as safetensors."""

    result: type[T]

    @property
    def layout(self) -> Any:
        return [field.name for field in dataclasses.fields(self.result)]  # type: ignore[arg-type]

    def dump(self, result: T) -> bytes:
        return safetensors.numpy.save({name: getattr(result, name) for name in self.layout})

    def load(self, content: bytes) -> T:
        return self.result(**safetensors.numpy.load(content))


@dataclass(frozen=True)
class Analysis(Generic[T]):
    """A measurement that is made once: two with one key have the same result."""

    kind: str
    inputs: Mapping[str, Any]
    """JSON values: the digests of all files that are read, and every parameter."""
    versions: Mapping[str, int]
    """Formula id -> version of every formula that the result depends on."""
    form: Form[T]
    make: Callable[[], T]
    """Computes the result. Loads models and reads rows; nothing before it does."""

    @property
    def key(self) -> str:
        """SHA-256 in hexadecimal."""
        document = {
            "kind": self.kind,
            "inputs": dict(self.inputs),
            "versions": dict(self.versions),
            "layout": self.form.layout,
        }
        return hashlib.sha256(run_specs.canonical_json(document).encode()).hexdigest()


@functools.cache
def _layout(model: type[BaseModel]) -> Any:
    return _without_words(model.model_json_schema())


def _without_words(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_words(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _without_words(value) for name, value in schema.items() if name not in _WORDS}
