"""Where finished files live: an interface, and local disk behind it."""

from jobs.artifacts.base import ArtifactError, ArtifactNotFound, ArtifactStore
from jobs.artifacts.local import LocalArtifacts

__all__ = ["ArtifactError", "ArtifactNotFound", "ArtifactStore", "LocalArtifacts"]
