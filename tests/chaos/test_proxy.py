"""The proxy passes bytes on, and fails in exactly the way that was asked for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import Proxy


@pytest.fixture
def echo_server() -> Iterator[int]:
    """A server that sends everything back; answers its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_accept, args=(server,), daemon=True).start()
        yield server.getsockname()[1]
        # Wakes accept(), which closing alone does not.
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_echo, args=(connection,), daemon=True).start()


def _echo(connection: socket.socket) -> None:
    with connection:
        try:
            while data := connection.recv(4096):
                connection.sendall(data)
        except OSError:
            return


@pytest.fixture
def proxy(echo_server: int) -> Iterator[Proxy]:
    with Proxy(echo_server) as proxy:
        yield proxy


@pytest.fixture
def far_end() -> Iterator[socket.socket]:
    """A listening socket on which the test itself plays the server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def connect(proxy: Proxy, timeout: float = 10.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=timeout)


def first_byte(proxy: Proxy) -> bytes:
    """What comes on a new connection; a reset may come as early as in the connect."""
    with connect(proxy) as connection:
        return connection.recv(1)


def ask(connection: socket.socket, word: bytes = b"word") -> bytes:
    connection.sendall(word)
    return connection.recv(100)


def test_it_passes_bytes_on(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        assert ask(connection) == b"word"


def test_cut_resets_open_connections_and_new_ones_work(proxy: Proxy) -> None:
    with connect(proxy) as old:
        ask(old)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            old.recv(1)
    with connect(proxy) as new:
        assert ask(new) == b"word"


def test_freeze_silences_open_connections_and_new_ones_work(proxy: Proxy) -> None:
    with connect(proxy) as old, connect(proxy) as new:
        ask(old)
        old.settimeout(0.3)
        proxy.freeze()
        with pytest.raises(TimeoutError):
            ask(old)
        new.close()
        with connect(proxy) as later:
            assert ask(later) == b"word"


def test_split_holds_everything_until_healed(proxy: Proxy) -> None:
    with connect(proxy) as connection:
        ask(connection)
        proxy.split()
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            ask(connection, b"late")
        proxy.heal()
        connection.settimeout(10)
        assert connection.recv(100) == b"late"


def test_refuse_resets_new_connections_until_healed(proxy: Proxy) -> None:
    proxy.refuse()
    with pytest.raises(ConnectionResetError):
        first_byte(proxy)
    proxy.heal()
    with connect(proxy) as connection:
        assert ask(connection) == b"word"


def test_deafen_lets_requests_through_and_holds_answers(far_end: socket.socket) -> None:
    with Proxy(far_end.getsockname()[1]) as proxy, connect(proxy) as client, far_end.accept()[0] as there:
        assert _talk(client, there, b"question") == b"question"
        proxy.deafen()
        assert _talk(client, there, b"again") == b"again"
        there.sendall(b"answer")
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(100)
        proxy.heal()
        client.settimeout(10)
        assert client.recv(100) == b"answer"


def _talk(client: socket.socket, there: socket.socket, word: bytes) -> bytes:
    there.settimeout(10)
    client.sendall(word)
    return there.recv(100)


def test_the_end_of_a_server_is_passed_on(far_end: socket.socket) -> None:
    with Proxy(far_end.getsockname()[1]) as proxy, connect(proxy) as client:
        far_end.accept()[0].close()
        assert client.recv(1) == b""


def test_a_dead_target_is_a_reset(proxy: Proxy) -> None:
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))
        with Proxy(gone.getsockname()[1]) as dead, pytest.raises(ConnectionResetError):
            first_byte(dead)
