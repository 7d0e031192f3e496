"""What is read at once is read as gunicorn reads it, and what gunicorn refuses is still refused."""

from __future__ import annotations

from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader
from hypothesis import given, settings
from hypothesis import strategies as st

from web.server.plain_heads import PlainRequest

PLAIN = "GET /v1/jobs/job_1?a=b HTTP/1.1\r\nHost: localhost:8000\r\nAccept: */*\r\n\r\n"


def config(**settings: Any) -> Config:
    made = Config()
    for name, value in {"forwarder_headers": "", **settings}.items():
        made.set(name, value)
    return made


def read(kind: type[Request], pieces: list[bytes], cfg: Config | None = None) -> Any:
    """A request as this class reads it, or the kind of its refusal."""
    unreader = IterUnreader(pieces)
    try:
        return kind(cfg or config(), unreader, ("127.0.0.1", 5))
    except (ParseException, NoMoreData, StopIteration) as error:
        return type(error)


def told(seen: Any) -> Any:
    """All that the server and the application learn of a request."""
    if isinstance(seen, type):
        return seen
    try:
        body = seen.body.read()
    except (ParseException, NoMoreData) as error:
        body = type(error)
    return (
        seen.method, seen.uri, seen.path, seen.query, seen.fragment, seen.version, seen.headers, seen.scheme, body,
        seen.should_close(), seen.trailers, seen._expected_100_continue, seen.unreader.take_buffered(),
    )  # fmt: skip


def same(head: bytes, cfg: Config | None = None) -> bool:
    """Hold both readings against one another; True: it was read at once."""
    ours, theirs = read(PlainRequest, [head], cfg), read(Request, [head], cfg)
    at_once = not isinstance(ours, type) and ours.is_plain
    assert told(ours) == told(theirs), head
    return at_once


@pytest.mark.parametrize(
    "head",
    [
        PLAIN,
        PLAIN.replace("GET", "HEAD"),
        PLAIN.replace("?a=b", ""),
        PLAIN.replace("?a=b", "?"),
        PLAIN.replace("?a=b", "?a=/b?c=%00"),
        PLAIN.replace("job_1", "a;b:c@d//e%2f.."),
        PLAIN.replace("*/*", ""),
        PLAIN.replace("*/*", " \t x \t y \t "),
        PLAIN.replace("Accept", "Connection").replace("*/*", "close"),
        PLAIN.replace("Accept", "Connection").replace("*/*", "Keep-Alive"),
    ],
)
def test_a_plain_request_is_read_at_once_and_alike(head: str) -> None:
    assert same(head.encode())


@pytest.mark.parametrize(
    "head",
    [
        PLAIN.replace("GET", "POST"), PLAIN.replace("GET", "get"), PLAIN.replace("1.1", "1.0"),
        PLAIN.replace("1.1", "2.0"), PLAIN.replace("/v1", "//v1"), PLAIN.replace("/v1", "http://h/v1"),
        PLAIN.replace("/v1/jobs/job_1?a=b", "*"), PLAIN.replace("job_1", "a#b"), PLAIN.replace("job_1", "a b"),
        PLAIN.replace("job_1", "[a]"), PLAIN.replace("job_1", "\x00"), PLAIN.replace("job_1", "é"),
        PLAIN.replace("*/*", "é"), PLAIN.replace("*/*", "a\x00"), PLAIN.replace("*/*", "a\r\n b"),
        PLAIN.replace("*/*", "a\nb"), PLAIN.replace("*/*", "a\rb"), PLAIN.replace("Accept:", "Accept :"),
        PLAIN.replace("Accept:", "Ac_cept:"), PLAIN.replace("Accept:", "Accept"), PLAIN.replace("Accept", "Host"),
        PLAIN.replace("Accept: */*", "Content-Length: 3") + "abc",
        PLAIN.replace("Accept: */*", "Content-Length: 0"),
        PLAIN.replace("Accept: */*", "content-length: 0\r\nContent-Length: 3") + "abc",
        PLAIN.replace("Accept: */*", "Transfer-Encoding: chunked") + "0\r\n\r\n",
        PLAIN.replace("Accept: */*", "Transfer-Encoding: x"),
        PLAIN.replace("Accept: */*", "Transfer-Encoding: chunked\r\nContent-Length: 3") + "0\r\n\r\n",
        PLAIN.replace("Accept: */*", "Expect: 100-continue"), PLAIN.replace("Accept: */*", "Expect: x"),
        PLAIN.replace("Accept: */*", "X-Forwarded-Proto: https"),
        PLAIN.replace("Accept: */*", "X-Forwarded-Proto: https\r\nX-Forwarded-Ssl: off"),
        PLAIN + PLAIN, PLAIN + "x", "\r\n" + PLAIN, "\n" + PLAIN, PLAIN[2:], " " + PLAIN, "",
        PLAIN.replace("*/*", "x" * 9000), PLAIN.replace("job_1", "x" * 5000),
        PLAIN.replace("Accept: */*\r\n", "".join(f"A-{number}: b\r\n" for number in range(150))),
        "GET / HTTP/1.1\r\n\r\n", PLAIN.replace("\r\n", "\n"), PLAIN.removesuffix("\r\n") + "\n",
    ],
)  # fmt: skip
def test_what_is_not_plain_is_gunicorns(head: str) -> None:
    assert not same(head.encode("latin-1"))


@pytest.mark.parametrize("cut", [1, 10, len(PLAIN) - 2, len(PLAIN) - 1])
def test_a_head_in_pieces_is_gunicorns(cut: int) -> None:
    seen = read(PlainRequest, [PLAIN[:cut].encode(), PLAIN[cut:].encode()])
    assert not seen.is_plain
    assert told(seen) == told(read(Request, [PLAIN.encode()]))


@pytest.mark.parametrize(
    "limit", [{"limit_request_line": 20}, {"limit_request_fields": 1}, {"limit_request_field_size": 20}]
)
def test_limits_of_gunicorns_hold(limit: dict[str, int]) -> None:
    assert not same(PLAIN.encode(), config(**limit))


PIECES = st.sampled_from(
    ["GET", "HEAD", "POST", " ", "/", "//", "a", "%2f", "?", "#", "*", "\r\n", "\r", "\n", ":", ": ", "\t", "_", "-",
     "HTTP/1.1", "HTTP/1.0", "Host", "Host: a\r\n", "Content-Length: 1\r\n", "Content-Length: 0\r\n", "CONTENT-LENGTH",
     "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "X-Forwarded-Proto: https\r\n", "é", "\x00", "\x7f",
     "Expect: 100-continue\r\n", "Content-Type: a\r\n", "0\r\n\r\n"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES, max_size=8), st.lists(PIECES, max_size=8), st.lists(PIECES, max_size=4))
def test_any_head_is_read_alike(target: list[str], lines: list[str], after: list[str]) -> None:
    head = f"GET /{''.join(target)} HTTP/1.1\r\nHost: a\r\n{''.join(lines)}\r\n{''.join(after)}"
    same(head.encode("latin-1"))


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=255), max_size=12), st.text(st.characters(max_codepoint=255), max_size=12))
def test_any_value_is_read_alike(value: str, path: str) -> None:
    same(f"GET /{path} HTTP/1.1\r\nHost: a\r\nX: {value}\r\n\r\n".encode("latin-1"))
