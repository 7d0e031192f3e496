"""The programs of the service, as data."""

from __future__ import annotations

from pathlib import Path

from cli.stack import programs, redis_server
from settings import load

_SERVER = redis_server.RedisServer(program="valkey-server", folder=Path("/d/redis"), port=1, password="p")


def test_redis_starts_first_and_stops_after_all_others() -> None:
    redis, *others = sorted(programs.stack(_SERVER, Path("/f")), key=lambda program: program.order)
    assert redis.name == "redis"
    assert {program.name for program in others} == {"flower", "worker", "scheduler", "web"}
    assert all(program.order > redis.order for program in others)


def test_with_a_redis_of_ones_own_none_is_started() -> None:
    assert "redis" not in {program.name for program in programs.stack(None, Path("/f"))}


def test_no_password_is_on_a_command_line() -> None:
    settings = load({"DARKROOM_DATA_DIR": "/d"})
    words = " ".join(word for program in programs.stack(_SERVER, Path("/f")) for word in program.argv)
    assert "secret" not in words
    assert _SERVER.url in programs.environ(settings, _SERVER.url, {}).values()


def test_flower_lets_nobody_in_without_password_and_nobody_change_anything() -> None:
    options: dict[str, object] = {}
    exec(programs.flower_config("127.0.0.1", 5555, "pass'word"), options)
    assert options["basic_auth"] == ["darkroom:pass'word"]
    assert options["read_only"] is True
    assert options["persistent"] is False
    assert options["max_tasks"] == 5000


def test_the_programs_see_the_settings_as_they_are_here(tmp_path: Path) -> None:
    config = tmp_path / "p.toml"
    config.touch()
    given = {"DARKROOM_CONFIG": str(config), "DARKROOM_DATA_DIR": "relative", "DARKROOM_HUB_URL": ""}
    settings = load(given)
    assert load(programs.environ(settings, settings.redis_url, {"HOME": "/h"} | given)) == load(
        given | {"DARKROOM_LOG_FORMAT": "json"}
    )
