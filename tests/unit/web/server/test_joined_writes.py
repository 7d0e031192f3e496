"""An answer leaves in one piece, whatever it is made of, and nothing is held back that waits for nothing."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from web.server.joined_writes import JoinedWrites


class Wire:
    """A connection that notes what is sent."""

    def __init__(self, takes: int = 1 << 20) -> None:
        self.sent: list[bytes] = []
        self.closed = False
        self.takes = takes

    def send(self, data: bytes) -> int:
        self.sendall(data[: self.takes])
        return min(self.takes, len(data))

    def sendall(self, data: bytes) -> None:
        if self.closed:
            raise BrokenPipeError
        self.sent.append(bytes(data))

    def sendfile(self, *given: Any, **named: Any) -> int:
        assert (given, named) == ((None,), {"offset": 0, "count": 4})
        self.sent.append(b"FILE")
        return 4

    def shutdown(self, how: int) -> None:
        self.closed = how == socket.SHUT_RDWR

    def fileno(self) -> int:
        return 7


@pytest.mark.parametrize(
    ("pieces", "sent"),
    [
        ([b"head", b"body"], [b"headbody"]),
        ([b"head", b""], [b"head"]),
        ([b"head"], [b"head"]),
        ([b"head", b"a", b"b"], [b"heada", b"b"]),
        ([b"head", b"x" * 9000], [b"head", b"x" * 9000]),
        ([b"h" * 9000, b"body"], [b"h" * 9000, b"body"]),
        ([], []),
    ],
)
def test_the_headers_go_with_the_first_of_the_body(pieces: list[bytes], sent: list[bytes]) -> None:
    wire: Any = Wire()
    joined = JoinedWrites(wire)
    for piece in pieces:
        joined.sendall(piece)
    joined.flush()
    joined.flush()
    assert wire.sent == sent


@pytest.mark.parametrize("takes", [0, 1, 7, 8])
def test_what_the_kernel_does_not_take_at_once_follows(takes: int) -> None:
    wire: Any = Wire(takes)
    joined = JoinedWrites(wire)
    joined.sendall(b"head")
    joined.sendall(b"body")
    assert (wire.sent[0], b"".join(wire.sent)) == (b"headbody"[:takes], b"headbody")


def test_a_file_goes_after_its_headers(tmp_path: Path) -> None:
    wire: Any = Wire()
    joined = JoinedWrites(wire)
    joined.sendall(b"head")
    assert joined.sendfile(None, offset=0, count=4) == 4
    assert wire.sent == [b"head", b"FILE"]


def test_an_answer_that_breaks_off_has_its_headers_and_its_end() -> None:
    wire: Any = Wire()
    joined = JoinedWrites(wire)
    joined.sendall(b"head")
    joined.shutdown(socket.SHUT_RDWR)
    joined.flush()
    assert (wire.sent, wire.closed, joined.fileno()) == ([b"head"], True, 7)
