"""A conversation that was read and submitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.model import Job
from web.dialects.made import Made


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request that was read.

    Args:
        model: The model that it means.
        ignored: Its fields that have no effect.
        made: Its job, and no other.
    """

    model: str
    ignored: Sequence[str]
    made: Sequence[Made]

    @property
    def job(self) -> Job:
        """Its job as it was accepted."""
        return self.made[0].accepted.record.job
