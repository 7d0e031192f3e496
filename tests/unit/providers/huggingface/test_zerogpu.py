from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import Busy, Crashed, ProviderError, Quota, Rejected
from providers.huggingface.zerogpu import BUSY_WAIT, PENDING_WAIT, QUOTA_WAIT, classify, retry_after

QUOTA_TITLE = "ZeroGPU quota exceeded"

#: The texts of the package ``spaces`` 0.18 to 0.51.3, by class and wait.
TEXTS = [
    ("You have exceeded your GPU quota", None, Quota, QUOTA_WAIT),
    ("You have exceeded your GPU quota (46s left vs. 60s requested). Please retry in 0:09:48", None, Quota, 588),
    ("You have exceeded your GPU quota (46s left vs. 60s requested). Sign-up on Hugging Face to get more quotas or retry in 21:50:32", None, Quota, 78632),
    ("You have exceeded your Pro GPU quota (60s requested vs. 56s left). Try again in 1 day, 2:03:04", QUOTA_TITLE, Quota, 93784),
    ("'You have exceeded your free GPU quota (60s requested vs. 0s left). <a style=\"white-space: nowrap\" href=\"https://h.co/join\">Create a free account</a> to get more usage quota.'", None, Quota, QUOTA_WAIT),
    ("You have exceeded your free ZeroGPU quota (60s requested vs. 0s left). Try again in 0:09:48.123456. Authenticate with a Hugging Face token", QUOTA_TITLE, Quota, 588),
    ("You have exceeded your ZeroGPU quota (60s requested vs. 0s left). Try again in 2 days, 0:00:01. ", QUOTA_TITLE, Quota, 172801),
    ("Unlogged user is runnning out of daily ZeroGPU quotas. Sign up", QUOTA_TITLE, Quota, QUOTA_WAIT),
    ("User is runnning out of daily ZeroGPU quotas.", QUOTA_TITLE, Quota, QUOTA_WAIT),
    ("You have exceeded your runs limit.", None, Quota, QUOTA_WAIT),
    ("You have exceeded your ZeroGPU runs limit.", None, Quota, QUOTA_WAIT),
    ("Space app has reached its GPU limit. Try re-running outside of examples if it happened after clicking one", None, Quota, QUOTA_WAIT),
    ("You have too many ZeroGPU credits allocated to running tasks. Try again once some of those tasks have completed.", "ZeroGPU pending credits exceeded", Quota, PENDING_WAIT),
    ("No GPU is currently available", None, Busy, BUSY_WAIT),
    ("No GPU is currently available for you after 60s", None, Busy, BUSY_WAIT),
    ("No GPU was available", "ZeroGPU client error", Busy, BUSY_WAIT),
    ("No GPU was available after 60s. [Create a free account](https://h.co) to get a higher priority in ZeroGPU queues. Retry later", QUOTA_TITLE, Busy, BUSY_WAIT),
    ("The requested GPU duration (240s) is larger than the maximum allowedSubscribe to PRO", "ZeroGPU illegal duration", Rejected, None),
    ("GPU task aborted", "ZeroGPU worker error", Crashed, None),
    ("OutOfMemoryError", "ZeroGPU worker error", Crashed, None),
    ("Expired ZeroGPU proxy token", "ZeroGPU client error", Crashed, None),
    (None, None, Crashed, None),
    (None, QUOTA_TITLE, Quota, QUOTA_WAIT),
    ("a new wording", "ZeroGPU queue timeout", Busy, BUSY_WAIT),
    ("Value 300 is greater than maximum value 10.", "Error", Rejected, None),
    ("Value: zzz is not in the list of choices: ['a', 'b', 'c']", "Error", Rejected, None),
    ("NSFW content detected", None, Rejected, None),
    ("please enter a prompt", "Error", Crashed, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "title", "kind", "wait"), TEXTS)
def test_a_known_text_has_its_class_and_wait(
    text: str | None, title: str | None, kind: type[ProviderError], wait: float | None
) -> None:
    error = classify(text, title)
    assert type(error) is kind
    assert error.retry_after == wait
    assert "<" not in str(error)


def test_a_refused_content_is_told_from_a_refused_input() -> None:
    assert classify("Potential NSFW content was detected").content is True  # type: ignore[attr-defined]
    assert classify("Value 300 is greater than maximum value 10.").content is False  # type: ignore[attr-defined]


def test_a_hidden_error_says_that_it_is_hidden() -> None:
    assert str(classify(None, "Error")) == "the app failed and does not say why"


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_wait_is_read_as_python_prints_it(days: int, hours: int, minutes: int, seconds: int) -> None:
    from datetime import timedelta

    wait = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert retry_after(f"Quota. Try again in {wait}. More") == min(wait.total_seconds(), 30 * 86400)


@given(st.text(max_size=300), st.none() | st.text(max_size=50))
def test_any_text_has_a_class(text: str, title: str | None) -> None:
    error = classify(text, title)
    assert error.retry_after is None or error.retry_after >= 0
    assert str(error)
