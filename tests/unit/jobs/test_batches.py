"""Jobs that were submitted together."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from jobs import events
from jobs.batches import BatchService
from jobs.errors import BatchNotFound, KeyReused
from jobs.idempotency import Idempotency, once_of
from jobs.record import keys
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import TOMBSTONE_DAYS, JobStore
from jobs.service import JobService
from jobs.submissions import Submission
from jobs.vault import Vault
from tests.support.records import Records

VAULT = Vault(b"k" * 32)


@pytest.fixture
def jobs(record: Records) -> JobService:
    return record.jobs


@pytest.fixture
def batches(record: Records) -> BatchService:
    return record.batches


def several(count: int, **changes: Any) -> list[Submission]:
    one = Submission(owner="o", model="echo", given={"prompt": "x"}, inputs={"echo": {"prompt": "x"}}, **changes)
    return [one] * count


def marks(key: str | None = None, body: bytes = b"{}") -> Idempotency:
    return once_of(VAULT, owner="o", route="POST /v1/batches", path="/v1/batches", body=body, key=key)


def test_all_jobs_of_a_batch_are_written(
    batches: BatchService, store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    batch, replayed = batches.accept("o", several(100, credentials={"hf_token": "hf_x"}), marks())
    records = store.get_many(batch.job_ids)
    assert (len(records), replayed) == (100, False)
    assert {record.job.batch_id for record in records.values()} == {batch.id}
    assert all(leases.secret(job_id) for job_id in batch.job_ids)
    assert queue.overview().queued == 100


def test_the_same_request_makes_one_batch(client: redis.Redis, batches: BatchService, queue: JobQueue) -> None:
    first, _ = batches.accept("o", several(3), marks("k"))
    again, replayed = batches.accept("o", several(3, credentials={"hf_token": "hf_x"}), marks("k"))
    assert (again, replayed) == (first, True)
    assert batches.made(marks("k"), "o") == first
    with pytest.raises(KeyReused):
        batches.accept("o", several(3, credentials={"hf_token": "hf_x"}), marks("k", b"[]"))
    assert queue.overview().queued == 3
    assert not list(client.scan_iter(keys.secret("*")))
    assert len(list(client.scan_iter(keys.batch("*")))) == 1


def test_a_transaction_whose_answer_was_lost_can_be_sent_again(
    client: redis.Redis, batches: BatchService, store: JobStore
) -> None:
    pipeline = client.pipeline

    def lossy(**options: Any) -> Any:
        pipe = pipeline(**options)
        execute = pipe.execute

        def twice(**more: Any) -> Any:
            stack, scripts = list(pipe.command_stack), set(pipe.scripts)
            execute(**more)
            pipe.command_stack, pipe.scripts = stack, scripts
            return execute(**more)

        pipe.execute = twice  # type: ignore[method-assign, assignment]
        return pipe

    client.pipeline = lossy  # type: ignore[method-assign, assignment]
    batch, replayed = batches.accept("o", several(2), marks("k"))
    client.pipeline = pipeline  # type: ignore[method-assign]
    assert not replayed
    assert [record.version for record in store.get_many(batch.job_ids).values()] == [1, 1]


def test_a_batch_counts_its_jobs_also_the_deleted_ones(
    batches: BatchService, jobs: JobService, store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    batch, _ = batches.accept("o", several(4), marks())
    leases.beat("w", 1, 60, [])
    running = queue.choose()[0]
    lease = leases.claim(running, "w", 60, lambda job, _: job.input)
    assert lease is not None
    at = store.now()
    store.change(running, lambda _: events.Progressed(at=at, stage="generating", fraction=0.5), fence=lease.fence)
    gone, canceled = [job_id for job_id in batch.job_ids if job_id != running][:2]
    jobs.cancel(canceled, "o")
    jobs.delete(gone, "o")
    standing = batches.state(batch)
    assert dict(standing.counts) == {"running": 1, "queued": 1, "canceled": 2}
    assert (standing.progress, standing.has_ended) == (0.625, False)
    assert list(standing.states) == list(batch.job_ids)
    batches.cancel(batch)
    assert dict(batches.state(batch).counts) == {"running": 1, "canceled": 3}
    store.change(running, lambda _: events.Canceled(at=at), fence=lease.fence)
    assert batches.state(batch).has_ended


def test_a_batch_is_kept_as_long_as_its_tombstones(
    client: redis.Redis, batches: BatchService, jobs: JobService
) -> None:
    batch, _ = batches.accept("o", several(2), marks())
    jobs.delete(batch.job_ids[0], "o")
    assert client.ttl(keys.batch(batch.id)) == -1
    jobs.delete(batch.job_ids[1], "o")
    assert 0 < client.ttl(keys.batch(batch.id)) <= TOMBSTONE_DAYS * 86_400
    assert batches.state(batch).has_ended
    client.delete(keys.batch(batch.id))
    with pytest.raises(BatchNotFound):
        batches.get(batch.id, "o")


def test_anothers_batch_looks_like_none(batches: BatchService) -> None:
    batch, _ = batches.accept("o", several(1), marks())
    with pytest.raises(BatchNotFound):
        batches.get(batch.id, "p")
