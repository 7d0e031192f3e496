"""Which addresses a user may send us to, before and after their host is looked up."""

from __future__ import annotations

import ipaddress

import pytest

from jobs.egress import BadAddress, Egress

LAN = Egress((ipaddress.ip_network("127.0.0.1/32"), ipaddress.ip_network("10.1.0.0/16")))


@pytest.mark.parametrize(
    "url",
    ["https://hooks.example.com/a?b=c", "https://xn--bcher-kva.example.com/", "https://example.com", "https://example.com:8443/x"],
)  # fmt: skip
def test_public_https_addresses_pass(url: str) -> None:
    assert Egress().check(url).host.endswith("example.com")


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://[::1]/", "https://93.184.216.34/", "https://127.1/", "https://0177.0.0.1/", "https://2130706433/",
        "https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/", "https://printer.local/",
        "https://kubernetes.default.svc/", "https://metadata.google.internal/", "https://intranet/", "https://x.rebind.test/",
        "http://example.com/", "https://example.com:22/", "https://example.com:0/", "https://example.com:65536/", "https://example.com:-1/",
        "https://user:pw@example.com/", "https://example.com\\@127.0.0.1/", "https://example.com/#x", "https://%31%32%37.0.0.1/",
        "https://exa\tmple.com/", "https://example.com/\r\nX: y", "https://exam ple.com/", "https://./", "https://example..com/",
        "https://" + "a" * 64 + ".com/", "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://[example.com]/", "https://xn--/",
        "//127.0.0.1/", "/internal", "https:///127.0.0.1/", "https:127.0.0.1", "ftp://example.com/", "HTTPS+x://example.com/", "", " ",
    ],
)  # fmt: skip
def test_everything_else_is_refused_without_a_look_up(url: str) -> None:
    with pytest.raises(BadAddress):
        Egress().check(url)


def test_what_the_operator_allows_may_be_reached_by_http_and_on_any_port() -> None:
    target = LAN.check("http://127.0.0.1:9000/hook")
    assert LAN.may_connect(target, ["127.0.0.1"])
    assert LAN.may_connect(LAN.check("http://hooks:9000/"), ["10.1.2.3"])
    with pytest.raises(BadAddress):
        LAN.check("http://127.0.0.2/")


def test_an_allow_list_opens_nothing_else() -> None:
    for url, addresses in [
        ("http://hooks.example.com/", ["93.184.216.34"]),
        ("https://hooks.example.com:9000/", ["93.184.216.34"]),
        ("https://hooks.example.com/", ["10.2.0.1"]),
        ("https://hooks.example.com/", ["93.184.216.34", "10.2.0.1"]),
        ("https://hooks.example.com/", []),
        ("http://hooks.example.com/", ["93.184.216.34", "10.1.0.1"]),
        ("https://hooks.example.com/", ["::ffff:127.0.0.1"]),
    ]:
        assert not LAN.may_connect(LAN.check(url), addresses), (url, addresses)
    assert LAN.may_connect(LAN.check("https://hooks.example.com/"), ["93.184.216.34", "10.1.0.1"])


def test_plain_http_is_a_switch_and_opens_one_port() -> None:
    plain = Egress(plain=True)
    target = plain.check("http://example.com/a.png")
    assert plain.may_connect(target, ["93.184.216.34"])
    assert not plain.may_connect(target, ["10.0.0.1"])
    assert not Egress().may_connect(target, ["93.184.216.34"])
    for url in (
        "http://example.com:8080/",
        "http://example.com:443/",
        "https://example.com:80/",
        "http://printer.local/",
    ):
        with pytest.raises(BadAddress):
            plain.check(url)
