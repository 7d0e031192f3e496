"""The client over TLS: one context for all, certificates checked, and still within reach of a cancel."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from providers.base import Control
from providers.errors import Canceled, Rejected, Unreachable
from providers.gradio import http_session
from providers.gradio.app_info import AppAddress
from providers.gradio.client import GradioApp
from providers.gradio.session import CallResult
from tests.support.hostile_app import HostileApp, Request, Wire, event, hostile_app


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    cert, secret = folder / "cert.pem", folder / "key.pem"
    cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert, secret


@pytest.fixture
def app(certificate: tuple[Path, Path]) -> Iterator[HostileApp]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with hostile_app(context) as server:
        yield server


@pytest.fixture
def trusted(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the system trust it, as an operator with a CA of their own does."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    http_session._tls.cache_clear()
    yield
    http_session._tls.cache_clear()


def call(server: HostileApp, control: Control) -> list[object]:
    with GradioApp(AppAddress(base_url=server.url), control=control) as client:
        return list(client.call("/infer", {"prompt": "x"}))


def test_an_unknown_certificate_is_refused(app: HostileApp) -> None:
    with pytest.raises(Unreachable, match="certificate"):
        call(app, Control(20))
    assert app.requests == []


@pytest.mark.usefixtures("trusted")
def test_a_trusted_certificate_serves_the_whole_call_on_one_connection(app: HostileApp) -> None:
    assert call(app, Control(20))[-1] == CallResult(("done",))
    assert app.connections == 1


def test_a_certificate_that_an_operator_names_is_trusted_for_this_app_alone(
    app: HostileApp, certificate: tuple[Path, Path]
) -> None:
    address = AppAddress(base_url=app.url, ca_file=str(certificate[0]))
    with GradioApp(address, control=Control(20)) as client:
        assert list(client.call("/infer", {"prompt": "x"}))[-1] == CallResult(("done",))
    with pytest.raises(Unreachable, match="certificate"):
        call(app, Control(20))
    gone = AppAddress(base_url=app.url, ca_file=f"{certificate[0]}.gone")
    with pytest.raises(Unreachable, match="ca_file"), GradioApp(gone, control=Control(20)) as client:
        list(client.call("/infer", {"prompt": "x"}))


class Tunnel:
    """A proxy that notes what it is asked for and passes bytes on."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://me:hunter2secret@127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            head = b""
            while not head.endswith(b"\r\n\r\n") and (piece := peer.recv(1)):
                head += piece
            self.heads.append(head.decode())
            host, _, port = head.split(b" ")[1].decode().rpartition(":")
            app = socket.create_connection((host, int(port)), 5)
            peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            for source, target in ((peer, app), (app, peer)):
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError), source:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def tunnel() -> Iterator[Tunnel]:
    proxy = Tunnel()
    yield proxy
    proxy.close()


@pytest.mark.usefixtures("trusted")
def test_a_users_proxy_sees_where_to_and_nothing_else(app: HostileApp, tunnel: Tunnel) -> None:
    """Nobody but the app's own host is asked for, and what is sent there is encrypted past the proxy."""
    headers = {"X-HF-Authorization": "Bearer hf_canary0123456789"}
    with GradioApp(AppAddress(base_url=app.url), headers=headers, proxy=tunnel.address, control=Control(20)) as client:
        assert list(client.call("/infer", {"prompt": "x"}))[-1] == CallResult(("done",))
    assert {head.rpartition(" HTTP/1.")[0] for head in (head.split("\r\n")[0] for head in tunnel.heads)} == {
        f"CONNECT {app.url.removeprefix('https://')}"
    }
    assert not any("hf_canary" in head for head in tunnel.heads)
    assert app.requests[0].headers["x-hf-authorization"] == headers["X-HF-Authorization"]
    assert "proxy-authorization" not in app.requests[0].headers


def test_an_app_without_encryption_is_not_asked_through_a_users_proxy(tunnel: Tunnel) -> None:
    """It could read the operator's login there, and would be a way into the operator's network."""
    with pytest.raises(Rejected, match="not encrypted"):
        GradioApp(AppAddress(base_url="http://192.168.1.5:7860"), proxy=tunnel.address, control=Control(5))
    assert tunnel.heads == []


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("begun", [True, False])
def test_a_cancel_ends_a_read_that_blocks(app: HostileApp, begun: bool) -> None:  # noqa: FBT001
    control = Control()

    def hang(wire: Wire, _: Request) -> None:
        if begun:
            wire.stream()
            wire.chunk(event("process_starts"))
        threading.Timer(0.1, control.cancel, args=("by the user",)).start()
        wire.pause(60)

    app.routes["GET /gradio_api/queue/data"] = hang
    with pytest.raises(Canceled, match="by the user"):
        call(app, control)
    assert len(app.asked("/gradio_api/cancel")) == 1
