"""The operator's TOML file."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers import config_file
from providers.config import Config, ConfigError, ProviderConfig
from providers.config_values import web_url
from providers.spec import ModelSpec, ProviderSpec

SPEC = ProviderSpec(name="p", label="P", url="https://p.example", space="a/p", models=(ModelSpec(name="m"),))


def test_a_whole_table_is_read() -> None:
    found = config_file.parse(
        """
        [providers.p]
        url = "http://192.168.1.5:7860/sub/"
        space = ""
        label = "Mine"
        enabled = true
        working = false
        concurrency = 3
        timeout_seconds = 60
        login = ["me", "secret"]
        limits = { read = 120, events = 5 }
        api_name = "/infer"
        """,
        source="my.toml",
    ).providers["p"]
    assert found == ProviderConfig(
        name="p",
        where="my.toml: [providers.p]",
        url="http://192.168.1.5:7860/sub",
        space="",
        label="Mine",
        working=False,
        concurrency=3,
        timeout_seconds=60.0,
        login=("me", "secret"),
        limits={"read": 120, "events": 5},
        options={"api_name": "/infer"},
    )
    assert "secret" not in repr(found)
    spec = found.apply(SPEC)
    assert (spec.url, spec.space, spec.label, spec.working) == ("http://192.168.1.5:7860/sub", None, "Mine", False)


def test_what_the_operator_leaves_open_is_the_drivers() -> None:
    spec = ProviderConfig(name="p").apply(SPEC)
    assert spec == SPEC


def test_no_file_is_an_empty_configuration() -> None:
    assert config_file.load(None) == Config()


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("x = ", ["f.toml", "not TOML"]),
        ("[provider.p]", ["f.toml", "[provider]", "[providers.NAME]"]),
        ("providers = 1", ["f.toml", "[providers.NAME]"]),
        ("[providers]\np = 1", ["f.toml", "[providers.NAME]"]),
        ('[providers.p]\nurl = ""', ["f.toml", "[providers.p]", "url", "http"]),
        ('[providers.p]\nurl = "ftp://x"', ["[providers.p]", "url"]),
        ('[providers.p]\nurl = "x.example"', ["[providers.p]", "url"]),
        ('[providers.p]\nurl = "http://"', ["[providers.p]", "url"]),
        ('[providers.p]\nurl = "http://x:99999"', ["[providers.p]", "url"]),
        ('[providers.p]\nurl = "http://[::1"', ["[providers.p]", "url"]),
        ('[providers.p]\nurl = "http://me:pw@x"', ["[providers.p]", "url", "login"]),
        ('[providers.p]\nurl = "http://x/?a=b"', ["[providers.p]", "url", "query"]),
        ('[providers.p]\nurl = "http://x /"', ["[providers.p]", "url"]),
        ("[providers.p]\nurl = 1", ["[providers.p]", "url"]),
        ("[providers.p]\nenabled = 1", ["[providers.p]", "enabled", "true or false"]),
        ('[providers.p]\nworking = "no"', ["[providers.p]", "working", "true or false"]),
        ("[providers.p]\nconcurrency = 0", ["[providers.p]", "concurrency", "at least 1"]),
        ("[providers.p]\nconcurrency = true", ["[providers.p]", "concurrency"]),
        ("[providers.p]\ntimeout_seconds = 0", ["[providers.p]", "timeout_seconds", "86400"]),
        ("[providers.p]\ntimeout_seconds = nan", ["[providers.p]", "timeout_seconds"]),
        ('[providers.p]\nlogin = "me"', ["[providers.p]", "login", "password"]),
        ('[providers.p]\nlogin = ["me"]', ["[providers.p]", "login"]),
        ("[providers.p]\nlimits = 1", ["[providers.p]", "limits"]),
        ('[providers.p]\nlimits = { read = "x" }', ["[providers.p]", "limits", "read"]),
        ('[providers.p]\ndriver = ""', ["[providers.p]", "driver"]),
        ("[providers.p]\nspace = 1", ["[providers.p]", "space"]),
        ('[models.m]\norder = ["p"]', ["[models.m]", "order", "providers"]),
        ("[models.m]", ["[models.m]", "providers"]),
        ("[models.m]\nproviders = []", ["[models.m]", "providers"]),
        ("[models.m]\nproviders = [1]", ["[models.m]", "providers"]),
        ('[models.m]\nproviders = ["p", "p"]', ["[models.m]", "twice"]),
    ],
)
def test_a_mistake_is_named_with_its_place(toml: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        config_file.parse(toml, source="f.toml")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_secret_never_shows_in_an_error() -> None:
    for toml in ('login = ["me", "s3cret", 1]', 'url = "http://me:s3cret@x"'):
        with pytest.raises(ConfigError) as caught:
            config_file.parse(f"[providers.p]\n{toml}")
        assert "s3cret" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        config_file.load(tmp_path / "none.toml")
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.toml"):
        config_file.load(binary)


def test_an_option_of_a_driver_is_checked_by_it() -> None:
    table = config_file.parse('[providers.p]\nflux_url = "nope"\nother = 1', source="f.toml").providers["p"]
    with pytest.raises(ConfigError, match=r"f\.toml: \[providers\.p\]: flux_url: give an http"):
        table.option("flux_url", web_url)
    with pytest.raises(ConfigError, match="other is not a key of this driver"):
        table.only("flux_url")
    assert table.option("missing", web_url, "default") == "default"


@pytest.mark.parametrize(
    "table", ['allow = ["10.1.0.1/16"]', 'allow = "10.0.0.0/8"', "allow = [1]", 'deny = ["::/0"]', 'http = "yes"']
)
def test_a_wrong_egress_table_names_its_place(table: str) -> None:
    with pytest.raises(ConfigError, match=r"my\.toml: \[egress\]"):
        config_file.parse(f"[egress]\n{table}", source="my.toml")


def test_allowed_networks_are_read() -> None:
    assert config_file.parse("[egress]\nhttp = true").plain_http
    assert not config_file.parse("").plain_http
    found = config_file.parse('[egress]\nallow = ["10.1.0.0/16", "fd00::/8"]').egress
    assert [str(network) for network in found] == ["10.1.0.0/16", "fd00::/8"]
