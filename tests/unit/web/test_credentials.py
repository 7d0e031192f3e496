"""A key is found in the header where a kind of client puts it, and nowhere else."""

from __future__ import annotations

import base64

import pytest

from web.http.credentials import bearer_in, password_in


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("Bearer dk_live_1", "dk_live_1"), ("bearer dk_live_1", "dk_live_1"), ("Bearer", ""), ("", ""),
        ("Key dk_live_1", ""), (basic("me:dk_live_1"), ""),
    ],
)  # fmt: skip
def test_a_token(given: str, found: str) -> None:
    assert bearer_in({"HTTP_AUTHORIZATION": given}) == found
    assert bearer_in({"HTTP_X_HF_AUTHORIZATION": given}, "X-HF-Authorization") == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (basic("me:dk_live_1"), "dk_live_1"), (basic(":dk_live_1"), "dk_live_1"), (basic("me:a:b"), "a:b"),
        (basic("me"), ""), (basic(""), ""), ("Basic", ""), ("Basic undefined!", ""), ("Basic //8=", ""), ("", ""),
        ("Bearer dk_live_1", ""),
    ],
)  # fmt: skip
def test_a_password(given: str, found: str) -> None:
    assert password_in({"HTTP_AUTHORIZATION": given}) == found
