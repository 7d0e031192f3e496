"""Work that keeps a processor or a disk busy, in a system thread.

The web process serves all its clients in one thread, by greenlets. Work that
takes a tenth of a second there delays every other answer by as much.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import cache
from typing import BinaryIO, Final, TypeVar

from gevent import monkey
from gevent.threadpool import ThreadPool

from jobs.files import ArtifactStore
from resilience import settle

T = TypeVar("T")

_THREADS: Final = 2


@cache
def _pool(name: str) -> ThreadPool:
    del name
    return ThreadPool(_THREADS)


def aside(work: Callable[[], T], pool: str = "requests") -> T:
    """Run blocking work in a thread pool, so that other greenlets go on; without gevent, run it here.

    Args:
        work: Takes nothing and gives the result.
        pool: The pool's name. Work in one pool never waits for work in another.

    Raises:
        Exception: What the work raises.
    """
    if not monkey.is_module_patched("threading"):
        return work()
    # The pool prints what is raised in it, also what the caller expects: so the error comes back in a future.
    future = Future[T]()
    _pool(pool).apply(settle, (future, work))
    return future.result()


class ThreadedArtifacts:
    """An artifact store whose writes run in a thread pool: a disk may take a second to make a file durable.

    Args:
        store: The wrapped store.
    """

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def put(self, holder: str, data: bytes) -> str:
        """See :meth:`jobs.files.ArtifactStore.put`."""
        return aside(lambda: self._store.put(holder, data))

    def share(self, holder: str, sha256: str, other: str) -> None:
        """See :meth:`jobs.files.ArtifactStore.share`."""
        aside(lambda: self._store.share(holder, sha256, other))

    def open(self, holder: str, sha256: str) -> BinaryIO:
        """See :meth:`jobs.files.ArtifactStore.open`."""
        return self._store.open(holder, sha256)

    def delete(self, holder: str) -> None:
        """See :meth:`jobs.files.ArtifactStore.delete`."""
        self._store.delete(holder)
