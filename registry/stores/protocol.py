"""What a store of blobs offers. Blobs are named by their SHA-256, written once and never changed.

A blob is durable before a row refers to it: an interruption leaves an unreferenced file, never a row without its file.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Stored:
    """A blob that is in the store, durably."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Idle:
    """A file in the store that nobody has put or written for a while: a blob by its SHA-256, or a beginning of one."""

    name: str
    bytes: int


class ArtifactStore(Protocol):
    """Where blobs are kept."""

    def put(self, source: Path) -> Stored:
        """Take over the file `source`, which is gone from its place afterwards."""

    def path(self, sha256: str) -> Path:
        """A local file with the blob, to be read or mapped, never written. Raises ArtifactMissing."""

    def remove(self, sha256: str) -> None:
        """Forget the blob; one that is not there is no error."""

    def idle(self, seconds: float) -> Iterator[Idle]:
        """Files that were last put or written longer ago than that."""

    def require_free(self) -> None:
        """Raises StoreBusy if nothing can be cleared now."""

    def clear(self, names: Collection[str], seconds: float) -> list[Idle]:
        """Remove those of the files that are still idle; what went. Raises StoreBusy."""
