"""The artifact store, an interface and its implementation on a local disk; images, their metadata, and uploads."""

from jobs.files.artifacts import ArtifactError, ArtifactNotFound, ArtifactStore, OutputStore
from jobs.files.local import LocalArtifacts

__all__ = ["ArtifactError", "ArtifactNotFound", "ArtifactStore", "LocalArtifacts", "OutputStore"]
