"""Downloads at the socket: a real TLS server on the loopback, and names that a stub resolves."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.egress import Egress, is_public
from providers import Canceled, Control
from resolving import Resolve
from tests.support.dead_addresses import REFUSED
from tests.support.webhook_receiver import make_certificate
from worker.egress.dialer import Dialer
from worker.egress.download import REDIRECTS, Downloader, DownloadFailed

HOST = "pictures.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a self-signed certificate for :data:`HOST`, in one file."""
    return make_certificate(tmp_path_factory.mktemp("tls") / "server.pem", HOST)


class Server:
    """Answers each connection by what a test says, and counts."""

    def __init__(self, certificate: Path, act: Callable[[ssl.SSLSocket], None]) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._act = act
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.requests: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            plain.settimeout(5)
            try:
                with self._context.wrap_socket(plain, server_side=True) as peer:
                    self.requests.append(peer.recv(65536))
                    self._act(peer)
            except OSError:
                continue

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@pytest.fixture
def serve(certificate: Path) -> Iterator[Callable[[Callable[[ssl.SSLSocket], None]], Server]]:
    servers: list[Server] = []

    def start(act: Callable[[ssl.SSLSocket], None]) -> Server:
        servers.append(Server(certificate, act))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def answer(body: bytes = b"pixels", status: str = "200 OK", *headers: str) -> Callable[[ssl.SSLSocket], None]:
    def act(peer: ssl.SSLSocket) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        peer.sendall("\r\n".join(lines).encode() + body)

    return act


#: Rules for tests that have a server: it is on the loopback.
LOOPBACK = Egress((ipaddress.ip_network("127.0.0.1/32"),))


def downloader(certificate: Path, seconds: float = 5.0, look: Resolve = lambda *_: ["127.0.0.1"]) -> Downloader:
    return Downloader(Dialer(LOOPBACK, look, str(certificate)), seconds)


def fetch(
    server: Server, certificate: Path, *, limit: int = 1000, path: str = "/a.png?x=1", seconds: float = 5.0
) -> bytes:
    return downloader(certificate, seconds).fetch(f"https://{HOST}:{server.port}{path}", limit, Control(30))


Serve = Callable[[Callable[[ssl.SSLSocket], None]], Server]


def test_a_public_address_is_fetched_by_its_name(serve: Serve, certificate: Path) -> None:
    server = serve(answer())
    assert fetch(server, certificate) == b"pixels"
    request = server.requests[0].decode()
    assert request.startswith("GET /a.png?x=1 HTTP/1.1\r\n")
    assert f"Host: {HOST}:{server.port}\r\n" in request
    assert "authorization" not in request.lower()
    assert "cookie" not in request.lower()


def test_a_picture_comes_from_the_address_that_answers(serve: Serve, certificate: Path) -> None:
    server = serve(answer())
    rules = Egress((ipaddress.ip_network("127.0.0.0/8"),))
    source = Downloader(Dialer(rules, lambda *_: [REFUSED, "127.0.0.1"], str(certificate)), 5.0)
    assert source.fetch(f"https://{HOST}:{server.port}/", 1000, Control(30)) == b"pixels"
    assert f"Host: {HOST}:{server.port}\r\n" in server.requests[0].decode()


@pytest.mark.parametrize(
    "act",
    [
        answer(b"", "302 Found"),
        answer(b"", "302 Found", "Location: http://pictures.example/"),
        answer(b"", "302 Found", "Location: https://10.0.0.1/secret"),
        answer(b"", "302 Found", "Location: https://user:pw@pictures.example/"),
        answer(b"", "302 Found", "Location: file:///etc/passwd"),
        answer(b"", "302 Found", "Location: //[::1]/"),
        answer(b"", "304 Not Modified", "Location: /other"),
        answer(b"no", "404 Not Found"),
        answer(b"x" * 1001),
        answer(b"gz", "200 OK", "Content-Encoding: gzip"),
        lambda peer: peer.sendall(b"not HTTP at all\r\n\r\n"),
        lambda peer: peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"),
        lambda peer: peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        lambda _: None,
    ],
    ids=[
        "redirect nowhere", "redirect to http", "redirect within", "redirect with a login", "redirect to a file",
        "redirect to a loopback", "not modified", "not found", "too large", "compressed", "garbage", "cut", "bad chunk", "closed",
    ],
)  # fmt: skip
def test_anything_else_than_the_picture_is_refused_after_one_connection(
    serve: Serve, certificate: Path, act: Callable[[ssl.SSLSocket], None]
) -> None:
    server = serve(act)
    with pytest.raises(DownloadFailed):
        fetch(server, certificate)
    assert server.connections == 1


def test_an_endless_body_is_cut_at_the_limit(serve: Serve, certificate: Path) -> None:
    def flood(peer: ssl.SSLSocket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(10_000):
            peer.sendall(b"x" * 65536)

    with pytest.raises(DownloadFailed, match="larger than 100000"):
        fetch(serve(flood), certificate, limit=100_000)


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["headers", "body"])
def test_a_server_that_drips_is_left_when_the_time_is_over(serve: Serve, certificate: Path, head: bytes) -> None:
    gone = threading.Event()

    def drip(peer: ssl.SSLSocket) -> None:
        peer.sendall(head)
        try:
            for _ in range(1000):
                peer.sendall(b"x")
                if gone.wait(0.02):
                    return
        finally:
            gone.set()

    with pytest.raises(DownloadFailed):
        fetch(serve(drip), certificate, seconds=1.5)
    assert gone.wait(20)


def test_a_cancel_ends_a_fetch_that_hangs(serve: Serve, certificate: Path) -> None:
    asked = threading.Event()
    control = Control(30)

    def hang(peer: ssl.SSLSocket) -> None:
        asked.set()
        peer.recv(1)

    def cancel() -> None:
        asked.wait(5)
        control.cancel("canceled")

    server = serve(hang)
    canceler = threading.Thread(target=cancel)
    canceler.start()
    with pytest.raises(Canceled):
        downloader(certificate).fetch(f"https://{HOST}:{server.port}/", 100, control)
    canceler.join()


def test_a_certificate_for_another_name_is_refused(serve: Serve, certificate: Path) -> None:
    server = serve(answer())
    with pytest.raises(DownloadFailed):
        downloader(certificate).fetch(f"https://other.example:{server.port}/", 100, Control(30))
    assert server.requests == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
        "169.254.170.2", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "192.0.2.1",
        "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "2002:7f00:1::", "2001::1", "2001:db8::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
        "fec0::1", "ff02::1", "100::1", "2620:4f:8000::1", "5f00::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_never_connected_to(
    address: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("connected")

    monkeypatch.setattr(socket, "create_connection", never)
    assert not is_public(address)
    for rules in (Egress(), Egress(plain=True), Egress((ipaddress.ip_network("10.99.0.0/16"),))):
        for addresses in ([address], ["93.184.216.34", address]):
            watch = Downloader(Dialer(rules, lambda *_, found=addresses: found, str(certificate)))
            with pytest.raises(DownloadFailed, match="no usable answer"):
                watch.fetch(f"https://{HOST}/", 100, Control(30))


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::200e"])
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "0177.1", "127.1", "0", "localhost", "[::1]", "[::ffff:7f00:1]", "127.0.0.1"]
)
def test_a_loopback_address_in_disguise_is_not_even_looked_up(host: str) -> None:
    def never(name: str, port: int) -> list[str]:
        raise AssertionError(f"looked {name}:{port} up")

    with pytest.raises(DownloadFailed):
        Downloader(Dialer(Egress(), never)).fetch(f"https://{host}/", 100, Control(30))


@pytest.mark.parametrize(
    "url",
    [
        "http://pictures.example/", "ftp://pictures.example/", "file:///etc/passwd", "unix:/run/x", "redis://pictures.example:6379",
        "https://pictures.example:22/", "https://pictures.example:0/", "https://pictures.example:99999/",
        "https://user:pw@pictures.example/", "https://pictures.example\\@127.0.0.1/", "https://%31%32%37.0.0.1/",
        "https://pictures.example/a b", "https://pictures.example/\r\nX: y", "https://", "https:///x", "https://[::1", "",
    ],
)  # fmt: skip
def test_other_forms_of_address_are_not_even_looked_up(url: str) -> None:
    def never(name: str, port: int) -> list[str]:
        raise AssertionError(f"looked {name}:{port} up")

    with pytest.raises(DownloadFailed):
        Downloader(Dialer(Egress(), never)).fetch(url, 100, Control(30))


def test_a_name_is_looked_up_once_for_one_connection(serve: Serve, certificate: Path) -> None:
    """A second answer could be another one."""
    server = serve(answer())
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    watch = downloader(certificate, look=lambda *_: answers.pop(0))
    assert watch.fetch(f"https://{HOST}:{server.port}/", 100, Control(30)) == b"pixels"
    assert len(answers) == 1


def test_a_redirect_is_followed_through_the_same_checks(serve: Serve, certificate: Path) -> None:
    target = serve(answer())
    asked: list[str] = []

    def look(name: str, _: int) -> list[str]:
        asked.append(name)
        return ["127.0.0.1"]

    for location in (f"https://{HOST}:{target.port}/b.png#part", f"//{HOST}:{target.port}/b.png"):
        first = serve(answer(b"", "302 Found", f"Location: {location}"))
        assert downloader(certificate, look=look).fetch(f"https://{HOST}:{first.port}/", 100, Control(30)) == b"pixels"
    assert asked == [HOST] * 4
    assert target.requests[0].startswith(b"GET /b.png HTTP/1.1\r\n")


def test_a_redirect_to_an_address_that_is_not_allowed_is_not_followed(serve: Serve, certificate: Path) -> None:
    """The second host resolves to an address that is not allowed: rebinding by a redirect."""
    inner = serve(answer(b"secret"))
    first = serve(answer(b"", "302 Found", f"Location: https://inner.example:{inner.port}/"))
    watch = downloader(certificate, look=lambda name, _: ["127.0.0.1" if name == HOST else "127.0.0.2"])
    with pytest.raises(DownloadFailed, match="no usable answer"):
        watch.fetch(f"https://{HOST}:{first.port}/", 100, Control(30))
    assert inner.connections == 0


def test_redirects_have_an_end(serve: Serve, certificate: Path) -> None:
    server = serve(answer(b"", "302 Found", "Location: /again"))
    with pytest.raises(DownloadFailed):
        fetch(server, certificate)
    assert server.connections == REDIRECTS + 1


def test_plain_http_is_for_those_whom_the_operator_allows_it() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def serve_once() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npixels")

    thread = threading.Thread(target=serve_once, daemon=True)
    thread.start()
    url = f"http://camera.lan:{listener.getsockname()[1]}/snap.jpg"
    try:
        with pytest.raises(DownloadFailed):
            Downloader(Dialer(Egress(), lambda *_: ["127.0.0.1"])).fetch(url, 100, Control(30))
        assert Downloader(Dialer(LOOPBACK, lambda *_: ["127.0.0.1"])).fetch(url, 100, Control(30)) == b"pixels"
    finally:
        thread.join(5)
        listener.close()


def test_every_failure_reads_the_same(serve: Serve, certificate: Path) -> None:
    """What differs would tell a stranger which doors there are behind our walls."""
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    texts = set()
    for url, addresses in (
        (f"https://{HOST}:{port}/", ["127.0.0.1"]),
        (f"https://{HOST}/", ["10.0.0.1"]),
        (f"https://{HOST}/", []),
        (f"https://{HOST}:{serve(answer(b'', '500 Oops')).port}/", ["127.0.0.1"]),
        (f"https://{HOST}:{serve(lambda _: None).port}/", ["127.0.0.1"]),
        (f"https://other.example:{serve(answer()).port}/", ["127.0.0.1"]),
    ):
        with pytest.raises(DownloadFailed) as refused:
            downloader(certificate, look=lambda *_, found=addresses: found).fetch(url, 100, Control(30))
        texts.add(str(refused.value))
    assert len(texts) == 1
    assert "127.0.0.1" not in texts.pop()


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize("header", [(), ("Retry-After: 0",), ("Retry-After: soon",)])
def test_a_busy_server_is_asked_again(serve: Serve, certificate: Path, status: str, header: tuple[str, ...]) -> None:
    def act(peer: ssl.SSLSocket) -> None:
        (answer(b"", status, *header) if server.connections == 1 else answer())(peer)

    server = serve(act)
    assert fetch(server, certificate) == b"pixels"
    assert server.connections == 2


def test_a_server_that_stays_busy_is_left(serve: Serve, certificate: Path) -> None:
    server = serve(answer(b"", "429 Too Many Requests", "Retry-After: 0"))
    with pytest.raises(DownloadFailed):
        fetch(server, certificate)
    assert server.connections == 4


def test_a_wait_that_is_longer_than_the_time_is_not_begun(serve: Serve, certificate: Path) -> None:
    server = serve(answer(b"", "503 Service Unavailable", "Retry-After: 3600"))
    with pytest.raises(DownloadFailed):
        fetch(server, certificate)
    assert server.connections == 1
