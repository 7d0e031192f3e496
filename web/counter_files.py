"""The folder in which all web processes of one server keep their counters.

A server that ends removes its folder. One that is killed cannot, so the next one does it. Each folder has a file that
is locked for as long as a process of its server lives: a process id would be another program's by then.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Final

_PREFIX: Final = "darkroom-metrics-"
_LOCK: Final = "in-use"
#: Seconds after which a folder that nobody has locked yet will never be.
_GRACE_SECONDS: Final = 60.0

#: The locks of this process. Processes that it forks hold them as well.
_held: Final[list[IO[bytes]]] = []


@cache
def own_folder(parent: str | None = None) -> Path:
    """A new folder for this server, the same at every call. What servers that are gone have left is removed.

    Args:
        parent: Where it is made; None: where temporary files are.
    """
    place = Path(parent or tempfile.gettempdir())
    for folder in place.glob(f"{_PREFIX}*"):
        # It may be another user's, or vanish meanwhile.
        with suppress(OSError):
            if not _is_in_use(folder):
                shutil.rmtree(folder)
    made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    lock = (made / _LOCK).open("wb")
    fcntl.flock(lock, fcntl.LOCK_EX)
    _held.append(lock)
    return made


def _is_in_use(folder: Path) -> bool:
    lock = folder / _LOCK
    if not lock.exists():
        return time.time() - folder.stat().st_mtime < _GRACE_SECONDS
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
