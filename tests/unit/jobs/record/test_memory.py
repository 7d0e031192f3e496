"""A server whose memory is full: nothing new is taken, what was accepted comes to its end, and then there is room."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from jobs import events
from jobs.access.api_key_store import ApiKeyStore
from jobs.errors import StoreFull
from jobs.files.uploads import FileInfo, Label, Uploads
from jobs.idempotency import Idempotency
from jobs.model import Job, Status
from jobs.record.connection import Connection, connect
from jobs.record.memory import ADMIT_SHARE, Memory
from jobs.scheduling.pauses import Pauses
from jobs.webhooks.outbox import Outbox
from tests.support.clock import Clock
from tests.support.eventually import eventually
from tests.support.records import Records, take_messages
from tests.support.redis_servers import RedisServer
from tests.support.sample_jobs import make_job, start_job
from tests.support.worker_parts import shared_of
from worker.scheduler.reconciler import Reconciler

pytestmark = pytest.mark.real

LIMIT = 12 << 20


class InfoServer:
    """Answers INFO as a server with so much in use."""

    def __init__(self) -> None:
        self.used = 0
        self.asked = 0
        self.error: Exception | None = None

    def info(self, section: str) -> dict[str, object]:
        assert section == "memory"
        self.asked += 1
        if self.error is not None:
            raise self.error
        return {"used_memory": self.used, "maxmemory": 1000_000_000, "maxmemory_policy": "noeviction"}


@pytest.fixture
def full_server(tmp_path: Path) -> Iterator[RedisServer]:
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RedisServer(folder, flags=("--maxmemory", str(LIMIT)))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def connection(full_server: RedisServer) -> Iterator[Connection]:
    client = connect(full_server.url, connections=4)
    yield Connection(client)
    client.close()


@pytest.fixture
def record(connection: Connection, tmp_path: Path) -> Records:
    return Records(connection, tmp_path / "artifacts")


def big(record: Records) -> Job:
    """A new job of some 3 KB."""
    text = {"prompt": "x" * 3000}
    return record.store.accept(
        make_job(created_at=record.store.now(), given=text, input=text, retention_seconds=1)
    ).record.job


def fill(record: Records) -> list[str]:
    """Make jobs until there is room for none."""
    made: list[str] = []
    with suppress(StoreFull):
        while len(made) < 10_000:
            made.append(big(record).id)
    assert len(made) < 10_000
    return made


def close(connection: Connection) -> None:
    """Let the server be full, and more than that."""
    connection.client.config_set("maxmemory", connection.memory.look().used * 9 // 10)
    assert not connection.has_room()


def test_jobs_are_refused_before_the_server_is_full(record: Records, connection: Connection) -> None:
    made = fill(record)
    assert len(made) > 500
    assert connection.memory.look().share >= ADMIT_SHARE
    assert connection.has_room(), "the rest is for those that were accepted"
    with pytest.raises(StoreFull):
        record.store.create_batch("batch_1", b"{}", [make_job()], {}, None)
    for job_id in made[:300]:
        record.jobs.delete(job_id, None)
    big(record)


def test_what_runs_comes_to_its_end_and_everything_can_be_deleted(record: Records, connection: Connection) -> None:
    lease = start_job(record.store, record.leases, record.queue)
    other = start_job(record.store, record.leases, record.queue)
    queued = big(record).id
    close(connection)
    with pytest.raises(StoreFull):
        big(record)
    job_id, fence = lease.job.id, lease.fence
    assert record.leases.beat("w1", 4, 60, [(job_id, fence), (other.job.id, other.fence)]) == [1, 1]
    assert record.leases.beat("w2", 4, 60, []) == []
    record.leases.save_checkpoints(job_id, fence, {"echo": {"event": "1"}})
    assert not record.leases.save_preview(job_id, fence, 0, b"x" * 1000)
    record.store.change(job_id, lambda _: events.Progressed(at=1.0, stage="generating", fraction=0.5), fence=fence)
    ended = record.store.change(job_id, lambda _: events.Succeeded(at=1.0, outputs=()), fence=fence)
    assert ended.job.status is Status.SUCCEEDED
    record.store.change(other.job.id, lambda _: events.Requeued(at=1.0, outcome="lost"), lapsed=False)
    assert record.jobs.cancel(queued, None).job.status is Status.CANCELED
    Outbox(connection).take(10, lease_seconds=1, per_host=1, per_owner=1)
    for one in (job_id, other.job.id, queued):
        record.jobs.delete(one, None)
    assert len(record.store.tombstones([job_id, other.job.id, queued])) == 3


def test_an_operator_can_revoke_a_key_and_pause_everything(connection: Connection) -> None:
    keys, pauses = ApiKeyStore(connection), Pauses(connection)
    record, key = keys.create("leaked")
    close(connection)
    assert keys.revoke(record.id)
    assert keys.find(key) is None
    pauses.pause(reason="no room")
    pauses.pause("echo")
    assert (pauses.queue() is not None, pauses.provider("echo").pause is not None) == (True, True)
    pauses.limit("echo", 1, by="me")
    assert pauses.provider("echo").limit == 1
    assert pauses.resume()
    assert pauses.resume("echo")
    pauses.limit("echo", None, by="me")


def test_no_upload_is_taken_and_one_can_be_deleted(record: Records, connection: Connection) -> None:
    uploads = Uploads(connection, record.artifacts, 1 << 20)
    label = Label(name="a", purpose="input", seconds=60, metadata={})
    once = Idempotency(key=None, fingerprint="f")
    image = FileInfo(content_type="image/png", width=1, height=1)
    upload, _ = uploads.add("o", b"data", image, label, once)
    close(connection)
    with pytest.raises(StoreFull):
        uploads.add("o", b"data", image, label, once)
    uploads.delete(upload.id, "o")
    assert uploads.usage("o").count == 0


def test_the_scheduler_makes_room_by_itself(record: Records, connection: Connection, tmp_path: Path) -> None:
    made = fill(record)
    for job_id in made:
        record.jobs.cancel(job_id, None)
    close(connection)
    shared = shared_of(connection, tmp_path, store=record.store, queue=record.queue)
    clock = Clock()
    reconciler = Reconciler(shared, Uploads(connection, record.artifacts, 1 << 20), clock=clock)
    touched = [reconciler.round()]

    def all_gone() -> bool:
        touched.append(reconciler.round())
        return sum(touched) == len(made)

    eventually(all_gone, "all are deleted once their retention is over")
    assert connection.has_room()
    connection.client.config_set("maxmemory", LIMIT)
    big(record)


def test_the_server_is_asked_once_a_second_and_more_often_near_its_limit() -> None:
    server, clock = InfoServer(), Clock()
    memory = Memory(server, clock)  # type: ignore[arg-type]
    for _ in range(100):
        memory.check_room()
        clock.at += 0.1
    assert 9 <= server.asked <= 11
    server.used = 899_000_000
    clock.at += 1
    memory.check_room()
    server.used = 901_000_000
    clock.at += 0.06
    with pytest.raises(StoreFull, match="90%"):
        memory.check_room()
    server.used = 0
    clock.at += 0.02
    memory.check_room()


@pytest.mark.parametrize(
    "error", [redis.exceptions.NoPermissionError("no"), redis.ResponseError("unknown command 'INFO'")]
)
def test_a_server_that_does_not_tell_takes_everything(error: Exception) -> None:
    server = InfoServer()
    server.error = error
    Memory(server).check_room()  # type: ignore[arg-type]


def test_a_message_to_a_worker_is_refused_by_a_full_server(record: Records, connection: Connection) -> None:
    """The reason for the reserve: a worker could not note what it takes. So jobs stay where they wait."""
    record.leases.beat("w", 4, 60, [])
    job_id = big(record).id
    close(connection)
    with pytest.raises(StoreFull):
        record.queue.choose()
    with pytest.raises(StoreFull):
        record.queue.send_again([job_id])
    assert (record.queue.overview().sent, take_messages(connection)) == (0, [])
