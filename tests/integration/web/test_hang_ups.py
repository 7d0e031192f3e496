"""Clients that open and drop: what each of them held is given back within seconds, and not at the end of the wait."""

from __future__ import annotations

import re
import socket
import subprocess
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
import requests

from jobs.access.api_key_store import ApiKeyStore
from jobs.record import keys
from tests.support.eventually import eventually
from tests.support.fake_worker import FakeWorker
from tests.support.lists import OPEN, job_page
from tests.support.processes import Process, Stack
from tests.support.raw_http import request
from tests.support.sample_images import plain_image

pytestmark = pytest.mark.real

TIMEOUT = (5, 25)
CLIENTS = 200
#: Far less than a wait (60 s), the life of an event stream (900 s), its sign of life (15 s).
SOON = 6.0
#: Both processes' connections to Redis, and the test's own.
POOLS = 2 * 64 + 8
#: Of both processes: one, gevent's own pool (10), and two pools for work.
THREADS = 2 * (1 + 10 + 2 + 2)
JSON = {"Host": "127.0.0.1", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def web(stack: Stack) -> Process:
    return stack.processes[0]


@pytest.fixture(autouse=True)
def nothing_is_queued(stack: Stack) -> Iterator[None]:
    yield
    while some := job_page(stack.store, "local", limit=100, wanted=OPEN).records:
        for record in some:
            stack.jobs.cancel(record.job.id, "local")


@dataclass(frozen=True)
class Held:
    """What the web processes hold for their clients."""

    watchers: float
    streams: int
    #: Open files and sockets, without the pool of connections to Redis.
    sockets: int
    redis: int
    threads: int


def workers(web: Process) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(web.popen.pid)], capture_output=True, text=True, check=True)
    return [int(pid) for pid in found.stdout.split()]


def descriptors(web: Process) -> int:
    """Open files and sockets of the web processes, without the files of the counters: those are opened when something is counted."""
    found = 0
    for pid in workers(web):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                found += "/darkroom-metrics-" not in str(path.readlink())
    return found


def served(stack: Stack) -> int:
    """Connections of clients that the web processes have not closed."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    local = f":{stack.port:04X}"
    # 0A listens, 06 (TIME_WAIT) has ended.
    return sum(row[1].endswith(local) and row[3] not in {"0A", "06"} for row in rows)


def held(stack: Stack, web: Process) -> Held:
    text = requests.get(f"{stack.url}/metrics", timeout=TIMEOUT, headers={"Connection": "close"}).text
    watchers = re.search(r"^darkroom_watchers (\S+)", text, re.MULTILINE)
    assert watchers is not None
    redis = len(stack.client.client_list())
    return Held(
        watchers=float(watchers[1]),
        streams=stack.client.zcard(keys.streams("local")),
        sockets=descriptors(web) - redis,
        redis=redis,
        threads=sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in workers(web)),
    )


@contextmanager
def opened(stack: Stack, sent: bytes, count: int = CLIENTS) -> Iterator[list[socket.socket]]:
    """So many connections, each of which has sent this."""
    with ExitStack() as stack_of:
        connections = []
        for _ in range(count):
            connection = stack_of.enter_context(socket.create_connection(("127.0.0.1", stack.port), timeout=10))
            connection.sendall(sent)
            connections.append(connection)
        yield connections


def drop(connections: list[socket.socket]) -> None:
    for connection in connections:
        connection.close()


def half_close(connections: list[socket.socket]) -> None:
    for connection in connections:
        connection.shutdown(socket.SHUT_WR)


def more_and_drop(connections: list[socket.socket]) -> None:
    """With a next request behind the first, which stands between the server and the end of the connection."""
    for connection in connections:
        connection.sendall(request("GET", "/healthz", {"Host": "127.0.0.1"}))
        connection.close()


def poll(job_id: str) -> bytes:
    return request("GET", f"/v1/jobs/{job_id}", {"Host": "127.0.0.1", "Prefer": "wait=60"})


def watch(job_id: str) -> bytes:
    return request("GET", f"/v1/jobs/{job_id}/events", {"Host": "127.0.0.1", "Accept": "text/event-stream"})


def submit(_: str) -> bytes:
    body = b'{"model": "echo", "input": {"prompt": "x"}}'
    return request("POST", "/v1/jobs", {**JSON, "Prefer": "wait=60", "Content-Length": str(len(body))}, body)


def rerun(job_id: str) -> bytes:
    return request("POST", f"/v1/jobs/{job_id}/rerun", {**JSON, "Prefer": "wait=60", "Content-Length": "0"})


@pytest.mark.parametrize(
    "leave", [drop, *(pytest.param(way, marks=pytest.mark.soak) for way in (half_close, more_and_drop))]
)
@pytest.mark.parametrize("sent", [poll, watch, submit, rerun])
def test_who_waits_and_hangs_up_gives_all_back(
    stack: Stack,
    web: Process,
    fake_worker: FakeWorker,
    sent: Callable[[str], bytes],
    leave: Callable[[list[socket.socket]], None],
) -> None:
    job = fake_worker.submit()
    before = held(stack, web)
    assert (before.watchers, before.streams) == (0, 0)
    with opened(stack, sent(job.id)) as connections:
        eventually(lambda: held(stack, web).watchers == CLIENTS, lambda: f"all wait: {held(stack, web)}", within=30)
        assert held(stack, web).streams == (CLIENTS if sent is watch else 0)
        leave(connections)

        def given_back() -> bool:
            now = held(stack, web)
            return (now.watchers, now.streams) == (0, 0) and now.sockets <= before.sockets + 6

        eventually(given_back, lambda: f"{before} before, {held(stack, web)} now", within=SOON)
        after = held(stack, web)
        assert after.redis <= POOLS
        assert after.threads <= THREADS


def test_places_are_given_back_while_redis_is_away(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack") as stack:
        web = stack.web()
        job = FakeWorker(stack).submit()
        with opened(stack, watch(job.id), 50) as connections:
            eventually(lambda: held(stack, web).watchers == 50, "all watch", within=30)
            stack.redis.crash()
            drop(connections)

            # Connections to Redis may stay in their pool; they are made anew when they are used.
            eventually(lambda: served(stack) == 0, lambda: f"{served(stack)} connections are open", within=2 * SOON)
        stack.redis.start()
        eventually(lambda: held(stack, web).watchers == 0, "nobody watches", within=SOON, despite=(AssertionError,))


def test_an_upload_that_breaks_off_leaves_nothing(stack: Stack, web: Process) -> None:
    picture = plain_image(size=(400, 400))
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    length = str(len(head) + len(picture) + 1000)
    kind = "multipart/form-data; boundary=b"
    sent = request("POST", "/v1/files", {"Host": "127.0.0.1", "Content-Type": kind, "Content-Length": length}, head)
    usage = requests.get(f"{stack.url}/v1/usage", timeout=TIMEOUT).json()["used"]
    before = held(stack, web)
    artifacts = stack.folder / "data" / "artifacts"
    with opened(stack, sent + picture[:100]) as connections:
        eventually(lambda: held(stack, web).sockets >= before.sockets + 2 * CLIENTS, "files and sockets are open")
        drop(connections)
        eventually(lambda: held(stack, web).sockets <= before.sockets + 6, lambda: f"{held(stack, web)}", within=SOON)
    now = requests.get(f"{stack.url}/v1/usage", timeout=TIMEOUT).json()["used"]
    assert (now["files"], now["file_bytes"]) == (usage["files"], usage["file_bytes"])
    assert now.get("input_bytes_per_day") == usage.get("input_bytes_per_day")
    assert not stack.client.exists(keys.FILE_DUE)
    assert not [path for path in artifacts.rglob("*") if path.is_file() and path.name.startswith("tmp")]


def test_copies_that_nobody_waits_for_give_their_permits_back(
    stack: Stack, web: Process, fake_worker: FakeWorker
) -> None:
    lease = fake_worker.claim(fake_worker.submit())
    fake_worker.succeed(lease)
    path = f"/v1/jobs/{lease.job.id}/outputs/0"
    before = held(stack, web)
    with ExitStack() as all_of:
        for width in range(1, 60):
            sent = request("GET", f"{path}?format=webp&width={width}", {"Host": "127.0.0.1"})
            drop(all_of.enter_context(opened(stack, sent, 3)))
    for width in (61, 62, 63):
        url = f"{stack.url}{path}?format=png&width={width}"
        eventually(lambda url=url: requests.get(url, timeout=TIMEOUT).status_code == 200, "a copy is made", within=SOON)  # type: ignore[misc]
    eventually(lambda: held(stack, web).sockets <= before.sockets + 6, lambda: f"{held(stack, web)}", within=SOON)


def test_who_reads_too_little_gives_the_place_back(stack: Stack, web: Process) -> None:
    """A large answer that its client does not read to the end has a place, until the client leaves."""
    # More than the kernel takes for a connection.
    files = {"file": ("a.wav", silence(24 << 20), "audio/wav")}
    made = requests.post(f"{stack.url}/v1/files", files=files, timeout=TIMEOUT).json()
    before = held(stack, web)
    with opened(stack, request("GET", f"/v1/files/{made['id']}/content", {"Host": "127.0.0.1"}), 40) as connections:
        for connection in connections:
            assert connection.recv(1)
        eventually(lambda: sending(stack) == 40, "all are being sent", within=SOON)
        drop(connections)
        eventually(lambda: sending(stack) == 0, "all places are given back", within=SOON)
    eventually(lambda: held(stack, web).sockets <= before.sockets + 6, lambda: f"{held(stack, web)}", within=SOON)


def silence(length: int) -> bytes:
    buffer = BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 44_100, 0, "NONE", ""))
        file.writeframes(bytes(length))
    return buffer.getvalue()


def sending(stack: Stack) -> float:
    text = requests.get(f"{stack.url}/metrics", timeout=TIMEOUT, headers={"Connection": "close"}).text
    found = re.search(r"^darkroom_sending (\S+)", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_others_are_served_while_one_key_waits_as_much_as_it_can(tmp_path: Path) -> None:
    """More waits than one process has places, all of one key: another key's wait is granted all the same."""
    with Stack(tmp_path / "stack", environ={"DARKROOM_LIMIT_STREAMS": "none"}) as stack:
        stack.web()
        store = ApiKeyStore(stack.connection)
        (_, greedy), (_, modest) = store.create("greedy"), store.create("modest")
        headers = {"Authorization": f"Bearer {greedy}"}
        body = {"model": "echo", "input": {"prompt": "x"}}
        job = requests.post(f"{stack.url}/v1/jobs", json=body, headers=headers, timeout=TIMEOUT).json()["id"]
        lines = {"Host": "127.0.0.1", "Prefer": "wait=60", **headers}
        with opened(stack, request("GET", f"/v1/jobs/{job}", lines), 2200):
            for _ in range(8):
                waited = requests.post(
                    f"{stack.url}/v1/jobs",
                    json=body,
                    headers={"Authorization": f"Bearer {modest}", "Prefer": "wait=1", "Connection": "close"},
                    timeout=TIMEOUT,
                )
                assert (waited.status_code, waited.headers.get("Preference-Applied")) == (202, "wait=1")
