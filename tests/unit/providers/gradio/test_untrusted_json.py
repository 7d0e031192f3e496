from __future__ import annotations

import json
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import Protocol
from providers.gradio.untrusted_json import DEPTH, VALUES, loads

FINITE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=8), child, max_size=3),
    max_leaves=10,
)


@given(FINITE)
def test_it_gives_back_what_json_can_say(value: object) -> None:
    for raw in (json.dumps(value), json.dumps(value, ensure_ascii=False), json.dumps(value).encode()):
        assert loads(raw) == value


@pytest.mark.parametrize(
    "line",
    [
        r'"\ud800"', r'["a", {"b": "x\udfffy"}]', r'{"\uD800": 1}', r'"\udc00\ud800"', r'"\ud83d\ud83d\ude00"',
        "9" * 5000, "[" * 5000, "[" * (DEPTH + 1) + "]" * (DEPTH + 1), "", "{", "nul", "'a'", '"a\nb"', '{"a": 1,}',
    ],
)  # fmt: skip
def test_what_is_no_text_and_no_json_is_a_protocol_error(line: str) -> None:
    for raw in (line, line.encode()):
        with pytest.raises(Protocol):
            loads(raw)


@pytest.mark.parametrize("raw", [b"\xed\xa0\x80", b'"\xed\xa0\x80"', b'"\xff"', '"a"'.encode("utf-16"), b'"\xc0\x80"'])
def test_bytes_that_are_not_utf_8_are_a_protocol_error(raw: bytes) -> None:
    with pytest.raises(Protocol):
        loads(raw)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (r'"\ud83d\ude00"', "😀"), (r'"\\ud800"', r"\ud800"), ("[NaN, -Infinity, 1e400, -1e400]", [None] * 4),
        ('{"a": 1, "a": 2}', {"a": 2}), (r'"\u0000"', "\0"), ("1e3", 1000.0), ("\ufeff1", 1),
    ],
)  # fmt: skip
def test_what_is_odd_but_clear_is_read(line: str, value: object) -> None:
    assert loads(line.encode()) == value


@pytest.mark.parametrize("piece", ["[],", "{},", '"ab",', "0.5,", '{"a":[]},'])
def test_a_large_answer_does_not_take_many_times_its_size(piece: str) -> None:
    line = f"[{piece * ((16 << 20) // len(piece))}0]"
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(Protocol, match="too many values"):
        loads(line)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20
    assert time.monotonic() - began < 2
    assert len(loads(f"[{'0,' * (VALUES - 2)}0]")) == VALUES - 1  # type: ignore[arg-type]
