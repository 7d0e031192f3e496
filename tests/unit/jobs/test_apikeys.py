"""API keys."""

from __future__ import annotations

import pytest
import redis

from jobs.apikeys import KeyStore, digest, is_well_formed, mint
from jobs.errors import StoreUnavailable
from jobs.redis_store import connect


@pytest.fixture
def keys(client: redis.Redis) -> KeyStore:
    return KeyStore(client)


def test_a_key_is_found_until_it_is_revoked(keys: KeyStore) -> None:
    assert not keys.any()
    record, key = keys.create("bot", ("submit",))
    assert keys.find(key) == record
    assert (record.hint, record.scopes, keys.any()) == (key[-4:], ("submit",), True)
    assert keys.revoke(record.id)
    assert not keys.revoke(record.id)
    assert (keys.find(key), keys.any()) == (None, False)
    assert [(entry.id, entry.revoked_at is None) for entry in keys.list()] == [(record.id, False)]


def test_the_key_itself_is_kept_nowhere(client: redis.Redis, keys: KeyStore) -> None:
    _, key = keys.create("bot")
    held = repr([client.hgetall(name) for name in client.scan_iter("*")])
    assert key not in held
    assert digest(key) in held


@pytest.mark.parametrize(
    "text", ["", "dk_live_", "dk_live_" + "a" * 49, "hf_" + "a" * 40, "dk_live_" + "ä" * 49, "\0", "x" * 100_000]
)
def test_other_texts_are_no_keys(keys: KeyStore, text: str) -> None:
    assert not is_well_formed(text)
    assert keys.find(text) is None


def test_one_wrong_letter_is_noticed_without_a_look_up() -> None:
    key = mint()
    assert is_well_formed(key)
    for place in range(len("dk_live_"), len(key)):
        wrong = "a" if key[place] != "a" else "b"
        assert not is_well_formed(key[:place] + wrong + key[place + 1 :])


def test_an_unknown_key_and_an_unknown_id_are_nothing(keys: KeyStore) -> None:
    assert keys.find(mint()) is None
    assert not keys.revoke("key_x")


def test_a_store_that_is_away_is_said_so() -> None:
    keys = KeyStore(connect("redis://127.0.0.1:1"))
    for use in (keys.any, keys.list, lambda: keys.find(mint()), lambda: keys.create("x"), lambda: keys.revoke("x")):
        with pytest.raises(StoreUnavailable):
            use()
