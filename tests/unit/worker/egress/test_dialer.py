"""Where a host is looked up, and what a connection or a proxy is pinned to."""

from __future__ import annotations

import threading

import pytest

from jobs.egress import Egress, Target
from providers.errors import Rejected, Unreachable
from worker.egress.dialer import Dialer
from worker.egress.resolver import resolve


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


def test_a_name_that_the_system_resolves_to_the_loopback_is_refused() -> None:
    """The system's own resolver, asked for a name of this machine."""
    assert not Egress().may_connect(Target("https", "localhost", 443, "/"), resolve("localhost", 443))


def test_a_users_proxy_is_looked_up_once_and_pinned_to_what_was_checked() -> None:
    answers = [["93.184.216.34"], ["127.0.0.1"]]
    rules = Egress(proxies=True)
    found = Dialer(rules, lambda *_: answers.pop(0)).proxy("http://me:pw@proxy.example.com:3128")
    assert found == "http://me:pw@93.184.216.34:3128"
    assert len(answers) == 1


@pytest.mark.parametrize("addresses", [[], ["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::1"], ["169.254.169.254"]])
def test_a_proxy_that_is_not_public_is_refused_like_one_that_does_not_exist(addresses: list[str]) -> None:
    told = []
    for look in (lambda *_: addresses, nowhere):
        with pytest.raises(Unreachable) as caught:
            Dialer(Egress(proxies=True), look).proxy("http://proxy.example.com:3128")
        told.append(caught.value.detail)
    assert told[0] == told[1]


def nowhere(host: str, port: int) -> list[str]:
    raise OSError(f"no such host: {host}:{port}")


def test_a_proxy_is_refused_where_the_operator_has_switched_them_off_meanwhile() -> None:
    with pytest.raises(Rejected, match="switched off"):
        Dialer(Egress(), nowhere).proxy("http://proxy.example.com:3128")
