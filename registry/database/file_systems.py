"""Detects the type of the file system that a path is on, because SQLite's locks need a local one."""

import re
from pathlib import Path
from typing import Final

from registry.errors import NetworkFileSystem

NETWORK: Final = re.compile(
    r"9p|afs|beegfs|ceph|cifs|davfs|fuse\.(ceph|glusterfs|rclone|s3fs|sshfs)|gfs2|glusterfs|gpfs|lustre|ncpfs|nfs4?|ocfs2"
    r"|orangefs|smb2|smb3|smbfs"
)
"""Types, by the kernel's names, whose locks or shared memory do not work across the machines that mount them."""

MOUNTS: Final = Path("/proc/mounts")


def kind_of(path: Path) -> str | None:
    """The type of the file system of `path`, which need not exist yet; None if the kernel does not report it."""
    place = path.resolve()
    try:
        lines = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError:
        return None
    kinds = {Path(_unescaped(point)): kind for _, point, kind, *_ in (line.split(" ") for line in lines if line)}
    return next((kinds[folder] for folder in (place, *place.parents) if folder in kinds), None)


def require_local(path: Path) -> None:
    """Raises NetworkFileSystem if SQLite's locks do not work at `path`."""
    kind = kind_of(path)
    if kind is not None and NETWORK.fullmatch(kind):
        raise NetworkFileSystem(
            f"the SQLite database would lie on a network file system ({kind}), where its locks do not work: set "
            "SAE_DATABASE_URL to a PostgreSQL database (postgresql://...), or SAE_DATA_DIR to a folder on a local disk"
        )


def _unescaped(point: str) -> str:
    """Replace octal escapes, which /proc/mounts uses for spaces and similar characters."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)
