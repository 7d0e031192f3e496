"""Every combination of conditions on every file: an answer without a body says so."""

from __future__ import annotations

from io import BytesIO
from itertools import product

import pytest
from flask.testing import FlaskClient

from jobs import events
from jobs.model import Failure
from tests.support.fake_worker import FakeWorker
from tests.support.sample_images import plain_image

#: A path each, whose file has the digest in its ETag.
FILES = ("output", "copy", "smaller", "card", "waiting", "preview", "upload")
#: What a client may send as If-Match or If-None-Match (``{}`` stands for the ETag), and whether it names the file by
#: strong and by weak comparison.
MATCHES = {
    "{}": (True, True),
    '"another", {}': (True, True),
    "*": (True, True),
    "W/{}": (False, True),
    '"another"': (False, False),
}
RANGES: tuple[tuple[dict[str, str], bool], ...] = (
    ({}, False),
    ({"Range": "bytes=0-3"}, True),
    ({"Range": "Bytes= 0-3"}, True),
    ({"Range": "bytes=0-3", "If-Range": "{}"}, True),
    ({"Range": "bytes=0-3", "If-Range": "x"}, False),
    ({"Range": "bytes=0-3", "If-Range": "W/{}"}, False),
    ({"Range": "bytes=0-3", "If-Range": "Sun, 29 Nov 2026 12:00:00 GMT"}, False),
    ({"Range": "lines=0-3"}, False),
    ({"Range": "bytes=0-3,8-9"}, False),
)


@pytest.fixture
def paths(client: FlaskClient, fake_worker: FakeWorker) -> dict[str, str]:
    done = fake_worker.claim(fake_worker.submit())
    fake_worker.succeed(done)
    failed = fake_worker.claim(fake_worker.submit())
    fake_worker.write(failed, events.Failed, error=Failure(code="provider_quota", detail="No."))
    shown = fake_worker.claim(fake_worker.submit())
    fake_worker.preview(shown, 0)
    made = client.post("/v1/files", data={"file": (BytesIO(plain_image()), "a.png")}).get_json()
    output = f"/v1/jobs/{done.job.id}/outputs/0"
    return {
        "output": output,
        "copy": f"{output}?format=webp",
        "smaller": f"{output}?width=16",
        "card": f"/v1/jobs/{failed.job.id}/image",
        "waiting": f"/v1/jobs/{fake_worker.submit().id}/image",
        "preview": f"/v1/jobs/{shown.job.id}/preview",
        "upload": f"/v1/files/{made['id']}/content",
    }


def expected(none_match: str | None, match: str | None) -> int:
    """RFC 9110, section 13.2.2: If-Match first, by strong comparison; then If-None-Match, by weak comparison."""
    if match and not MATCHES[match][0]:
        return 412
    return 304 if none_match and MATCHES[none_match][1] else 200


@pytest.mark.parametrize("file", FILES)
def test_a_body_that_is_left_out_is_never_a_200(client: FlaskClient, paths: dict[str, str], file: str) -> None:
    path = paths[file]
    whole = client.get(path)
    mark = whole.headers["ETag"]
    assert (whole.status_code, len(whole.data) > 3) == (200, True)
    for none_match, match, (ranged, is_part) in product((None, "", *MATCHES), (None, "", *MATCHES), RANGES):
        conditions = {"If-None-Match": none_match, "If-Match": match, **ranged}
        headers = {name: text.replace("{}", mark) for name, text in conditions.items() if text is not None}
        status = expected(none_match, match)
        answer, head = client.get(path, headers=headers), client.head(path, headers=headers)
        takes_ranges = "Accept-Ranges" in whole.headers
        # A range is defined for GET alone.
        assert head.status_code == status, headers
        if status == 200 and takes_ranges and is_part:
            status = 206
        assert answer.status_code == status, headers
        if status == 412:
            continue
        body = {200: whole.data, 206: whole.data[:4], 304: b""}[status]
        assert (answer.data, answer.headers["ETag"]) == (body, mark), headers
        assert head.data == b""
        if status != 304:
            assert int(answer.headers["Content-Length"]) == len(body), headers
            assert int(head.headers["Content-Length"]) == len(whole.data), headers


@pytest.mark.parametrize("file", ["output", "upload", "copy"])
def test_a_suffix_is_as_long_as_the_file_at_most(client: FlaskClient, paths: dict[str, str], file: str) -> None:
    whole = client.get(paths[file]).data
    size = len(whole)
    for length in (1, size, size + 1, 10**17):
        answer = client.get(paths[file], headers={"Range": f"bytes=-{length}"})
        assert (answer.status_code, answer.data) == (206, whole[-min(length, size) :])
        assert answer.headers["Content-Range"] == f"bytes {size - len(answer.data)}-{size - 1}/{size}"
    for nothing in ("bytes=-0", f"bytes={size}-"):
        answer = client.get(paths[file], headers={"Range": nothing})
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{size}")
