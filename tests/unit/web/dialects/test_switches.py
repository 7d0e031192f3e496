"""Which dialects there are, and how they are switched."""

from __future__ import annotations

from pathlib import Path

import fakeredis
import pytest

import settings as configuration
from jobs.record import keys
from settings import SettingsError
from tests.support.fake_worker import name_database
from web import dialects
from web.app import assemble
from web.build import build


@pytest.mark.parametrize(("words", "names"), [("all", dialects.NAMES), ("none", ()), ("openai", ("openai",))])
def test_a_setting_switches_them(words: str, names: tuple[str, ...]) -> None:
    chosen = configuration.load({"DARKROOM_DIALECTS": words}).dialects
    assert dialects.chosen(chosen) == names


def test_an_unknown_one_is_named() -> None:
    with pytest.raises(SettingsError, match=r"there is no dialect 'openapi'; give all, none, or .*openai"):
        dialects.chosen(configuration.load({"DARKROOM_DIALECTS": "openai, openapi"}).dialects)


def test_what_is_switched_off_is_not_there(tmp_path: Path) -> None:
    environ = {"DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": "", "DARKROOM_DIALECTS": "none"}
    built = build(configuration.load(environ), client=fakeredis.FakeRedis())
    rules = {rule.rule for rule in assemble(built).url_map.iter_rules()}
    built.close()
    assert "/v1/images/generations" not in rules
    assert "/v1/jobs" in rules


@pytest.mark.parametrize("name", dialects.NAMES)
def test_each_says_its_own_name(name: str) -> None:
    assert dialects.load(name).name == name


def test_a_process_counts_as_alive_before_its_first_request(tmp_path: Path) -> None:
    """Otherwise two requests alike, in its first second, would become one job."""
    environ = {"DARKROOM_DATA_DIR": str(tmp_path), "DARKROOM_HUB_URL": ""}
    built = build(configuration.load(environ), client=fakeredis.FakeRedis())
    name_database(built)
    built.watch()
    alive = built.connection.redis.hget(keys.SERVERS, built.unanswered.server)
    built.close()
    assert alive is not None
