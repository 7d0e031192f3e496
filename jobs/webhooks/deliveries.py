"""A webhook delivery: its record, its types, its signature, and the schedule of its tries. Pure.

After Standard Webhooks 1.0 (standardwebhooks.com): what its libraries verify, OpenAI's and Replicate's do too.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec
from standardwebhooks import Webhook as Signer

from jobs.model import Noun
from retry_after import wait_of

#: The types that a client may ask for.
TYPES: Final = (
    "job.started",
    "job.progress",
    "job.output",
    "job.succeeded",
    "job.failed",
    "job.canceled",
    "job.expired",
)
#: The types of a client that asks for none in particular: the end of the job.
TERMINAL: Final = TYPES[3:]
#: Sent by ``POST /v1/webhooks/test``.
TEST: Final = "webhook.test"
#: In the place of the type of a delivery whose record cannot be read.
UNKNOWN: Final = "unknown"
#: Types that are sent once: a retry would come too late to mean anything.
_ONCE: Final = frozenset({"job.progress", TEST})

#: Seconds before each try, from the one before. This is the standard's schedule; about three days in all.
SCHEDULE: Final = (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: The most by which a wait is made longer, as a part of it, so that deliveries that failed together are spread.
_JITTER: Final = 0.1
#: Most seconds that a receiver may ask for by ``Retry-After``.
_LONGEST_WAIT: Final = 86_400.0
#: Tries that a delivery's record keeps.
_CALLS_KEPT: Final = 20
_SECRET_BYTES: Final = 32

#: Why a try failed. ``unreachable`` says no more on purpose: whether a port is closed, filtered or forbidden would tell a
#: stranger about the network behind this installation. ``internal``: no call was made, by this server's own fault.
Trouble = Literal["unreachable", "tls", "no_answer", "redirect", "status", "internal"]
Payload = Literal["full", "thin", "prediction"]
State = Literal["pending", "delivered", "exhausted", "disabled"]


class Call(Noun, frozen=True, kw_only=True):
    """One try: its time, the seconds until the answer, the HTTP status, and why it failed (None: it did not)."""

    at: float
    seconds: float | None = None
    status: int | None = None
    error: Trouble | None = None


class Delivery(Noun, frozen=True, kw_only=True):
    """One message to one receiver; its id stays the same over all tries.

    ``holder`` is the id of a job, or of a test. ``target`` is the whole address, encrypted, since its query may hold a
    secret. ``created_at``: when the event happened. ``made`` calls were made; the newest are in ``calls``. ``round`` of
    them were before a client last asked for it again, and the schedule started over.
    """

    id: str
    holder: str
    owner: str
    type: str
    host: str
    target: str
    created_at: float
    state: State = "pending"
    next_at: float | None = None
    round: int = 0
    made: int = 0
    calls: tuple[Call, ...] = ()


def address_bound(owner: str) -> str:
    """The name to which the encrypted address of a webhook is bound: its owner's, so that a rerun can keep it."""
    return f"webhook-address:{owner}"


# -- signature ---------------------------------------------------------------


def new_secret() -> str:
    """A new signing secret: ``whsec_`` and 32 random bytes in base64."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def signed(delivery_id: str, at: datetime, content: bytes, keys: Sequence[str]) -> dict[str, str]:
    """The headers of a message, signed with all valid secrets: the receiver knows at least one.

    Raises:
        ValueError: ``at`` has no time zone: the library would take any time for UTC (1.1.0).
    """
    if at.tzinfo is None:
        raise ValueError("a signature needs a time with its zone")
    moment = at.astimezone(UTC)
    text = content.decode()
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Signer(key).sign(delivery_id, moment, text) for key in keys),
    }


# -- schedule ----------------------------------------------------------------


def settled(delivery: Delivery, call: Call, *, retry_after: str | None = None, chance: float = 0.0) -> Delivery:
    """The record after a try, and its answer's ``Retry-After``; ``chance`` (0 to 1) spreads the waits."""
    made = delivery.made + 1
    changed = msgspec.structs.replace(
        delivery, made=made, calls=(*delivery.calls, call)[-_CALLS_KEPT:], next_at=None, state="pending"
    )
    if call.error is None:
        return msgspec.structs.replace(changed, state="delivered")
    if call.status == 410:
        return msgspec.structs.replace(changed, state="disabled")
    tries = made - delivery.round
    if delivery.type in _ONCE or tries >= len(SCHEDULE):
        return msgspec.structs.replace(changed, state="exhausted")
    asked = wait_of(retry_after or "", call.at, longest=_LONGEST_WAIT) or 0.0
    wait = max(SCHEDULE[tries] * (1 + _JITTER * chance), asked)
    return msgspec.structs.replace(changed, next_at=call.at + wait)


def again(delivery: Delivery, now: float) -> Delivery:
    """The record of a delivery that a client asks for again: due now, and the schedule starts over."""
    return msgspec.structs.replace(delivery, state="pending", next_at=now, round=delivery.made)


def disabled(delivery: Delivery) -> Delivery:
    """The record of a delivery that is not made, since its receiver answered 410 before."""
    return msgspec.structs.replace(delivery, state="disabled", next_at=None)


def given_up(delivery_id: str, holder: str, owner: str, host: str, at: float) -> Delivery:
    """The record in place of one that cannot be read, and so cannot be delivered, now or later."""
    call = Call(at=at, error="internal")
    return Delivery(
        id=delivery_id, holder=holder, owner=owner, type=UNKNOWN, host=host, target="", created_at=at,
        state="exhausted", made=1, calls=(call,),
    )  # fmt: skip


def outcome(status: int) -> Trouble | None:
    """Why an answer with this status is a failure; None: it is a success (2xx)."""
    if 200 <= status < 300:
        return None
    return "redirect" if 300 <= status < 400 else "status"
