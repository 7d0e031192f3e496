"""Recorded exchanges with one odd value in them: whatever an app says is an answer, or a ProviderError."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import logs
from media import KINDS, Kind
from providers.base import Control
from providers.errors import ProviderError
from providers.events import Completed, Data, FileOutput, InlineFile, Preview, RawOutput, Text
from providers.gradio.answers import files
from providers.gradio.answers.results import complete
from providers.gradio.answers.steps import Steps
from providers.gradio.app_limits import AppLimits
from providers.gradio.call_plan import make_plan
from providers.gradio.endpoints import Output, parse_app
from providers.gradio.messages import parse
from providers.gradio.refusals import Refusal
from providers.gradio.session import CallResult, Session
from providers.gradio.stream import EventReader
from providers.gradio.untrusted_json import loads
from tests.support.odd_values import ODD, places, with_odd
from tests.transcripts.reader import Exchange, everything

RECORDED = everything()
STREAMS = [e for e in RECORDED if e.is_stream and b"process_completed" in e.body]
CONFIGS = [e for e in RECORDED if e.name == "01-config"]
INFOS = {e.version: e for e in RECORDED if e.name in {"01-get_info", "01-get_gradio_api_info"}}
REFUSALS = [e for e in RECORDED if e.status >= 400 and e.body.startswith(b"{")]


OUTPUTS = (Output("image", "Result"), Output("number", "Seed"), *[Output()] * 8)


class Files:
    """Finds files as the transfer does, without an app to fetch them from."""

    def output(self, found: files.Stored) -> InlineFile:
        if isinstance(found, InlineFile):
            return found
        url = files.address("http://127.0.0.1:7860", "", found)
        return InlineFile(found.name, (url or "").encode())


def storable(value: object) -> None:
    """What goes into records and logs must be text that can be encoded."""
    json.dumps(logs.redacted(value), ensure_ascii=False).encode()


def vars_of(output: RawOutput) -> object:
    match output:
        case Text():
            return [output.text, output.label]
        case Data():
            return [output.value, output.label]
        case FileOutput():
            return [output.file.name, output.label, output.caption]
        case _:
            return output.name


def finish(finder: Any, kind: Kind, event: CallResult) -> None:
    """Read an answer as a driver does, for one kind of outputs."""
    try:
        for last in complete(finder, kind, event.data, OUTPUTS[: len(event.data)]):
            if isinstance(last, Completed):
                storable([vars_of(output) for output in last.outputs])
            else:
                storable(str(last))
    except ProviderError as error:
        storable(error.detail)


def follow(lines: list[str], *, diffs: bool) -> None:
    """Read a stream as a driver does, and look at all that comes out."""
    finder: Any = Files()
    body = "".join(f"data: {line}\n\n" for line in lines).encode("utf-8", "surrogatepass")
    pieces = iter([body, b""])
    events = EventReader(lambda _: next(pieces), limits=AppLimits(), control=Control())
    session = Session(step=Steps((), "text", finder.output, diffs=diffs).feed)
    try:
        for line in events:
            message = parse(line)
            for event in () if message is None else session.feed(message):
                if isinstance(event, Preview):
                    storable([event.image.name, str(event.image.read(1 << 30))])
                elif isinstance(event, CallResult):
                    for kind in KINDS:
                        finish(finder, kind, event)
                else:
                    storable(str(event))
    except ProviderError as error:
        storable([error.detail, error.title, error.retry_after])


@pytest.fixture(autouse=True)
def _steps_can_be_shown(caplog: pytest.LogCaptureFixture) -> Any:
    yield
    assert "the steps of an app cannot be shown" not in caplog.text


@st.composite
def odd_streams(draw: st.DrawFn) -> tuple[list[str], bool]:
    stream = draw(st.sampled_from(STREAMS))
    lines = [line[6:] for line in stream.body.decode().splitlines() if line.startswith("data: ")]
    number = draw(st.integers(0, len(lines) - 1))
    message = json.loads(lines[number])
    way = draw(st.sampled_from(list(places(message))))
    lines[number] = with_odd(message, way, draw(st.sampled_from(ODD)))
    return lines, draw(st.booleans())


@settings(max_examples=1500, deadline=None)
@given(odd_streams())
def test_a_stream_with_an_odd_value_gives_an_answer_or_a_provider_error(odd: tuple[list[str], bool]) -> None:
    lines, diffs = odd
    follow(lines, diffs=diffs)


@pytest.mark.parametrize("odd", ODD)
def test_each_field_of_each_kind_of_message_may_be_odd(odd: str) -> None:
    kinds: dict[str, dict[str, object]] = {}
    for stream in STREAMS:
        for line in stream.body.decode().splitlines():
            if line.startswith("data: "):
                message = json.loads(line[6:])
                kinds.setdefault(message["msg"], {}).update(message)
    end = '{"msg": "process_completed", "output": {"data": ["x"]}, "success": true}'
    for message in kinds.values():
        for way in places(message):
            follow([with_odd(message, way, odd), end], diffs=True)


@st.composite
def odd_apps(draw: st.DrawFn) -> tuple[str, str]:
    config = draw(st.sampled_from(CONFIGS))
    said: list[Any] = [json.loads(config.body), json.loads(INFOS[config.version].body)]
    which = draw(st.integers(0, 1))
    # Most of a configuration is about looks.
    if which == 0:
        said[0] = {key: said[0].get(key) for key in ("version", "protocol", "api_prefix", "dependencies", "components")}
    way = draw(st.sampled_from(list(places(said[which]))))
    texts = [json.dumps(part) for part in said]
    texts[which] = with_odd(said[which], way, draw(st.sampled_from(ODD)))
    return texts[0], texts[1]


@settings(max_examples=150, deadline=None)
@given(odd_apps())
def test_an_app_that_describes_itself_oddly_is_planned_or_refused(odd: tuple[str, str]) -> None:
    try:
        app = parse_app(loads(odd[0]), loads(odd[1]))
        storable(app.signature())
        for endpoint in app.endpoints:
            given_ = dict.fromkeys(endpoint.names[:2], "x")
            storable(make_plan(app, endpoint.api_name, given_, fn_index=endpoint.fn_index).data)
    except ProviderError as error:
        storable(error.detail)


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(REFUSALS), st.data())
def test_an_odd_refusal_is_a_provider_error(exchange: Exchange, data: st.DataObject) -> None:
    body = json.loads(exchange.body)
    way = data.draw(st.sampled_from(list(places(body))))
    refusal = Refusal(
        status=data.draw(st.sampled_from([exchange.status, 200, 301, 422, 500, 503])),
        content_type="application/json",
        body=with_odd(body, way, data.draw(st.sampled_from(ODD))),
    )
    for error in (refusal.error(), refusal.of_function()):
        assert isinstance(error, ProviderError)
        storable([error.detail, error.title, error.retry_after])
