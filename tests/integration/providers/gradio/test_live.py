"""The client against real Gradio apps: each flow on each line, faults, cancel and resumption by the apps' own logs."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Generator, Iterator
from uuid import uuid4

import pytest
from PIL import Image

from providers.base import Control
from providers.errors import Busy, Canceled, Changed, Crashed, Denied, ProviderError, Quota, Unreachable
from providers.events import Checkpoint, Preview, Progress, ProviderEvent, Queued, Started, Status
from providers.gradio.answers.files import Stored, find
from providers.gradio.app_info import AppAddress
from providers.gradio.app_limits import AppLimits
from providers.gradio.call_plan import Style
from providers.gradio.client import GradioApp
from providers.gradio.session import CallResult
from providers.spec import InputFile
from tests.spaces import environments
from tests.spaces.launcher import Space, Spaces
from tests.support.eventually import eventually

LINES = [
    *(pytest.param(line, marks=pytest.mark.live) for line in environments.TESTED),
    *(pytest.param(line, marks=pytest.mark.soak) for line in environments.OLDEST),
]
STYLES: tuple[Style, ...] = ("call", "join")
Event = ProviderEvent | CallResult


def stored(value: object) -> Stored:
    found = find(value)
    assert found is not None
    return found


@pytest.fixture(params=LINES)
def space(request: pytest.FixtureRequest, spaces: Spaces) -> Space:
    return spaces.get(request.param)


def is_old(space: Space) -> bool:
    """Gradio without ``/cancel`` and ``/call``."""
    return space.line in {"4.8", "4.16", "4.19"}


def opened(space: Space, control: Control | None = None, limits: AppLimits | None = None) -> GradioApp:
    address = AppAddress(base_url=space.url, login=("alice", "secret") if space.has_login else None)
    return GradioApp(address, control=control or Control(60), limits=limits or AppLimits())


#: The generic app's parameters: Gradio 4.8 to 4.19 tell no names.
NAMES = {
    "/generate": ("text", "steps", "delay"),
    "/slow": ("text", "seconds"),
    "/together": ("text", "seconds"),
    "/bars": ("steps",),
    "/tracked": ("steps",),
    "/gallery": ("pictures",),
    "/echo_image": ("image",),
    "/defaults": ("text", "number", "ticked", "choice"),
}


def begin(
    app: GradioApp,
    name: str,
    arguments: dict[str, object],
    style: Style = "call",
    resume: dict[str, object] | None = None,
) -> Generator[Event, None, None]:
    yield from app.call(name, arguments, order=NAMES.get(name, ("text",)), style=style, resume=resume)


def call(space: Space, name: str, style: Style = "call", **arguments: object) -> list[Event]:
    with opened(space) as app:
        return list(begin(app, name, arguments, style=style))


def answer(events: list[Event]) -> tuple[object, ...]:
    last = events[-1]
    assert isinstance(last, CallResult)
    return last.data


def phases(events: list[Event]) -> list[object]:
    return [event.state["phase"] for event in events if isinstance(event, Checkpoint)]


def notes(space: Space, text: str) -> list[object]:
    return [note["what"] for note in space.notes(text)]


@pytest.mark.parametrize("style", STYLES)
def test_a_quick_call_is_told_from_checkpoint_to_answer(space: Space, style: Style) -> None:
    events = call(space, "/quick", style, text="hi")
    assert answer(events) == ("quick: hi",)
    assert phases(events) == (["opened"] if space.line == "4.8" else ["posting", "posted", "opened"])
    assert any(isinstance(event, Started) for event in events)


@pytest.mark.parametrize("style", STYLES)
def test_each_step_of_a_generator_is_a_preview_that_can_be_read(space: Space, style: Style) -> None:
    with opened(space) as app:
        pictures = []
        for event in begin(app, "/generate", {"text": "p", "steps": 4, "delay": 0.1}, style=style):
            if isinstance(event, Preview):
                pictures.append(picture(event.image.read(1 << 20)))
            if isinstance(event, CallResult):
                final = app.files.output(stored(event.data[0]))
                assert picture(final.read(1 << 20)).size == (48, 48)
                assert event.data[1] == 3
    assert len(pictures) == 4
    assert len({image.getpixel((5, 5)) for image in pictures}) == 4


def picture(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.mark.parametrize(("name", "message"), [("/bars", "painting"), ("/tracked", "denoising")])
def test_progress_is_told_by_step_and_fraction(space: Space, name: str, message: str) -> None:
    steps = [event for event in call(space, name, steps=4) if isinstance(event, Progress) and event.total]
    # Steps are skipped and the last one does not come: that is how Gradio is.
    assert len(steps) >= 2
    assert {(step.total, step.message) for step in steps} == {(4, message)}
    fractions = [step.fraction or 0.0 for step in steps]
    assert fractions == sorted(fractions)


def test_logs_are_lines_with_a_level(space: Space) -> None:
    lines = [event for event in call(space, "/logs", text="T") if isinstance(event, Status)]
    assert lines == [Status("info T", "info"), Status("warning T", "warning")]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "text", ["plain", 'it\'s "quoted"', 'a <a href="https://h.co">link</a> &amp; more', "two\nlines"]
)
def test_the_text_of_a_gradio_error_arrives_clean(space: Space, style: Style, text: str) -> None:
    with pytest.raises(Crashed) as caught:
        call(space, "/fail", style, text=text)
    clean = {"two\nlines": "two lines"}.get(text, text.replace('<a href="https://h.co">link</a> &amp;', "link &"))
    assert str(caught.value) == clean


def test_a_quota_text_becomes_a_quota_error_with_its_time(space: Space) -> None:
    with pytest.raises(Quota) as caught:
        call(space, "/fail", text="You have exceeded your GPU quota (60s requested vs. 0s left). Try again in 0:09:48")
    assert caught.value.retry_after == 588


def test_a_hidden_exception_says_that_it_is_hidden(space: Space) -> None:
    with pytest.raises(Crashed, match="the app failed and does not say why"):
        call(space, "/crash", text="x")


@pytest.mark.parametrize("style", STYLES)
def test_state_is_filled_with_null_and_defaults_with_the_apps_own(space: Space, style: Style) -> None:
    assert answer(call(space, "/count", style, text="a"))[0] == "a 1"
    (told,) = answer(call(space, "/defaults", style, choice="a", text="t"))
    assert json.loads(str(told)) == ["t", 7, True, "a"]


def test_all_pictures_of_a_gallery_can_be_read(space: Space) -> None:
    with opened(space) as app:
        (gallery,) = answer(list(begin(app, "/gallery", {"pictures": 3})))
        assert isinstance(gallery, list)
        files = [app.files.output(stored(item["image"])) for item in gallery]
        colours = {picture(file.read(1 << 20)).getpixel((5, 5)) for file in files}
    assert len(colours) == 3


def test_an_uploaded_picture_comes_back(space: Space) -> None:
    raw = io.BytesIO()
    Image.new("RGB", (20, 10), (200, 100, 0)).save(raw, "PNG")
    with opened(space) as app:
        sent = app.files.upload(InputFile("../x\r\n.png", raw.getvalue(), "image/png"))
        (echoed,) = answer(list(begin(app, "/echo_image", {"image": sent})))
        file = app.files.output(stored(echoed))
        assert picture(file.read(1 << 20)).size == (20, 10)


def test_a_file_with_a_difficult_name_can_be_read(space: Space) -> None:
    with opened(space) as app:
        (saved,) = answer(list(begin(app, "/save", {"text": "inside"})))
        file = app.files.output(stored(saved))
        assert file.read(100) == b"inside"


def test_a_hidden_function_is_found_by_its_number(space: Space) -> None:
    with opened(space) as app:
        events = list(app.call("/no_longer", {"t": "x"}, order=("t",), fn_index=14))
    assert answer(events) == ("quick: x",)


def test_a_wrong_name_says_what_the_app_has(space: Space) -> None:
    with pytest.raises(Changed, match=r"the app has no function /infer; it has: /bars, /count"):
        call(space, "/infer", text="x")


def test_a_wrong_parameter_is_named(space: Space) -> None:
    with pytest.raises(Changed, match="no longer has the parameter 'guidance'"):
        call(space, "/quick", text="x", guidance=1)


def test_an_input_that_is_not_given_is_sent_as_the_page_sends_it(space: Space) -> None:
    assert answer(call(space, "/quick")) == ("quick: ",)


def test_a_signature_names_functions_and_parameters(space: Space) -> None:
    with opened(space) as app:
        signature = app.info.refresh().signature()
    told = signature["/generate"]
    assert isinstance(told, dict)
    assert told["outputs"] == ["image", "number"]
    names = [None] * 3 if is_old(space) else ["text", "steps", "delay"]
    required = [not is_old(space), False, False]
    assert told["inputs"] == [list(row) for row in zip(names, ["textbox", "slider", "number"], required, strict=True)]


def test_a_blocking_call_gives_its_answer_and_its_error(space: Space) -> None:
    with opened(space) as app:
        # Queued functions are closed to it on Spaces, but not by default elsewhere.
        events = list(app.predict("/slow", {"text": "b", "seconds": 1.2}, order=NAMES["/slow"]))
        with pytest.raises(Crashed, match="it's so"):
            list(app.predict("/fail", {"text": "it's so"}, order=("text",)))
    assert events[-1] == CallResult(("slow: b",))
    lines = [event.text for event in events if isinstance(event, Status)]
    assert lines[0] == "Acquiring GPU token"
    assert lines[1].startswith("Generating 1.")
    assert lines[-1].startswith("Finished 1.")


def running(space: Space, control: Control, name: str, **arguments: object) -> Generator[Event, None, None]:
    """A call that is begun and followed in the background: cancel is to find it blocked in a read."""
    with opened(space, control) as app:
        yield from begin(app, name, arguments)


def follow(events: Iterator[Event], seen: list[object]) -> threading.Thread:
    def run() -> None:
        try:
            seen.extend(events)
        except ProviderError as error:
            seen.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_a_canceled_generator_stops_at_the_app(space: Space) -> None:
    text, control, seen = uuid4().hex, Control(), list[object]()
    thread = follow(running(space, control, "/generate", text=text, steps=50, delay=0.3), seen)
    eventually(lambda: "step 0" in notes(space, text), within=10)
    control.cancel("by the user")
    thread.join(5)
    assert isinstance(seen[-1], Canceled)
    before = len(notes(space, text))
    time.sleep(1.0)
    # One more step may have been under way.
    assert len(notes(space, text)) <= before + 1
    assert "end" not in notes(space, text)


def test_a_canceled_function_frees_its_place(space: Space) -> None:
    text, control, seen = uuid4().hex, Control(), list[object]()
    thread = follow(running(space, control, "/slow", text=text, seconds=6), seen)
    eventually(lambda: notes(space, text) == ["start"], within=10)
    control.cancel("by the user")
    thread.join(5)
    assert isinstance(seen[-1], Canceled)
    assert answer(call(space, "/slow", text="next", seconds=0)) == ("slow: next",)
    if not is_old(space):
        # Its thread runs on, as Gradio's do, but nobody waits for it.
        assert "end" not in notes(space, text)


def test_a_job_canceled_while_it_waits_never_runs(space: Space) -> None:
    blocker, text, seen, waiting, control = uuid4().hex, uuid4().hex, list[object](), list[object](), Control()
    block = follow(running(space, Control(), "/slow", text=blocker, seconds=2), seen)
    eventually(lambda: notes(space, blocker) == ["start"], within=10)
    events = running(space, control, "/slow", text=text, seconds=0)
    for event in events:
        if isinstance(event, Queued):
            break
    thread = follow(events, waiting)
    control.cancel("by the user")
    thread.join(5)
    assert isinstance(waiting[-1], Canceled)
    block.join(10)
    assert answer(call(space, "/slow", text="after", seconds=0)) == ("slow: after",)
    # These two do not always notice that a stream was dropped, and have nothing else to take back a waiting job.
    assert notes(space, text) == [] or space.line in {"4.16", "4.19"}


def checkpoints(space: Space, phase: str, name: str, **arguments: object) -> tuple[dict[str, object], list[Event]]:
    """Follow a call up to a checkpoint, and drop everything there as a killed process would."""
    app = opened(space)
    app.__enter__()
    seen: list[Event] = []
    for event in begin(app, name, arguments):
        seen.append(event)
        if isinstance(event, Checkpoint) and event.state["phase"] == phase:
            app._transport.close()
            return dict(event.state), seen
    raise AssertionError(f"there was no checkpoint {phase}")


@pytest.mark.parametrize("line", [p for p in LINES if p.values[0] != "4.8"])
def test_a_job_whose_stream_was_never_opened_is_picked_up_and_runs_once(spaces: Spaces, line: str) -> None:
    space, text = spaces.get(line), uuid4().hex
    state, _ = checkpoints(space, "posted", "/slow", text=text, seconds=0.2)
    eventually(lambda: notes(space, text) == ["start", "end"], within=10)
    with opened(space) as app:
        events = list(begin(app, "/slow", {"text": text, "seconds": 0.2}, resume=state))
    assert answer(events) == (f"slow: {text}",)
    assert phases(events) == ["opened"]
    assert notes(space, text) == ["start", "end"]


@pytest.mark.parametrize("line", [p for p in LINES if p.values[0] != "4.8"])
def test_an_attempt_that_died_around_its_post_is_cleared_up_by_its_session(spaces: Spaces, line: str) -> None:
    space = spaces.get(line)
    # It died before the answer, but the app has the job.
    text = uuid4().hex
    state, _ = checkpoints(space, "posted", "/slow", text=text, seconds=0.2)
    del state["event_id"]
    state["phase"] = "posting"
    with opened(space) as app:
        events = list(begin(app, "/slow", {"text": text, "seconds": 0.2}, resume=state))
    assert answer(events) == (f"slow: {text}",)
    assert notes(space, text) == ["start", "end"]
    # It died before the POST.
    text = uuid4().hex
    state, _ = checkpoints(space, "posting", "/slow", text=text, seconds=0.2)
    with opened(space, limits=AppLimits(probe=1.0)) as app:
        events = list(begin(app, "/slow", {"text": text, "seconds": 0.2}, resume=state))
    assert answer(events) == (f"slow: {text}",)
    assert notes(space, text) == ["start", "end"]
    assert [e.level for e in events if isinstance(e, Status)] == ["warning"]


def test_a_job_whose_stream_was_dropped_is_taken_back_and_submitted_anew(space: Space) -> None:
    text = uuid4().hex
    app = opened(space)
    events = begin(app.__enter__(), "/generate", {"text": text, "steps": 30, "delay": 0.2})
    state: dict[str, object] = {}
    for event in events:
        if isinstance(event, Checkpoint):
            state = dict(event.state)
        if isinstance(event, Preview):
            break
    # The process is killed: the sockets go, and nothing is said.
    app._transport.sockets.shut()
    with opened(space) as again:
        assert answer(list(begin(again, "/generate", {"text": text, "steps": 2, "delay": 0.1}, resume=state)))[1] == 1
    # There is one place: had the first one run to its end, there would be two ends.
    assert notes(space, text).count("start") == 2
    assert notes(space, text).count("end") == 1


def test_many_calls_at_once_need_one_thread_each_and_leave_nothing(space: Space) -> None:
    call(space, "/quick", text="warm")
    before = threading.active_count()
    answers: list[object] = []
    threads = [follow(running(space, Control(60), "/together", text=str(n), seconds=1.0), answers) for n in range(30)]
    assert threading.active_count() <= before + 30
    for thread in threads:
        thread.join(60)
    found = sorted(event.data for event in answers if isinstance(event, CallResult))
    assert found == sorted((f"together: {n}",) for n in range(30))
    assert threading.active_count() == before


def narrow(spaces: Spaces, line: str) -> Space:
    """An app with a login and one place in its queue."""
    return spaces.get(line, SPACE_LOGIN="alice:secret", SPACE_MAX_SIZE="1")


@pytest.mark.parametrize("line", LINES)
def test_a_full_queue_is_busy(spaces: Spaces, line: str) -> None:
    space = narrow(spaces, line)
    controls = [Control(), Control()]
    runs, waits = (running(space, control, "/slow", text=f"full {control}", seconds=20) for control in controls)
    try:
        # One runs, one waits in the only place.
        assert any(isinstance(event, Started) for event in runs)
        assert any(isinstance(event, Queued) for event in waits)
        with pytest.raises(Busy) as caught:
            call(space, "/slow", text="too many", seconds=0)
        assert caught.value.retry_after == 30
        assert "queue is full" in str(caught.value)
    finally:
        for control in controls:
            control.cancel("over")
        for events in (runs, waits):
            events.close()
        if is_old(space):
            # Its function holds the only place until it is through.
            space.stop()


@pytest.mark.parametrize("line", LINES)
def test_a_login_opens_the_app_and_a_wrong_one_does_not(spaces: Spaces, line: str) -> None:
    space = narrow(spaces, line)

    def address(login: tuple[str, str] | None) -> AppAddress:
        return AppAddress(base_url=space.url, login=login)

    with pytest.raises(Denied, match="needs a login"), GradioApp(address(None), control=Control(20)) as app:
        list(begin(app, "/quick", {"text": "x"}))
    with (
        pytest.raises(Denied, match="refuses the user name or the password"),
        GradioApp(address(("alice", "wrong")), control=Control(20)) as app,
    ):
        list(begin(app, "/quick", {"text": "x"}))
    with GradioApp(address(("alice", "secret")), control=Control(20)) as app:
        assert answer(list(begin(app, "/quick", {"text": "x"}))) == ("quick: x",)
        (gallery,) = answer(list(begin(app, "/gallery", {"pictures": 1})))
        assert isinstance(gallery, list)
        file = app.files.output(stored(gallery[0]["image"]))
        assert file.read(1 << 20)


def test_a_login_for_an_app_without_one_does_no_harm(space: Space) -> None:
    with GradioApp(AppAddress(base_url=space.url, login=("alice", "x")), control=Control(20)) as app:
        assert answer(list(begin(app, "/quick", {"text": "x"}))) == ("quick: x",)


@pytest.mark.parametrize("line", LINES)
def test_a_server_that_is_killed_in_the_middle_is_unreachable(spaces: Spaces, line: str) -> None:
    space = narrow(spaces, line)
    with opened(space) as app:
        events = begin(app, "/generate", {"text": "k", "steps": 100, "delay": 0.1})
        assert any(isinstance(event, Preview) for event in events)
        space.stop()
        with pytest.raises(Unreachable):
            list(events)
