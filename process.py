"""The process' limit of open files: each event stream, upstream connection and download is one."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

#: More than any of our processes can use; a limit of "infinity" is not asked for.
_MOST: Final = 1 << 20


def raise_limit() -> int:
    """Raise the soft limit (often 1,024) to the hard one; answers the limit that holds now.

    Called once at the start of a process; those that it starts inherit it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems (macOS) refuse what their own hard limit promises.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
