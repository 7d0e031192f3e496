"""Which jobs a list shows: the filters of its query."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from jobs import ids
from jobs.model import Job, Status
from web.http.query import refuse, words

METADATA: Final = "metadata."
NAMES: Final = ("status", "model", "provider", "batch", "created_after", "created_before", "q")

_BATCH: Final = re.compile(ids.BATCH)
# RFC 3339, section 5.6, without leap seconds; a "+" that was not escaped arrives as a blank.
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+ -]\d\d:\d\d)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What jobs have to be like; ``since`` and ``until`` are bounds of their creation in Unix seconds, exclusive."""

    keep: Callable[[Job], bool]
    since: float | None
    until: float | None


def filters(parameters: dict[str, str]) -> Filters:
    """Read the filters of a query.

    Raises:
        Problem: 422: one of them is malformed.
    """
    tests: list[Callable[[Job], bool]] = []
    statuses = words(parameters, "status", [*Status])
    if statuses is not None:
        tests.append(lambda job: job.status in statuses)
    if "batch" in parameters and not _BATCH.fullmatch(parameters["batch"]):
        raise refuse("batch", "must be the id of a batch")
    fields: dict[str, Callable[[Job], Any]] = {
        "model": lambda job: job.model,
        "provider": lambda job: job.provider or job.requested_provider,
        "batch": lambda job: job.batch_id,
    }
    tests += [_equals(fields[name], parameters[name]) for name in fields if name in parameters]
    for name, text in parameters.items():
        if name.startswith(METADATA):
            tests.append(_has(name.removeprefix(METADATA), text))
    if "q" in parameters:
        tests.append(_mentions(parameters["q"].casefold()))
    return Filters(
        keep=lambda job: all(test(job) for test in tests),
        since=moment(parameters, "created_after"),
        until=moment(parameters, "created_before"),
    )


def moment(parameters: dict[str, str], name: str) -> float | None:
    """A time in Unix seconds; None if the parameter is not given.

    Raises:
        Problem: 422: it is no time in RFC 3339.
    """
    text = parameters.get(name)
    if text is None:
        return None
    match = _TIME.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        day, clock, fraction, zone = match.groups()
        offset = "+00:00" if zone in "Zz" else zone.replace(" ", "+")
        return datetime.fromisoformat(f"{day}T{clock}{(fraction or '')[:7]}{offset}").astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        raise refuse(name, "must be a time such as 2026-11-20T14:05:03Z") from None


def _equals(field: Callable[[Job], Any], value: str) -> Callable[[Job], bool]:
    return lambda job: field(job) == value


def _has(name: str, value: str) -> Callable[[Job], bool]:
    return lambda job: job.metadata.get(name) == value


def _mentions(text: str) -> Callable[[Job], bool]:
    return lambda job: text in str(job.given.get("prompt", "")).casefold()
