"""The rate limits of a key: counted before a request is read, reported in the headers of its answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11: ``RateLimit-Policy`` names each
quota and its window, ``RateLimit`` what is left (``r``) and the seconds until the window moves on (``t``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal

from flask import request

from jobs.access.rates import MINUTE, LocalRates, Rates, Spent, Window, WindowState, read_window, submit_windows
from jobs.limits import Limits
from web.http.json_body import PICTURE_BODY, body_bytes
from web.http.problems import Problem

#: What a request counts as: one that makes jobs or uploads, or any other.
Rate = Literal["submit", "read"]

POLICY: Final = "RateLimit-Policy"
LIMIT: Final = "RateLimit"
_KEPT_AS: Final = "darkroom.states"

_WORDS: Final = {
    "submit": "submit {} jobs",
    "input": "send {} bytes of submissions and uploads",
    "read": "send {} requests",
}


class RateLimiter:
    """Counts requests.

    Args:
        rates: For what makes jobs.
        local: For the rest, in this process.
    """

    def __init__(self, rates: Rates, local: LocalRates) -> None:
        self._rates = rates
        self._local = local

    def admit(self, rate: Rate | None, owner: str, limits: Limits, *, guest: bool) -> None:
        """Count the current request.

        Args:
            rate: Which of the owner's rates the request counts for; None for none.
            owner: Whose request it is.
            limits: What they may use.
            guest: Whether the request comes with a signed link. Such requests are counted apart, so that a page
                with a popular link does not use up the owner's own requests.

        Raises:
            Problem: 429: the limit is reached; 413: this request alone exceeds it.
            StoreUnavailable: It cannot be counted now.
        """
        if rate == "read":
            _keep(self._local.spend(f"{owner} guest" if guest else owner, read_window(limits)))
        elif rate == "submit":
            submits, size = submit_windows(limits)
            # A body that is too large for any route costs as much as the largest allowed one: it is not read.
            length = min(request.content_length or 0, PICTURE_BODY)
            _keep(self._rates.spend(owner, ((submits, 1), (size, length))))

    def charge(self, owner: str, limits: Limits, jobs: int) -> None:
        """Count what was not known before the body was read: further jobs, and the bytes of a body in chunks.

        Args:
            owner: Whose request it is.
            limits: What they may use.
            jobs: How many the request makes.

        Raises:
            Problem: As :meth:`admit`.
            StoreUnavailable: It cannot be counted now.
        """
        size = body_bytes(request) if request.content_length is None else 0
        if jobs > 1 or size:
            submits, sizes = submit_windows(limits)
            _keep(self._rates.spend(owner, ((submits, jobs - 1), (sizes, size))))

    def charge_upload(self, owner: str, limits: Limits, size: int) -> None:
        """Count the bytes of an upload like those of an image in a submission.

        Args:
            owner: Whose upload it is.
            limits: What they may use.
            size: Its bytes.

        Raises:
            Problem: As :meth:`admit`.
            StoreUnavailable: It cannot be counted now.
        """
        _, sizes = submit_windows(limits)
        _keep(self._rates.spend(owner, ((sizes, size),)))

    def used(self, owner: str, limits: Limits) -> dict[str, WindowState]:
        """The state of the owner's windows, by the name of the limit. Windows without a quota are left out."""
        submits, size = submit_windows(limits)
        spent = (
            *self._rates.spend(owner, ((submits, 0), (size, 0))).states,
            *self._local.spend(owner, read_window(limits), 0).states,
        )
        return {standing.window.limit: standing for standing in spent}


def _keep(spent: Spent) -> None:
    """Keep the state of the windows for the headers of the answer.

    Raises:
        Problem: It was refused.
    """
    known: Sequence[WindowState] = request.environ.get(_KEPT_AS, ())
    newest = {standing.window.name: standing for standing in (*known, *spent.states)}
    request.environ[_KEPT_AS] = tuple(newest.values())
    window = spent.refused
    if window is None:
        return
    span = "a minute" if window.seconds == MINUTE else "a day"
    may = f"Your key may {_WORDS[window.name].format(window.quota)} {span}"
    members = {"limit": window.limit}
    if spent.wait is None:
        raise Problem("too_large", f"{may}; this request alone exceeds that.", members=members)
    detail = f"{may}; retry in {spent.wait} s."
    raise Problem("rate_limited", detail, headers={"Retry-After": str(spent.wait)}, members=members)


def headers(environ: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The headers that report the limits; none if nothing is limited."""
    states: Sequence[WindowState] = environ.get(_KEPT_AS, ())
    if not states:
        return []
    policy = ", ".join([_policy(standing.window) for standing in states])
    left = ", ".join([f'"{each.window.name}";r={each.remaining};t={each.resets_in}' for each in states])
    return [(POLICY, policy), (LIMIT, left)]


@lru_cache(maxsize=1024)
def _policy(window: Window) -> str:
    unit = f';qu="{window.unit}"' if window.unit else ""
    return f'"{window.name}";q={window.quota};w={window.seconds}{unit}'
