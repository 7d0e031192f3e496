"""Results as the server that is shipped hands them out: parts, copies, and links that need no key."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from PIL import Image

from tests.support.fake_worker import FakeWorker
from tests.support.processes import Stack

pytestmark = pytest.mark.real

TIMEOUT = (5, 60)


def finished(stack: Stack) -> tuple[str, bytes]:
    fake_worker = FakeWorker(stack)
    lease = fake_worker.claim(fake_worker.submit())
    return f"{stack.url}/v1/jobs/{lease.job.id}", fake_worker.succeed(lease)


def test_a_file_comes_whole_in_parts_or_as_a_head(stack: Stack) -> None:
    job, picture = finished(stack)
    url = f"{job}/outputs/0"
    whole = requests.get(url, timeout=TIMEOUT)
    assert (whole.status_code, whole.content, whole.headers["Accept-Ranges"]) == (200, picture, "bytes")
    head = requests.head(url, timeout=TIMEOUT)
    assert (head.content, head.headers["Content-Length"], head.headers["ETag"]) == (
        b"", str(len(picture)), whole.headers["ETag"],
    )  # fmt: skip
    for asked, status, body in (
        ("bytes=0-9", 206, picture[:10]),
        ("bytes=-10", 206, picture[-10:]),
        ("bytes=5-99999999999999999999", 206, picture[5:]),
    ):
        part = requests.get(url, headers={"Range": asked}, timeout=TIMEOUT)
        assert (part.status_code, part.content) == (status, body), asked
    # What is no single range of bytes is not understood, and so the file comes whole (RFC 9110, 14.2).
    for asked in ("lines=0-9", "bytes=" + ",".join(f"{n}-{n}" for n in range(200))):
        answer = requests.get(url, headers={"Range": asked}, timeout=TIMEOUT)
        assert (answer.status_code, answer.content) == (200, picture), asked[:20]
    for asked in ("bytes=-0", "bytes=999999-", "bytes=abc"):
        part = requests.get(url, headers={"Range": asked}, timeout=TIMEOUT)
        assert (part.status_code, part.headers["Content-Range"]) == (416, f"bytes */{len(picture)}"), asked[:20]
    newer = {"Range": "bytes=0-9", "If-Range": '"another"'}
    assert requests.get(url, headers=newer, timeout=TIMEOUT).content == picture
    same = requests.get(url, headers={"If-None-Match": whole.headers["ETag"]}, timeout=TIMEOUT)
    assert (same.status_code, same.content) == (304, b"")


def test_many_copies_at_once_keep_nobody_waiting(stack: Stack) -> None:
    job, _ = finished(stack)
    with ThreadPoolExecutor(12) as pool:
        asked = [
            pool.submit(requests.get, f"{job}/outputs/0?format=webp&width={width}", timeout=TIMEOUT)
            for width in range(4, 60)
        ]
        polls = [pool.submit(requests.get, job, timeout=TIMEOUT) for _ in range(50)]
        answers = [future.result() for future in asked]
        assert {future.result().status_code for future in polls} == {200}
    assert {answer.status_code for answer in answers} <= {200, 429}
    made = [answer for answer in answers if answer.status_code == 200]
    assert made
    for answer in made:
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert picture.width == int(answer.url.rpartition("=")[2])


def test_a_link_needs_no_key_and_lasts_until_the_job_goes(stack: Stack) -> None:
    job, picture = finished(stack)
    link = requests.post(f"{job}/outputs/0/link", json={"expires_seconds": 60}, timeout=TIMEOUT).json()
    # As a chat's server asks: another process each time, and no trace of ours but the address.
    for _ in range(4):
        answer = requests.get(link["url"], headers={"Connection": "close"}, timeout=TIMEOUT)
        assert (answer.status_code, answer.content) == (200, picture)
    assert requests.get(f"{link['url']}x", timeout=TIMEOUT).status_code == 403
    requests.delete(job, timeout=TIMEOUT)
    assert requests.get(link["url"], timeout=TIMEOUT).status_code == 410
    assert link["url"].partition("sig=")[2] not in stack.logs()


def test_a_request_that_was_answered_before_is_answered_at_once(stack: Stack) -> None:
    fake_worker = FakeWorker(stack)
    asked = {"model": "echo", "input": {"prompt": "once", "seed": 7}, "cache": "allow"}
    first = requests.post(f"{stack.url}/v1/jobs", json=asked, timeout=TIMEOUT).json()
    picture = fake_worker.succeed(fake_worker.claim(stack.job(first["id"])))
    with ThreadPoolExecutor(8) as pool:
        again = [
            future.result().json()
            for future in [
                pool.submit(requests.post, f"{stack.url}/v1/jobs", json=asked, timeout=TIMEOUT) for _ in range(16)
            ]
        ]
    assert {(job["cache"], job["status"]) for job in again} == {("hit", "succeeded")}
    assert len({job["id"] for job in again}) == 16
    requests.delete(f"{stack.url}/v1/jobs/{first['id']}", timeout=TIMEOUT)
    for job in again:
        assert requests.get(job["outputs"][0]["url"], timeout=TIMEOUT).content == picture
    batch = {"jobs": [asked, {**asked, "input": {"prompt": "twice", "seed": 8}}]}
    made = requests.post(f"{stack.url}/v1/batches", json=batch, timeout=TIMEOUT).json()
    assert (made["counts"]["succeeded"], made["counts"]["queued"]) == (1, 1)
