"""Scripts on redis-py's own connections: what comes back, and what happens to a connection that fails."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs.record.connection import connect
from jobs.record.script_calls import ScriptCalls, packed
from tests.support.redis_servers import RedisServer

ECHO = "return {KEYS, ARGV}"


@pytest.fixture
def client(redis_server: str) -> Iterator[redis.Redis]:
    client = connect(redis_server, connections=8)
    client.script_flush()
    yield client
    client.close()


def kill(client: redis.Redis, connection: Any) -> None:
    """Let the server close one connection, as a restart or a proxy would."""
    connection.send_command("CLIENT", "ID")
    client.client_kill_filter(_id=connection.read_response())


@pytest.mark.parametrize(
    ("keys", "args"),
    [([], []), (["a"], ["b", b"c\r\n\x00", 7, 0.25, -1e-9]), (["ключ", "k2"], ["", "\r\n", "x" * 70_000])],
)
def test_a_call_goes_over_the_wire_as_redis_py_writes_it(keys: list[str], args: list[str | bytes | float]) -> None:
    theirs = redis.Connection().pack_command("EVALSHA", "ab" * 20, len(keys), *keys, *args)  # type: ignore[no-untyped-call]
    assert packed("EVALSHA", "ab" * 20, len(keys), *keys, *args) == b"".join(map(bytes, theirs))


@pytest.mark.real
def test_a_script_that_the_server_does_not_know_is_loaded(client: redis.Redis) -> None:
    calls, script = ScriptCalls(client), client.register_script(ECHO)
    for _ in range(2):
        assert calls.run(script, ["a"], ["b", 1]) == [[b"a"], [b"b", b"1"]]
    client.script_flush()
    assert calls.run(script, [], []) == [[], []]


@pytest.mark.real
def test_the_same_connection_is_used_again_also_after_an_error(client: redis.Redis) -> None:
    calls = ScriptCalls(client)
    bad, who = client.register_script("return redis.call('INCR', KEYS[1], 1)"), client.register_script(ECHO)
    calls.run(who, [], [])
    (kept,) = calls._idle
    with pytest.raises(redis.ResponseError):
        calls.run(bad, ["a"], [])
    assert calls._idle == [kept]


@pytest.mark.real
def test_a_connection_that_died_unnoticed_costs_no_call(client: redis.Redis) -> None:
    calls, script = ScriptCalls(client), client.register_script(ECHO)
    calls.run(script, [], ["x"])
    kill(client, calls._idle[0])
    assert calls.run(script, [], ["x"]) == [[], [b"x"]]


@pytest.mark.real
def test_it_is_sent_again_as_often_as_the_connections_rule_says(redis_server: str) -> None:
    client = connect(redis_server, connections=8)
    calls, script = ScriptCalls(client), client.register_script(ECHO)
    calls.run(script, [], ["x"])
    (kept,) = calls._idle
    kept.retry = Retry(NoBackoff(), 0)
    kill(client, kept)
    with pytest.raises(redis.ConnectionError):
        calls.run(script, [], ["x"])
    assert calls._idle == [], "the pool has it back"
    assert calls.run(script, [], ["x"]) == [[], [b"x"]]
    client.close()


@pytest.mark.real
def test_other_commands_always_find_a_connection(redis_server: str) -> None:
    client = connect(redis_server, connections=2)
    calls, script = ScriptCalls(client), client.register_script(ECHO)
    for _ in range(3):
        calls.run(script, [], [])
    assert calls._idle == [], "a pool as small as this keeps them all"
    with client.pipeline() as pipe:
        pipe.watch("a")  # type: ignore[no-untyped-call]
        assert client.ping()
    client.close()


@pytest.mark.real
def test_while_the_server_is_away_no_dead_connection_is_held(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    server.start()
    client = connect(server.url, connections=8)
    calls, script = ScriptCalls(client), client.register_script(ECHO)
    taken = [calls._take() for _ in range(4)]
    for connection in taken:
        calls._give_back(connection)
    assert len(calls._idle) == 2, "two are kept here, and two in the pool"
    server.crash()
    with pytest.raises(redis.ConnectionError):
        calls.run(script, [], [])
    assert [connection._sock for connection in taken] == [None] * 4
    server.start()
    assert calls.run(script, [], ["x"]) == [[], [b"x"]]
    client.close()
    server.crash()


@pytest.mark.real
def test_a_forked_process_takes_connections_of_its_own(client: redis.Redis) -> None:
    calls, script = ScriptCalls(client), client.register_script(ECHO)
    calls.run(script, [], [])
    (kept,) = calls._idle
    calls._process = os.getpid() - 1
    calls.run(script, [], [])
    assert kept not in calls._idle
