"""Where a host is looked up, and what a connection or a proxy is pinned to."""

from __future__ import annotations

import ipaddress
import time
from http.server import BaseHTTPRequestHandler

import pytest

from jobs.egress import Egress, Target
from providers import Control
from providers.errors import Canceled, Rejected, Unreachable
from resolving import resolve
from tests.support.dead_addresses import NO_WAY, REFUSED, REFUSED_6, SILENT, silent
from tests.support.webhook_receiver import WebhookReceiver, status
from worker.egress.dialer import Dialer
from worker.scheduler.webhook_client import WebhookClient


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


# -- hosts with several addresses ------------------------------------------------

#: Rules for tests that have servers: all of the loopback, and an address without a way to it.
HERE = Egress(tuple(map(ipaddress.ip_network, ("127.0.0.0/8", "::1/128", "255.255.255.255/32"))), proxies=True)


def told(dialer: Dialer, port: int, seconds: float = 8.0) -> bool:
    """Whether a message reaches the host."""
    return WebhookClient(dialer, seconds).post(f"http://hooks.example.com:{port}/", b"{}", {}).error is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("dead", [REFUSED, REFUSED_6, NO_WAY, SILENT[0]])
def test_where_one_address_is_dead_the_next_one_is_tried(host: str, dead: str) -> None:
    if host == dead:
        # Not 127.0.0.1, where another test may have a server with this port.
        dead = REFUSED
    receiver = WebhookReceiver(host=host)
    try:
        with silent(receiver.port):
            assert told(Dialer(HERE, lambda *_: [dead, host]), receiver.port, seconds=3.2)
    finally:
        receiver.close()
    assert len(receiver.messages) == 1


def test_the_time_for_all_addresses_is_that_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = WebhookReceiver()
    monkeypatch.setattr("worker.egress.dialer.STEP_SECONDS", 3.2)
    try:
        with silent(receiver.port):
            began = time.monotonic()
            assert told(Dialer(HERE, lambda *_: [*SILENT, "127.0.0.1"]), receiver.port)
            assert not told(Dialer(HERE, lambda *_: [*SILENT] * 50), receiver.port)
    finally:
        receiver.close()
    assert 6.0 < time.monotonic() - began < 7.5


def test_an_answer_may_take_longer_than_the_share_of_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(2.0)
        status(204)(handler)

    receiver = WebhookReceiver(slowly)
    try:
        assert told(Dialer(HERE, lambda *_: ["127.0.0.1", *(f"127.0.1.{n}" for n in range(50))]), receiver.port)
    finally:
        receiver.close()


@pytest.mark.parametrize("forbidden", ["93.184.216.34", "10.0.0.1", "fd00::1", "no address"])
def test_one_forbidden_address_is_enough_and_none_is_tried(forbidden: str) -> None:
    receiver = WebhookReceiver()
    try:
        for found in ([forbidden, "127.0.0.1"], ["127.0.0.1", forbidden], [REFUSED, "127.0.0.1", forbidden]):
            assert not told(Dialer(HERE, lambda *_, found=found: found), receiver.port)
    finally:
        receiver.close()
    assert receiver.connections == 0


def test_a_name_is_looked_up_once_however_many_addresses_are_tried() -> None:
    """A second answer could lead elsewhere."""
    receiver, other = WebhookReceiver(), WebhookReceiver(host="127.0.0.9")
    answers = [[REFUSED, NO_WAY, "127.0.0.1"], ["127.0.0.9"]]
    try:
        assert told(Dialer(HERE, lambda *_: answers.pop(0)), receiver.port)
    finally:
        receiver.close()
        other.close()
    assert (len(answers), len(receiver.messages), other.connections) == (1, 1, 0)


def test_of_a_proxys_addresses_one_is_pinned_that_answers() -> None:
    receiver = WebhookReceiver(host="::1")
    proxy = f"http://me:pw@proxy.example.com:{receiver.port}"
    try:
        assert Dialer(HERE, lambda *_: [REFUSED, NO_WAY, "::1"]).proxy(proxy) == f"http://me:pw@[::1]:{receiver.port}"
        with pytest.raises(Unreachable):
            Dialer(HERE, lambda *_: [REFUSED, NO_WAY]).proxy(proxy)
    finally:
        receiver.close()


def test_a_cancel_ends_it_between_two_addresses() -> None:
    control = Control(30)
    control.cancel("by the user")
    with (
        pytest.raises(Canceled),
        Dialer(HERE, lambda *_: [REFUSED]).open("http://a.example:9/", time.monotonic() + 5, control),
    ):
        pass
