"""The rate limits of a key: counted before a request is read, reported in the headers of its answer.

The headers are those of draft-ietf-httpapi-ratelimit-headers-11: ``RateLimit-Policy`` names each
quota and its window, ``RateLimit`` what is left (``r``) and the seconds until the window moves on (``t``).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal

from flask import request
from werkzeug.wsgi import get_content_length

from jobs.access.rates import MINUTE, Charge, LocalRates, Rates, Spent, Window, WindowState, read_window, submit_windows
from jobs.errors import StoreFull, StoreUnavailable
from jobs.limits import Limits
from web.http.headers import may_be_repeated
from web.http.json_body import PICTURE_BODY, body_bytes
from web.http.problems import Problem

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: What a request counts as: one that makes jobs or uploads, or any other.
Rate = Literal["submit", "read"]

POLICY: Final = "RateLimit-Policy"
LIMIT: Final = "RateLimit"
_KEPT_AS: Final = "darkroom.states"
#: What refuses a request, unless it was sent before.
_REFUSED: Final = "darkroom.refused"

#: Owners that were refused, at most.
_REMEMBERED: Final = 10_000

_WORDS: Final = {
    "submit": "submit {} jobs",
    "input": "send {} bytes of submissions and uploads",
    "read": "send {} requests",
}


class RateLimiter:
    """Counts requests: in ``rates`` what makes jobs, in ``local`` (this process) the rest."""

    def __init__(self, rates: Rates, local: LocalRates) -> None:
        self._rates = rates
        self._local = local
        self._refused_until: OrderedDict[str, float] = OrderedDict()

    def admit(
        self, environ: WSGIEnvironment, rate: Rate | None, owner: str, limits: Limits, *, guest: bool = False
    ) -> None:
        """Count a request for one of the owner's rates; None for none.

        What may have been sent before is not refused here where the limit of submissions is reached: it counts as a
        read, and :meth:`charge` refuses it if it is to make something.

        Guests, who come with a signed link, are counted apart, so that a page with a popular link does not use up the
        owner's own requests.

        Raises:
            Problem: 429: the limit is reached; 413: this request alone exceeds it.
            StoreUnavailable: It cannot be counted now.
        """
        if rate == "read":
            _keep(environ, self._local.spend(f"{owner} guest" if guest else owner, read_window(limits)))
        elif rate == "submit":
            charge = _charge(environ, owner, limits)
            self._rates.pay(charge)
            self._note(owner, spent := charge.spent)
            if spent.refused is not None and may_be_repeated(environ):
                environ[_REFUSED] = spent
                spent = self._local.spend(owner, read_window(limits))
            _keep(environ, spent)

    def due(self, environ: WSGIEnvironment, owner: str, limits: Limits) -> Charge | None:
        """The charge of a submission that is counted in the step that writes its job (:meth:`counting`).

        None for an owner who was refused a moment ago: its requests are counted before their bodies are read.
        """
        if self._refused_until.get(owner, 0.0) > time.monotonic():
            return None
        return _charge(environ, owner, limits)

    @contextmanager
    def counting(self, environ: WSGIEnvironment, charge: Charge) -> Iterator[None]:
        """The block accepts a job with this charge. A request that fails there is counted, too.

        Raises:
            Problem: As :meth:`admit`, whatever the block raises.
        """
        is_known = True
        try:
            yield
        except StoreUnavailable as error:
            # It may have been counted, and its job accepted. A full server has done neither.
            is_known = isinstance(error, StoreFull)
            raise
        finally:
            if is_known:
                self._rates.pay(charge)
                self._note(charge.owner, charge.spent)
                _keep(environ, charge.spent)

    def _note(self, owner: str, spent: Spent) -> None:
        """Remember until when an owner is refused, whose requests are small and right."""
        if spent.refused is not None and spent.wait:
            self._refused_until[owner] = time.monotonic() + spent.wait
            self._refused_until.move_to_end(owner)
            if len(self._refused_until) > _REMEMBERED:
                self._refused_until.popitem(last=False)

    def charge(self, owner: str, limits: Limits, jobs: int) -> None:
        """Count what was not known before the body was read: further jobs, and the bytes of a body in chunks.

        Call it before anything is made, and after it was looked up whether the request was sent before.

        Raises:
            Problem: As :meth:`admit`.
            StoreUnavailable: It cannot be counted now.
        """
        if _REFUSED in request.environ:
            _keep(request.environ, request.environ[_REFUSED])
        size = body_bytes(request) if request.content_length is None else 0
        if jobs > 1 or size:
            submits, sizes = submit_windows(limits)
            _keep(request.environ, self._rates.spend(owner, ((submits, jobs - 1), (sizes, size))))

    def charge_upload(self, owner: str, limits: Limits, size: int) -> None:
        """Count the bytes of an upload like those of an image in a submission.

        Raises:
            Problem: As :meth:`admit`.
            StoreUnavailable: It cannot be counted now.
        """
        _, sizes = submit_windows(limits)
        _keep(request.environ, self._rates.spend(owner, ((sizes, size),)))

    def used(self, owner: str, limits: Limits) -> dict[str, WindowState]:
        """The state of the owner's windows, by the name of the limit. Windows without a quota are left out."""
        submits, size = submit_windows(limits)
        spent = (
            *self._rates.spend(owner, ((submits, 0), (size, 0))).states,
            *self._local.spend(owner, read_window(limits), 0).states,
        )
        return {standing.window.limit: standing for standing in spent}


def _charge(environ: WSGIEnvironment, owner: str, limits: Limits) -> Charge:
    """What a request that makes a job, or an upload, costs as it comes in."""
    submits, size = submit_windows(limits)
    # A body that is too large for any route costs as much as the largest allowed one: it is not read.
    length = min(get_content_length(environ) or 0, PICTURE_BODY)
    return Charge(owner, ((submits, 1), (size, length)))


def _keep(environ: WSGIEnvironment, spent: Spent) -> None:
    """Keep the state of the windows for the headers of the answer.

    Raises:
        Problem: It was refused.
    """
    known: Sequence[WindowState] = environ.get(_KEPT_AS, ())
    newest = {standing.window.name: standing for standing in (*known, *spent.states)}
    environ[_KEPT_AS] = tuple(newest.values())
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
