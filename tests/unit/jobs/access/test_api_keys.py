"""API keys."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from jobs.access.api_key_store import ApiKeyStore
from jobs.access.api_keys import digest, is_well_formed, mint
from jobs.errors import StoreUnavailable
from jobs.record.connection import Connection, connect
from tests.support.connections import RiggedConnection


@pytest.fixture
def keys(connection: Connection) -> ApiKeyStore:
    return ApiKeyStore(connection)


def test_a_key_is_found_until_it_is_revoked(keys: ApiKeyStore) -> None:
    assert not keys.any()
    record, key = keys.create("bot", ("submit",))
    assert keys.find(key) == record
    assert (record.hint, record.scopes, keys.any()) == (key[-4:], ("submit",), True)
    assert keys.revoke(record.id)
    assert not keys.revoke(record.id)
    assert (keys.find(key), keys.any()) == (None, False)
    assert [(entry.id, entry.revoked_at is None) for entry in keys.each()] == [(record.id, False)]


def test_the_api_asks_for_a_key_from_the_first_one_on(keys: ApiKeyStore) -> None:
    assert not keys.locked()
    record, _ = keys.create("bot")
    assert keys.locked()
    assert not keys.reopen(), "a key is valid"
    keys.revoke(record.id)
    assert (keys.any(), keys.locked()) == (False, True)
    assert keys.reopen()
    assert not keys.locked()
    keys.create("another")
    assert keys.locked()


def test_a_rotated_key_keeps_its_id_and_the_old_one_works_for_a_while(
    connection: RiggedConnection, keys: ApiKeyStore
) -> None:
    record, first = keys.create("bot", ("submit",), {"running": 2})
    made = keys.rotate(record.id, 3600)
    assert made is not None
    rotated, second = made
    assert (rotated.id, rotated.scopes, rotated.limits) == (record.id, ("submit",), {"running": 2})
    assert first != second
    assert keys.find(first) == keys.find(second) == rotated
    assert [old.hint for old in rotated.previous] == [first[-4:]]
    connection.ahead = 3601
    assert keys.find(first) is None
    assert keys.find(second) == rotated


def test_each_rotation_keeps_what_still_works_but_no_longer_than_it_says(
    client: redis.Redis, keys: ApiKeyStore
) -> None:
    record, first = keys.create("bot")
    second = rotated(keys, record.id, 3600)
    third = rotated(keys, record.id, 60)
    assert all(keys.find(key) for key in (first, second, third))
    found = keys.get(record.id)
    assert found is not None
    assert max(old.ends_at for old in found.previous) <= time.time() + 60
    # None of the old ones may be known to somebody else: all end now.
    fourth = rotated(keys, record.id, 0)
    assert [keys.find(key) is not None for key in (first, second, third, fourth)] == [False, False, False, True]
    assert client.hlen("dr:keyhash") == 1


def rotated(keys: ApiKeyStore, key_id: str, overlap: float) -> str:
    made = keys.rotate(key_id, overlap)
    assert made is not None
    return made[1]


def test_a_revocation_ends_all_that_a_key_was(client: redis.Redis, keys: ApiKeyStore) -> None:
    record, first = keys.create("bot")
    second = rotated(keys, record.id, 3600)
    assert keys.revoke(record.id)
    assert (keys.find(first), keys.find(second)) == (None, None)
    assert client.hlen("dr:keyhash") == 0
    assert (keys.rotate(record.id), keys.change(record.id, name="x")) == (None, None)


def test_a_change_changes_what_it_names(keys: ApiKeyStore) -> None:
    record, key = keys.create("bot", ("submit", "read"), {"running": 2, "queued": "none"})
    assert keys.change(record.id, name="robot") == keys.find(key)
    changed = keys.change(record.id, limits={"running": None, "streams": 3}, scopes=("read",))
    assert changed == keys.find(key)
    assert changed is not None
    assert (changed.name, changed.scopes, changed.limits) == ("robot", ("read",), {"queued": "none", "streams": 3})
    assert keys.change("key_x", name="x") is None


@pytest.mark.real
def test_changes_at_once_are_all_made(redis_server: str) -> None:
    client = connect(redis_server)
    client.flushdb()
    keys = ApiKeyStore(Connection(client))
    record, _ = keys.create("bot")
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: rotated(keys, record.id, 3600), range(4)))
    found = keys.get(record.id)
    assert found is not None
    assert len(found.previous) == 4
    assert all(keys.find(key) == found for key in made)
    client.close()


def test_an_admins_trail_names_no_secret(keys: ApiKeyStore, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "audit")
    record, first = keys.create("bot", by="key_admin")
    second = rotated(keys, record.id, 60)
    keys.change(record.id, name="robot", limits={"running": 1})
    keys.revoke(record.id)
    keys.reopen()
    said = [entry.getMessage() for entry in caplog.records]
    assert said == [
        "admin: made a key", "admin: rotated a key", "admin: changed a key", "admin: revoked a key",
        "admin: opened the API to this machine",
    ]  # fmt: skip
    told = repr([vars(entry) for entry in caplog.records])
    assert record.id in told
    for secret in (first, second, digest(first), digest(second)):
        assert secret not in told


def test_the_key_itself_is_kept_nowhere(client: redis.Redis, keys: ApiKeyStore) -> None:
    _, key = keys.create("bot")
    held = repr([client.hgetall(name) for name in ("dr:keys", "dr:keyhash")])
    assert {bytes(name) for name in client.scan_iter("*")} == {b"dr:keys", b"dr:keyhash", b"dr:locked"}
    assert key not in held
    assert digest(key) in held


@pytest.mark.parametrize(
    "text", ["", "dk_live_", "dk_live_" + "a" * 49, "hf_" + "a" * 40, "dk_live_" + "ä" * 49, "\0", "x" * 100_000]
)
def test_other_texts_are_no_keys(keys: ApiKeyStore, text: str) -> None:
    assert not is_well_formed(text)
    assert keys.find(text) is None


def test_one_wrong_letter_is_noticed_without_a_look_up() -> None:
    key = mint()
    assert is_well_formed(key)
    for place in range(len("dk_live_"), len(key)):
        wrong = "a" if key[place] != "a" else "b"
        assert not is_well_formed(key[:place] + wrong + key[place + 1 :])


def test_an_unknown_key_and_an_unknown_id_are_nothing(keys: ApiKeyStore) -> None:
    assert keys.find(mint()) is None
    assert not keys.revoke("key_x")


def test_a_store_that_is_away_is_said_so() -> None:
    keys = ApiKeyStore(Connection(connect("redis://127.0.0.1:1")))
    for use in (
        keys.any,
        lambda: list(keys.each()),
        lambda: keys.find(mint()),
        lambda: keys.create("x"),
        lambda: keys.revoke("x"),
    ):
        with pytest.raises(StoreUnavailable):
            use()


def test_the_first_key_is_the_operators_and_the_next_are_not(keys: ApiKeyStore) -> None:
    first, _ = keys.create("me")
    assert first.scopes == ("submit", "read", "admin")
    assert keys.create("bot")[0].scopes == ("submit", "read")
    assert keys.create("boss", ("admin",))[0].scopes == ("admin",)
    for record in keys.each():
        keys.revoke(record.id)
    assert "admin" in keys.create("me again")[0].scopes, "nobody is left who could make another"
