"""Where the service keeps its data, and the limits on it."""

from dataclasses import dataclass
from pathlib import Path

from registry.database.sessions import Database
from registry.stores.protocol import ArtifactStore
from service.settings import ServiceSettings


@dataclass(frozen=True)
class Storage:
    """The database, the artifact store and the folder for unfinished files."""

    settings: ServiceSettings
    database: Database
    artifacts: ArtifactStore
    uploads: Path
    """Folder for unfinished files, of this process alone."""
