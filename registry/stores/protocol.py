"""Interface of a blob store. Blobs are named by their SHA-256, written once and never changed.

A blob is durable before a row refers to it: an interruption leaves an unreferenced file, never a row without its file.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Stored:
    """A blob that has been stored durably."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Idle:
    """A file that was not stored or written for a while: a blob, named by its SHA-256, or an incomplete file."""

    name: str
    bytes: int


class ArtifactStore(Protocol):
    """A store of blobs."""

    def put(self, source: Path) -> Stored:
        """Move the file `source` into the store."""

    def path(self, sha256: str) -> Path:
        """A local read-only file with the blob. Raises ArtifactMissing."""

    def remove(self, sha256: str) -> None:
        """Delete the blob if it exists."""

    def idle(self, seconds: float) -> Iterator[Idle]:
        """Files last stored or written more than `seconds` ago."""

    def require_free(self) -> None:
        """Raises StoreBusy if the store is locked."""

    def clear(self, names: Collection[str], seconds: float) -> list[Idle]:
        """Delete those of the files that are still idle; returns them. Raises StoreBusy."""
