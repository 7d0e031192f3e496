from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.events import InlineFile
from providers.gradio.answers.files import Reference, address, find, kind_of

BASE = "https://x.hf.space"
DATA_URL = "data:image/png;base64,aGk="


def file_data(**fields: object) -> dict[str, object]:
    found = {"path": "/tmp/a/image.webp", "url": "http://other/gradio_a/file=/x", "size": None, "orig_name": None}
    return {**found, "mime_type": None, "is_stream": False, "meta": {"_type": "gradio.FileData"}, **fields}


@pytest.mark.parametrize(
    ("data", "url"),
    [
        (file_data(), f"{BASE}/gradio_api/file=/tmp/a/image.webp"),
        (file_data(path="/t/my pic #1 100%.png"), f"{BASE}/gradio_api/file=/t/my%20pic%20%231%20100%25.png"),
        (file_data(url=None), f"{BASE}/gradio_api/file=/tmp/a/image.webp"),
        ({"name": "/t/a.png", "data": None, "is_file": True}, f"{BASE}/gradio_api/file=/t/a.png"),
        (file_data(is_stream=True, url=f"{BASE}/gradio_api/stream/1/a.mp4"), f"{BASE}/gradio_api/stream/1/a.mp4"),
        (
            file_data(is_stream=True, url=f"{BASE}/gradio_api/stream/1/2/3/playlist.m3u8"),
            f"{BASE}/gradio_api/stream/1/2/3/playlist-file",
        ),
        (file_data(is_stream=True, url=f"{BASE}/call/s/stream/1/2/3"), f"{BASE}/gradio_api/stream/1/2/3"),
        (file_data(is_stream=True, url="http://10.0.0.1:7860/stream/1/2/3"), f"{BASE}/gradio_api/stream/1/2/3"),
        (file_data(path=None, url=f"{BASE}:443/stream/a.png"), f"{BASE}:443/stream/a.png"),
        (file_data(path=None, url=f"{BASE}:443/file=/a.png"), f"{BASE}:443/file=/a.png"),
        (file_data(path=None, url="/gradio_api/file=/a.png"), f"{BASE}/gradio_api/file=/a.png"),
    ],
)
def test_a_file_is_fetched_from_our_own_address(data: object, url: str) -> None:
    found = find(data)
    assert isinstance(found, Reference)
    assert address(BASE, "/gradio_api", found) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "//10.0.0.1/x",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://x.hf.space/a",
        "https://x.hf.space@evil.test/a",
        "https://x.hf.space:1/a",
        "http://[",
        "https://x.hf.space:99999/a",
    ],
)
def test_another_address_is_never_used(url: str) -> None:
    found = find(file_data(path=None, url=url))
    assert isinstance(found, Reference)
    assert address(BASE, "", found) is None


@pytest.mark.parametrize("data", [DATA_URL, {"name": "n", "data": DATA_URL}, file_data(path=None, url=DATA_URL)])
def test_a_data_url_is_a_file_in_memory(data: object) -> None:
    found = find(data)
    assert isinstance(found, InlineFile)
    assert found.data == b"hi"


@pytest.mark.parametrize(
    "data",
    [
        None,
        7,
        "text",
        "data:text/plain,hi",
        "data:image/png;base64,#",
        [],
        {},
        {"url": "https://h.co"},
        {"name": "a.png"},
        {"path": 7},
        {"path": "models/base", "steps": 4},
        {"path": "/tmp/a.png", "meta": {"_type": "mine"}},
        {"__type__": "update", "visible": True},
        {"image": 7},
    ],
)
def test_what_is_no_file_is_none(data: object) -> None:
    assert find(data) is None


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({}, "image"),
        ({"path": "/a", "mime_type": "video/mp4"}, "video"),
        ({"path": "/a.mp3"}, "audio"),
        ({"path": "/a.glb"}, "model"),
        ({"path": "/a.zip"}, "file"),
        ({"path": "/a"}, None),
        ({"path": "/a", "mime_type": "image/png"}, "image"),
        ({"path": "/a.JPEG"}, "image"),
        ({"path": "/a", "mime_type": "application/pdf"}, "file"),
    ],
)
def test_a_kind_is_told_by_the_ending_or_the_type(fields: dict[str, object], kind: str | None) -> None:
    found = find(file_data(**fields))
    assert isinstance(found, Reference)
    assert kind_of(found) == kind


def test_a_name_is_a_clean_hint() -> None:
    found = find(file_data(orig_name='a"\r\nX: y\x00.png'))
    assert isinstance(found, Reference)
    assert found.name == 'a" X: y.png'


JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=10),
    lambda child: st.dictionaries(
        st.sampled_from(["path", "url", "name", "data", "is_file", "image", "meta", "is_stream", "orig_name"]),
        child,
        max_size=5,
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_data_is_a_file_within_the_origin_or_none(data: object) -> None:
    found = find(data)
    if isinstance(found, Reference):
        url = address(BASE, "", found)
        assert url is None or url.startswith(BASE + "/")
