"""Celery's Redis transport, with two things added, both seen under test as the sudden end of a worker and its attempts.

kombu 5.7 parses what it pops from the queue without a guard: one item that is
not JSON, or lacks a message's fields, was an "unrecoverable error". And so was
an answer by which Redis refuses to serve for now (it has become a replica, it
is out of memory, it cannot save): Celery waits for connection errors only.
"""

from __future__ import annotations

import logging
from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError, ResponseError  # noqa: A004 - what Celery waits for

log = logging.getLogger(__name__)


class Channel(redis.Channel):
    """A channel that drops what it cannot read; the job's record is what counts, so nothing is lost with it."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)
        except ResponseError as error:
            # A new connection is tried with growing pauses until Redis serves again. A message that was popped already
            # is lost with this, and sent again by the scheduler.
            self.client.connection.disconnect()
            raise ConnectionError(str(error).split(" ", 1)[0]) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Not the item itself: nobody knows what is in it.
            log.error("an item of the queue that is no message was dropped (%s)", type(error).__name__)  # noqa: TRY400
            return True


class Transport(redis.Transport):
    """``broker_transport`` of the workers."""

    Channel = Channel
