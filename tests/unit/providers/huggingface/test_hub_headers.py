"""Whose GPU time a Space shall use, as headers."""

from __future__ import annotations

import pytest

from providers.huggingface.hub import NO_UUID, GpuToken, headers
from providers.spec import Credentials

FOUND = GpuToken(token="hub-token", uuid="hub-uuid")
NOTHING = GpuToken()


@pytest.mark.parametrize(
    ("credentials", "found", "sent"),
    [
        (Credentials(), NOTHING, {}),
        (Credentials(), FOUND, {"x-zerogpu-token": "hub-token", "x-zerogpu-uuid": "hub-uuid"}),
        (Credentials(), GpuToken(token="t"), {"x-zerogpu-token": "t", "x-zerogpu-uuid": NO_UUID}),
        (Credentials(), GpuToken(uuid="u"), {}),
        (Credentials(zerogpu_uuid="u"), NOTHING, {}),
        (Credentials(zerogpu_uuid="u"), FOUND, {"x-zerogpu-token": "hub-token", "x-zerogpu-uuid": "u"}),
        (Credentials(api_key="k"), NOTHING, {"x-zerogpu-token": "k", "x-zerogpu-uuid": "[object Object]"}),
        (Credentials(api_key="k", zerogpu_uuid="u"), FOUND, {"x-zerogpu-token": "k", "x-zerogpu-uuid": "u"}),
        (Credentials(api_key="hf_x"), NOTHING, {"X-HF-Authorization": "Bearer hf_x"}),
        (Credentials(hf_token="hf_x"), NOTHING, {"X-HF-Authorization": "Bearer hf_x"}),
        (
            Credentials(hf_token="hf_x", api_key="k", zerogpu_uuid="u"),
            NOTHING,
            {"X-HF-Authorization": "Bearer hf_x", "x-zerogpu-token": "k", "x-zerogpu-uuid": "u"},
        ),
        (Credentials(cookies="a=b"), NOTHING, {}),
    ],
)
def test_headers(credentials: Credentials, found: GpuToken, sent: dict[str, str]) -> None:
    assert headers(credentials, found) == sent


def test_secrets_do_not_show() -> None:
    assert "hub" not in repr(FOUND)
    shown = repr(Credentials(api_key="a1", hf_token="b2", zerogpu_uuid="c3", cookies="d4", proxy="e5"))
    assert not any(secret in shown for secret in ("a1", "b2", "c3", "d4", "e5"))
