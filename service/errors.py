"""Errors of the API server: requests that it refuses although no library below it does.

ServiceError
+- Misdirected            the request names a host that is not served here
+- ForeignOrigin          a page of another origin asks for a change
+- KeyRequired            the API key is missing or wrong
+- NotAcceptable          none of the available representations is accepted
+- UnsupportedMediaType   a body of a type that is not supported
+- InvalidRequest         a body, parameter or combination that is not valid
|  +- SpecRefused         a spec that does not fit its dataset
|  +- UnknownDataset      a spec that names a dataset that does not exist
+- DatasetNotPresent      a built-in dataset that no run has imported yet
+- LatentNotFound         a latent that a model does not have
+- NoResults              a run of a kind that has no table of results
+- RunNotSucceeded        a run whose results are requested before, or without, its success
+- MethodNotFound         a method that a baselines run did not compare, or that has no atoms
+- NameReserved           a name that belongs to a built-in dataset
+- Overloaded             the queue of computations is full, or too many streams are open
+- StorageFull            the limit of stored bytes is reached, or the disk is full
+- NotReady               a part without which the service cannot work is missing

Their HTTP statuses stand in `http.problems`, with those of all other errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from registry.errors import code_of


class ServiceError(Exception):
    """A refused request; `str(error)` says what was expected and what came."""

    may_pass: ClassVar[bool] = False

    @property
    def code(self) -> str:
        """The class name in UPPER_SNAKE: stable, for programs."""
        return code_of(type(self))


class Misdirected(ServiceError):
    """The request's `Host` is none of those that are served here."""


class ForeignOrigin(ServiceError):
    """A method that changes something, sent from a page of another origin."""


class KeyRequired(ServiceError):
    """The API key is missing or wrong."""


class NotAcceptable(ServiceError):
    """None of the `available` representations (media types) is acceptable to the client."""

    def __init__(self, detail: str, available: Sequence[str]) -> None:
        super().__init__(detail)
        self.available = tuple(available)


class UnsupportedMediaType(ServiceError):
    """A body whose Content-Type is none of `accepted`."""

    def __init__(self, detail: str, accepted: Sequence[str]) -> None:
        super().__init__(detail)
        self.accepted = tuple(accepted)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request; `pointer` is a JSON pointer into the body, or the parameter's name."""

    pointer: str
    detail: str


class InvalidRequest(ServiceError):
    """A request that is not valid; `faults` name the places, at most a few."""

    def __init__(self, detail: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)


class SpecRefused(InvalidRequest):
    """A spec that is well formed and does not fit its dataset."""


class UnknownDataset(InvalidRequest):
    """A spec that names a dataset that is neither built in nor uploaded."""


class DatasetNotPresent(ServiceError):
    """A built-in dataset whose rows are requested before any run has imported it."""


class LatentNotFound(ServiceError):
    """A latent's number that is not below the model's number of latents."""


class NoResults(ServiceError):
    """A run of a kind that has no table of results."""


class RunNotSucceeded(ServiceError):
    """A run that has not succeeded, or not yet, and so has no results."""


class MethodNotFound(ServiceError):
    """A method that the run did not compare, or that has no atoms."""


class NameReserved(ServiceError):
    """A name that belongs to a built-in dataset."""


class Overloaded(ServiceError):
    """A bounded queue is full; `retry_after` is in whole seconds."""

    may_pass: ClassVar[bool] = True

    def __init__(self, detail: str, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class StorageFull(ServiceError):
    """The limit of stored bytes is reached, or the disk is full."""


class NotReady(ServiceError):
    """A part without which the service cannot work is missing; `faults` name the parts."""

    may_pass: ClassVar[bool] = True

    def __init__(self, detail: str, faults: Sequence[Fault]) -> None:
        super().__init__(detail)
        self.faults = tuple(faults)
