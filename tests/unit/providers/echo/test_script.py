"""The steps of a scripted job."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.echo.script import FAILURES, STEPS, Step, StepError, parse


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("queue", Step(verb="queue", seconds=0.0)),
        ("queue 3s", Step(verb="queue", seconds=3.0)),
        ("  wait   500ms ", Step(verb="wait", seconds=0.5)),
        ("wait 1.5m", Step(verb="wait", seconds=90.0)),
        ("wait 0:00:02", Step(verb="wait", seconds=2.0)),
        ("start", Step(verb="start")),
        ("progress 5", Step(verb="progress", count=5)),
        ("progress 5 2s", Step(verb="progress", count=5, seconds=2.0)),
        ("preview", Step(verb="preview")),
        ("preview 3", Step(verb="preview", count=3)),
        ("log hello there", Step(verb="log", text="hello there")),
        ("warning careful", Step(verb="warning", text="careful")),
        ("status fine", Step(verb="status", text="fine")),
        ("checkpoint", Step(verb="checkpoint")),
        ("fail quota 0:09:48", Step(verb="fail", failure="quota", seconds=588.0)),
        ("fail provider_quota 0:09:48", Step(verb="fail", failure="provider_quota", seconds=588.0)),
        ("fail busy all taken", Step(verb="fail", failure="busy", text="all taken")),
        ("fail busy 5s all taken", Step(verb="fail", failure="busy", seconds=5.0, text="all taken")),
        ("fail-once crashed", Step(verb="fail-once", failure="crashed")),
        ("image", Step(verb="image")),
        ("image 4", Step(verb="image", count=4)),
        ("text hello", Step(verb="text", text="hello")),
    ],
)
def test_steps_are_read(line: str, step: Step) -> None:
    assert parse(line) == step


@pytest.mark.parametrize(
    "line",
    [
        "",
        "dance",
        "Queue 3s",
        "queue 3",
        "queue three",
        "wait 2 s",
        "wait 2h",
        "wait -1s",
        "start now",
        "checkpoint 1",
        "progress 0",
        "progress -1",
        "progress 1001",
        "progress x",
        "progress 5 2",
        "progress \uff15",
        "image 17",
        "image " + "9" * 5000,
        "log",
        "text",
        "fail",
        "fail nope",
        "fail-once",
    ],
)
def test_other_steps_are_refused_in_words(line: str) -> None:
    with pytest.raises(StepError):
        parse(line)


def test_every_failure_that_a_job_can_show_can_be_scripted() -> None:
    codes = {
        "provider_quota",
        "provider_busy",
        "provider_unreachable",
        "provider_timeout",
        "content_rejected",
        "invalid_input",
        "provider_error",
        "provider_protocol",
        "provider_changed",
    }
    assert codes <= set(FAILURES)


@given(st.sampled_from(STEPS) | st.text(), st.text())
def test_no_text_makes_it_fail_otherwise(verb: str, rest: str) -> None:
    with suppress(StepError):
        assert parse(f"{verb} {rest}").verb in STEPS
