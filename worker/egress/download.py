"""Downloads images from addresses that users gave."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urldefrag, urljoin

from jobs.files.image_terms import BadImage
from media import IMAGE_TYPES
from providers import Control
from retry_after import wait_of
from worker.egress.dialer import Dialer, PinnedConnection

#: Redirects that are followed.
REDIRECTS: Final = 3
#: The one text for all that can go wrong. Different texts would tell a stranger what is behind our walls.
UNUSABLE: Final = (
    "the image's address gave no usable answer: it must lead to a public server that answers with the image within"
    " seconds, without a login. Otherwise upload the image (POST /v1/files) and give its id"
)
_CHUNK: Final = 64 << 10
_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})
#: Servers that are busy for a moment, and what they say of how long: a rate limit, an overload.
_BUSY: Final = frozenset({429, 503})
#: Times that a busy server is asked again, and the longest wait before each, in seconds.
_AGAIN: Final = 3
_LONGEST_WAIT: Final = 10.0
_HEADERS: Final = {"Accept": ", ".join(IMAGE_TYPES)}


class DownloadFailed(BadImage):
    """The address may not be asked, or gave nothing usable."""


@dataclass(frozen=True, slots=True)
class _Later:
    """The server is busy. ``wait``: the seconds that it asks for, if it says so."""

    wait: float | None


class Downloader:
    """Downloads images.

    Args:
        dialer: Connects.
        seconds: For a whole download.
    """

    def __init__(self, dialer: Dialer, seconds: float = 30.0) -> None:
        self._dialer = dialer
        self._seconds = seconds

    def fetch(self, url: str, limit: int, control: Control) -> bytes:
        """Download what is behind an address. A few redirects are followed, each checked like the address itself.

        A server that is busy (429, 503) is asked again after the time that it names, while there is time for it.

        Args:
            url: The address.
            limit: Bytes at most.
            control: Ends the download when the attempt is canceled.

        Raises:
            DownloadFailed: The address may not be asked, did not answer with 200 in time, or gave over ``limit`` bytes.
            Canceled: The attempt was canceled.
        """
        ends = time.monotonic() + self._seconds
        redirects, busy = 0, 0
        try:
            while redirects <= REDIRECTS and busy <= _AGAIN:
                answer = self._answer(url, limit, ends, control)
                match answer:
                    case bytes():
                        return answer
                    case str():
                        url, redirects = _onward(url, answer), redirects + 1
                    case _Later():
                        busy += 1
                        _wait(answer, busy, ends, control)
        except DownloadFailed:
            raise
        except (OSError, http.client.HTTPException, ValueError):
            control.check()
        raise DownloadFailed(UNUSABLE) from None

    def _answer(self, url: str, limit: int, ends: float, control: Control) -> bytes | str | _Later:
        with self._dialer.open(url, ends, control) as connection:
            answer = _ask(connection, limit)
            control.check()
            if connection.is_late:
                raise DownloadFailed(UNUSABLE)
            return answer


def _wait(answer: _Later, times: int, ends: float, control: Control) -> None:
    """Wait before a busy server is asked again.

    Raises:
        DownloadFailed: There is no time for it, or it was asked often enough.
    """
    seconds = float(times) if answer.wait is None else max(0.2, answer.wait)
    if times > _AGAIN or time.monotonic() + seconds >= ends:
        raise DownloadFailed(UNUSABLE)
    control.sleep(seconds)


def _onward(url: str, location: str) -> str:
    """Where a redirect leads.

    Raises:
        DownloadFailed: It leads from https to http.
    """
    following = urldefrag(urljoin(url, location)).url
    if url.startswith("https:") and not following.startswith("https:"):
        raise DownloadFailed(UNUSABLE)
    return following


def _ask(connection: PinnedConnection, limit: int) -> bytes | str | _Later:
    """The content, where a redirect leads, or when to ask again."""
    with connection.ask("GET", _HEADERS) as response:
        if response.status in _REDIRECTING and (location := response.getheader("Location")):
            return location
        if response.status in _BUSY:
            header, date = response.getheader("Retry-After", ""), response.getheader("Date", "")
            return _Later(wait_of(header, time.time(), longest=_LONGEST_WAIT, date=date))
        if response.status != http.HTTPStatus.OK or response.getheader("Content-Encoding", "identity") != "identity":
            raise DownloadFailed(UNUSABLE)
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(_CHUNK):
            size += len(piece)
            if size > limit:
                raise DownloadFailed(f"the image is larger than {limit} bytes")
            pieces.append(piece)
        if response.length:
            raise DownloadFailed(UNUSABLE)
        return b"".join(pieces)
