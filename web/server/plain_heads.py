"""The head of a plain request, read at once: most requests are polls, and gunicorn reads each header on its own.

Only what cannot be read in two ways is taken here: a ``GET`` or ``HEAD`` without a body, that came whole and alone, with
nothing but ordinary characters, each header once. gunicorn reads all others from their first byte, and refuses what it
refuses.
"""

from __future__ import annotations

import re
from typing import Any, Final

from gunicorn.http.body import Body, LengthReader
from gunicorn.http.message import Request

#: A path without a second slash at its beginning, characters of RFC 3986, HTTP/1.1, and lines of printable ASCII.
_HEAD: Final = re.compile(
    r"(GET|HEAD) (/(?!/)[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*)(?:\?([A-Za-z0-9\-._~!$&'()*+,;=:@%/?]*))? HTTP/1\.1\r\n"
    r"((?:[A-Za-z][A-Za-z0-9-]*:[\t\x20-\x7e]*\r\n)+)\r\n"
)
#: They say where a request ends, or have rules of their own.
_NOT_PLAIN: Final = frozenset({"CONTENT-LENGTH", "TRANSFER-ENCODING", "TRAILER", "TE", "EXPECT", "UPGRADE"})


class PlainRequest(Request):  # type: ignore[misc] # gunicorn is untyped
    """A request whose head is read at once, if it is plain."""

    is_plain = False

    def parse(self, unreader: Any) -> bytes:  # noqa: ANN401 - gunicorn's
        """Read the head; answers what was read beyond it."""
        data: bytes = unreader.read()
        if not data:
            raise StopIteration
        self.is_plain = self._take(data)
        if self.is_plain:
            return b""
        unreader.unread(data)
        rest: bytes = super().parse(unreader)
        return rest

    def set_body_reader(self) -> None:
        """Say how the body is read: there is none, or gunicorn finds out."""
        if self.is_plain:
            self.body = Body(LengthReader(self.unreader, 0))
        else:
            super().set_body_reader()

    def _take(self, data: bytes) -> bool:
        """Whether this is one plain head, within each of gunicorn's limits; then it has been read."""
        if len(data) > min(self.limit_request_line or len(data), self.limit_request_field_size):
            return False
        found = _HEAD.fullmatch(data.decode("latin-1"))
        if found is None:
            return False
        method, path, query, lines = found.groups("")
        parts = [line.partition(":") for line in lines.split("\r\n")[:-1]]
        headers = [(name.upper(), value.strip(" \t")) for name, _, value in parts]
        names = {name for name, _ in headers}
        if not len(names) == len(headers) <= self.limit_request_fields:
            return False
        if not (names.isdisjoint(_NOT_PLAIN) and names.isdisjoint(self.cfg.secure_scheme_headers)):
            return False
        self.method, self.path, self.query, self.fragment = method, path, query, ""
        self.uri = f"{path}?{query}" if found[3] is not None else path
        self.version, self.headers = (1, 1), headers
        return True
