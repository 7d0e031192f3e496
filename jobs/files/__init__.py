"""Where finished files live: an interface, and local disk behind it."""

from jobs.files.artifacts import ArtifactError, ArtifactNotFound, ArtifactStore
from jobs.files.local import LocalArtifacts

__all__ = ["ArtifactError", "ArtifactNotFound", "ArtifactStore", "LocalArtifacts"]
