"""What the front door itself refuses; the errors of the rooms below stand in their own trees.

ServiceError
+- Misdirected, ForeignOrigin, KeyRequired             the guard: wrong name, another site, no key
+- ContentTooLarge, UnsupportedMediaType, MalformedBody, NotAcceptable
+- SpecRefused, UnknownDataset                         a spec that makes no sense
+- DatasetNotPresent, NameReserved                     a dataset that is not there yet; a name that is taken for ever
+- Busy, Overloaded, StorageFull                       no room at the moment

Their HTTP statuses stand in `problems`, with those of all other errors.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pointer:
    """One place in a request body (`pointer`, a JSON pointer) or in its query, and what is wrong with it."""

    pointer: str
    detail: str


class ServiceError(Exception):
    """The request cannot be served as it stands; `str(error)` says to a human why."""

    def __init__(self, detail: str, *, errors: Sequence[Pointer] = (), headers: Mapping[str, str] | None = None):
        super().__init__(detail)
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    @property
    def code(self) -> str:
        """The class's name in UPPER_SNAKE: stable, for programs."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).upper()


class Misdirected(ServiceError):
    """The request names a host that is not served here."""


class ForeignOrigin(ServiceError):
    """A page of another site asks for a change."""


class KeyRequired(ServiceError):
    """The API key is missing or wrong."""


class ContentTooLarge(ServiceError):
    """The request body is over its limit."""


class UnsupportedMediaType(ServiceError):
    """The request body is of a type that is not read here."""


class MalformedBody(ServiceError):
    """The request body is not what its type says."""


class NotAcceptable(ServiceError):
    """None of the representations that there are is wanted."""


class SpecRefused(ServiceError):
    """The spec does not fit its dataset."""


class UnknownDataset(ServiceError):
    """The spec names a dataset that is not here."""


class DatasetNotPresent(ServiceError):
    """A built-in dataset that no run has brought in yet."""


class NameReserved(ServiceError):
    """The name belongs to a built-in dataset."""


class Busy(ServiceError):
    """Too much is waiting already; `Retry-After` says when to come back."""


class Overloaded(ServiceError):
    """So much waits for the compute thread that more would only wait longer; `Retry-After` says when to come back."""


class StorageFull(ServiceError):
    """The limit of stored bytes is reached."""
