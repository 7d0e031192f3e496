"""A request that is sent again makes one job, whatever comes in between."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path
from typing import Any

import pytest
import redis

from jobs import events
from jobs.errors import JobGone, KeyReused
from jobs.files import LocalArtifacts
from jobs.idempotency import Idempotency, once_of
from jobs.model import Failure
from jobs.record import keys
from jobs.record.constants import KEY_SECONDS, REPEAT_SECONDS
from jobs.record.job_queue import JobQueue
from jobs.record.store import JobStore
from jobs.service import JobService
from jobs.submissions import Submission, Submissions
from jobs.vault import Vault
from tests.support.connections import RiggedConnection
from tests.support.records import Records

VAULT = Vault(b"k" * 32)


@pytest.fixture
def files(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path / "artifacts")


@pytest.fixture
def service(record: Records) -> JobService:
    return record.jobs


def submission(**changes: Any) -> Submission:
    given = changes.pop("given", {"prompt": "x"})
    return Submission(owner="key_1", model="echo", given=given, inputs={"echo": given}, **changes)


def marks(**changes: Any) -> Idempotency:
    fields: dict[str, Any] = {"owner": "key_1", "route": "POST /v1/jobs", "path": "/v1/jobs", "body": b"{}"}
    return once_of(VAULT, **{**fields, **changes})


def test_the_same_request_with_the_same_key_makes_one_job(
    store: JobStore, queue: JobQueue, submissions: Submissions
) -> None:
    first = submissions.accept(submission(), marks(key="k"))
    again = submissions.accept(submission(), marks(key="k"))
    assert (first.replayed, again.replayed) == (False, True)
    assert again.record.job.id == first.record.job.id
    assert queue.overview().queued == 1
    assert store.made(marks(key="k")) == again.record


@pytest.mark.parametrize("other", [{"key": "l"}, {"owner": "key_2"}, {"route": "POST /v1/batches"}, {"key": None}])
def test_another_key_owner_or_route_is_another_request(
    other: dict[str, Any], store: JobStore, submissions: Submissions
) -> None:
    submissions.accept(submission(), marks(key="k"))
    assert store.made(marks(**{"key": "k", **other})) is None
    assert not submissions.accept(submission(), marks(**{"key": "k", **other})).replayed


@pytest.mark.parametrize("other", [{"body": b"[]"}, {"path": "/v1/jobs/x/rerun"}])
def test_a_key_stands_for_one_request(
    client: redis.Redis, store: JobStore, other: dict[str, Any], queue: JobQueue, submissions: Submissions
) -> None:
    submissions.accept(submission(), marks(key="k"))
    with pytest.raises(KeyReused):
        store.made(marks(key="k", **other))
    with pytest.raises(KeyReused):
        submissions.accept(submission(credentials={"hf_token": "hf_x"}), marks(key="k", **other))
    assert queue.overview().queued == 1
    assert not list(client.scan_iter(keys.secret("*")))


def test_separators_in_a_key_reach_nobody_elses(store: JobStore, submissions: Submissions) -> None:
    submissions.accept(submission(), marks(owner="a", key="b:c"))
    assert store.made(marks(owner="a:b", key="c")) is None
    assert store.made(marks(owner="a", key="*")) is None


def test_a_job_that_was_deleted_is_not_made_again(
    service: JobService, store: JobStore, submissions: Submissions
) -> None:
    job = submissions.accept(submission(), marks(key="k")).record.job
    service.delete(job.id, "key_1")
    with pytest.raises(JobGone):
        store.made(marks(key="k"))
    with pytest.raises(JobGone):
        submissions.accept(submission(), marks(key="k"))


def test_the_loser_of_a_race_leaves_nothing(client: redis.Redis, tmp_path: Path, submissions: Submissions) -> None:
    picture = {hashlib.sha256(b"pixels").hexdigest(): b"pixels"}
    secret = {"hf_token": "hf_x"}
    first = submissions.accept(submission(images=picture, credentials=secret), marks(key="k")).record.job
    submissions.accept(submission(images=picture, credentials=secret), marks(key="k"))
    assert [key.decode() for key in client.scan_iter(keys.secret("*"))] == [keys.secret(first.id)]
    assert {path.parent.name for path in tmp_path.rglob("*") if path.is_file()} == {first.id}


def test_many_at_once_make_one_job(queue: JobQueue, submissions: Submissions) -> None:
    found: list[str] = []

    def ask() -> None:
        found.append(submissions.accept(submission(), marks(key="k")).record.job.id)

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 30
    assert len(set(found)) == 1
    assert queue.overview().queued == 1


def test_a_repeat_joins_the_job_of_the_first(store: JobStore, queue: JobQueue, submissions: Submissions) -> None:
    first = submissions.accept(submission(), marks()).record.job
    for once in (marks(repeated=True), marks(repeated=True)):
        assert submissions.accept(submission(), once).record.job.id == first.id
    made = store.made(marks(repeated=True))
    assert made is not None
    assert made.job.id == first.id
    assert queue.overview().queued == 1


def test_only_a_repeat_of_the_same_joins(store: JobStore, submissions: Submissions) -> None:
    submissions.accept(submission(), marks())
    for once in (marks(), marks(repeated=True, body=b"[]"), marks(repeated=True, owner="key_2")):
        assert store.made(once) is None
        assert not submissions.accept(submission(), once).replayed


def test_a_repeat_does_not_join_what_failed_or_is_gone(
    service: JobService, store: JobStore, submissions: Submissions
) -> None:
    failure = Failure(code="provider_busy", detail="full")
    job = submissions.accept(submission(), marks()).record.job
    store.change(job.id, lambda _: events.Failed(at=store.now(), error=failure))
    assert store.made(marks(repeated=True)) is None
    second = submissions.accept(submission(), marks(repeated=True))
    assert not second.replayed
    service.delete(second.record.job.id, "key_1")
    assert not submissions.accept(submission(), marks(repeated=True)).replayed


def test_marks_are_forgotten_in_time_and_show_nothing(
    client: redis.Redis, queue: JobQueue, submissions: Submissions
) -> None:
    body = b'{"credentials":{"api_key":"1234"}}'
    first = submissions.accept(submission(), marks(key="canary", body=body)).record.job
    submissions.accept(submission(), marks(body=body))
    once, twin = next(client.scan_iter("dr:once:*")), next(client.scan_iter("dr:twin:*"))
    assert 0 < client.ttl(once) <= KEY_SECONDS
    assert 0 < client.ttl(twin) <= REPEAT_SECONDS
    assert b"canary" not in b"".join(client.dump(key) or b"" for key in client.scan_iter()) + once
    assert (
        once_of(Vault(b"l" * 32), owner="key_1", route="r", path="/v1/jobs", body=body).fingerprint not in twin.decode()
    )
    client.delete(once)
    assert submissions.accept(submission(), marks(key="canary", body=body)).record.job.id != first.id
    assert queue.overview().queued == 3


def test_a_write_whose_answer_was_lost_is_no_repeat(
    connection: RiggedConnection, queue: JobQueue, submissions: Submissions
) -> None:
    connection.lost_answers.add("accept")
    assert not submissions.accept(submission(), marks(key="k")).replayed
    assert queue.overview().queued == 1
