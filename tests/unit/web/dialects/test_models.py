"""Parameters by the names that others give them."""

from __future__ import annotations

import pytest

from providers.route import Route
from providers.spec import ModelSpec, Param
from web.dialects.models import inputs, shortened

LONG = ModelSpec(name="m", params=(Param(name="max_new_tokens", type="integer", maximum=900),))
SHORT = ModelSpec(name="m", params=(Param(name="max_new_tokens", type="integer", maximum=100),))


@pytest.mark.parametrize(("asked", "used"), [(50, 50), (500, 500), (4096, 900)])
def test_a_text_may_be_as_long_as_some_provider_can(asked: int, used: int) -> None:
    route = Route({"a": LONG, "b": SHORT})
    found, names, ignored = inputs(route, {"max_completion_tokens": asked, "top_k": 3})
    assert shortened(route, found) == {"max_new_tokens": used}
    assert (names, ignored) == ({"max_new_tokens": "max_completion_tokens"}, ["top_k"])


def test_how_much_of_a_picture_may_change_has_several_names() -> None:
    route = Route({"a": ModelSpec(name="m", params=(Param(name="strength", type="number"),))})
    assert inputs(route, {"denoising_strength": 0.7})[0] == {"strength": 0.7}
