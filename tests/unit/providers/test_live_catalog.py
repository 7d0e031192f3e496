"""A file of providers that changes while the process runs."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from providers.config import ConfigError
from providers.live_catalog import LiveCatalog

ONE = '[providers.one]\ndriver = "space"\nurl = "http://127.0.0.1:1"\napi_name = "/a"\nmodels = ["one"]\n'
TWO = ONE.replace("one", "two")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "providers.toml"
    found.write_text(ONE)
    return found


def write(path: Path, text: str) -> None:
    """As an editor does, at another time than before."""
    path.write_text(text)
    os.utime(path, ns=(path.stat().st_mtime_ns + 10**9,) * 2)


def names(live: LiveCatalog) -> set[str]:
    return {"one", "two"} & set(live.current.names())


def test_a_change_is_taken_when_it_was_seen_twice(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    live = LiveCatalog(path, installed=[])
    assert [live.look(), live.look()] == [False, False]
    write(path, ONE + TWO)
    assert not live.look()
    assert names(live) == {"one"}
    assert live.look()
    assert names(live) == {"one", "two"}
    assert caplog.records[-1].__dict__["added"] == ["two"]
    assert not live.look()


@pytest.mark.parametrize(
    "wrong",
    ["[providers.two", ONE + "[providers.x]\n", ONE.replace("models", "model"), f"x = {'[' * 9000}"],
    ids=["cut", "empty", "unknown", "deep"],
)
def test_a_wrong_file_changes_nothing_and_says_why_once(
    path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    live = LiveCatalog(path, installed=[])
    before = live.current
    write(path, wrong)
    assert not any(live.look() for _ in range(4))
    assert live.current is before
    assert str(path) in live.problem
    assert caplog.text.count("is not taken") == 1
    write(path, ONE)
    live.look()
    assert not live.problem


def test_who_needs_the_newest_gets_it_at_once(path: Path) -> None:
    live = LiveCatalog(path, installed=[])
    assert live.fresh() is live.current
    write(path, TWO)
    assert "two" in live.fresh().names()
    write(path, ONE)
    # Seen once, and not taken yet.
    assert not live.look()
    assert "one" in live.fresh().names()
    write(path, TWO)
    assert "two" in live.fresh().names()
    path.unlink()
    assert "two" in live.fresh().names()
    assert "cannot be read" in live.problem


def test_a_secret_that_changes_in_its_file_is_taken(path: Path, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("hf_first")
    write(path, f'{ONE}token = {{ file = "{secret}" }}\n')
    live = LiveCatalog(path, installed=[])
    secret.write_text("hf_second")
    assert [live.look(), live.look()] == [False, True]
    assert live.current.config.providers["one"].token == "hf_second"


def test_a_file_that_need_not_exist_may_come_later(tmp_path: Path) -> None:
    path = tmp_path / "later.toml"
    live = LiveCatalog(path, optional=True, installed=[])
    assert names(live) == set()
    path.write_text(ONE)
    assert [live.look(), live.look()] == [False, True]
    with pytest.raises(ConfigError, match="cannot be read"):
        LiveCatalog(tmp_path / "none.toml", installed=[])


def test_who_works_with_a_driver_keeps_it(path: Path) -> None:
    live = LiveCatalog(path, installed=[])
    driver = live.current.driver("one")
    write(path, ONE.replace("127.0.0.1:1", "127.0.0.1:2"))
    live.look(at_once=True)
    assert driver.spec.url.endswith(":1")
    assert live.current.driver("one").spec.url.endswith(":2")
