"""The webhook deliveries in Redis: what is due, who makes it, what became of it.

Deliveries of a job come in by the same script as the change that they tell of
(``commit.lua``), so none is lost and none tells of what did not happen. They
are made at least once: a sender that dies after the receiver's answer and
before :meth:`Outbox.settle` leaves it to the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from jobs.errors import Contended
from jobs.record import keys
from jobs.record.store import JobStore, available, source
from jobs.webhooks import deliveries as webhooks
from jobs.webhooks.deliveries import Delivery

_delivery = msgspec.json.Decoder(Delivery)
_encode = msgspec.json.Encoder().encode
_TRIES = 10


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that this process may make until its lease ends (``until``, Unix milliseconds)."""

    delivery: Delivery
    body: bytes
    until: int


class Outbox:
    """Deliveries of webhooks.

    Args:
        store: The records.
    """

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._redis = store.redis
        self._scripts = {name: self._redis.register_script(source(name)) for name in ("deliver", "settle", "redeliver")}

    def deliveries(self, holder: str) -> tuple[Delivery, ...]:
        """All deliveries of a job, or of a test, oldest first."""
        with available():
            rows = cast("dict[bytes, bytes]", self._redis.hgetall(keys.hooks(holder)))
        found = [_delivery.decode(doc) for name, doc in rows.items() if not name.endswith(b":body")]
        return tuple(sorted(found, key=lambda delivery: delivery.id))

    def get(self, holder: str, delivery_id: str) -> Delivery | None:
        """One delivery; None where there is none."""
        doc = self._doc(holder, delivery_id)
        return None if doc is None else _delivery.decode(doc)

    def _doc(self, holder: str, delivery_id: str) -> bytes | None:
        with available():
            return cast("bytes | None", self._redis.hget(keys.hooks(holder), delivery_id))

    def take(self, most: int, *, lease_seconds: float, per_host: int, per_owner: int) -> tuple[Taken, ...]:
        """Take up to ``most`` deliveries that are due, owners in turn.

        At once at most ``per_owner`` are under way for one owner, and ``per_host`` of these to one host.
        """
        args = [round(lease_seconds * 1000), per_host, per_owner, most]
        with available():
            answer = [part.decode() for part in cast("list[bytes]", self._scripts["deliver"](args=args))]
        rows = zip(answer[::4], answer[1::4], answer[2::4], map(int, answer[3::4]), strict=True)
        return tuple(taken for row in rows if (taken := self._read(*row)) is not None)

    def _read(self, owner: str, host: str, member: str, until: int) -> Taken | None:
        holder, _, delivery_id = member.partition("/")
        with available():
            row = self._redis.hmget(keys.hooks(holder), delivery_id, f"{delivery_id}:body")
        doc, body = cast("list[bytes | None]", row)
        if doc is not None and body is not None:
            return Taken(_delivery.decode(doc), body, until)
        # Its job was deleted meanwhile.
        self._settle((owner, host, holder, delivery_id, until), None)
        return None

    def settle(self, taken: Taken, delivery: Delivery) -> bool:
        """Note what became of a delivery; False where the lease had ended: somebody else makes it again."""
        place = (delivery.owner, delivery.host, delivery.holder, delivery.id, taken.until)
        return self._settle(place, delivery)

    def _settle(self, place: tuple[str, str, str, str, int], delivery: Delivery | None) -> bool:
        doc = b"" if delivery is None else _encode(delivery)
        following = "" if delivery is None or delivery.next_at is None else round(delivery.next_at * 1000)
        with available():
            return bool(self._scripts["settle"](args=[*place, doc, following]))

    def redeliver(self, holder: str, delivery_id: str) -> Delivery | None:
        """Make a delivery due now, whatever became of it; None where there is none.

        One that is being made right now is left as it is.

        Raises:
            Contended: Its record kept changing.
        """
        for _ in range(_TRIES):
            doc = self._doc(holder, delivery_id)
            if doc is None:
                return None
            before = _delivery.decode(doc)
            changed = webhooks.again(before, self._store.now())
            answer = self._post(changed, doc)
            if answer:
                return changed if answer == 1 else before
        raise Contended(f"{delivery_id} kept changing")

    def add_test(self, delivery: Delivery, body: bytes) -> None:
        """Put in a delivery that belongs to no job."""
        self._post(delivery, b"", body)

    def _post(self, delivery: Delivery, before: bytes, body: bytes = b"") -> int:
        args: Sequence[Any] = [
            delivery.owner, delivery.host, delivery.holder, delivery.id, before, _encode(delivery), body, keys.TEST_SECONDS,
        ]  # fmt: skip
        with available():
            return cast("int", self._scripts["redeliver"](args=args))

    # -- receivers that are gone -----------------------------------------------

    def is_gone(self, owner: str, url: str) -> bool:
        """Whether this address said lately that it wants nothing any more (410)."""
        with available():
            return bool(self._redis.exists(_gone(owner, url)))

    def set_gone(self, owner: str, url: str, *, gone: bool) -> None:
        """Remember for a day that an address wants nothing, or that it takes messages again."""
        with available():
            if gone:
                self._redis.set(_gone(owner, url), b"1", ex=keys.GONE_SECONDS)
            else:
                self._redis.delete(_gone(owner, url))


def _gone(owner: str, url: str) -> str:
    return keys.hook_gone(owner, hashlib.sha256(url.encode()).hexdigest())
