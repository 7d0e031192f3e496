"""Addresses that lead inside, through every door by which an address comes in: nobody there is ever connected to.

The inner server is real and counts connections; it listens on both loopback addresses. All runs as in the service, but
for what a test must replace: a resolver that lies as a hostile DNS would, and the ports, since no test may listen on
443. What stands for the public is 127.0.0.2.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

import fakeredis
import pytest
from flask.testing import FlaskClient

import settings
from jobs.egress import Egress, is_public
from jobs.vault import Vault
from jobs.webhooks.service import WebhookService
from providers import Control, ProviderError
from providers.gradio.answers.files import find
from providers.gradio.app_info import AppAddress
from providers.gradio.client import GradioApp
from resolving import Resolve
from tests.support.eventually import eventually
from tests.support.fake_worker import name_database
from tests.support.hostile_app import HostileApp, Request, Wire, hostile_app
from tests.support.webhook_receiver import make_certificate
from web.app import assemble
from web.build import build
from worker.egress.dialer import Dialer
from worker.egress.download import UNUSABLE, Downloader, DownloadFailed
from worker.scheduler.webhook_client import WebhookClient

pytestmark = pytest.mark.timeout(120)

PUBLIC: Final = "127.0.0.2"
HOST: Final = "pictures.example"

#: What a hostile DNS answers.
NAMES: Final = {
    "localhost": ["127.0.0.1"],
    "ip6-localhost": ["::1"],
    "localhost.localdomain": ["127.0.0.1"],
    "inner.example.com": ["127.0.0.1"],
    "inner6.example.com": ["::1"],
    "mapped.example.com": ["::ffff:127.0.0.1"],
    "both.example.com": [PUBLIC, "127.0.0.1"],
    "both-turned.example.com": ["127.0.0.1", PUBLIC],
    "metadata.google.internal": ["127.0.0.1"],
    "empty.example.com": [],
}
#: The inner server's host, however it may be written.
HOSTS: Final = (
    "127.0.0.1", "127.1", "127.0.1", "127.000.000.001", "2130706433", "017700000001", "0x7f000001", "0x7f.1", "0177.0.0.1",
    "0177.1", "0", "0.0.0.0", "00", "127.0.0.1.", "①②⑦.⓪.⓪.①", "127。0。0。1", "\uff11\uff12\uff17.0.0.1", "%31%32%37.0.0.1", "127.0.0.1%00",
    "localhost.", "LOCALHOST", "\uff4cocalhost",
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[::1%25lo]", "[::1%lo]", "[fe80::1%25lo]", "[::ffff:0:127.0.0.1]",
    *NAMES,
)  # fmt: skip
#: Whole authorities that readers of addresses understand differently.
DISGUISES: Final = (
    "example.com@{}", "example.com:443@{}", "example.com\\@{}", "{}\\@example.com", "{}#@example.com", "example.com#@{}",
    "{}?@example.com", "{}/@example.com", " {}", "\t{}", "{}\t", "exa\tmple.com@{}", "\r\n{}", "//{}", "/{}", "\\\\{}",
)  # fmt: skip


class Inner:
    """A server that nobody may reach."""

    def __init__(self) -> None:
        self.hits = 0
        first = socket.create_server(("127.0.0.1", 0))
        self.port: int = first.getsockname()[1]
        self._listeners = [first]
        with contextlib.suppress(OSError):
            self._listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for listener in self._listeners:
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            self.hits += 1
            peer.close()

    def authorities(self) -> list[str]:
        plain = [f"{host}:{self.port}" for host in HOSTS]
        return [*plain, *(form.format(f"127.0.0.1:{self.port}") for form in DISGUISES)]

    def urls(self, *schemes: str) -> list[str]:
        return [f"{scheme}://{authority}/" for scheme in schemes for authority in self.authorities()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for listener in self._listeners:
            # A close alone does not wake a thread that waits in accept.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@dataclass
class Dns:
    """A resolver that lies; it also takes for an address what the system's resolver takes for one."""

    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        name = host.rstrip(".").lower()
        if name in NAMES:
            return NAMES[name]
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [str(row[4][0]) for row in rows]


@pytest.fixture
def inner() -> Iterator[Inner]:
    with Inner() as server:
        yield server


def reaching(rules: Egress, *servers: Inner | Front) -> Egress:
    """The rules, with the servers' ports among those that public servers have."""
    return replace(rules, ports=frozenset({443, 8443, *(server.port for server in servers)}))


def test_the_inner_server_counts_whoever_comes(inner: Inner) -> None:
    """Else all that follows would prove nothing: without its rules, each guard would get there."""
    socket.create_connection(("127.0.0.1", inner.port), 5).close()
    loopback = Egress((ipaddress.ip_network("127.0.0.0/8"),))
    dialer = Dialer(loopback, Dns())
    with pytest.raises(DownloadFailed):
        Downloader(dialer).fetch(f"http://inner.example.com:{inner.port}/", 10, Control(5))
    WebhookClient(dialer).post(f"http://inner.example.com:{inner.port}/", b"{}", {})
    eventually(lambda: inner.hits == 3, within=4)


#: An allow list lets names and ports of private networks pass the first look; the connection decides.
RULES: Final = {
    "nothing allowed": Egress(),
    "another network allowed": Egress((ipaddress.ip_network("10.9.0.0/16"),)),
    "plain http allowed": Egress(plain=True),
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_no_webhook_goes_there(inner: Inner, rules: Egress) -> None:
    dns = Dns()
    client = WebhookClient(Dialer(reaching(rules, inner), dns), seconds=5)
    for url in inner.urls("https", "http", "HTTPS", "ftp", "gopher", "file", "redis", "unix"):
        reply = client.post(url, b"{}", {"webhook-id": "x"})
        assert (reply.error, reply.status, reply.seconds) == ("unreachable", None, None), url
    assert inner.hits == 0
    assert "inner.example.com" in dns.asked


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_no_picture_is_fetched_there(inner: Inner, rules: Egress) -> None:
    dns = Dns()
    downloader = Downloader(Dialer(reaching(rules, inner), dns), seconds=5)
    for url in inner.urls("https", "http", "ftp", "file", "data"):
        with pytest.raises(DownloadFailed):
            downloader.fetch(url, 1000, Control(10))
    assert inner.hits == 0
    assert "inner.example.com" in dns.asked


class Front:
    """A TLS server on the address that stands for the public; sends on to wherever it is told."""

    def __init__(self, certificate: Path) -> None:
        self.location = ""
        self.status = 302
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        try:
            self._listener = socket.create_server((PUBLIC, 0))
        except OSError:
            pytest.skip(f"{PUBLIC} is no address of this machine (only Linux has all of 127.0.0.0/8)")
        self.port: int = self._listener.getsockname()[1]
        self.requests = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            with (
                contextlib.suppress(OSError, UnicodeEncodeError),
                self._context.wrap_socket(plain, server_side=True) as peer,
            ):
                peer.settimeout(5)
                peer.recv(65536)
                self.requests += 1
                lines = [f"HTTP/1.1 {self.status} Elsewhere", f"Location: {self.location}", "Content-Length: 0", "", ""]
                peer.sendall("\r\n".join(lines).encode("latin-1", "replace"))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    server = Front(make_certificate(tmp_path / "server.pem", HOST))
    yield server
    server.close()


def dialer_to(front: Front, inner: Inner, resolver: Resolve, tmp_path: Path) -> Dialer:
    """One for which the front's address is public."""
    rules = Egress(is_public=lambda address: address == PUBLIC or is_public(address))
    return Dialer(reaching(rules, inner, front), resolver, str(tmp_path / "server.pem"))


def dns_of_front(host: str, port: int) -> list[str]:
    return [PUBLIC] if host == HOST else Dns()(host, port)


def test_no_redirect_leads_there(inner: Inner, front: Front, tmp_path: Path) -> None:
    downloader = Downloader(dialer_to(front, inner, dns_of_front, tmp_path), seconds=5)
    others = [*inner.urls("http", "file"), *(f"//{authority}/" for authority in inner.authorities())]
    aims = [*inner.urls("https"), *others[::5]]
    for status in (301, 302, 303, 307, 308):
        front.status = status
        for front.location in aims if status == 302 else aims[:3]:
            with pytest.raises(DownloadFailed) as caught:
                downloader.fetch(f"https://{HOST}:{front.port}/a.png", 1000, Control(10))
            assert str(caught.value) == UNUSABLE
    assert front.requests >= len(aims)
    assert inner.hits == 0


def test_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked(
    inner: Inner, front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the first answer is public, each later one is not."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    # As a library would do it: by name, once more.
    monkeypatch.setattr(socket, "getaddrinfo", _by_number(socket.getaddrinfo))
    front.location = f"https://{HOST}:{inner.port}/"
    dialer = dialer_to(front, inner, rebinding, tmp_path)
    downloader = Downloader(dialer, seconds=5)
    with pytest.raises(DownloadFailed):
        downloader.fetch(f"https://{HOST}:{front.port}/", 1000, Control(10))
    # Once for the address and once for the redirect, which then leads inside and is refused.
    assert (asked, front.requests, inner.hits) == ([HOST, HOST], 1, 0)
    asked.clear()
    reply = WebhookClient(dialer, seconds=5).post(f"https://{HOST}:{front.port}/", b"", {})
    assert (asked, front.requests, inner.hits) == ([HOST], 2, 0)
    assert (reply.error, reply.status) == ("redirect", 302)


def _by_number(real: Any) -> Any:
    def look(host: str, *more: Any, **options: Any) -> Any:
        assert host[0].isdigit(), f"{host} was looked up again"
        return real(host, *more, **options)

    return look


@pytest.fixture
def space() -> Iterator[HostileApp]:
    with hostile_app() as app:
        yield app


def opened(app: HostileApp) -> GradioApp:
    return GradioApp(AppAddress(base_url=app.url), headers={"X-HF-Authorization": "Bearer hf_x"}, control=Control(60))


def test_no_file_that_a_space_names_is_fetched_there(inner: Inner, space: HostileApp) -> None:
    meta = {"meta": {"_type": "gradio.FileData"}, "orig_name": "a.png", "mime_type": "image/png"}
    with opened(space) as app:
        aims = [*inner.urls("http", "https"), *(f"//{one}/" for one in inner.authorities()), "file:///etc/passwd",
                "javascript:alert(1)", "http://169.254.169.254/latest/meta-data/"]  # fmt: skip
        for number, url in enumerate(aims):
            addresses = ({"url": url, **meta}, {"url": url, "is_stream": True, "path": "x", **meta})
            # A path is always asked of the app itself: a few will do.
            paths = (
                {"path": url, **meta},
                {"name": url, "is_file": True, "data": None},
                {"image": {"path": url, **meta}},
            )
            for data in (*addresses, *(paths if number % 20 == 0 else ())):
                found = find(data.get("image", data))
                if found is not None:
                    with pytest.raises(ProviderError):
                        app.files.output(found).read(1000)
    # What was asked for at all was a path of the app itself.
    assert {request.path.partition("=")[0] for request in space.requests} <= {
        "/config", "/gradio_api/info", "/gradio_api/file", "/",
    }  # fmt: skip
    assert inner.hits == 0


@pytest.mark.parametrize(
    "route",
    ["GET /config", "GET /gradio_api/info", "POST /gradio_api/call/infer", "GET /gradio_api/queue/data", "POST /login"],
)
def test_no_redirect_of_a_space_leads_there(inner: Inner, space: HostileApp, route: str) -> None:
    """Nor does a token get there: the credentials are for the app's own origin."""
    for target in inner.urls("http", "https")[:: 3 if route == "GET /config" else 12]:
        ascii_target = target.encode("ascii", "ignore").decode().replace("\r", "").replace("\n", "")

        def away(wire: Wire, _: Request, target: str = ascii_target) -> None:
            wire.head("302 Found", Location=target, Content_Length="0")

        space.routes[route] = away
        login = ("me", "pw") if route == "POST /login" else None
        with (
            contextlib.suppress(ProviderError),
            GradioApp(AppAddress(base_url=space.url, login=login), control=Control(20)) as app,
        ):
            app.info.refresh().signature()
            list(app.call("/infer", {"prompt": "x"}))
    assert any(request.path == route.split(" ")[1] for request in space.requests)
    assert inner.hits == 0


@pytest.fixture
def client(tmp_path: Path, inner: Inner) -> Iterator[FlaskClient]:
    chosen = settings.load({"DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": ""})
    built = build(chosen, client=fakeredis.FakeRedis())
    rules, vault = reaching(built.egress, inner), Vault.from_file(chosen.secret_key_file)
    built = replace(built, egress=rules, webhooks=WebhookService(built.connection, vault, rules))
    name_database(built)
    yield assemble(built).test_client()
    built.close()


def test_the_api_takes_no_address_that_names_it(client: FlaskClient, inner: Inner) -> None:
    """What only a look-up can tell is left to the connection; everything else is refused at once."""
    text: dict[str, Any] = {"model": "echo", "input": {"prompt": "x"}}
    for url in inner.urls("https", "http"):
        if any(f"://{name}:" in url for name in NAMES) and url.startswith("https:"):
            continue
        picture = {"model": "janus-pro-7b", "input": {"prompt": "x", "image": url}}
        part = {"type": "image_url", "image_url": {"url": url}}
        chat = {
            "model": "janus-pro-7b",
            "input": {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, part]}]},
        }
        for path, body in (
            ("/v1/jobs", {**text, "webhook": {"url": url}}),
            ("/v1/jobs?dry_run=1", {**text, "webhook": {"url": url}}),
            ("/v1/batches", {"jobs": [{**text, "webhook": {"url": url}}]}),
            ("/v1/webhooks/test", {"url": url}),
            ("/v1/jobs", picture),
            ("/v1/jobs", chat),
        ):
            answer = client.post(path, json=body)
            assert answer.status_code in {400, 422}, (path, url, answer.text)
            assert str(inner.port) not in answer.text.replace(f'"instance":"{path}', "")
    assert client.get("/v1/jobs").get_json()["data"] == []
    assert inner.hits == 0


def test_errors_do_not_tell_what_is_behind_the_walls(inner: Inner) -> None:
    """An open port, a closed one, a name that is there and one that is not: the same words."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed = probe.getsockname()[1]
    told, replied = set(), set()
    dialer = Dialer(reaching(RULES["another network allowed"], inner), Dns())
    for host in (
        "inner.example.com",
        "inner6.example.com",
        "both.example.com",
        "empty.example.com",
        "nowhere.example.com",
    ):
        for port in (inner.port, closed):
            url = f"https://{host}:{port}/"
            with pytest.raises(DownloadFailed) as caught:
                Downloader(dialer).fetch(url, 10, Control(5))
            told.add(str(caught.value))
            reply = WebhookClient(dialer).post(url, b"", {})
            replied.add((reply.error, reply.status, reply.seconds))
    assert len(told) == 1
    assert replied == {("unreachable", None, None)}
    assert inner.hits == 0
