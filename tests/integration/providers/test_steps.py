"""Several functions of a real app, called in one session; and what a later attempt does with an interrupted one."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import pytest
from PIL import Image

from providers import config_file
from providers.base import Control
from providers.catalog import Catalog
from providers.discovery.check import check
from providers.errors import Canceled, Changed
from providers.events import Checkpoint, Completed, FileOutput, Progress, ProviderEvent, Status, Text
from providers.spec import InputFile, ProviderRequest
from tests.spaces.launcher import Space, Spaces, lines

pytestmark = pytest.mark.live

TOML = """
[providers.modeler]
driver = "space"
url = "{url}"
models = ["modeler"]
parameters = {{ image = {{ type = "image" }}, prompt = "", seconds = 0.0 }}

[[providers.modeler.steps]]
api_name = "/preprocess"
arguments = {{ picture = "image" }}
style = "{style}"

[[providers.modeler.steps]]
api_name = "/generate"
arguments = {{ prepared = {{ output = 0 }}, prompt = "prompt", seconds = "seconds" }}
weight = 8
style = "{style}"

[[providers.modeler.steps]]
api_name = "/extract"
arguments = {{ pictures = {{ step = 2, output = 0 }}, detail = {{ value = "fine" }} }}
style = "{style}"
"""


@pytest.fixture(
    scope="module",
    params=lines(),
)
def space(spaces: Spaces, request: pytest.FixtureRequest) -> Space:
    return spaces.get(request.param, "steps.py")


def events(
    space: Space,
    picture: InputFile,
    prompt: str,
    *,
    seconds: float = 0.0,
    style: str = "call",
    resume: Mapping[str, object] | None = None,
    control: Control | None = None,
) -> Iterator[ProviderEvent]:
    catalog = Catalog.of(config_file.parse(TOML.format(url=space.url, style=style)))
    given = {"prompt": prompt, "seconds": seconds, "image": "data:image/png;base64,eA=="}
    request = ProviderRequest(model="modeler", input=given, files={"image": picture})
    return catalog.driver("modeler").run(request, resume, control or Control(60))


def runs(space: Space, prompt: str) -> int:
    return sum(note.get("session") == prompt for note in space.notes("generate"))


def cut(found: Iterator[ProviderEvent], phase: str, step: int) -> Mapping[str, object]:
    """End a run, as the end of its process does, at its checkpoint of a phase in a step; its state."""
    for event in found:
        if isinstance(event, Checkpoint) and (event.state["phase"], event.state["step"]) == (phase, step):
            return event.state
    raise AssertionError("no such checkpoint")


@pytest.mark.parametrize("style", ["call", "join"])
def test_steps_run_in_order_in_one_session(space: Space, picture: InputFile, style: str) -> None:
    found = list(events(space, picture, f"fox {style}", seconds=0.5, style=style))
    completed = found[-1]
    assert isinstance(completed, Completed)
    files = [output for output in completed.outputs if isinstance(output, FileOutput)]
    sessions = {event.state["session"] for event in found if isinstance(event, Checkpoint) and "session" in event.state}
    assert len(sessions) == 1
    assert files
    said = [event.text for event in found if isinstance(event, Status)]
    assert said[:3] == ["step 1 of 3: /preprocess", "step 2 of 3: /generate", "step 3 of 3: /extract"]
    shares = [event.fraction for event in found if isinstance(event, Progress) and event.fraction is not None]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.1)
    assert any(0.1 < share < 0.9 for share in shares)


def test_an_output_that_a_step_hands_on_arrives(space: Space, picture: InputFile) -> None:
    control = Control(60)
    catalog = Catalog.of(config_file.parse(TOML.format(url=space.url, style="call")))
    request = ProviderRequest(model="modeler", input={"prompt": "owl", "seconds": 0.0}, files={"image": picture})
    for event in catalog.driver("modeler").run(request, None, control):
        if isinstance(event, Completed):
            data = next(made.file.read(1 << 20) for made in event.outputs if isinstance(made, FileOutput))
    with Image.open(io.BytesIO(data)) as made:
        assert made.size == (32, 32)


RETOUCH = """
[providers.modeler]
driver = "space"
url = "{url}"
models = ["modeler"]
kind = "text"
parameters = {{ image = {{ type = "image" }}, prompt = "" }}

[[providers.modeler.steps]]
api_name = "/preprocess"
arguments = {{ picture = "image" }}

[[providers.modeler.steps]]
api_name = "/retouch"
arguments = {{ editor = {{ output = 0 }}, words = "prompt", more_words = "prompt", pictures = {{ output = 0 }} }}
"""


def test_a_file_is_handed_to_other_components_and_a_parameter_to_two_arguments(
    space: Space, picture: InputFile
) -> None:
    request = ProviderRequest(model="modeler", input={"prompt": "owl"}, files={"image": picture})
    driver = Catalog.of(config_file.parse(RETOUCH.format(url=space.url))).driver("modeler")
    *_, completed = driver.run(request, None, Control(60))
    assert isinstance(completed, Completed)
    assert [output.text for output in completed.outputs if isinstance(output, Text)] == ["(64, 48) owl owl (64, 48)"]
    assert driver.probe(Control(30)).change is None  # type: ignore[union-attr]


@pytest.mark.parametrize(("phase", "step"), [("posting", 1), ("posted", 1), ("between", 1), ("posted", 2)])
def test_an_interrupted_attempt_goes_on_in_its_session(space: Space, picture: InputFile, phase: str, step: int) -> None:
    prompt = f"resumed {phase} {step}"
    state = cut(events(space, picture, prompt), phase, step)
    found = list(events(space, picture, prompt, resume=state))
    assert isinstance(found[-1], Completed)
    again = {event.state["session"] for event in found if isinstance(event, Checkpoint) and "session" in event.state}
    # A call that was never posted is not there to be picked up: then all steps run again, in a session of their own.
    assert (again == {state["session"]}) is (phase != "posting")
    assert runs(space, prompt) == 1


def test_a_step_whose_stream_was_lost_is_canceled_and_all_run_again(space: Space, picture: InputFile) -> None:
    lost = events(space, picture, "lost", seconds=3.0)
    state = cut(lost, "opened", 1)
    for event in lost:
        if isinstance(event, Progress):
            break
    lost.close()  # type: ignore[attr-defined]
    found = list(events(space, picture, "lost", resume=state))
    assert isinstance(found[-1], Completed)
    assert "the steps of the interrupted attempt cannot be continued; all run again" in [
        event.text for event in found if isinstance(event, Status)
    ]


def test_a_session_of_an_earlier_start_of_the_app_is_not_continued(space: Space, picture: InputFile) -> None:
    state = {**cut(events(space, picture, "restart"), "between", 1), "app_id": 1}
    found = list(events(space, picture, "restart", resume=state))
    assert isinstance(found[-1], Completed)
    again = {event.state["session"] for event in found if isinstance(event, Checkpoint) and "session" in event.state}
    assert state["session"] not in again


def test_a_step_that_fails_fails_the_job_with_the_words_of_the_app(space: Space, picture: InputFile) -> None:
    text = TOML.format(url=space.url, style="call")
    without_first = text.replace(
        '[[providers.modeler.steps]]\napi_name = "/preprocess"', '[[providers.modeler.steps]]\napi_name = "/lambda"'
    )
    request = ProviderRequest(model="modeler", input={"prompt": "x", "seconds": 0.0}, files={"image": picture})
    driver = Catalog.of(config_file.parse(without_first)).driver("modeler")
    with pytest.raises(Changed, match="no function /lambda"):
        list(driver.run(request, None, Control(30)))
    other = text.replace("{ output = 0 }, prompt", "{ output = 9 }, prompt")
    with pytest.raises(Changed, match="/preprocess has no output 9: it gave 2, counted from 0"):
        list(Catalog.of(config_file.parse(other)).driver("modeler").run(request, None, Control(30)))


def test_a_cancel_in_the_second_step_reaches_the_app(space: Space, picture: InputFile) -> None:
    control = Control(60)

    def cancel_in_the_second(found: Iterator[ProviderEvent]) -> None:
        for event in found:
            if isinstance(event, Progress) and event.fraction is not None and event.fraction > 0.1:
                control.cancel("canceled")

    with pytest.raises(Canceled):
        cancel_in_the_second(events(space, picture, "canceled", seconds=5.0, control=control))
    assert runs(space, "canceled") == 0


def test_the_probe_and_a_comparison_look_at_every_step(space: Space) -> None:
    text = TOML.format(url=space.url, style="call")
    probe = Catalog.of(config_file.parse(text)).driver("modeler").probe(Control(30))
    assert probe is not None
    assert probe.change is None
    renamed = text.replace("prepared = {", "picture_made_ready = {")
    probe = Catalog.of(config_file.parse(renamed)).driver("modeler").probe(Control(30))
    assert probe is not None
    assert "picture_made_ready" in str(probe.change)
    assert check(Catalog.of(config_file.parse(text)), "modeler", Control(30)).fits
    assert check(Catalog.of(config_file.parse(renamed)), "modeler", Control(30)).drift == (
        "/generate no longer has the parameter 'picture_made_ready'; it may be 'prepared' now",
    )
