"""Every word with which a server says "not now" is an outage, however it comes; any other answer is a mistake of ours."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import redis

from jobs.errors import StoreFull, StoreUnavailable
from jobs.record import outages
from jobs.record.connection import connect
from jobs.record.outages import available
from tests.support.redis_servers import RedisServer
from tests.support.refusing_proxy import RefusingProxy
from tests.support.server_answers import ANSWERS, IN_SCRIPTS

MISTAKES = {
    "a wrong type": "WRONGTYPE Operation against a key holding the wrong kind of value",
    "another word that begins alike": "BUSYKEY Target key name already exists.",
    "a group": "BUSYGROUP Consumer Group name already exists",
    "an unknown command": "ERR unknown command 'BUSY', with args beginning with: 'OOM'",
    "a mistake in a script": "ERR user_script:3: attempt to compare nil with number script: ab, on @user_script:3.",
    "the same in Redis 6.2": "ERR Error running script (call to f_ab): @user_script:3: user_script:3: BUSY is nil",
    "a transaction that names no reason": "EXECABORT Transaction discarded because of previous errors.",
}


@pytest.fixture
def proxy(redis_server: str) -> Iterator[RefusingProxy]:
    with RefusingProxy(urlsplit(redis_server).port or 0) as proxy:
        yield proxy


@pytest.fixture
def client(proxy: RefusingProxy) -> Iterator[redis.Redis]:
    client = connect(proxy.url, connections=2)
    yield client
    client.close()


def test_the_table_has_an_answer_for_each_word() -> None:
    assert {word for word, _ in ANSWERS} == set(outages.WORDS)


@pytest.mark.parametrize(("word", "answer"), ANSWERS)
def test_a_word_is_an_outage_that_says_what_it_is(
    proxy: RefusingProxy, client: redis.Redis, word: str, answer: str
) -> None:
    script = client.register_script("return 1")
    pipe, transaction = client.pipeline(transaction=False), client.pipeline(transaction=True)
    for one in (pipe, transaction):
        one.set("a", ") of pipeline caused error: WRONGTYPE")
    calls = (client.ping, script, pipe.execute, transaction.execute, lambda: client.xread({"a": "$"}, block=1))
    proxy.refuse(answer)
    for call in calls:
        with pytest.raises(StoreUnavailable) as refused, available():
            call()
        assert f"{outages.WORDS[word]} ({word})" in str(refused.value)
        assert isinstance(refused.value, StoreFull) == (word == outages.FULL)
    proxy.heal()
    assert client.ping()


@pytest.mark.parametrize(("word", "answer"), ANSWERS)
def test_a_new_connection_that_is_refused_is_an_outage(proxy: RefusingProxy, word: str, answer: str) -> None:
    proxy.refuse(answer)
    client = connect(proxy.url, connections=1)
    with pytest.raises(StoreUnavailable, match=rf"\({word}\)"), available():
        client.get("a")
    client.close()


@pytest.mark.parametrize(("word", "answer"), IN_SCRIPTS)
def test_a_word_that_comes_out_of_a_script_is_the_same(
    proxy: RefusingProxy, client: redis.Redis, word: str, answer: str
) -> None:
    script = client.register_script("return 1")
    proxy.refuse(answer)
    with pytest.raises(StoreUnavailable, match=rf"\({word}\)"), available():
        script()


@pytest.mark.parametrize("answer", MISTAKES.values(), ids=MISTAKES)
def test_any_other_answer_is_a_mistake(proxy: RefusingProxy, client: redis.Redis, answer: str) -> None:
    client.ping()
    pipe = client.pipeline(transaction=False)
    pipe.set("a", ") of pipeline caused error: BUSY by a user")
    proxy.refuse(answer)
    for call in (client.ping, pipe.execute):
        with pytest.raises(redis.ResponseError), available():
            call()


# -- what a real server can be brought to say -------------------------------------


@pytest.mark.real
@pytest.mark.parametrize(
    ("word", "options"),
    [
        ("OOM", {"maxmemory": "1"}),
        ("NOREPLICAS", {"min-replicas-to-write": "1"}),
    ],
)
def test_a_real_server_that_takes_no_writes(own_redis_server: RedisServer, word: str, options: dict[str, str]) -> None:
    client = connect(own_redis_server.url, connections=1)
    for name, value in options.items():
        client.config_set(name, value)
    _is_refused(client, word)
    client.close()


@pytest.mark.real
def test_a_real_replica_without_its_primary(own_redis_server: RedisServer) -> None:
    client = connect(own_redis_server.url, connections=1)
    client.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]
    _is_refused(client, "READONLY")
    client.config_set("replica-serve-stale-data", "no")
    _is_refused(client, "MASTERDOWN", ("GET", "a"))
    client.close()


@pytest.mark.real
def test_a_real_server_that_has_no_room_for_a_client(own_redis_server: RedisServer) -> None:
    first = connect(own_redis_server.url, connections=1)
    first.config_set("maxclients", 1)
    second = connect(own_redis_server.url, connections=1)
    with pytest.raises(StoreUnavailable, match=r"\(MAXCLIENTS\)"), available():
        second.ping()
    first.close()
    second.close()


@pytest.mark.real
def test_a_real_server_that_wants_a_password_or_gives_no_permission(own_redis_server: RedisServer) -> None:
    client = connect(own_redis_server.url, connections=1)
    rules = ("on", ">right", "~*", "+get", "+eval", "+evalsha", "+script")
    client.execute_command("ACL", "SETUSER", "reader", *rules)  # type: ignore[no-untyped-call]
    reader = connect(own_redis_server.url.replace("//", "//reader:right@"), connections=1)
    for write in (lambda: reader.set("a", 1), reader.register_script("return redis.call('SET', 'a', 1)")):
        with pytest.raises(StoreUnavailable, match=r"\(NOPERM\)"), available():
            write()
    client.config_set("requirepass", "right")
    for url, word in ((own_redis_server.url, "NOAUTH"), (own_redis_server.url.replace("//", "//:wrong@"), "WRONGPASS")):
        late = connect(url, connections=1)
        with pytest.raises(StoreUnavailable, match=rf"\({word}\)"), available():
            late.get("a")
        late.close()
    for one in (client, reader):
        one.close()


def _is_refused(client: redis.Redis, word: str, command: tuple[str, ...] = ("SET", "a", "1")) -> None:
    """Each way in which a command comes to the server is refused with this word."""
    pipe, transaction = client.pipeline(transaction=False), client.pipeline(transaction=True)
    for one in (pipe, transaction):
        one.execute_command(*command)  # type: ignore[no-untyped-call]
    script = client.register_script(f"return redis.call({', '.join(map(repr, command))})")

    def alone() -> None:
        client.execute_command(*command)  # type: ignore[no-untyped-call]

    for call in (alone, pipe.execute, transaction.execute, script):
        with pytest.raises(StoreUnavailable, match=rf"\({word}\)"), available():
            call()
