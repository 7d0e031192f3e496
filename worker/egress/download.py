"""Downloads images from addresses that users gave."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urldefrag, urljoin

from jobs.files.images import BadImage
from media import IMAGE_TYPES
from providers import Control
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
_HEADERS: Final = {"Accept": ", ".join(IMAGE_TYPES)}


class DownloadFailed(BadImage):
    """The address may not be asked, or gave nothing usable."""


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

        Args:
            url: The address.
            limit: Bytes at most.
            control: Ends the download when the attempt is canceled.

        Raises:
            DownloadFailed: The address may not be asked, did not answer with 200 in time, or gave over ``limit`` bytes.
            Canceled: The attempt was canceled.
        """
        ends = time.monotonic() + self._seconds
        try:
            for _ in range(REDIRECTS + 1):
                with self._dialer.open(url, ends, control) as connection:
                    answer = _ask(connection, limit)
                    control.check()
                    if connection.is_late:
                        raise DownloadFailed(UNUSABLE)
                if isinstance(answer, bytes):
                    return answer
                url = _onward(url, answer.location)
        except DownloadFailed:
            raise
        except (OSError, http.client.HTTPException, ValueError):
            control.check()
        raise DownloadFailed(UNUSABLE) from None


@dataclass(frozen=True, slots=True)
class _Redirect:
    """An answer that names another address."""

    location: str


def _onward(url: str, location: str) -> str:
    """Where a redirect leads.

    Raises:
        DownloadFailed: It leads from https to http.
    """
    following = urldefrag(urljoin(url, location)).url
    if url.startswith("https:") and not following.startswith("https:"):
        raise DownloadFailed(UNUSABLE)
    return following


def _ask(connection: PinnedConnection, limit: int) -> bytes | _Redirect:
    with connection.ask("GET", _HEADERS) as response:
        if response.status in _REDIRECTING and (location := response.getheader("Location")):
            return _Redirect(location)
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
