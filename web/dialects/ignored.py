"""What of a request had no effect, as it is told."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from flask import Response

#: Names the fields of a request that had no effect.
IGNORED_HEADER: Final = "X-Ignored-Params"
_SHOWN: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_MOST_SHOWN: Final = 20


def shown(names: Sequence[str]) -> list[str]:
    """The names of ignored fields as they may be shown: they are a client's own words."""
    return [name for name in names if _SHOWN.fullmatch(name)][:_MOST_SHOWN]


def say_ignored(answer: Response, names: Sequence[str]) -> Response:
    """Add the header that names what was ignored."""
    if found := shown(names):
        answer.headers[IGNORED_HEADER] = ", ".join(found)
    return answer
