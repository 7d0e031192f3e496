"""No secret reaches a line, whatever wrote it, and every line says whose it is."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import structlog

import logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the lines of a configured process go."""
    root = logging.getLogger()
    before, level = root.handlers, root.level
    logs.configure("json", "worker")
    output = io.StringIO()
    handler: Any = root.handlers[0]
    handler.setStream(output)
    yield output
    root.handlers = before
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


log = logging.getLogger("somebody.elses")


def said(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


@pytest.mark.parametrize(
    "secret",
    [
        "hf_AbCdEfGhIjKlMnOpQrSt",
        "dk_live_" + "a1B2" * 12,
        "Bearer abc.def-123",
        "http://me:hunter2@proxy.example:1080",
        "redis://:pass-word@127.0.0.1:6379/0",
    ],
)
def test_what_has_the_form_of_a_secret_is_hidden_wherever_it_stands(lines: io.StringIO, secret: str) -> None:
    part = secret.removeprefix("Bearer ").partition("@")[0].rpartition("//")[2]
    log.warning("sent %s there", secret)
    log.warning(
        "in extra", extra={"note": secret, "deep": {"list": [secret], "pair": (1, secret)}, "own": Exception(secret)}
    )
    try:
        raise RuntimeError(f"could not use {secret}")
    except RuntimeError:
        log.exception("failed")
    assert part not in lines.getvalue()
    assert "[hidden]" in lines.getvalue()


@pytest.mark.parametrize("name", ["api_key", "hf_token", "Authorization", "cookies", "password", "proxy"])
def test_a_field_with_the_name_of_a_secret_is_hidden(lines: io.StringIO, name: str) -> None:
    log.info("x", extra={name: "canary", "headers": {name: "canary"}})
    assert "canary" not in lines.getvalue()


def test_secrets_in_use_are_hidden_by_value_and_by_their_parts_and_only_while_in_use(lines: io.StringIO) -> None:
    with logs.hiding() as hide, logs.hiding() as other:
        for use in (hide, other):
            use("sid=0123456789abcdef; theme=dark")
        log.info("cookie 0123456789abcdef refused; sid=0123456789abcdef; theme=dark")
    assert said(lines)[0]["event"] == "cookie [hidden] refused; [hidden]"
    assert logs.redact("0123456789abcdef") == "0123456789abcdef"


def test_a_secret_that_two_use_is_hidden_until_both_are_done() -> None:
    with logs.hiding() as hide:
        hide("canary-canary")
        with logs.hiding() as other:
            other("canary-canary")
        assert logs.redact("canary-canary") == "[hidden]"
    assert logs.redact("canary-canary") == "canary-canary"


def test_an_empty_secret_hides_nothing() -> None:
    with logs.hiding() as hide:
        hide("")
        assert logs.redact("plain") == "plain"


def test_every_line_names_its_process_and_its_job_in_every_thread(lines: io.StringIO) -> None:
    def work() -> None:
        with logs.job_lines("job_1", provider="echo"):
            log.info("within")
        log.info("after")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    within, after = said(lines)
    assert (within["process"], within["job_id"], within["provider"]) == ("worker", "job_1", "echo")
    assert (after["process"], "job_id" in after) == ("worker", False)


def test_a_person_gets_lines_to_read(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    try:
        logs.configure("console", "web")
        log.warning("hf_AbCdEfGhIjKlMnOpQrSt was refused")
        try:
            raise ValueError("oops")
        except ValueError:
            log.exception("failed")
    finally:
        root.handlers = before
        root.setLevel(level)
    shown = capsys.readouterr().err
    assert "[hidden] was refused" in shown
    assert "ValueError: oops" in shown


ODD = "c4n%ry\"&<'\\+/=~tail"


@pytest.mark.parametrize(
    "disguised",
    [
        quote(ODD),
        quote(ODD, safe=""),
        html.escape(ODD),
        json.dumps({"token": ODD}),
        repr(ODD),
        ODD.encode().hex(),
        *(base64.b64encode(b"Bearer"[:before] + ODD.encode() + b"after").decode() for before in range(4)),
        base64.urlsafe_b64encode(ODD.encode()).decode(),
    ],
)
def test_a_secret_is_hidden_in_the_forms_that_usual_encodings_give_it(disguised: str) -> None:
    with logs.hiding() as hide:
        hide(ODD)
        shown = logs.redact(f"the app said {disguised}.")
        assert "[hidden]" in shown
        assert shown.startswith("the app said ")
    assert logs.redact(disguised) == disguised


def test_what_comes_up_within_a_block_is_hidden_until_its_end() -> None:
    logs.hide("not-for-anybody")
    assert logs.redact("not-for-anybody") == "not-for-anybody"
    with logs.hiding():
        logs.hide("canary-canary")
        assert logs.redact("canary-canary") == "[hidden]"
    assert logs.redact("canary-canary") == "canary-canary"


def test_all_texts_of_a_json_value_are_redacted() -> None:
    with logs.hiding() as hide:
        hide("canary-canary")
        value = {"canary-canary": ["x canary-canary", 1, None, {"a": "canary-canary"}], "b": 2.5}
        assert logs.redacted(value) == {"[hidden]": ["x [hidden]", 1, None, {"a": "[hidden]"}], "b": 2.5}


@pytest.mark.parametrize("chosen", ["e", "the", "provider", "lighthouse"])
def test_what_one_client_chose_as_its_secret_changes_no_text_of_another(lines: io.StringIO, chosen: str) -> None:
    told: list[str] = []

    def another() -> None:
        with logs.hiding():
            told.append(logs.redact("the provider painted a lighthouse"))

    with logs.hiding() as hide:
        hide(chosen)
        thread = threading.Thread(target=another)
        thread.start()
        thread.join()
        assert logs.redact("the provider painted a lighthouse") != told[0], "its own texts do not show it"
        log.info("everyone reads this line")
    assert told == ["the provider painted a lighthouse"]
    assert len(chosen) < 8 or "everyone reads this line" in lines.getvalue()


@pytest.mark.parametrize(
    "odd", ["\x1b[2J", "\x9b31m", "a\nINFO all is well", "\r", "\u202e", "\x07", "\ud800", "\u2028"]
)
def test_no_text_commands_the_terminal_that_shows_a_line(capsys: pytest.CaptureFixture[str], odd: str) -> None:
    root = logging.getLogger()
    before, level = root.handlers, root.level
    try:
        logs.configure("console", "worker")
        log.warning("the app said %s.", odd, extra={"provider": odd})
    finally:
        root.handlers = before
        root.setLevel(level)
    shown = capsys.readouterr().err
    assert "the app said " in shown
    assert len(shown.splitlines()) == 1
    assert not {"\x9b", "\r", "\u202e", "\x07", "\ud800", "\u2028"} & set(shown)
    assert "\x1b[2J" not in shown
