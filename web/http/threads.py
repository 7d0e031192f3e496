"""Work that keeps a processor or a disk busy, in a thread of the system.

The web process serves all its clients in one thread, by greenlets: what takes
a tenth of a second there stops every other answer for as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import BinaryIO, Final, TypeVar

from gevent import monkey
from gevent.threadpool import ThreadPool

from jobs.files import ArtifactStore

T = TypeVar("T")

_THREADS: Final = 2


@cache
def _pool(crew: str) -> ThreadPool:
    del crew
    return ThreadPool(_THREADS)


def aside(work: Callable[[], T], crew: str = "requests") -> T:
    """Do it in a thread while other greenlets go on; here and now where there are none.

    Args:
        work: What is to be done.
        crew: Whose threads do it; one crew's work never waits for another's.

    Raises:
        Exception: What the work raises.
    """
    if not monkey.is_module_patched("threading"):
        return work()
    # The pool would print what is raised in it, although somebody expects it.
    made, error = _pool(crew).apply(_caught, (work,))
    if error is not None:
        raise error
    result: T = made
    return result


def _caught(work: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
        return None, error


class ThreadedArtifacts:
    """An artifact store that is written to aside: to make a file last, a disk may take a second.

    Args:
        store: It.
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
