"""Where a picture may come from."""

from __future__ import annotations

import pytest

from providers.inputs.images import source_problem

ID = "file_01J9ZQ4T1XG2V5C7N8M0P3R6SW"


@pytest.mark.parametrize(
    "source",
    [
        "data:image/png;base64,iVBORw0KGgo=",
        "data:image/jpeg;base64,AAAA",
        "data:image/webp;base64,AAAAAA==",
        "https://example.com/a.png?x=1#y",
        "https://example.com:443/a",
        "http://10.1.2.3:8080/snap.jpg",
        "https://xn--bcher-kva.example.com/",
        ID,
    ],
)
def test_right_sources_are_accepted(source: str) -> None:
    assert source_problem(source) is None


@pytest.mark.parametrize(
    "source",
    [
        "",
        "hello",
        "file_1",
        f"{ID}x",
        f"{ID}\n",
        "data:",
        "data:image/png,AAAA",
        "data:image/png;base64,",
        "data:image/png;base64,iVBO Rw0K\nGgo=",
        "data:image/png;base64,AAA",
        "data:image/png;base64,AAAA=",
        "data:image/svg+xml;base64,AAAA",
        "data:image/gif;base64,AAAA",
        "data:image/x-icon;base64,AAAA",
        "data:application/pdf;base64,JVBERi0xLjQ=",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "gopher://127.0.0.1:6379/_INFO",
        "unix:///var/run/docker.sock",
        "https://example.com/" + "a" * 2048,
    ],
)
def test_wrong_sources_are_refused_in_words(source: str) -> None:
    assert source_problem(source)
