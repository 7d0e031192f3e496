"""Orphaned files are removed, all others stay; no clock has a say in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import fakeredis
import pytest

from jobs import events
from jobs.errors import WrongDatabase
from jobs.files import ArtifactNotFound
from jobs.ids import new_id
from jobs.model import Failure, Output
from jobs.record.connection import Connection
from jobs.record.identity import DatabaseIdentity
from tests.support.records import Records
from tests.support.sample_jobs import make_job, start_job
from tests.support.worker_parts import shared_of
from worker.scheduler.janitor import Janitor

PICTURE, OTHER, INPUT = b"a result", b"of an attempt that was lost", b"a picture of the input"


class Shop:
    """A store, files, and a janitor."""

    def __init__(self, folder: Path) -> None:
        self.redis: Any = fakeredis.FakeRedis()
        identity = DatabaseIdentity(self.redis, folder / "database.id", initialise=True)
        identity.check()
        connection = Connection(self.redis, identity=identity)
        record = Records(connection)
        self.store, self.leases, self.queue = record.store, record.leases, record.queue
        shared = shared_of(connection, folder, store=self.store)
        self.artifacts = shared.artifacts
        self.janitor = Janitor(shared)

    def half_written(self, job_id: str) -> Path:
        self.artifacts.put(job_id, PICTURE)
        path = self.artifacts.root / job_id[-2:] / job_id / f".{'0' * 64}.abcd"
        path.write_bytes(b"half")
        return path

    def succeed(self) -> str:
        lease = start_job(self.store, self.leases, self.queue)
        digest = self.artifacts.put(lease.job.id, PICTURE)
        output = Output(index=0, kind="image", sha256=digest, bytes=len(PICTURE))
        done = events.Succeeded(at=self.store.now(), outputs=(output,))
        self.store.change(lease.job.id, lambda _: done, fence=lease.fence)
        return lease.job.id


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_what_a_crash_left_beside_a_result_goes_and_the_result_stays(shop: Shop) -> None:
    job = shop.succeed()
    half = shop.half_written(job)
    other = shop.artifacts.put(job, OTHER)
    assert shop.janitor.round() == 0, "one look is not enough"
    assert half.exists()
    assert shop.janitor.round() == 2
    assert shop.janitor.round() == 0
    (output,) = shop.store.get(job).job.outputs
    assert shop.artifacts.names(job) == [output.sha256]
    with pytest.raises(ArtifactNotFound):
        shop.artifacts.open(job, other)


def test_files_of_a_job_that_has_not_ended_stay(shop: Shop) -> None:
    lease = start_job(shop.store, shop.leases, shop.queue)
    half = shop.half_written(lease.job.id)
    assert [shop.janitor.round() for _ in range(3)] == [0, 0, 0]
    assert half.exists()


def test_files_without_a_job_go_with_their_folder(shop: Shop) -> None:
    half = shop.half_written(new_id("job"))
    assert [shop.janitor.round() for _ in range(2)] == [0, 2]
    assert not half.parent.exists()


def test_a_job_that_comes_between_two_looks_keeps_its_pictures(shop: Shop) -> None:
    """A submit stores pictures first."""
    job = make_job(created_at=shop.store.now())
    digest = shop.artifacts.put(job.id, INPUT)
    assert shop.janitor.round() == 0
    shop.store.accept(job)
    assert [shop.janitor.round() for _ in range(2)] == [0, 0]
    shop.artifacts.open(job.id, digest).close()


def test_pictures_of_the_input_stay_after_the_job_ended(shop: Shop) -> None:
    job = make_job(created_at=shop.store.now())
    digest = shop.artifacts.put(job.id, INPUT)
    lease = start_job(
        shop.store, shop.leases, shop.queue, id=job.id, given={"prompt": "x", "image": f"sha256:{digest}"}
    )
    failed = events.Failed(at=shop.store.now(), error=Failure(code="internal", detail="x"))
    shop.store.change(job.id, lambda _: failed, fence=lease.fence)
    assert [shop.janitor.round() for _ in range(3)] == [0, 0, 0]
    shop.artifacts.open(job.id, digest).close()


def test_uploads_are_none_of_its_business(shop: Shop) -> None:
    digest = shop.artifacts.put("file_01ARZ3NDEKTSV4RRFFQ69G5FAV", INPUT)
    assert [shop.janitor.round() for _ in range(3)] == [0, 0, 0]
    shop.artifacts.open("file_01ARZ3NDEKTSV4RRFFQ69G5FAV", digest).close()


def test_in_an_emptied_database_no_file_is_a_leftover(shop: Shop) -> None:
    job = shop.succeed()
    saved = {key: shop.redis.dump(key) for key in shop.redis.keys("*")}
    shop.redis.flushall()
    for _ in range(3):
        with pytest.raises(WrongDatabase):
            shop.janitor.round()
    for key, value in saved.items():
        shop.redis.restore(key, 0, value)
    assert [shop.janitor.round() for _ in range(2)] == [0, 0]
    assert len(shop.artifacts.names(job)) == 1


def test_what_was_found_before_an_outage_does_not_count(shop: Shop) -> None:
    shop.half_written(new_id("job"))
    assert shop.janitor.round() == 0
    saved = shop.redis.dump("dr:epoch")
    shop.redis.flushall()
    with pytest.raises(WrongDatabase):
        shop.janitor.round()
    shop.redis.restore("dr:epoch", 0, saved)
    assert [shop.janitor.round() for _ in range(2)] == [0, 2]
