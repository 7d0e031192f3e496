"""A webhook receiver on the loopback interface that answers each message as a test says."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

Act = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, **headers: str) -> Act:
    """Answers with a status."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return act


class WebhookReceiver:
    """Keeps the headers and raw body of every message.

    Args:
        *acts: What it does to the first, the second ... message; the last one goes on.
        certificate: A key and a certificate in one file: the receiver speaks TLS.
        host: An address of the loopback interface.
    """

    def __init__(self, *acts: Act, certificate: Path | None = None, host: str = "127.0.0.1") -> None:
        self.messages: list[tuple[dict[str, str], bytes]] = []
        #: When each of them came, in Unix seconds.
        self.times: list[float] = []
        self.connections = 0
        todo = list(acts or (status(204),))
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.times.append(time.time())
                receiver.messages.append((dict(self.headers), body))
                act = todo.pop(0) if len(todo) > 1 else todo[0]
                act(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

            def process_request(self, request: Any, address: Any) -> None:
                receiver.connections += 1
                super().process_request(request, address)

            def finish_request(self, request: Any, address: Any) -> None:
                if certificate is None:
                    super().finish_request(request, address)
                    return
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificate)
                request.settimeout(5)
                with context.wrap_socket(request, server_side=True) as peer:
                    super().finish_request(peer, address)

            def handle_error(self, request: Any, address: Any) -> None:
                pass

        self._server = Server((host, 0), Handler)
        self.port: int = self._server.server_address[1]
        scheme = "http" if certificate is None else "https"
        self.url = f"{scheme}://{host}:{self.port}/hook?token=SECRET"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more messages."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def make_certificate(path: Path, host: str) -> Path:
    """A key and a self-signed certificate for a host, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(pem))
    return path
