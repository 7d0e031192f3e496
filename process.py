"""What a process needs at its start: room for open files, and imports that cost no more than they must."""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Iterator
from typing import Any, Final

#: More than any of our processes needs. It is used where the hard limit is infinite.
_MOST: Final = 1 << 20


def raise_limit() -> int:
    """Raise the soft limit of open files (often 1,024) to the hard one. Returns the limit that holds now.

    Each event stream, upstream connection and download is one. Call it once at the start of a process; child processes inherit the limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems (macOS) refuse values below their own hard limit.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@contextlib.contextmanager
def without(*packages: str) -> Iterator[None]:
    """Import what follows in the block as if these packages were not installed.

    Some libraries import another one only because it is there, for what we do not use; every process pays for it at its
    start. A package that is loaded already is left alone, and each can be imported after the block.
    """
    modules: dict[str, Any] = sys.modules
    absent = [name for name in packages if name not in modules]
    # Python's own mark of a module that cannot be imported.
    modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            del modules[name]
