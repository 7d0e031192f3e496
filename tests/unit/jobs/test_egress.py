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


PROXIES = Egress(proxies=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://proxy.example.com:3128", "http://proxy.example.com:3128/", "http://me:p%w@proxy.example.com:1",
    ],
)  # fmt: skip
def test_a_proxy_is_refused_where_the_operator_allows_none(url: str) -> None:
    with pytest.raises(BadAddress, match="switched off"):
        Egress().check_proxy(url)


def test_a_public_proxy_may_be_brought() -> None:
    proxy = PROXIES.check_proxy("http://me:s3cr-t@Proxy.Example.com:3128")
    assert (proxy.host, proxy.port) == ("proxy.example.com", 3128)
    assert proxy.at("93.184.216.34") == "http://me:s3cr-t@93.184.216.34:3128"
    assert proxy.at("2606:4700::1") == "http://me:s3cr-t@[2606:4700::1]:3128"
    assert "s3cr-t" not in repr(proxy)


@pytest.mark.parametrize(
    "url",
    [
        "", "http://127.0.0.1:8080", "http://169.254.169.254:80", "redis://redis:6379", "socks5://10.0.0.1:1080",
        "socks4://example.com:1080", "socks5h://example.com:1080", "https://example.com:443", "file:///etc/passwd",
        "http://:8080", "http://[::1]:8080", "http://u%0d%0aX:p@example.com:8080", "http://example.com", "http://example.com:0",
        "http://example.com:65536", "http://example.com:80/path", "http://example.com:80?x", "http://example.com:80#x",
        "http://a@example.com:80", "http://a:b@c@example.com:80", "http://example.com:80@127.0.0.1:80", "http://localhost:80",
        "http://redis:6379", "http://metadata.google.internal:80", "http://2130706433:80", "http://0x7f.1:80", "http://127.1:80",
        "http://example.com:80\r\nX: y", " http://example.com:80", "http://example.com:80 ", "HTTP://example.com:80",
    ],
)  # fmt: skip
def test_any_other_proxy_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        PROXIES.check_proxy(url)


def test_all_addresses_of_a_proxy_must_be_public_or_allowed() -> None:
    here = Egress((ipaddress.ip_network("10.1.0.0/16"),), proxies=True)
    assert PROXIES.may_proxy(["93.184.216.34", "1.1.1.1"])
    assert not PROXIES.may_proxy(["93.184.216.34", "10.1.0.5"])
    assert not PROXIES.may_proxy([])
    assert here.may_proxy(["93.184.216.34", "10.1.0.5"])
    assert here.check_proxy("http://10.1.0.5:3128").host == "10.1.0.5"
    with pytest.raises(BadAddress):
        here.check_proxy("http://10.2.0.5:3128")
