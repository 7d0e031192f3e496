"""Celery's thread pool, with one addition: a slot that becomes free is used at once.

With prefetching off, a busy worker stops asking the broker, and its event loop asks again only when something wakes it.
Measured, the next task then starts 0.3 to 1.0 s late; waking the loop when a task ends makes it 3 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery.concurrency.thread import TaskPool
from kombu.asynchronous import get_event_loop


class WakingThreadPool(TaskPool):
    """The ``threads`` pool that wakes its worker's event loop after every task."""

    def on_apply(
        self,
        target: Callable[..., Any],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None,
        accept_callback: Callable[..., Any] | None = None,
        **options: Any,
    ) -> Any:
        """Run a task on a thread; see Celery's own pool."""

        def done(result: Any) -> None:
            try:
                if callback is not None:
                    callback(result)
            finally:
                hub = get_event_loop()
                if hub is not None:
                    hub.call_soon(_nothing)

        return super().on_apply(target, args, kwargs, done, accept_callback, **options)


def _nothing() -> None:
    """The loop, once awake, looks for another message by itself."""
