"""Checks of the storage limit and of a full disk."""

from sqlalchemy.orm import Session

from registry import artifacts
from service.errors import StorageFull
from sparse_coding.errors import DISK_FULL


def require(session: Session, limit: int, more: int = 0) -> None:
    """Raises `StorageFull` where the stored bytes, and `more` bytes, are not below `limit` together."""
    if artifacts.bytes_in_use(session) + more >= limit:
        raise StorageFull(f"the limit of {limit:,} stored bytes is reached: delete runs, models or datasets")


def shortage(error: OSError) -> StorageFull | None:
    """The error that a client gets where a disk is full; None for any other error of the system."""
    if error.errno not in DISK_FULL:
        return None
    return StorageFull("the disk of the service is full; nothing was stored. Its operator must free space")
