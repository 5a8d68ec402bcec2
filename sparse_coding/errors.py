"""Errors of the core library. They carry no HTTP status.

    SparseCodingError
    +- InvalidInput          numbers that were sent to be encoded
    |  +- WrongWidth
    |  +- RaggedRows
    |  +- NotFinite
    |  +- UnsupportedDtype
    |  +- NotNumbers
    |  +- TooManyRows
    |  +- EmptyInput
    |  +- TooManyCoefficients
    +- InvalidFile           a file that was sent to be read
    |  +- UnreadableFile
    |  +- UnsupportedFormat
    |  +- InconsistentDataset
    |  +- PrecisionLost
    |  +- ValuesTooLarge
    |  +- TooLarge
    +- IndexOutOfRange       a question that a dataset cannot answer
    +- UnknownSplit
    +- NotAnImage
    +- NoLabels
    +- UnsuitableLabels
    +- DatasetUnavailable    a run that cannot go on
    +- InputsOutOfRange
    +- TrainingDiverged
    +- SpecDoesNotFit
    +- CheckpointMismatch

A message is a sentence for the client: what was expected and what was received. It never contains a path, nor more than
a few characters of what the client sent. Without a message, the error's docstring is used.
"""

import errno
import re
from typing import ClassVar, Final

DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Numbers of an OSError that mean a full disk, a used-up quota, or a limit on the size of files."""

_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class SparseCodingError(Exception):
    """Base class of the core library's errors."""

    may_pass: ClassVar[bool] = False
    """Whether the same run may succeed at another try."""

    @property
    def code(self) -> str:
        """The class's name as clients see it: `DatasetUnavailable` is DATASET_UNAVAILABLE."""
        return _WORD_START.sub("_", type(self).__name__).upper()

    def __str__(self) -> str:
        return super().__str__() or type(self).__doc__ or type(self).__name__


class InvalidInput(SparseCodingError):
    """The inputs are not rows of numbers that the model can take."""


class WrongWidth(InvalidInput):
    """A row has another number of values than the model takes."""


class RaggedRows(InvalidInput):
    """The rows are not all of one length."""


class NotFinite(InvalidInput):
    """A value is NaN or infinite, or becomes so as a float32."""


class UnsupportedDtype(InvalidInput):
    """The numbers are stored in a type that is not read here."""


class NotNumbers(InvalidInput):
    """A value is not a number."""


class TooManyRows(InvalidInput):
    """More rows were sent than one request may hold."""


class EmptyInput(InvalidInput):
    """There are no values in it."""


class TooManyCoefficients(InvalidInput):
    """A code was asked for with fewer than one coefficient, or with more than there are atoms."""


class InvalidFile(SparseCodingError):
    """The file is not one that can be taken in."""


class UnreadableFile(InvalidFile):
    """The file is damaged, cut short, longer than its header says, or not of the format it claims."""


class UnsupportedFormat(InvalidFile):
    """The file is of a format that is not read here."""


class InconsistentDataset(InvalidFile):
    """The parts of the dataset do not fit each other."""


class PrecisionLost(InvalidFile):
    """A column varies in the file and would be constant as float32, in which rows are stored."""


class ValuesTooLarge(InvalidFile):
    """A row is so large that the sum of its squares leaves float32."""


class TooLarge(InvalidFile):
    """The data are larger than allowed, or would be once unpacked."""


class IndexOutOfRange(SparseCodingError):
    """The dataset or the code has no row or latent of that index."""


class UnknownSplit(SparseCodingError):
    """A dataset has the splits `train` and `test`."""


class NotAnImage(SparseCodingError):
    """A picture was asked of rows that are vectors."""


class NoLabels(SparseCodingError):
    """The dataset has no labels for its rows."""


class UnsuitableLabels(SparseCodingError):
    """The labels have too few classes to distinguish, or too many."""


class DatasetUnavailable(SparseCodingError):
    """The dataset is not here and could not be fetched."""


class InputsOutOfRange(SparseCodingError):
    """The rows leave the interval that the model's output can reach."""


class TrainingDiverged(SparseCodingError):
    """The loss is no longer a finite number."""


class SpecDoesNotFit(SparseCodingError):
    """The spec asks for something that this dataset does not allow."""


class CheckpointMismatch(SparseCodingError):
    """The checkpoint belongs to another spec or another network."""
