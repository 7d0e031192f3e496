"""What the jobs of a list have in common, and the little of a job's record that tells whether it does. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from jobs.model import Status


class Sketch(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a :class:`jobs.model.Job` that a filter looks at. Reading them costs a fifth of reading the job."""

    model: str
    given: msgspec.Raw
    status: Status = Status.QUEUED
    requested_provider: str | None = None
    provider: str | None = None
    metadata: dict[str, str] = {}
    batch_id: str | None = None


sketched: Final = msgspec.json.Decoder(Sketch).decode
_given: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A filter of jobs; what is None or empty holds for any job.

    Args:
        statuses: One of these.
        model: That it asked for.
        provider: That runs or ran it, or was asked for.
        batch: Its batch.
        metadata: What its metadata say.
        text: What its prompt contains; case is ignored.
    """

    statuses: frozenset[str] | None = None
    model: str | None = None
    provider: str | None = None
    batch: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None

    @property
    def is_everything(self) -> bool:
        """Whether it holds for every job."""
        return self == EVERYTHING

    def has(self, job: Sketch) -> bool:
        """Whether it holds for a job."""
        return (
            (self.statuses is None or job.status in self.statuses)
            and self.model in {None, job.model}
            and self.provider in {None, job.provider or job.requested_provider}
            and self.batch in {None, job.batch_id}
            and all(job.metadata.get(name) == value for name, value in self.metadata.items())
            and (self.text is None or self.text.casefold() in _prompt(job).casefold())
        )


EVERYTHING: Final = Wanted()


def _prompt(job: Sketch) -> str:
    return str(_given(job.given).get("prompt", ""))
