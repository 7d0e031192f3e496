"""An answer of gunicorn's that does not check again what is the same in every answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gunicorn.http.wsgi import Response

from web.http.reply import CONSTANT_HEADERS

_CHECKED: Final = frozenset(CONSTANT_HEADERS)


class Answer(Response):  # type: ignore[misc] # gunicorn is untyped
    """A response. Headers that are constants of ours are right; all others are checked by gunicorn."""

    def process_headers(self, headers: Sequence[tuple[str, str]]) -> None:
        """Take the headers of an answer."""
        for pair in headers:
            if pair in _CHECKED:
                self.headers.append(pair)
            else:
                super().process_headers((pair,))
