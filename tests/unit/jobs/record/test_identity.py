"""A database that lost its jobs is noticed, and nothing goes on in it until the operator says so."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fakeredis
import pytest
import redis

from jobs.errors import JobNotFound, LeaseLost, StoreUnavailable, WrongDatabase
from jobs.ids import new_id
from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.identity import DatabaseIdentity, Verdict, judge
from jobs.record.job_queue import JobQueue
from jobs.record.leases import Leases
from jobs.record.store import JobStore
from tests.support.connections import RiggedConnection
from tests.support.sample_jobs import add_job, make_job


@pytest.mark.parametrize(
    ("remembered", "found", "given_up", "verdict"),
    [
        (None, None, None, "unnamed"),
        (None, "a", None, "new"),
        (None, "a", "b", "new"),
        ("a", "a", None, "right"),
        ("a", "a", "b", "right"),
        ("a", None, None, "emptied"),
        ("a", "b", None, "another"),
        ("a", "b", "c", "another"),
        ("a", "b", "a", "successor"),
    ],
)
def test_what_a_database_is(remembered: str | None, found: str | None, given_up: str | None, verdict: Verdict) -> None:
    assert judge(remembered, found, given_up) == verdict


def an_epoch(client: Any, folder: Path, *, initialise: bool = False) -> DatabaseIdentity:
    return DatabaseIdentity(client, folder / "data" / "database.id", initialise=initialise)


def test_only_the_scheduler_names_an_empty_database(client: Any, tmp_path: Path) -> None:
    web = an_epoch(client, tmp_path)
    with pytest.raises(WrongDatabase, match="the scheduler gives it one"):
        web.check()
    scheduler = an_epoch(client, tmp_path, initialise=True)
    name = scheduler.check()
    assert web.check() == name
    web.refuse()
    assert an_epoch(client, tmp_path).id == name, "it is not remembered in the data directory"


def test_anybody_names_a_database_with_jobs_of_an_older_version(client: Any, tmp_path: Path) -> None:
    client.sadd(keys.OWNERS, "local")
    assert an_epoch(client, tmp_path).check() == an_epoch(client, tmp_path / "other").check()


def test_two_schedulers_that_start_at_once_agree(client: Any, tmp_path: Path) -> None:
    one, two = an_epoch(client, tmp_path / "one", initialise=True), an_epoch(client, tmp_path / "two", initialise=True)
    assert one.check() == two.check()


@pytest.mark.parametrize("restarted", [False, True])
def test_an_emptied_database_is_said_aloud_once_and_not_named_again(
    client: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, restarted: bool
) -> None:
    identity = an_epoch(client, tmp_path, initialise=True)
    identity.check()
    client.flushall()
    if restarted:
        identity = an_epoch(client, tmp_path, initialise=True)
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            with pytest.raises(WrongDatabase, match=r"lost all jobs.*accept-database"):
                identity.check()
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    with pytest.raises(WrongDatabase):
        identity.refuse()
    assert not client.exists(keys.IDENTITY)


def test_the_file_may_be_gone_and_the_process_still_knows(client: Any, tmp_path: Path) -> None:
    identity = an_epoch(client, tmp_path, initialise=True)
    identity.check()
    (tmp_path / "data" / "database.id").unlink()
    client.flushall()
    with pytest.raises(WrongDatabase):
        identity.check()


def test_a_folder_that_takes_no_files_is_no_reason_to_stop(
    client: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").touch()
    identity = an_epoch(client, tmp_path, initialise=True)
    assert identity.check() == identity.id
    assert "cannot be kept" in caplog.text


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"\0\0\0", b"db_1\ndb_2", None])
def test_an_id_that_cannot_be_read_is_not_taken_for_none(
    client: Any, tmp_path: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise a process would take any database for the right one."""
    knows = an_epoch(client, tmp_path, initialise=True)
    name = knows.check()
    file = tmp_path / "data" / "database.id"
    file.unlink()
    if content is None:
        file.mkdir()
    else:
        file.write_bytes(content)
    assert knows.check() == name, "who knows the id goes on"
    for initialise in (False, True):
        started = an_epoch(client, tmp_path, initialise=initialise)
        for _ in range(2):
            with pytest.raises(WrongDatabase, match="cannot be read"):
                started.check()
        assert started.look() == "another"
    assert caplog.text.count("cannot be read") == 2, "it is said once"
    client.flushall()
    with pytest.raises(WrongDatabase):
        an_epoch(client, tmp_path, initialise=True).check()
    if content is not None:
        accepted = an_epoch(client, tmp_path).accept()
        assert an_epoch(client, tmp_path).check() == accepted


def test_an_id_in_the_database_that_is_no_text_is_another(client: Any, tmp_path: Path) -> None:
    identity = an_epoch(client, tmp_path, initialise=True)
    identity.check()
    client.hset(keys.IDENTITY, "id", b"\xff\xfe")
    with pytest.raises(WrongDatabase, match="not the one"):
        identity.check()


def test_when_the_right_database_is_back_everything_goes_on(client: Any, tmp_path: Path) -> None:
    identity = an_epoch(client, tmp_path, initialise=True)
    name = identity.check()
    saved = client.dump(keys.IDENTITY)
    client.flushall()
    with pytest.raises(WrongDatabase):
        identity.check()
    client.restore(keys.IDENTITY, 0, saved)
    assert identity.check() == name
    identity.refuse()


def test_what_the_operator_accepts_holds_for_all_processes_of_all_machines(client: Any, tmp_path: Path) -> None:
    here = an_epoch(client, tmp_path / "one", initialise=True)
    old = here.check()
    there, stranger = an_epoch(client, tmp_path / "two"), an_epoch(client, tmp_path / "three")
    there.check()
    stranger.id = "db_of_another_installation"
    client.flushall()
    new = an_epoch(client, tmp_path / "one").accept()
    assert new != old
    assert {here.check(), there.check(), an_epoch(client, tmp_path / "two").check()} == {new}
    with pytest.raises(WrongDatabase, match="not the one"):
        stranger.check()


def test_the_wait_for_the_right_database_can_be_given_up(client: Any, tmp_path: Path) -> None:
    identity = an_epoch(client, tmp_path)
    answers = iter([False, True])
    identity.wait(lambda: next(answers))
    assert identity.id is None
    an_epoch(client, tmp_path, initialise=True).check()
    identity.wait(lambda: False)
    assert identity.id is not None


# -- the record in a wrong database ------------------------------------------------


@pytest.fixture
def identity(client: Any, tmp_path: Path) -> DatabaseIdentity:
    identity = an_epoch(client, tmp_path, initialise=True)
    identity.check()
    return identity


@pytest.fixture
def connection(client: Any, identity: DatabaseIdentity) -> RiggedConnection:
    return RiggedConnection(client, identity=identity)


def test_an_emptied_database_takes_no_job_however_soon_it_comes(client: Any, store: JobStore) -> None:
    client.flushall()
    with pytest.raises(WrongDatabase):
        store.accept(make_job(created_at=store.now()))
    assert not client.keys("*")


def test_an_emptied_database_takes_no_batch(client: Any, store: JobStore) -> None:
    client.flushall()
    with pytest.raises(WrongDatabase):
        store.create_batch("batch_1", b"{}", [make_job(created_at=store.now(), batch_id="batch_1")], {}, None)
    assert not client.keys("*")


def test_in_an_emptied_database_no_job_is_missing(client: Any, store: JobStore) -> None:
    job = add_job(store)
    with pytest.raises(JobNotFound):
        store.get(new_id("job"))
    client.flushall()
    with pytest.raises(WrongDatabase):
        store.get(job.id)


def test_in_an_emptied_database_no_lease_is_lost(
    client: Any, connection: Connection, store: JobStore, leases: Leases, queue: JobQueue
) -> None:
    job = add_job(store)
    leases.beat("worker", 1, 10, [])
    queue.choose()
    lease = leases.claim(job.id, "worker", 10, lambda *_: {})
    assert lease is not None
    assert leases.beat("worker", 1, 10, [(job.id, lease.fence)]) == [1]
    client.flushall()
    with pytest.raises(WrongDatabase):
        leases.beat("worker", 1, 10, [(job.id, lease.fence)])
    with pytest.raises(WrongDatabase):
        leases.save_checkpoints(job.id, lease.fence, {"echo": {}})
    with pytest.raises(WrongDatabase):
        leases.take_hedge(job.id, lease.fence, ("b",))
    with pytest.raises(WrongDatabase):
        leases.save_preview(job.id, lease.fence, 0, b"")
    with pytest.raises(WrongDatabase):
        connection.check_writes()
    assert not client.keys("*")


def test_after_it_was_accepted_the_store_goes_on_at_once(
    client: Any, store: JobStore, tmp_path: Path, leases: Leases
) -> None:
    job = add_job(store)
    client.flushall()
    an_epoch(client, tmp_path).accept()
    assert store.accept(make_job(created_at=store.now())).record.version == 1
    with pytest.raises(JobNotFound):
        store.get(job.id)
    assert leases.beat("worker", 1, 10, [(job.id, 1)]) == [0]
    with pytest.raises(LeaseLost):
        leases.save_checkpoints(job.id, 1, {"echo": {}})


def test_a_store_that_was_told_of_no_id_takes_any_database() -> None:
    store = JobStore(Connection(fakeredis.FakeRedis()))
    assert store.accept(make_job(created_at=store.now())).record.version == 1


def test_a_wrong_database_is_a_store_that_is_away() -> None:
    assert issubclass(WrongDatabase, StoreUnavailable)


def test_a_server_that_does_not_answer_keeps_each_caller_waiting_for_one_question(tmp_path: Path) -> None:
    """Not for those of all who asked before: that would be minutes."""

    class Silent:
        def hmget(self, *_: str) -> list[None]:
            time.sleep(0.3)
            raise redis.TimeoutError

    identity = an_epoch(Silent(), tmp_path)

    def ask() -> None:
        with pytest.raises(StoreUnavailable):
            identity.check()

    began = time.monotonic()
    with ThreadPoolExecutor(12) as pool:
        for asked in [pool.submit(ask) for _ in range(12)]:
            asked.result()
    assert time.monotonic() - began < 1.5


def test_an_answer_that_came_late_changes_nothing(client: Any, tmp_path: Path) -> None:
    identity = an_epoch(client, tmp_path, initialise=True)
    name = identity.check()
    ask = identity._ask

    def late() -> tuple[str | None, str | None]:
        identity._ask = ask  # type: ignore[method-assign]
        assert identity.check() == name
        return None, None

    identity._ask = late  # type: ignore[method-assign]
    assert identity.check() == name
    identity.refuse()
