"""Every provider error has its code, and nothing an upstream says is believed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import logs
from jobs import events
from providers import errors
from providers import events as said
from worker.attempts import mapping

CODES = {
    errors.Quota: "provider_quota",
    errors.Busy: "provider_busy",
    errors.Unreachable: "provider_unreachable",
    errors.Waking: "provider_unreachable",
    errors.Timeout: "provider_timeout",
    errors.Rejected: "invalid_input",
    errors.Denied: "provider_error",
    errors.Crashed: "provider_error",
    errors.Protocol: "provider_protocol",
    errors.Changed: "provider_changed",
    errors.Canceled: "provider_error",
}


KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ProviderError)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not errors.ProviderError])
def test_every_provider_error_has_a_code(kind: type[errors.ProviderError]) -> None:
    failure = mapping.failure_of(kind("what happened"), "p")
    assert (failure.code, failure.detail, failure.provider) == (CODES[kind], "what happened", "p")
    assert failure.retryable is kind.retryable


def test_refused_content_is_told_from_wrong_input() -> None:
    assert mapping.failure_of(errors.Rejected("nudity", content=True), "p").code == "content_rejected"


def test_an_error_of_a_plugin_has_the_code_of_what_it_is_a_kind_of() -> None:
    class Overheated(errors.Busy):
        """It is too warm there."""

    assert mapping.failure_of(Overheated(), "p").code == "provider_busy"


def test_provider_events_become_job_events() -> None:
    assert mapping.event_of(said.Queued(1, 3, 4.5), 9.0) == events.UpstreamQueued(
        at=9.0, rank=1, size=3, eta_seconds=4.5
    )
    assert mapping.event_of(said.Started(), 9.0) == events.Progressed(at=9.0, stage="generating")
    assert mapping.event_of(said.Status("hi", "warning"), 9.0) == events.Logged(at=9.0, text="hi", level="warning")
    assert mapping.event_of(said.Progress(0.5, 1, 2, "steps", "x"), 9.0) == events.Progressed(
        at=9.0, stage="generating", fraction=0.5, step=1, total=2, message="x"
    )
    assert mapping.event_of(said.Completed((), None), 9.0) is None


@given(st.text(st.characters(), max_size=2000))
def test_a_text_comes_out_short_and_fit_to_be_shown(text: str) -> None:
    shown = mapping.text(text)
    assert len(shown) <= mapping.TEXT_LIMIT
    shown.encode()
    assert not any(ord(char) < 32 and char not in "\n\t" for char in shown)


def test_a_secret_at_the_cut_is_hidden_whole() -> None:
    token = "hf_" + "a" * 34
    shown = mapping.text("x" * (mapping.TEXT_LIMIT - 8) + token)
    assert "hf_" not in shown
    with logs.hiding() as hide:
        hide("canary-4711")
        assert "canary" not in mapping.text("x" * (mapping.TEXT_LIMIT - 4) + "canary-4711")


@given(st.floats(), st.integers(), st.floats())
def test_numbers_come_out_within_bounds_or_not_at_all(fraction: float, number: int, eta: float) -> None:
    event = mapping.event_of(said.Progress(fraction, number, number), 1.0)
    assert isinstance(event, events.Progressed)
    assert event.fraction is None or 0 <= event.fraction <= 1
    assert event.step is None or 0 <= event.step <= 2**53
    queued = mapping.event_of(said.Queued(number, number, eta), 1.0)
    assert isinstance(queued, events.UpstreamQueued)
    assert queued.eta_seconds is None or math.isfinite(queued.eta_seconds)


@pytest.mark.parametrize(
    ("left", "begun", "words"),
    [
        ({"phase": "done"}, None, "resumed: the earlier submission had finished"),
        ({"phase": "posted", "event_id": "e"}, {"phase": "opened", "event_id": "e"}, "resumed: the earlier submission was picked"),
        ({"phase": "posting", "session": "s"}, {"phase": "opened", "session": "s", "event_id": "e"}, "resumed: the earlier submission was found"),
        ({"phase": "posting", "session": "s"}, {"phase": "posting", "session": "t"}, "resubmitted: the earlier submission was not found"),
        ({"phase": "opened", "event_id": "e", "session": "s"}, {"phase": "posting", "session": "t"}, "resubmitted: the earlier submission was canceled"),
    ],
)  # fmt: skip
def test_the_ledger_says_what_became_of_an_earlier_submission(
    left: dict[str, str], begun: dict[str, str] | None, words: str
) -> None:
    assert mapping.note_of(left, begun).startswith(words)
