"""In which order addresses are tried, and for how long."""

from __future__ import annotations

import time

import pytest

from connecting import LEAST_SECONDS, in_turn, shares


@pytest.mark.parametrize(
    ("found", "tried"),
    [
        ([], []),
        (["127.0.0.1"], ["127.0.0.1"]),
        (["127.0.0.1", "127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"]),
        (["::1", "0:0:0:0:0:0:0:1", "::2"], ["::1", "::2"]),
        (["::1", "::2", "::3", "127.0.0.1"], ["::1", "127.0.0.1", "::2", "::3"]),
        (["127.0.0.1", "127.0.0.2", "::1", "::2"], ["127.0.0.1", "::1", "127.0.0.2", "::2"]),
    ],
)
def test_each_address_is_tried_once_and_the_kinds_in_turn(found: list[str], tried: list[str]) -> None:
    assert in_turn(found) == tried


def test_what_is_no_address_is_told() -> None:
    with pytest.raises(ValueError, match="hooks"):
        in_turn(["127.0.0.1", "hooks.example.com"])


def test_all_share_one_time_and_what_one_leaves_is_for_those_after_it() -> None:
    given = list(shares(["a", "b", "c", "d"], time.monotonic() + 10))
    assert [address for address, _ in given] == ["a", "b", "c", "d"]
    assert [round(seconds, 1) for _, seconds in given] == [2.5, 3.3, 5.0, 10.0], "each of them was refused at once"


def test_of_many_silent_addresses_the_last_are_left_out() -> None:
    ends = time.monotonic() + 0.3
    tried = []
    for address, seconds in shares([str(n) for n in range(100)], ends):
        tried.append(address)
        time.sleep(seconds)
    assert tried == ["0"]
    assert time.monotonic() - ends < 0.2
    assert next(shares(["a", "b"], time.monotonic() + 2 * LEAST_SECONDS + 1))[1] > LEAST_SECONDS


def test_the_first_is_tried_also_where_the_time_is_over() -> None:
    assert [address for address, _ in shares(["a", "b"], time.monotonic() - 1)] == ["a"]
