"""Bodies that are almost JSON, or that two readers could read in two ways."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from web.http.json_body import DEPTH_LIMIT, PICTURE_BODY, VALUES_LIMIT, parse
from web.http.problems import Problem

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc\u00e9\U0001f600"), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(JSON)
def test_what_json_can_say_comes_in_as_it_was_sent(value: Any) -> None:
    assert parse(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is not JSON"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a":1}'.encode("utf-16"), "is not UTF-8"),
        (b"\xff", "is not UTF-8"),
        (b'{"a":"\xed\xa0\xbd"}', "is not UTF-8"),
        (b'{"a":1,"a":2}', "same name twice"),
        (b'{"a":1,"\\u0061":2}', "same name twice"),
        (b'{"x":{"a":1,"a":2}}', "same name twice"),
        (b"NaN", "NaN"),
        (b'{"a":-Infinity}', "-Infinity"),
        (b"[1e999]", "too large"),
        (b"[-1e999]", "too large"),
        (b"9" * 5000, "too long"),
        (b"[9223372036854775808]", "64 bits"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udc00\\ud83d":1}', "surrogate"),
        (b'"a\\u0000b"', "NUL"),
        (b'{"\\u0000":1}', "NUL"),
        (b'"a\x07b"', "is not JSON"),
        (b"{} {}", "is not JSON"),
        (b"{'a':1}", "is not JSON"),
        (b"[1,]", "is not JSON"),
        (b"[007]", "is not JSON"),
        (b"[" * (DEPTH_LIMIT + 1) + b"]" * (DEPTH_LIMIT + 1), "deeper"),
        (b"[" * 100_000 + b"]" * 100_000, "deeper"),
        (b'{"a":' * 100_000, "deeper"),
    ],
)
def test_anything_else_is_refused_with_its_reason(body: bytes, said: str) -> None:
    with pytest.raises(Problem, match=said) as caught:
        parse(body)
    assert (caught.value.code, caught.value.status) == ("invalid_input", 400)


def test_more_values_than_can_be_worked_through_are_refused_before_they_are_read() -> None:
    parse(b"[" + b"0," * (VALUES_LIMIT - 2) + b"0]")
    with pytest.raises(Problem, match="more than 100000 values"):
        parse(b"[" + b"0," * VALUES_LIMIT + b"0]")


def test_nesting_up_to_the_limit_comes_in() -> None:
    parse(b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
def test_only_plain_json_is_taken(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.post("/v1/jobs", data=b'{"model":"echo","input":{}}', headers=headers)
    assert (answer.status_code, answer.json and answer.json["code"]) == (415, "unsupported_media")


def test_a_body_past_the_limit_is_refused_before_it_is_read(client: FlaskClient) -> None:
    body = b'"' + b"a" * PICTURE_BODY + b'"'
    answer = client.post("/v1/jobs", data=body, content_type="application/json")
    assert (answer.status_code, answer.json and answer.json["code"]) == (413, "too_large")
