"""A job as the bytes of an answer, kept as long as they hold: most polls find a job as it was."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from jobs.model import Waiting
from jobs.record.types import Record
from jobs.resources.base import Links
from jobs.resources.job import job_resource, version_of
from web.http.reply import PRIVATE, Reply, complete

#: Documents that a process keeps, and the longest that it keeps, in bytes.
_KEPT: Final = 1024
_KEPT_BYTES: Final = 16 << 10

_encode: Final = msgspec.json.Encoder().encode


class Seen(NamedTuple):
    """A job as it stands, and what it waits for."""

    record: Record
    waiting: Waiting | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDocument:
    """One job as it stands, for clients that use the addresses below ``base``.

    ``headers`` are all of an answer but for the request's own; ``unchanged`` has those of a 304.
    """

    seen: Seen
    base: str
    body: bytes
    etag: str
    headers: Sequence[tuple[str, str]]
    unchanged: Sequence[tuple[str, str]]

    def shows(self, seen: Seen, base: str) -> bool:
        """Whether it is of this record, as it is remembered, with this wait and these addresses."""
        return self.seen.record is seen.record and self.base == base and self.seen.waiting == seen.waiting

    def is_known(self, marks: str) -> bool:
        """Whether an ``If-None-Match`` names it. Weak comparison (RFC 9110, section 8.8.3.2)."""
        if marks == self.etag:
            return True
        bare = self.etag.removeprefix("W/")
        return marks.strip() == "*" or any(part.strip().removeprefix("W/") == bare for part in marks.split(","))

    def reply(self, marks: str) -> Reply:
        """The answer to a client that has what ``marks`` (``If-None-Match``, empty for none) names."""
        if marks and self.is_known(marks):
            return Reply(304, self.unchanged, b"")
        return Reply(200, self.headers, self.body)


class JobDocuments:
    """Makes documents, and keeps those that were asked for last."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._most = kept
        self._kept: OrderedDict[str, JobDocument] = OrderedDict()

    def of(self, seen: Seen, base: str) -> JobDocument:
        """The document of a job."""
        job_id = seen.record.job.id
        kept = self._kept.get(job_id)
        if kept is not None and kept.shows(seen, base):
            return kept
        made = _document(seen, base)
        if len(made.body) <= _KEPT_BYTES:
            self._kept[job_id] = made
            self._kept.move_to_end(job_id)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made


def etag(seen: Seen) -> str:
    """The weak entity tag of a job as it stands."""
    return f'W/"{version_of(*seen)}"'


def _document(seen: Seen, base: str) -> JobDocument:
    """With the time of the next poll: after a tenth of the estimate, 1 to 10 s."""
    body = _encode(job_resource(*seen, Links(base)))
    mark = [*PRIVATE.items(), ("ETag", etag(seen))]
    headers = [*mark]
    if not seen.record.job.status.is_terminal:
        eta = None if seen.waiting is None else seen.waiting.eta_seconds
        headers.append(("Retry-After", str(min(10, max(1, round((eta or 0) / 10))))))
    headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    return JobDocument(
        seen=seen,
        base=base,
        body=body,
        etag=mark[-1][1],
        headers=complete(headers),
        unchanged=complete(mark),
    )
