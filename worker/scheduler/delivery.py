"""Makes webhook deliveries that are due: several at once, none twice at the same time, no slow host in the way of others."""

from __future__ import annotations

import base64
import logging
import random
import threading
from datetime import UTC, datetime
from typing import Final

from jobs import metrics
from jobs.errors import StoreUnavailable
from jobs.failpoints import failpoint
from jobs.record.connection import Connection
from jobs.record.counters import Counters
from jobs.vault import Vault, VaultError
from jobs.webhooks.deliveries import Call, address_bound, disabled, settled, signed
from jobs.webhooks.outbox import Outbox, Taken
from jobs.webhooks.secrets import Secrets
from resilience import survive
from worker.scheduler.timings import Timings
from worker.scheduler.webhook_client import CALL_SECONDS, Reply, WebhookClient

log = logging.getLogger(__name__)

#: Most calls at once: of this process; for one owner, by all processes; and of those to one host. They mostly wait.
AT_ONCE: Final = 48
PER_OWNER: Final = 8
PER_HOST: Final = 4
#: Seconds for which a taken delivery is left alone; a look-up of its host may add to the time of a call.
LEASE_SECONDS: Final = CALL_SECONDS + 45


class Deliverer:
    """Makes deliveries; safe to run in several processes.

    Args:
        connection: To Redis.
        vault: Decrypts addresses and secrets.
        client: Makes the calls.
        counters: Counts the calls.
        timings: How often it looks for deliveries.
    """

    def __init__(
        self, connection: Connection, vault: Vault, client: WebhookClient, counters: Counters, timings: Timings
    ) -> None:
        self._connection = connection
        self._outbox = Outbox(connection)
        self._secrets = Secrets(connection, vault)
        self._vault = vault
        self._client = client
        self._counters = counters
        self._timings = timings
        self._free = threading.Semaphore(AT_ONCE)
        self._freed = threading.Event()

    def run(self, stopped: threading.Event) -> None:
        """Deliver until ``stopped``; calls that have not ended then are made again by the next process."""
        while not stopped.is_set():
            self._freed.clear()
            with survive(log, "no deliveries now", expected=(StoreUnavailable,), level=logging.DEBUG):
                for taken in self._take():
                    # No pool: its threads would keep a process from ending.
                    threading.Thread(target=self._make, args=(taken,), name="delivery", daemon=True).start()
                # Where many are due, the next one goes as soon as a call is over.
                self._freed.wait(self._timings.deliver)
                continue
            stopped.wait(self._timings.deliver_away)

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
            # Where it fails its lease ends, and it is tried again.
            with survive(
                log, "a delivery could not be made", expected=(StoreUnavailable, VaultError), delivery=taken.delivery.id
            ):
                self._deliver(taken)
        finally:
            self._free.release()
            self._freed.set()

    def _deliver(self, taken: Taken) -> None:
        delivery = taken.delivery
        url = self._vault.unlock(address_bound(delivery.owner), base64.b64decode(delivery.target))["url"]
        is_test = delivery.holder.startswith("test_")
        by_hand = delivery.round > 0 or is_test
        if not by_hand and self._outbox.is_gone(delivery.owner, url):
            self._outbox.settle(taken, disabled(delivery))
            return
        at = self._connection.now()
        reply = self._call(url, taken)
        failpoint("delivered")
        self._counters.add(metrics.WEBHOOK_CALLS, reply.error or "delivered")
        if reply.seconds is not None:
            self._counters.observe(metrics.WEBHOOK_SECONDS, seconds=reply.seconds)
        call = Call(at=at, seconds=reply.seconds, status=reply.status, error=reply.error)
        after = settled(delivery, call, retry_after=reply.retry_after, chance=random.random())  # noqa: S311 - spreads
        if after.state == "disabled":
            self._outbox.set_gone(delivery.owner, url, gone=True)
        elif after.state == "delivered" and by_hand:
            self._outbox.set_gone(delivery.owner, url, gone=False)
        self._outbox.settle(taken, after)
        log.info(
            "webhook %s: %s", delivery.type, after.state,
            extra={"delivery": delivery.id, "status": reply.status, "error": reply.error},
        )  # fmt: skip

    def _call(self, url: str, taken: Taken) -> Reply:
        valid = self._secrets.valid(taken.delivery.owner)
        moment = datetime.now(UTC)
        return self._client.post(url, taken.body, signed(taken.delivery.id, moment, taken.body, valid))
