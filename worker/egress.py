"""Fetch from an address that a user gave, without letting it reach anything that it may not.

The host is resolved once, every address it has must be public (or one that the
operator allows), and the connection goes to one of exactly these addresses: so
no second DNS answer can lead elsewhere. A redirect is a new address, and goes
through the same.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final
from urllib.parse import urldefrag, urljoin

from jobs.egress import BadAddress, Egress, Target
from jobs.files.images import BadPicture
from providers import Control
from providers.errors import Rejected, Unreachable

#: Seconds for each step of a fetch.
STEP_SECONDS: Final = 10.0
#: Redirects that are followed.
REDIRECTS: Final = 3
#: What is said whatever went wrong on the way.
UNUSABLE: Final = (
    "the picture's address gave no usable answer: it must lead to a public server that answers with the picture within"
    " seconds, without a login. Otherwise upload the picture (POST /v1/files) and give its id"
)
_CHUNK: Final = 64 << 10
_REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})

Resolve = Callable[[str, int], list[str]]


class Refused(BadPicture):
    """The address leads somewhere that this service does not go, or gave nothing usable."""


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, by the system's resolver.

    That one has no time limit of ours: where its servers are silent it is left to itself after :data:`STEP_SECONDS`.

    Raises:
        OSError: There is no such host, or no answer.
    """
    found: SimpleQueue[list[str] | OSError | UnicodeError] = SimpleQueue()

    def look() -> None:
        try:
            found.put([str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as error:
            found.put(error)

    threading.Thread(target=look, name="resolve", daemon=True).start()
    try:
        answer = found.get(timeout=STEP_SECONDS)
    except Empty:
        raise TimeoutError("the name's servers do not answer") from None
    if isinstance(answer, Exception):
        raise answer
    return answer


class EgressGuard:
    """Fetches pictures from where users' addresses may lead.

    Args:
        rules: Where that is.
        resolver: Looks a host up; replaced in tests.
        ca_certs: Authorities to trust instead of the system's.
        seconds: Time for a whole fetch.
    """

    def __init__(
        self,
        rules: Egress,
        resolver: Resolve = resolve,
        ca_certs: str | None = None,
        seconds: float = 30.0,
    ) -> None:
        self._rules = rules
        self._resolve = resolver
        self._tls = ssl.create_default_context(cafile=ca_certs)
        self._seconds = seconds

    def fetch(self, url: str, limit: int, control: Control) -> bytes:
        """Get the bytes behind an address; a few redirects are followed, each to where an address may lead itself.

        Args:
            url: The address.
            limit: Bytes at most.
            control: Ends the fetch when the attempt is canceled.

        Raises:
            Refused: It may not be asked, did not answer with 200 in time, or is larger than ``limit``.
            Canceled: The attempt was canceled.
        """
        ends = time.monotonic() + self._seconds
        try:
            for _ in range(REDIRECTS + 1):
                answer = self._asked(url, limit, control, ends)
                if isinstance(answer, bytes):
                    return answer
                url = _onward(url, answer.location)
        except Refused:
            raise
        except (OSError, http.client.HTTPException, ValueError):
            control.check()
        # One text for everything: what differs would tell a stranger what is behind our walls.
        raise Refused(UNUSABLE) from None

    def _asked(self, url: str, limit: int, control: Control, ends: float) -> bytes | _Redirect:
        target = self._rules.check(url)
        with (
            dial(self._rules, self._resolve, target, ends) as plain,
            time_limit(plain, ends - time.monotonic()) as limited,
        ):
            with control.closing(limited.shut), encrypted(self._tls, plain, target) as sock:
                answer = _ask(sock, target, limit)
            # A socket that was shut reads like a body that has ended.
            control.check()
            if limited.is_over:
                raise Refused(UNUSABLE)
            return answer


def dial(rules: Egress, resolver: Resolve, target: Target, ends: float) -> socket.socket:
    """Connect to an address of a host that may be asked; it is looked up once.

    Args:
        rules: Where connections may go.
        resolver: Looks the host up.
        target: What was checked by the rules.
        ends: When the time is over, by the monotonic clock.

    Raises:
        OSError: There is no connection, or none is allowed.
    """
    try:
        addresses = resolver(target.host, target.port)
    except UnicodeError as error:
        raise OSError("no host has such a name") from error
    if not rules.may_connect(target, addresses):
        raise ConnectionRefusedError("no connection to this host is allowed")
    return socket.create_connection((addresses[0], target.port), min(STEP_SECONDS, max(0.01, ends - time.monotonic())))


def encrypted(tls: ssl.SSLContext, plain: socket.socket, target: Target) -> socket.socket:
    """The connection as its scheme wants it; a descriptor of its own, so that ``plain`` can be shut meanwhile.

    Raises:
        OSError: There is no encryption (:class:`ssl.SSLError`), or no connection any more.
    """
    copy = plain.dup()
    try:
        return tls.wrap_socket(copy, server_hostname=target.host) if target.scheme == "https" else copy
    except BaseException:
        copy.close()
        raise


def pinned(rules: Egress, url: str, resolver: Resolve = resolve) -> str:
    """A user's proxy with one of its addresses in the place of its host, so that nobody looks that up once more.

    Args:
        rules: Where it may be.
        url: As it was submitted.
        resolver: Looks its host up; replaced in tests.

    Raises:
        Rejected: It may not be used.
        Unreachable: There is no such host, or it is not public.
    """
    try:
        proxy = rules.check_proxy(url)
    except BadAddress as error:
        raise Rejected(f"the proxy {error}") from None
    try:
        addresses = resolver(proxy.host, proxy.port)
    except (OSError, UnicodeError):
        addresses = []
    if not rules.may_proxy(addresses):
        raise Unreachable("the proxy could not be reached, or refused")
    return proxy.at(addresses[0])


class TimeLimit:
    """Ends what is done on a socket: a peer that sends a byte now and then never runs into its timeout.

    Args:
        sock: The socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.is_over = False

    def shut(self) -> None:
        """End it now."""
        # Not SSLSocket.shutdown: that one takes TLS off under a reading thread.
        with suppress(OSError):
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def expire(self) -> None:
        """End it since the time is over."""
        self.is_over = True
        self.shut()


@contextmanager
def time_limit(sock: socket.socket, seconds: float) -> Iterator[TimeLimit]:
    """Shut a socket down when the time is over."""
    limited = TimeLimit(sock)
    watch = threading.Timer(seconds, limited.expire)
    watch.daemon = True
    watch.start()
    try:
        yield limited
    finally:
        watch.cancel()


@dataclass(frozen=True, slots=True)
class _Redirect:
    """An answer that names another address."""

    location: str


def _onward(url: str, location: str) -> str:
    """Where a redirect leads.

    Raises:
        Refused: Out of the encryption.
    """
    following = urldefrag(urljoin(url, location)).url
    if url.startswith("https:") and not following.startswith("https:"):
        raise Refused(UNUSABLE)
    return following


def _ask(sock: socket.socket, target: Target, limit: int) -> bytes | _Redirect:
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    connection = kind(target.host, target.port)
    connection.sock = sock
    headers = {"Accept": "image/png, image/jpeg, image/webp", "Accept-Encoding": "identity", "Connection": "close"}
    connection.request("GET", target.path, headers=headers)
    with connection.getresponse() as response:
        if response.status in _REDIRECTING and (location := response.getheader("Location")):
            return _Redirect(location)
        if response.status != http.HTTPStatus.OK or response.getheader("Content-Encoding", "identity") != "identity":
            raise Refused(UNUSABLE)
        pieces: list[bytes] = []
        size = 0
        while piece := response.read1(_CHUNK):
            size += len(piece)
            if size > limit:
                raise Refused(f"the picture is larger than {limit} bytes")
            pieces.append(piece)
        if response.length:
            raise Refused(UNUSABLE)
        return b"".join(pieces)
