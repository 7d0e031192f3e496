"""Secrets of the configuration: where they come from, and that no error shows one."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers import config_file
from providers.config import ConfigError, ProviderConfig
from providers.config_values import space_id


def read(toml: str) -> ProviderConfig:
    return config_file.parse(f"[providers.p]\n{toml}", source="f.toml").providers["p"]


@pytest.mark.parametrize("kind", ["text", "file", "env"])
def test_a_secret_is_a_text_or_comes_from_a_file_or_the_environment(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    monkeypatch.setenv("MY_SECRET", "s3cret")
    given = {"text": '"s3cret"', "file": f'{{ file = "{tmp_path}/secret" }}', "env": '{ env = "MY_SECRET" }'}[kind]
    found = read(
        f'token = {given}\nlogin = ["me", {given}]\nbasic = [{given}, {given}]\nheaders = {{ X-Key = {given} }}'
    )
    assert (found.token, found.login, found.basic) == ("s3cret", ("me", "s3cret"), ("s3cret", "s3cret"))
    assert found.headers == {"X-Key": "s3cret"}
    assert "s3cret" not in repr(found)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("token = 1", ["token", "file", "env"]),
        ('token = ""', ["token", "empty"]),
        ('token = { file = "hf.token" }', ["token", "absolute"]),
        ('token = { file = "/nonexistent/x" }', ["token", "/nonexistent/x", "No such file"]),
        ('token = { env = "NOT_THERE_AT_ALL" }', ["token", "NOT_THERE_AT_ALL"]),
        ('token = { env = "HOME", file = "/x" }', ["token", "file", "env"]),
        ('token = "s3cret\\nX: 1"', ["token", "characters"]),
        ('token = "s3crét"', ["token", "characters"]),
        ('basic = ["me"]', ["basic", "password"]),
        ('headers = "s3cret"', ["headers", "table"]),
        ('headers = { Host = "s3cret" }', ["headers", "'Host'", "cannot be set"]),
        ('headers = { "X Y" = "s3cret" }', ["headers", "'X Y'"]),
        ('headers = { X-Key = "s3cret\\u0000" }', ["headers", "X-Key"]),
        ('ca_file = "/nonexistent/ca.pem"', ["ca_file", "/nonexistent/ca.pem"]),
        ('ca_file = "ca.pem"', ["ca_file", "absolute"]),
    ],
)
def test_a_wrong_one_is_named_and_never_shown(toml: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read(toml)
    assert all(word in str(caught.value) for word in ["f.toml: [providers.p]", *words]), str(caught.value)
    assert "s3cr" not in str(caught.value)


def test_a_file_without_certificates_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match="certificates cannot be read"):
        read(f'ca_file = "{tmp_path}/ca.pem"')


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("me/painter", "me/painter"),
        ("https://huggingface.co/spaces/me/painter", "me/painter"),
        ("https://huggingface.co/spaces/Me/my.painter_1/tree/main?x=1", "Me/my.painter_1"),
        (" me/painter ", "me/painter"),
        ("", ""),
    ],
)
def test_a_space_is_known_by_its_id_or_its_page(given: str, found: str) -> None:
    assert space_id(given) == found


@pytest.mark.parametrize(
    "given", ["painter", "me/painter/x", "https://example.org/me/painter", "../x/y", "me/p q", "/"]
)
def test_nothing_else_is_a_space(given: str) -> None:
    with pytest.raises(ValueError, match="owner/name"):
        space_id(given)
