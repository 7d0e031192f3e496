"""The webhook deliveries in Redis: which are due, which are under way, how they ended.

The deliveries of a job are written by the same script as the change that they
tell of (``commit.lua``), so none is lost, and none tells of what did not happen.
They are made at least once: if a sender dies after the receiver's answer and
before :meth:`Outbox.settle`, the delivery is made again.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec

from jobs.record import keys
from jobs.record.connection import Conflict, Connection, retrying
from jobs.record.keys import ms
from jobs.record.outages import available
from jobs.webhooks import deliveries as webhooks
from jobs.webhooks.deliveries import Delivery

log = logging.getLogger(__name__)

#: Seconds for which an address that answered 410 gets nothing.
_GONE_SECONDS: Final = 86_400
#: Seconds after which the deliveries are counted anew.
_COUNTED_SECONDS: Final = 3600

_delivery = msgspec.json.Decoder(Delivery)
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that this process may make until its lease ends (``until``, Unix milliseconds)."""

    delivery: Delivery
    body: bytes
    until: int


class Outbox:
    """The webhook deliveries of all owners."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._redis = connection.redis

    def deliveries(self, holder: str) -> tuple[Delivery, ...]:
        """All deliveries of a job or of a test, oldest first."""
        with available():
            rows = self._redis.hgetall(keys.hooks(holder))
        found = [_delivery.decode(doc) for name, doc in rows.items() if not name.endswith(b":body")]
        return tuple(sorted(found, key=lambda delivery: delivery.id))

    def get(self, holder: str, delivery_id: str) -> Delivery | None:
        """One delivery; None: there is none."""
        doc = self._doc(holder, delivery_id)
        return None if doc is None else _delivery.decode(doc)

    def _doc(self, holder: str, delivery_id: str) -> bytes | None:
        with available():
            return self._redis.hget(keys.hooks(holder), delivery_id)

    def take(self, most: int, *, lease_seconds: float, per_host: int, per_owner: int) -> tuple[Taken, ...]:
        """Take up to ``most`` deliveries that are due, owners in turn.

        At once at most ``per_owner`` are under way for one owner, and ``per_host`` of these to one host.
        """
        found = self._connection.run("deliver", ms(lease_seconds), per_host, per_owner, most)
        rows = zip(found[::4], found[1::4], found[2::4], map(int, found[3::4]), strict=True)
        return tuple(taken for row in rows if (taken := self._named(*row)) is not None)

    def _named(self, owner: bytes, host: bytes, member: bytes, until: int) -> Taken | None:
        call = b"/".join((host, member))
        with suppress(UnicodeDecodeError):
            named = owner.decode(), host.decode(), member.decode()
            if "/" in named[2]:
                return self._read(*named, until)
        # It would come again and again, each time with all that were taken beside it.
        log.error("what is no delivery is taken out", extra={"member": repr(member)[:100]})
        with available():
            self._redis.zrem(keys.hooks_sent(owner.decode("utf-8", "replace")), call)
        return None

    def _read(self, owner: str, host: str, member: str, until: int) -> Taken | None:
        holder, _, delivery_id = member.partition("/")
        with available():
            doc, body = self._redis.hmget(keys.hooks(holder), delivery_id, f"{delivery_id}:body")
        instead: Delivery | None = None
        if doc is not None and body is not None:
            try:
                return Taken(_delivery.decode(doc), body, until)
            except (msgspec.DecodeError, ValueError, RecursionError):
                # It would come again and again, each time with all that were taken beside it.
                log.error("a delivery cannot be read, and is given up", extra={"delivery": delivery_id})  # noqa: TRY400 - may hold anything
                instead = webhooks.given_up(delivery_id, holder, owner, host, self._connection.now())
        # Otherwise its job was deleted meanwhile.
        self._settle((owner, host, holder, delivery_id, until), instead)
        return None

    def settle(self, taken: Taken, delivery: Delivery) -> bool:
        """Write the result of a delivery; False: the lease had ended, and another sender makes it again."""
        place = (delivery.owner, delivery.host, delivery.holder, delivery.id, taken.until)
        return self._settle(place, delivery)

    def _settle(self, place: tuple[str, str, str, str, int], delivery: Delivery | None) -> bool:
        doc = b"" if delivery is None else _encode(delivery)
        following = "" if delivery is None or delivery.next_at is None else ms(delivery.next_at)
        return bool(self._connection.run("settle", *place, doc, following))

    def give_back(self, taken: Taken) -> None:
        """Make a delivery due again that was taken and not tried."""
        self.settle(taken, msgspec.structs.replace(taken.delivery, next_at=self._connection.now()))

    def redeliver(self, holder: str, delivery_id: str) -> Delivery | None:
        """Make a delivery due now, in any state; None: there is none.

        One that is under way is left as it is.

        Raises:
            Contended: Its record kept changing.
        """

        def write() -> Delivery | None:
            doc = self._doc(holder, delivery_id)
            if doc is None:
                return None
            before = _delivery.decode(doc)
            changed = webhooks.again(before, self._connection.now())
            answer = self._post(changed, doc)
            if answer == 0:
                raise Conflict
            return changed if answer == 1 else before

        return retrying(delivery_id, write)

    def add_test(self, delivery: Delivery, body: bytes) -> None:
        """Add a delivery that belongs to no job."""
        self._post(delivery, b"", body)

    def _post(self, delivery: Delivery, before: bytes, body: bytes = b"") -> int:
        answer: int = self._connection.run(
            "redeliver", delivery.owner, delivery.host, delivery.holder, delivery.id, before, _encode(delivery), body,
        )  # fmt: skip
        return answer

    def pending(self) -> int:
        """How many deliveries are due, wait for another try, or are being made."""
        with available():
            known = self._redis.get(keys.HOOKS_PENDING)
            if known is not None:
                return max(0, int(known))
            counted = self._counted()
            # What came or went while it was counted is right again after the next count.
            self._redis.set(keys.HOOKS_PENDING, str(counted), nx=True, ex=_COUNTED_SECONDS)
            return counted

    def _counted(self) -> int:
        with available():
            owners = [owner.decode() for owner in self._redis.zrangebyscore(keys.HOOK_OWNERS, "-inf", "+inf")]
            pipe = self._redis.pipeline(transaction=False)
            for owner in owners:
                pipe.zcard(keys.hooks_sent(owner))
                pipe.zrange(keys.hook_hosts(owner), 0, -1)
            found = pipe.execute()
            pipe = self._redis.pipeline(transaction=False)
            for owner, hosts in zip(owners, found[1::2], strict=True):
                for host in hosts:
                    pipe.zcard(keys.hooks_due(owner, host.decode()))
            return int(sum(found[::2]) + sum(pipe.execute()))

    # -- receivers that are gone -----------------------------------------------

    def is_gone(self, owner: str, url: str) -> bool:
        """Whether this address answered 410 within the last day."""
        with available():
            return bool(self._redis.exists(_gone(owner, url)))

    def set_gone(self, owner: str, url: str, *, gone: bool) -> None:
        """Remember for a day that an address answered 410, or that it takes messages again."""
        with available():
            if gone:
                self._redis.set(_gone(owner, url), b"1", ex=_GONE_SECONDS)
            else:
                self._redis.delete(_gone(owner, url))


def _gone(owner: str, url: str) -> str:
    return keys.hook_gone(owner, hashlib.sha256(url.encode()).hexdigest())
