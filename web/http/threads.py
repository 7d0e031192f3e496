"""Work that keeps a processor or a disk busy, in a system thread.

The web process serves all its clients in one thread, by greenlets. Work that
takes a tenth of a second there delays every other answer by as much.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import BinaryIO, Final, Generic, TypeVar

from flask import g, has_request_context
from gevent import monkey
from gevent.lock import BoundedSemaphore
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

    Work in one pool never waits for work in another. A key has no more in a pool at once than there are threads: what
    else it has waits outside, so that another key's work waits for a piece of it and not for all.

    The work runs in a thread of the system. It must not take a lock of ``threading`` or import a module: gevent has
    replaced the locks of both, and its own can lose a wake-up between two threads, which then wait for ever.

    Raises:
        Exception: What the work raises.
    """
    if not monkey.is_module_patched("threading"):
        return work()
    # The pool prints what is raised in it, also what the caller expects: so the error comes back in an object.
    result = _Result[T]()
    with _turn(pool, _owner()):
        _pool(pool).apply(settle, (result, work))
    if result.error is not None:
        raise result.error
    return result.results[0]


@dataclass(slots=True)
class _Turns:
    """The turns of one owner in one pool: how many wait for one or have it."""

    free: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(_THREADS))
    count: int = 0


#: By pool and owner; for those that have something in a pool.
_turns: Final[dict[tuple[str, str], _Turns]] = {}


@contextmanager
def _turn(pool: str, owner: str) -> Iterator[None]:
    """Wait until the owner has fewer pieces of work in the pool than it has threads."""
    own = _turns.setdefault((pool, owner), _Turns())
    own.count += 1
    try:
        with own.free:
            yield
    finally:
        own.count -= 1
        if not own.count:
            del _turns[pool, owner]


def _owner() -> str:
    """Whose the current request is; empty outside of one."""
    return g.caller.owner if has_request_context() and "caller" in g else ""


@dataclass(slots=True)
class _Result(Generic[T]):
    """What work gave or raised.

    Not a ``Future``: its lock is one for greenlets here, and the thread of the pool is none. One is not needed: the pool
    itself tells when the work is done.
    """

    results: list[T] = field(default_factory=list)
    error: BaseException | None = None

    def set_result(self, result: T, /) -> None:
        self.results.append(result)

    def set_exception(self, exception: BaseException, /) -> None:
        self.error = exception


class ThreadedArtifacts:
    """An artifact store whose writes run in a thread pool: a disk may take a second to make a file durable."""

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
