"""What a client may do with jobs."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import redis

from jobs import events
from jobs.access.rates import DAY, Charge, Window
from jobs.dispatcher import Dispatcher
from jobs.errors import JobGone, JobNotFound, RateExceeded
from jobs.files import ArtifactError, LocalArtifacts
from jobs.model import Status
from jobs.record import keys
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from jobs.scheduling.provider_states import ProviderStates
from jobs.service import JobService
from jobs.submissions import Submission, Submissions, fair_user
from tests.support.connections import RiggedConnection
from tests.support.lists import job_page
from tests.support.records import Records, take_messages


@pytest.fixture
def files(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path / "artifacts")


@pytest.fixture
def record(connection: RiggedConnection, tmp_path: Path) -> Records:
    record = Records(connection, tmp_path / "artifacts")
    record.leases.beat("w", 4, 60, [])
    return record


@pytest.fixture
def service(record: Records) -> JobService:
    return record.jobs


@pytest.fixture
def dispatcher(record: Records) -> Dispatcher:
    return record.dispatcher


def submission(**changes: Any) -> Submission:
    fields: dict[str, Any] = {
        "owner": "key_1", "model": "echo", "given": {"prompt": "x"}, "inputs": {"echo": {"prompt": "x"}},
    }  # fmt: skip
    return Submission(**{**fields, **changes})


def test_a_submitted_job_is_written_and_sent(
    connection: RiggedConnection, store: JobStore, submissions: Submissions
) -> None:
    record = submissions.accept(submission(deadline_seconds=60.0, metadata={"user": "ann"})).record
    assert take_messages(connection) == [record.job.id]
    job = store.get(record.job.id, "key_1").job
    assert (job.status, job.user, job.deadline_at) == (Status.QUEUED, fair_user("key_1", "ann"), job.created_at + 60)


def test_a_request_beyond_its_rate_leaves_nothing(tmp_path: Path, queue: JobQueue, submissions: Submissions) -> None:
    window, image = Window("submit", "submits_per_minute", 1, DAY), {hashlib.sha256(b"x").hexdigest(): b"x"}
    submissions.accept(submission(), charge=Charge("key_1", [(window, 1)]))
    refused = Charge("key_1", [(window, 1)])
    with pytest.raises(RateExceeded):
        submissions.accept(submission(images=image), charge=refused)
    assert refused.spent.refused is window
    assert queue.overview().queued == 1
    assert not list(tmp_path.rglob("job_*"))


def test_a_job_is_accepted_whatever_is_wrong_with_the_dispatch(
    client: redis.Redis, store: JobStore, submissions: Submissions
) -> None:
    client.delete(keys.WORKERS)
    client.set(keys.WORKERS, "no sorted set")
    job = submissions.accept(submission()).record.job
    assert store.get(job.id).job == job


def test_a_message_that_a_worker_lost_is_sent_again(
    connection: RiggedConnection, submissions: Submissions, dispatcher: Dispatcher
) -> None:
    record = submissions.accept(submission()).record
    assert dispatcher.resend_lost(-1.0) == 0, "its message waits"
    assert take_messages(connection) == [record.job.id]
    assert dispatcher.resend_lost(-1.0) == 1
    assert take_messages(connection) == [record.job.id]


def test_credentials_are_kept_only_locked(client: redis.Redis, submissions: Submissions) -> None:
    record = submissions.accept(submission(credentials={"hf_token": "canary-token"})).record
    assert record.job.has_credentials
    held = b"".join(client.dump(name) or b"" for name in client.scan_iter("*"))
    assert b"canary-token" not in held
    assert "canary-token" not in repr(submission(credentials={"hf_token": "canary-token"}))


def test_pictures_are_kept_with_the_job(files: LocalArtifacts, submissions: Submissions) -> None:
    upload = "file_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    shared, own = files.put(upload, b"uploaded"), hashlib.sha256(b"inline").hexdigest()
    record = submissions.accept(submission(images={own: b"inline", shared: upload})).record
    files.delete(upload)
    for digest, data in ((own, b"inline"), (shared, b"uploaded")):
        with files.open(record.job.id, digest) as file:
            assert file.read() == data


@pytest.mark.parametrize("broken", ["disk", "upload"])
def test_a_picture_that_cannot_be_kept_leaves_no_job(
    tmp_path: Path, broken: str, queue: JobQueue, submissions: Submissions
) -> None:
    if broken == "disk":
        (tmp_path / "artifacts").write_text("a file")
    digest = hashlib.sha256(b"x").hexdigest()
    content = b"x" if broken == "disk" else "file_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    with pytest.raises(ArtifactError):
        submissions.accept(submission(images={digest: content}))
    assert queue.overview().queued == 0
    assert not list(tmp_path.rglob("job_*"))


@pytest.mark.parametrize("action", ["get", "cancel", "delete"])
def test_another_owners_job_looks_like_an_unknown_one(
    service: JobService, action: str, store: JobStore, submissions: Submissions
) -> None:
    job_id = submissions.accept(submission()).record.job.id
    texts = []
    for owner, name in (("key_2", job_id), ("key_1", "job_unknown")):
        with pytest.raises(JobNotFound) as refused:
            getattr(store if action == "get" else service, action)(name, owner)
        texts.append(str(refused.value).replace(name, "X"))
    assert texts[0] == texts[1]
    service.delete(job_id, "key_1")
    with pytest.raises(JobNotFound):
        getattr(store if action == "get" else service, action)(job_id, "key_2")
    with pytest.raises(JobGone):
        getattr(store if action == "get" else service, action)(job_id, "key_1")
    assert job_page(store, "key_2", limit=9).records == ()


def test_a_queued_job_is_canceled_at_once_and_makes_room(
    service: JobService, provider_states: ProviderStates, leases: Leases, submissions: Submissions
) -> None:
    provider_states.announce({"echo": 1})
    first, second = (submissions.accept(submission()).record.job.id for _ in range(2))
    assert service.cancel(first, "key_1").job.status is Status.CANCELED
    assert service.cancel(first, "key_1").job.status is Status.CANCELED
    assert leases.claim(first, "w", 60, lambda job, _: job.input) is None
    assert leases.claim(second, "w", 60, lambda job, _: job.input) is not None


def test_a_running_job_is_asked_to_end(
    service: JobService, store: JobStore, leases: Leases, submissions: Submissions
) -> None:
    job_id = submissions.accept(submission()).record.job.id
    lease = leases.claim(job_id, "w", 60, lambda job, _: job.input)
    assert lease is not None
    first = service.cancel(job_id, "key_1").job
    again = service.cancel(job_id, "key_1").job
    assert (first.status, first.cancel_requested_at) == (Status.RUNNING, again.cancel_requested_at)
    assert [type(entry.event) for entry in store.log(job_id)].count(events.CancelRequested) == 1


@pytest.mark.parametrize("stage", ["queued", "running", "finished"])
def test_a_deleted_job_is_gone_with_its_files(
    client: redis.Redis,
    service: JobService,
    store: JobStore,
    files: LocalArtifacts,
    tmp_path: Path,
    stage: str,
    leases: Leases,
    submissions: Submissions,
) -> None:
    job_id = submissions.accept(submission()).record.job.id
    if stage != "queued":
        lease = leases.claim(job_id, "w", 60, lambda job, _: job.input)
        assert lease is not None
        if stage == "finished":
            store.change(job_id, lambda _: events.Succeeded(at=store.now(), outputs=()), fence=lease.fence)
    files.put(job_id, b"data")
    service.delete(job_id, "key_1")
    with pytest.raises(JobGone) as gone:
        store.get(job_id, "key_1")
    expected = Status.SUCCEEDED if stage == "finished" else Status.CANCELED
    assert (gone.value.tombstone.reason, gone.value.tombstone.status) == ("deleted", expected)
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []
    assert not list(client.scan_iter(f"*{job_id}*"))


def test_fair_users_are_told_apart_without_their_name() -> None:
    assert fair_user("key_1", None) == "key_1"
    assert fair_user("key_1", "ann") != fair_user("key_1", "bob")
    assert "|" not in fair_user("key_1", "ann|a,b")
