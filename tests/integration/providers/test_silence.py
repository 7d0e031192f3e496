"""Time in an app's queue is no silence, and neither is a function that works without a word, on real apps of every line."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from providers.errors import Timeout
from providers.events import Queued
from tests.spaces.launcher import Space, Spaces, lines
from tests.support.driver_attempts import Attempt, attempt_on
from tests.support.eventually import eventually

pytestmark = pytest.mark.live
#: One line in each run; the others in the long one.
LINES = pytest.mark.parametrize("line", lines())


def declared(space: Space, limits: str) -> Attempt:
    return attempt_on(
        f'[providers.mine]\ndriver = "space"\nurl = "{space.url}"\napi_name = "/slow"\nmodels = ["mine"]\n'
        f'parameters = {{ prompt = "", seconds = 1.0 }}\nlimits = {{ {limits} }}\n'
    )


def printed(space: Space, line: str) -> int:
    """How often the app printed this line."""
    return space.output.read_text(encoding="utf-8", errors="replace").splitlines().count(line)


@LINES
def test_a_place_in_the_queue_is_kept_while_others_work(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, "silent.py")
    with ThreadPoolExecutor(3) as others:
        working = [
            others.submit(declared(space, ""), "mine", "mine", {"prompt": "other", "seconds": 2.5}) for _ in range(3)
        ]
        eventually(lambda: printed(space, "start other") > 0)
        # Nothing moves for longer than the function itself may be silent.
        outcome = declared(space, "no_news = 1.5")("mine", "mine", {"prompt": "patient", "seconds": 0.1})
        assert outcome.of(Queued)
        assert [len(other.result().files) for other in working] == [1, 1, 1]
    assert printed(space, "start patient") == 1


@LINES
def test_a_function_may_work_without_a_word(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, "silent.py")
    outcome = declared(space, "first_event = 2")("mine", "mine", {"prompt": "long", "seconds": 5.0})
    assert len(outcome.files) == 1
    assert printed(space, "start long") == 1


def test_heartbeats_keep_a_silent_function_and_their_lack_ends_it(spaces: Spaces) -> None:
    beating = spaces.get("6", "silent.py", GRADIO_HEARTBEAT_INTERVAL="1")
    assert len(declared(beating, "read = 2.5")("mine", "mine", {"prompt": "kept", "seconds": 6.0}).files) == 1
    assert printed(beating, "start kept") == 1
    with pytest.raises(Timeout, match="not even a heartbeat"):
        declared(spaces.get("6", "silent.py"), "read = 2.5")("mine", "mine", {"prompt": "dead", "seconds": 6.0})


@LINES
def test_an_operator_may_still_limit_the_silence(spaces: Spaces, line: str) -> None:
    space = spaces.get(line, "silent.py")
    with pytest.raises(Timeout, match="no news from the app"):
        declared(space, "no_news = 1")("mine", "mine", {"prompt": "stuck", "seconds": 3.0})
