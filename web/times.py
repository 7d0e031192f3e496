"""Times as the API shows them; made in :mod:`jobs.times`."""

from jobs.times import rfc3339

__all__ = ["rfc3339"]
