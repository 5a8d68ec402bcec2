"""Whether there is room for more bytes in the archive. Knows no noun."""

import errno
from typing import Final

from sqlalchemy.orm import Session

from registry import artifacts
from service.errors import StorageFull

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def require(session: Session, limit: int, more: int = 0) -> None:
    """Raises `StorageFull` where what is kept, and `more` bytes, are not below `limit` together."""
    if artifacts.bytes_in_use(session) + more >= limit:
        raise StorageFull(f"the {limit:,} bytes that may be stored are used up: delete runs, models or datasets")


def shortage(error: OSError) -> StorageFull | None:
    """What a client hears of a disk that takes no more; None for any other error of the system."""
    if error.errno not in _FULL:
        return None
    return StorageFull("the disk of the service takes no more: what was sent was not kept; its operator must make room")
