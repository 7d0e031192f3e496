"""Makes webhook deliveries that are due: several at once, none twice at the same time, no slow host in the way of others."""

from __future__ import annotations

import base64
import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

from jobs import metrics
from jobs.errors import StoreUnavailable
from jobs.failpoints import failpoint
from jobs.vault import VaultError
from jobs.webhooks.deliveries import Call, Delivery, address_bound, disabled, settled, signed
from jobs.webhooks.outbox import Outbox, Taken
from jobs.webhooks.secrets import Secrets
from resilience import NoThread, Rounds, beside, survive
from worker.scheduler.webhook_client import CALL_SECONDS, Reply, WebhookClient
from worker.shared import Shared

log = logging.getLogger(__name__)

#: Most calls at once: of this process; for one owner, by all processes; and of those to one host. They mostly wait.
AT_ONCE: Final = 48
PER_OWNER: Final = 8
PER_HOST: Final = 4
#: Seconds for which a taken delivery is left alone; a look-up of its host may add to the time of a call.
LEASE_SECONDS: Final = CALL_SECONDS + 45
#: Seconds between two looks for deliveries that are due, and the same while Redis is away.
LOOK_SECONDS: Final = 0.25
AWAY_SECONDS: Final = 2.0


class WebhookSender:
    """Makes deliveries; safe to run in several processes.

    ``away_seconds`` are between two tries to write what came of a call while Redis is away.
    """

    def __init__(self, shared: Shared, client: WebhookClient, *, away_seconds: float = AWAY_SECONDS) -> None:
        self._away_seconds = away_seconds
        self._connection = shared.connection
        self._outbox = Outbox(shared.connection)
        self._secrets = Secrets(shared.connection, shared.vault)
        self._vault = shared.vault
        self._client = client
        self._counters = shared.counters
        self._free = threading.Semaphore(AT_ONCE)
        self._freed = threading.Event()

    def rounds(self, stopped: threading.Event) -> Rounds:
        """Deliver until ``stopped``; calls that have not ended then are made again by the next process."""
        return Rounds(
            log,
            "webhook-sender",
            self.send,
            stopped,
            what="no deliveries now",
            retry=AWAY_SECONDS,
            expected=(StoreUnavailable,),
            count=self._count_error,
        )

    def _count_error(self, thread: str = "webhook-sender") -> None:
        self._counters.add(metrics.THREAD_ERRORS, thread)

    def send(self) -> None:
        """Start what is due now, and wait until more may be.

        Raises:
            StoreUnavailable: Redis cannot serve.
            NoThread: This process can start no other thread.
        """
        self._freed.clear()
        waiting = deque(self._take())
        try:
            while waiting:
                beside("delivery", partial(self._make, waiting[0]))
                waiting.popleft()
        finally:
            for _ in waiting:
                self._free.release()
            for taken in waiting:
                self._outbox.give_back(taken)
        # Where many are due, the next one goes as soon as a call is over.
        self._freed.wait(LOOK_SECONDS)

    def round(self) -> int:
        """Make what is due now, one after the other; answers how many."""
        taken = self._take()
        for one in taken:
            self._make(one)
        return len(taken)

    def _take(self) -> tuple[Taken, ...]:
        most = 0
        while most < AT_ONCE and self._free.acquire(blocking=False):
            most += 1
        taken: tuple[Taken, ...] = ()
        try:
            if most:
                taken = self._outbox.take(most, lease_seconds=LEASE_SECONDS, per_host=PER_HOST, per_owner=PER_OWNER)
        finally:
            for _ in range(most - len(taken)):
                self._free.release()
        return taken

    def _make(self, taken: Taken) -> None:
        try:
            # Where it fails here its lease ends, and it is made again.
            with survive(
                log,
                "the end of a delivery was not written",
                expected=(StoreUnavailable,),
                count=self._count_error,
                delivery=taken.delivery.id,
            ):
                self._deliver(taken)
        finally:
            self._free.release()
            self._freed.set()

    def _deliver(self, taken: Taken) -> None:
        delivery = taken.delivery
        is_test = delivery.holder.startswith("test_")
        by_hand = delivery.round > 0 or is_test
        at = self._connection.now()
        ends = time.monotonic() + LEASE_SECONDS
        url, reply = "", Reply(error="internal")
        # Whatever is wrong with one, it is a try that failed: after the last one it is given up.
        with survive(
            log,
            "a delivery could not be made",
            expected=(VaultError,),
            level=logging.ERROR,
            unless=(StoreUnavailable, MemoryError, NoThread),
            count=self._count_error,
            delivery=delivery.id,
        ):
            url = self._vault.unlock(address_bound(delivery.owner), base64.b64decode(delivery.target))["url"]
            if not by_hand and self._outbox.is_gone(delivery.owner, url):
                self._outbox.settle(taken, disabled(delivery))
                return
            reply = self._call(url, taken)
        failpoint("delivered")
        call = Call(at=at, seconds=reply.seconds, status=reply.status, error=reply.error)
        self._counters.add(metrics.WEBHOOK_CALLS, reply.error or "delivered")
        if reply.seconds is not None:
            self._counters.observe(metrics.WEBHOOK_SECONDS, seconds=reply.seconds)
        after = settled(delivery, call, retry_after=reply.retry_after, chance=random.random())  # noqa: S311 - spreads
        self._outlast(ends, partial(self._settle, taken, url, after, by_hand=by_hand))
        log.info(
            "webhook %s: %s", delivery.type, after.state,
            extra={"delivery": delivery.id, "status": reply.status, "error": reply.error},
        )  # fmt: skip

    def _outlast(self, ends: float, write: Callable[[], object]) -> None:
        """Write what came of a call, after an outage if need be: where it is not written, the call is made again."""
        while True:
            try:
                write()
            except StoreUnavailable:
                if time.monotonic() >= ends:
                    raise
            else:
                return
            time.sleep(self._away_seconds)

    def _settle(self, taken: Taken, url: str, after: Delivery, *, by_hand: bool) -> None:
        owner = taken.delivery.owner
        if after.state == "disabled":
            self._outbox.set_gone(owner, url, gone=True)
        elif after.state == "delivered" and by_hand:
            self._outbox.set_gone(owner, url, gone=False)
        self._outbox.settle(taken, after)

    def _call(self, url: str, taken: Taken) -> Reply:
        valid = self._secrets.valid(taken.delivery.owner)
        moment = datetime.now(UTC)
        return self._client.post(url, taken.body, signed(taken.delivery.id, moment, taken.body, valid))
