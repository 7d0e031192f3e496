"""Celery's Redis transport, with three additions.

An item of the queue that is no message does not end the worker. kombu 5.7 parses without a guard what it pops from the
queue. One item that was not JSON, or lacked a message's fields, ended the worker process and all attempts in it
("Unrecoverable error: JSONDecodeError", seen under test).

Where Redis refuses what is written (NOREPLICAS, MISCONF), the reason is told and a second goes by. Celery 5.7 connects again
at once, and names only the class of the error: 1,300 lines a minute, seen under test.

And all commands of a pool of connections go through one Redis client. kombu 5.7 builds one for each command: 61 µs, six
times a job.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from kombu.transport import redis
from redis.exceptions import ResponseError

log = logging.getLogger(__name__)

#: Seconds between two tries to reach a queue that Redis does not serve.
_PAUSE: Final = 1.0
_WORDS_LIMIT: Final = 200


@contextmanager
def _told() -> Iterator[None]:
    """Tell why Redis refused a command, and wait, before Celery connects again."""
    try:
        yield
    except ResponseError as error:
        log.warning("the queue is not served: %s", str(error)[:_WORDS_LIMIT])
        time.sleep(_PAUSE)
        raise


class Channel(redis.Channel):
    """A channel that drops what it cannot read. Nothing is lost: the job's record counts, not its message."""

    #: Serves all commands but the blocking ones.
    _kept_client: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:  # noqa: FBT001, FBT002 - kombu's signature
        """A client of a pool. One that blocks keeps a connection of its own, so it is not shared."""
        if asynchronous:
            return super()._create_client(asynchronous)
        # The pools are replaced when the connection to the broker was lost.
        if self._kept_client is None or self._kept_client.connection_pool is not self.pool:
            self._kept_client = super()._create_client()
        return self._kept_client

    def _queue_bind(self, *given: Any) -> None:
        with _told():
            super()._queue_bind(*given)

    def _brpop_read(self, **options: Any) -> Any:
        try:
            with _told():
                return super()._brpop_read(**options)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Without the item itself, which may hold anything.
            log.error("an item of the queue that is no message was dropped (%s)", type(error).__name__)  # noqa: TRY400
            return True


class Transport(redis.Transport):
    """``broker_transport`` of the workers."""

    Channel = Channel
