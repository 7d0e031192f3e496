"""Looking a host up, in a bounded time."""

from __future__ import annotations

import threading

import pytest

from resolving import resolve


def test_a_resolver_that_does_not_answer_is_left_to_itself() -> None:
    over = threading.Event()
    with pytest.raises(TimeoutError):
        resolve("hooks.example.com", 443, 0.05, lambda *_, **__: [] * over.wait(30))
    over.set()


def test_the_systems_resolver_finds_this_machine_and_no_other() -> None:
    assert set(resolve("localhost", 80)) <= {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match=r".+"):
        resolve("nowhere.invalid", 80)
    with pytest.raises(UnicodeError):
        resolve("a" * 80 + ".example.com", 80)


@pytest.mark.parametrize(("host", "address"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("0:0::1", "::1")])
def test_an_address_is_not_asked_for(host: str, address: str) -> None:
    assert resolve(host, 80, 0.0, lambda *_, **__: pytest.fail("asked")) == [address]
