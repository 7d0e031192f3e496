from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import Protocol
from providers.events import Progress, Queued, Status
from providers.gradio.messages import Message, ProcessCompleted, parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=8), child, max_size=3),
    max_leaves=10,
)
KINDS = [
    "estimation", "send_data", "process_starts", "progress", "log", "process_generating",
    "process_streaming", "process_completed", "unexpected_error", "queue_full", "close_stream", "heartbeat", "other",
]  # fmt: skip
FIELDS = st.fixed_dictionaries(
    {"msg": st.sampled_from(KINDS)},
    optional=dict.fromkeys(
        (
            "event_id",
            "rank",
            "queue_size",
            "rank_eta",
            "eta",
            "progress_data",
            "log",
            "level",
            "output",
            "success",
            "title",
            "message",
            "session_not_found",
        ),
        JSON,
    ),
)


@given(FIELDS)
def test_any_fields_give_a_message_nothing_or_a_protocol_error(fields: dict[str, object]) -> None:
    try:
        message = parse(json.dumps(fields))
    except Protocol:
        return
    assert message is not None or fields["msg"] == "other"


@given(st.text(max_size=200))
def test_any_text_gives_a_message_or_a_protocol_error(line: str) -> None:
    text = ""
    try:
        parse(line)
    except Protocol as error:
        text = str(error)
    assert len(text) < 300


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"msg": 7}',
        '{"msg": "estimation"',
        "<html>",
        '{"msg": "progress", "progress_data": "50%"}',
        '{"msg": "process_completed"}',
        '{"msg": "process_completed", "output": {"data": []}}',
        '{"msg": "process_completed", "output": {"data": "text"}, "success": true}',
        '{"msg": "process_generating", "output": []}',
        "[" * 100_000,
        '{"msg": "log", "log": ' + "[" * 65 + "]" * 65 + "}",
        '{"msg": "log", "log": ' + "9" * 5000 + "}",
    ],
)
def test_what_is_no_message_is_a_protocol_error(line: str) -> None:
    with pytest.raises(Protocol):
        parse(line)


def test_an_unknown_kind_is_ignored() -> None:
    assert parse('{"msg": "process_dreaming", "event_id": "e", "dream": 1}') is None


def test_bad_numbers_become_nothing() -> None:
    line = '{"msg": "estimation", "event_id": "e", "rank": -1, "queue_size": NaN, "rank_eta": 1e999}'
    assert parse(line) == Message(Queued(), "e")


def test_a_bar_never_passes_its_end() -> None:
    line = '{"msg":"progress","progress_data":[{"index":9,"length":3,"unit":"<b>steps</b>","progress":-5,"desc":null}]}'
    assert parse(line) == Message(Progress(fraction=0.0, step=3, total=3, unit="<b>steps</b>"))


@pytest.mark.parametrize(
    ("bars", "progress"),
    [
        (
            [{"index": 1, "length": 2, "desc": "picture"}, {"index": 5, "length": 10, "desc": "step"}],
            Progress(fraction=0.75, step=1, total=2, message="picture · step"),
        ),
        (
            [{"index": 2, "length": 2}, {"index": 10, "length": 10}],
            Progress(fraction=1.0, step=2, total=2),
        ),
        (
            [{"index": 1, "length": 4, "unit": "steps", "desc": "painting"}],
            Progress(fraction=0.25, step=1, total=4, unit="steps", message="painting"),
        ),
        ([], Progress(message="generating")),
    ],
)
def test_nested_bars_fill_the_outer_ones_step(bars: list[object], progress: Progress) -> None:
    assert parse(json.dumps({"msg": "progress", "progress_data": bars})) == Message(progress)


def test_a_log_of_an_unknown_level_is_an_info() -> None:
    assert parse('{"msg":"log","log":"<i>hi</i>","level":"panic"}') == Message(Status("hi", "info"))


def test_the_title_of_a_failed_generator_is_found_in_its_output() -> None:
    line = '{"msg":"process_completed","output":{"error":"boo","title":"T"},"success":false,"title":null}'
    assert parse(line) == Message(ProcessCompleted(success=False, error="boo", title="T"))


def test_an_infinite_number_in_a_result_becomes_null() -> None:
    message = parse('{"msg":"process_completed","output":{"data":[1e999, NaN, 1.5]},"success":true}')
    assert message == Message(ProcessCompleted(success=True, data=(None, None, 1.5)))
