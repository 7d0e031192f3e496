"""The limit of open files of a process. Each event stream, upstream connection and download is one."""

from __future__ import annotations

import contextlib
import resource
from typing import Final

#: More than any of our processes needs. It is used where the hard limit is infinite.
_MOST: Final = 1 << 20


def raise_limit() -> int:
    """Raise the soft limit (often 1,024) to the hard one. Returns the limit that holds now.

    Call it once at the start of a process; child processes inherit the limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems (macOS) refuse values below their own hard limit.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
