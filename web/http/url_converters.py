"""The variable parts of addresses: an id of another form is not found without a look-up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from werkzeug.routing import BaseConverter

from jobs import ids


class Index(BaseConverter):
    """The number of an output: plain digits, where Werkzeug's own converter also takes those of other scripts.

    The ending of a file may follow it (``0.png``). It changes nothing: some programs take a file's type from its address.
    """

    regex = r"[0-9]{1,6}(?:\.[a-z0-9]{1,16})?"

    def to_python(self, value: str) -> int:
        """The number."""
        return int(value.partition(".")[0])


def _id(pattern: str) -> type[BaseConverter]:
    return type("Id", (BaseConverter,), {"regex": pattern})


#: By the name that routes use.
CONVERTERS: Final[Mapping[str, type[BaseConverter]]] = {
    "delivery": _id(ids.DELIVERY),
    "file": _id(ids.FILE),
    "index": Index,
    "job": _id(ids.JOB),
    "key": _id(ids.KEY),
}
