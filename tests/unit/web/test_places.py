"""Places of which nobody can take all."""

from __future__ import annotations

import random

from web.places import Places


def fill(places: Places, owner: str) -> int:
    """Take as many places as there are for this owner."""
    taken = 0
    while places.take(owner):
        taken += 1
    return taken


def test_one_owner_leaves_a_quarter() -> None:
    assert fill(Places(1000), "a") == 750


def test_whoever_comes_next_finds_some() -> None:
    places = Places(1000)
    found = [fill(places, f"key_{number}") for number in range(4)]
    assert found == [750, 188, 47, 12]
    assert sum(found) == places.taken < 1000
    assert places.take(None)


def test_places_that_are_given_back_are_free_for_all() -> None:
    places = Places(16)
    greedy = fill(places, "a")
    modest = fill(places, "b")
    assert 0 < modest < greedy
    for _ in range(greedy):
        places.give_back("a")
    assert fill(places, "b") > 0
    while places.take(None):
        pass
    assert places.taken == 16


def test_nothing_is_lost_in_random_moves() -> None:
    rng, places, held = random.Random(7), Places(30), list[str | None]()
    for _ in range(5000):
        owner = rng.choice(["a", "b", "c", None])
        if rng.random() < 0.55:
            if places.take(owner):
                held.append(owner)
        elif held:
            places.give_back(held.pop(rng.randrange(len(held))))
        assert places.taken == len(held) <= 30
    for owner in held:
        places.give_back(owner)
    assert (places.taken, fill(places, "a")) == (0, fill(Places(30), "a"))
