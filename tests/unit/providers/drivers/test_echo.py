"""The scripted provider."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from providers.base import Control
from providers.config import ProviderConfig
from providers.drivers import echo
from providers.echo.script import FAILURES
from providers.errors import Busy, Canceled, Crashed, Quota, Rejected, Timeout
from providers.events import (
    Checkpoint,
    Completed,
    InlineFile,
    Preview,
    Progress,
    ProviderEvent,
    Queued,
    Started,
    Status,
    Text,
)
from providers.inputs.normalise import normalise
from providers.spec import ProviderRequest


class Impatient(Control):
    """A control whose sleeps take no time; they are added up."""

    def __init__(self, seconds: float | None = None) -> None:
        self.slept = 0.0
        super().__init__(seconds, clock=lambda: self.slept)

    def sleep(self, seconds: float) -> None:
        """Move the clock."""
        self.slept += seconds
        self.check()


def play(
    script: list[str] | None, *, resume: dict[str, object] | None = None, control: Control | None = None, **given: Any
) -> list[ProviderEvent]:
    """All events of one attempt."""
    if script is not None:
        given["script"] = script
    request = ProviderRequest(model="echo", input=normalise(echo.MODEL, given))
    driver = echo.driver(ProviderConfig(name="echo"))
    return list(driver.run(request, resume, control or Impatient()))


def result(events: list[ProviderEvent]) -> Completed:
    last = events[-1]
    assert isinstance(last, Completed)
    return last


def test_without_a_script_it_gives_one_image() -> None:
    events = play(None, prompt="a fox", seed=7, width=64, height=48)
    assert [type(event) for event in events] == [Queued, Started, *[Progress] * 4, Preview, Completed]
    output = result(events).outputs[0]
    assert isinstance(output, InlineFile)
    with Image.open(io.BytesIO(output.data)) as image:
        assert image.size == (64, 48)
    assert result(events).seed == 7


def test_the_same_prompt_and_seed_give_the_same_picture() -> None:
    first, again = play(None, prompt="a", seed=1), play(None, prompt="a", seed=1)
    other = play(None, prompt="a", seed=2)
    assert result(first) == result(again)
    assert result(first).outputs != result(other).outputs


def test_the_events_come_as_scripted() -> None:
    control = Impatient()
    events = play(
        ["queue 3s", "log hello", "progress 2 4s", "preview 2", "warning careful", "wait 2s", "text done", "image 2"],
        control=control,
    )
    assert events[:3] == [Queued(2, 3, 3.0), Queued(1, 3, 2.0), Queued(0, 3, 1.0)]
    assert events[3] == Status("hello", "info")
    assert events[4:7] == [Started(), Progress(0.5, 1, 2, "steps"), Progress(1.0, 2, 2, "steps")]
    assert [type(event) for event in events[7:9]] == [Preview, Preview]
    assert events[9] == Status("careful", "warning")
    assert [type(output) for output in result(events).outputs] == [Text, InlineFile, InlineFile]
    assert control.slept == pytest.approx(3 + 4 + 2)


def test_queueing_takes_its_time_also_for_fractions() -> None:
    control = Impatient()
    events = play(["queue 2500ms"], control=control)
    assert [event.rank for event in events if isinstance(event, Queued)] == [2, 1, 0]
    assert control.slept == pytest.approx(2.5)


@pytest.mark.parametrize(("word", "kind"), FAILURES.items())
def test_it_fails_as_scripted(word: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        play([f"fail {word} 0:09:48 because"])
    error: Any = caught.value
    assert (error.retry_after, error.detail) == (588.0, "because")


def test_content_and_input_are_refused_apart() -> None:
    for word, content in (("content_rejected", True), ("invalid_input", False)):
        with pytest.raises(Rejected) as caught:
            play([f"fail {word}"])
        assert caught.value.content is content


def test_it_fails_after_what_came_before() -> None:
    driver = echo.driver(ProviderConfig(name="echo"))
    request = ProviderRequest(model="echo", input={"script": ["progress 2", "fail quota"]})
    run = driver.run(request, None, Impatient())
    assert [type(next(run)) for _ in range(3)] == [Started, Progress, Progress]
    with pytest.raises(Quota):
        next(run)


def test_a_later_attempt_goes_on_from_a_checkpoint() -> None:
    script = ["log first", "text kept", "checkpoint", "log second"]
    state = next(event.state for event in play(script) if isinstance(event, Checkpoint))
    events = play(script, resume=dict(state))
    assert [event.text for event in events if isinstance(event, Status)] == ["second"]
    assert result(events).outputs == (Text("kept"),)


def test_fail_once_lets_a_later_attempt_pass() -> None:
    script = ["fail-once busy 1s", "text done"]
    driver = echo.driver(ProviderConfig(name="echo"))
    request = ProviderRequest(model="echo", input={"script": script})
    run = driver.run(request, None, Impatient())
    state = next(run)
    assert isinstance(state, Checkpoint)
    with pytest.raises(Busy):
        next(run)
    assert result(play(script, resume=dict(state.state))).outputs == (Text("done"),)


def test_a_cancel_ends_a_wait() -> None:
    control = Control()
    run = echo.driver(ProviderConfig(name="echo")).run(
        ProviderRequest(model="echo", input={"script": ["log hi", "wait 1h"]}), None, control
    )
    next(run)
    control.cancel("enough")
    with pytest.raises(Canceled, match="enough"):
        next(run)


def test_the_time_budget_ends_a_wait() -> None:
    with pytest.raises(Timeout):
        play(["wait 1h"], control=Impatient(10.0))


def test_a_crash_is_scripted_without_a_text_of_its_own() -> None:
    with pytest.raises(Crashed, match="failed while it worked"):
        play(["fail provider_error"])
