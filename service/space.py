"""Whether there is room for more bytes in the archive. Knows no noun."""

from sqlalchemy.orm import Session

from registry import artifacts
from service.errors import StorageFull


def require(session: Session, limit: int, more: int = 0) -> None:
    """Raises `StorageFull` where what is kept, and `more` bytes, are not below `limit` together."""
    if artifacts.bytes_in_use(session) + more >= limit:
        raise StorageFull(f"the {limit:,} bytes that may be stored are used up: delete runs, models or datasets")
