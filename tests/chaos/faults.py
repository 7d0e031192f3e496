"""The 42 faults: how each is made, what must come of it, and a function that does it and looks.

A function gets a :class:`tests.chaos.trial.Trial`, asserts, and answers what
was seen in short. All of them also stand under the checker: no job lost,
doubled, resurrected, unexplained or broken. A row without a function is not
shown, and says why; a row with ``open`` shows only a part.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import redis
import requests

from jobs.events import Requeued
from jobs.record import keys
from jobs.record.messages import QUEUE
from tests.chaos.deployment import CLOSED, HASTY, LEASE_SECONDS, NO_TLS, POISON, SWEEP_SECONDS, empty_disk
from tests.chaos.generator import NoAnswer, Rest
from tests.chaos.hook_faults import (
    killed_after_the_last_event,
    killed_before_the_note,
    receivers_that_fail,
    sender_dies_with_many_pending,
)
from tests.chaos.machine_faults import (
    clocks_jump,
    emptied,
    fill,
    names_that_fail,
    redis_disk,
    streams_that_stall,
    two_versions,
)
from tests.chaos.poison import POISON_MESSAGES
from tests.chaos.trial import Trial
from tests.chaos.waiting import eventually


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row of the table."""

    id: str
    fault: str
    injected: str
    expected: str
    run: Callable[[Trial], str] | None = None
    #: What of it is not shown, and why.
    open: str = ""


# -- crashes of a worker --------------------------------------------------------


def killed_after_claim(trial: Trial) -> str:
    trial.arm("after_claim:kill")
    seen = trial.run(trial.errand(), harm=trial.crashed)
    assert len(trial.story().posts) == 1
    assert [attempt.outcome for attempt in trial.final().attempts] == ["lost", "succeeded"]
    return seen


def killed_before_the_answer_to_the_post(trial: Trial) -> str:
    trial.arm("after_checkpoint/posting:sleep=4")
    line = trial.deployment.upstream_line

    def harm() -> None:
        trial.until_phase("posting")
        line.deafen()
        trial.until_upstream("posted")
        trial.deployment.workers[0].kill()
        line.heal()
        trial.deployment.workers[0].start()

    seen = trial.run(trial.errand(steps=6, seconds=0.5), harm=harm)
    assert trial.final().status == "succeeded"
    assert len(trial.story().posts) <= 2
    (note,) = trial.final().attempts[-1].notes
    return f"{seen}; noted as “{note}”"


def killed_during_the_stream(trial: Trial) -> str:
    def harm() -> None:
        trial.until_upstream("started")
        trial.kill_worker()

    seen = trial.run(trial.errand(steps=10, seconds=0.5), harm=harm)
    assert trial.final().status == "succeeded"
    assert len(trial.story().ends) == 1, "the first run went on to its end"
    return seen


def killed_while_a_file_is_written(trial: Trial) -> str:
    trial.arm("artifact_written:kill")
    seen = trial.run(trial.errand(), harm=trial.crashed)
    job = trial.final()
    assert job.status == "succeeded"
    folder = trial.deployment.stack.artifacts._folder(job.id)
    needed = {output.sha256 for output in job.outputs}

    def names() -> set[str]:
        return {path.name for path in folder.iterdir()}

    assert {name for name in names() if not name.startswith(".")} == needed
    eventually(lambda: names() == needed, "the temporary file is gone", within=5 * SWEEP_SECONDS)
    return f"{seen}; the temporary file is gone two sweeps later"


def killed_before_the_last_event(trial: Trial) -> str:
    trial.arm("artifact_stored:kill")
    seen = trial.run(trial.errand(), harm=trial.crashed)
    assert trial.final().status == "succeeded"
    assert len(trial.story().posts) == 1, "submitted again, though the result was there"
    return seen


def killer_job(trial: Trial) -> str:
    trial.arm(f"after_claim/{POISON}:kill@*")

    def harm() -> None:
        eventually(lambda: bool(trial.jobs()), "the job is there", within=20)
        ends = time.monotonic() + 60
        while any(not job.status.is_terminal for job in trial.jobs() if job.model == POISON):
            assert time.monotonic() < ends, "the job that kills its worker does not end"
            if not trial.deployment.workers[0].alive:
                trial.deployment.workers[0].start(DARKROOM_TEST_FAILPOINTS=f"after_claim/{POISON}:kill@*")
            time.sleep(0.1)
        if not trial.deployment.workers[0].alive:
            trial.kill_worker()

    beside = [trial.errand(steps=30, seconds=0.4) for _ in range(3)]
    seen = trial.run(trial.errand(model=POISON), *beside, harm=harm, settle=90)
    poison = next(job for job in trial.jobs() if job.model == POISON)
    assert poison.status == "failed"
    assert poison.error is not None
    assert poison.error.code == "worker_lost"
    assert len(poison.attempts) == 3
    assert {job.status for job in trial.jobs() if job.model != POISON} == {"succeeded"}
    return seen


def told_to_stop(trial: Trial) -> str:
    worker = trial.deployment.workers[0]

    def harm() -> None:
        trial.until_upstream("started")
        worker.signal(signal.SIGTERM)
        assert worker.process is not None
        assert worker.process.popen.wait(40) == 0
        worker.start()

    seen = trial.run(trial.errand(steps=10, seconds=0.3), trial.errand(at=2.0), harm=harm)
    assert {job.status for job in trial.jobs()} == {"succeeded"}
    assert all(attempt.outcome in {"succeeded", "handed_back"} for job in trial.jobs() for attempt in job.attempts)
    trial.forget()
    return f"{seen}; {_killed_in_its_grace(trial)}"


def _killed_in_its_grace(trial: Trial) -> str:
    """A job outlasts the grace that the worker's supervisor gives; a stream is open while the web process restarts."""
    got: list[str] = []

    def harm() -> None:
        trial.until_upstream("started")
        trial.deployment.workers[0].signal(signal.SIGTERM)
        time.sleep(2)
        assert trial.deployment.workers[0].alive, "it did not wait for its job"
        trial.kill_worker()
        (job,) = trial.jobs()
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(lambda: list(_events(trial, job.id, None, seconds=20.0)))
            time.sleep(2)
            began = time.monotonic()
            trial.stop(trial.deployment.web)
            got.extend(reading.result())
            assert time.monotonic() - began < 15, "the stream was left hanging"
        trial.start_again(trial.deployment.web)
        eventually(lambda: trial.jobs()[0].status.is_terminal, "the job has ended", within=60)
        got.extend(_events(trial, job.id, got[-1], seconds=3.0))

    seen = trial.run(trial.errand(steps=50, seconds=0.4), harm=harm, settle=90)
    assert [attempt.outcome for attempt in trial.final().attempts] == ["lost", "succeeded"]
    log = [event.id for event in trial.deployment.store.log(trial.story().job)]
    assert got == log[log.index(got[0]) :], "the stream had a gap or a repeat"
    return f"killed within its grace: {seen}; a stream over a restart of the web process without a gap"


# -- crashes of a web process ----------------------------------------------------


def _web_killed(trial: Trial, place: str) -> str:
    trial.arm_web(f"{place}:kill")
    seen = trial.run(trial.errand())
    told = [call.outcome for call in trial.story().calls if call.op == "submit" and call.outcome != "invoke"]
    assert told[0] == "unknown", "the client got an answer"
    assert told[-1] == "ok"
    assert trial.final().status == "succeeded"
    assert len(trial.story().posts) == 1
    return f"{seen}; the client's request was sent {len(told)} times"


def web_killed_before_answer(trial: Trial) -> str:
    return _web_killed(trial, "accepted")


def message_lost(trial: Trial) -> str:
    """Redis gives the message to a worker that is stopped, and dies before it reads it."""
    stack = trial.deployment.stack

    def harm() -> None:
        eventually(lambda: bool(trial.jobs()) and stack.queue.overview().sent == 1, "it is sent", within=10)
        assert stack.client.llen(QUEUE) == 0, "its message waits"
        trial.kill_worker()

    trial.deployment.workers[0].signal(signal.SIGSTOP)
    seen = trial.run(trial.errand(), harm=harm)
    assert [attempt.outcome for attempt in trial.final().attempts] == ["succeeded"]
    assert len(trial.story().posts) == 1
    return seen


# -- Redis ------------------------------------------------------------------------


def _some(trial: Trial, count: int = 6, **fields: object) -> list[object]:
    return [trial.errand(at=number * 0.7, steps=6, seconds=0.4, **fields) for number in range(count)]


def _steadily(trial: Trial, harm: Callable[[], None]) -> str:
    """Some jobs, one after the other, with the harm in their midst; all that were accepted succeed."""

    def later() -> None:
        trial.until_upstream("started")
        harm()

    seen = trial.run(*_some(trial), harm=later)  # type: ignore[arg-type]
    assert {job.status for job in trial.jobs()} == {"succeeded"}
    return seen


def half_open(trial: Trial) -> str:
    def harm() -> None:
        trial.deployment.redis_line.freeze()
        trial.deployment.client_line.freeze()

    return _steadily(trial, harm)


def redis_killed(trial: Trial) -> str:
    def harm() -> None:
        trial.deployment.redis.crash()
        time.sleep(1)
        trial.deployment.redis.start()

    return _steadily(trial, harm)


def _refusing(trial: Trial, begin: Callable[[], object], end: Callable[[], object], seconds: float = 3.0) -> str:
    """While Redis refuses, a submit is answered with 503 and Retry-After; afterwards everything goes on."""
    refused: list[str] = []

    def harm() -> None:
        begin()
        with closing(Rest(trial.deployment.stack.url)) as client:
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                try:
                    client.submit(trial.errand())
                except NoAnswer as answer:
                    refused.append(str(answer))
                time.sleep(0.3)
        end()

    seen = _steadily(trial, harm)
    assert {len(job.attempts) for job in trial.jobs()} == {1}, "a lease was judged that could not be renewed"
    assert refused
    assert all(text.startswith("503 store_unavailable") for text in refused), refused
    return f"{seen}; {len(refused)} submits got 503"


def _config(trial: Trial, name: str, value: str) -> Callable[[], object]:
    return lambda: trial.deployment.stack.client.config_set(name, value)


def readonly(trial: Trial) -> str:
    client = trial.deployment.stack.client
    return _refusing(trial, lambda: client.replicaof("127.0.0.1", "1"), lambda: client.replicaof("NO", "ONE"))


def out_of_memory(trial: Trial) -> str:
    return _refusing(trial, _config(trial, "maxmemory", "1mb"), _config(trial, "maxmemory", "0"))


def misconf(trial: Trial) -> str:
    client, blocker = trial.deployment.stack.client, trial.deployment.folder / "redis" / "dump.rdb"

    def begin() -> None:
        # A folder in its way makes the snapshot fail, and then Redis takes no writes.
        (blocker / "inside").mkdir(parents=True)
        client.config_set("save", "3600 1")
        client.bgsave()
        eventually(
            lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "the snapshot failed", within=10
        )

    def end() -> None:
        client.config_set("save", "")
        (blocker / "inside").rmdir()
        blocker.rmdir()

    return _refusing(trial, begin, end)


def wrong_password(trial: Trial) -> str:
    client = trial.deployment.stack.client
    client.ping()

    def begin() -> None:
        client.config_set("requirepass", "another")
        trial.deployment.client_line.cut()
        trial.deployment.redis_line.cut()

    return _refusing(trial, begin, _config(trial, "requirepass", ""))


def loading(trial: Trial) -> str:
    """Redis restarts, and needs some seconds to read its file."""
    redis_server, client = trial.deployment.redis, trial.deployment.stack.client

    def begin() -> None:
        pipe = client.pipeline(transaction=False)
        for number in range(4000):
            pipe.set(f"filler:{number}", b"x", ex=600)
        pipe.execute()
        client.bgrewriteaof()
        eventually(
            lambda: not client.info("persistence")["aof_rewrite_in_progress"], "the file is rewritten", within=20
        )
        delay = 6_000_000 // client.dbsize()
        redis_server.crash()
        # Microseconds for each key, and a look at who asks after every kilobyte.
        redis_server.launch("--key-load-delay", str(delay), "--loading-process-events-interval-bytes", "1024")
        eventually(lambda: _says(client, "LOADING"), "it is loading", within=10)

    def end() -> None:
        eventually(lambda: bool(client.ping()), "it has loaded", within=60)

    return _refusing(trial, begin, end)


def _says(client: redis.Redis, word: str) -> bool:
    try:
        client.ping()
    except redis.RedisError as error:
        return isinstance(error, redis.BusyLoadingError) or word in str(error)
    return False


def too_many_clients(trial: Trial) -> str:
    with closing(redis.Redis.from_url(trial.deployment.redis.url, single_connection_client=True)) as client:
        client.ping()

        def begin() -> None:
            client.config_set("maxclients", 1)
            trial.deployment.client_line.cut()
            trial.deployment.redis_line.cut()

        return _refusing(trial, begin, lambda: client.config_set("maxclients", 10000))


def many_refusals(trial: Trial) -> str:
    seen = []
    for name, fault in (
        ("MISCONF", misconf), ("wrong password", wrong_password), ("LOADING", loading), ("maxclients", too_many_clients)
    ):  # fmt: skip
        seen.append(f"{name}: {fault(trial)}")
        trial.forget()
    return "; ".join(seen)


def full_disk(trial: Trial) -> str:
    disk = redis_disk(trial)
    try:
        return _refusing(trial, lambda: fill(trial), lambda: empty_disk(disk))
    finally:
        empty_disk(disk)


def slow_redis(trial: Trial) -> str:
    def harm() -> None:
        trial.deployment.redis_line.slow(0.2)
        time.sleep(5)
        trial.deployment.redis_line.slow(5)
        time.sleep(6)
        trial.deployment.redis_line.heal()

    return _steadily(trial, harm)


def clients_killed(trial: Trial) -> str:
    """Every connection is closed by the server, some times, while an event stream is read by somebody who reconnects."""
    got: list[str] = []

    def harm() -> None:
        trial.until_upstream("started")
        (job,) = trial.jobs()
        for _ in range(3):
            trial.deployment.stack.client.client_kill_filter(_type="normal", skipme=True)
            got.extend(_events(trial, job.id, got[-1] if got else None, seconds=1.0))
        eventually(lambda: trial.jobs()[0].status.is_terminal, "the job has ended")
        got.extend(_events(trial, job.id, got[-1] if got else None, seconds=3.0))

    seen = trial.run(trial.errand(steps=10, seconds=0.5), harm=harm)
    log = [event.id for event in trial.deployment.store.log(trial.story().job)]
    # The first message is a snapshot, under the id of the newest event.
    assert got == log[log.index(got[0]) :], "the stream had a gap or a repeat"
    return f"{seen}; {len(got)} events read over 4 connections without a gap"


def _events(trial: Trial, job: str, after: str | None, seconds: float) -> Iterator[str]:
    """Ids from a job's event stream, read for a while."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after else {})
    url = f"{trial.deployment.stack.url}/v1/jobs/{job}/events"
    ends = time.monotonic() + seconds
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(5, seconds)) as answer:
            assert answer.status_code in {200, 503}, answer.status_code
            for line in answer.iter_lines(chunk_size=1):
                if line.startswith(b"id:") and answer.ok:
                    yield line[3:].strip().decode()
                if time.monotonic() > ends:
                    return
    except requests.RequestException:
        return


def split(trial: Trial) -> str:
    """Worker 0 is cut off for four leases; worker 1 sees everything."""
    direct = {"DARKROOM_REDIS_URL": trial.deployment.redis.url}
    for scheduler in trial.deployment.schedulers:
        scheduler.kill()
        scheduler.start(**direct)

    def harm() -> None:
        trial.until_upstream("started")
        trial.second_worker(**direct)
        trial.deployment.redis_line.split()
        time.sleep(LEASE_SECONDS * 4)
        trial.deployment.redis_line.heal()

    try:
        return _taken_over(trial, harm)
    finally:
        for scheduler in trial.deployment.schedulers:
            scheduler.kill()
            scheduler.start()


def paused(trial: Trial) -> str:
    def harm() -> None:
        trial.until_upstream("started")
        trial.second_worker()
        trial.deployment.workers[0].pause()
        time.sleep(LEASE_SECONDS * 4)
        trial.deployment.workers[0].go_on()

    return _taken_over(trial, harm)


def _taken_over(trial: Trial, harm: Callable[[], None]) -> str:
    # Long enough for a second worker to start, also where many others use the machine.
    seen = trial.run(trial.errand(steps=120, seconds=0.4), harm=harm, settle=180)
    job = trial.final()
    assert [attempt.outcome for attempt in job.attempts] == ["lost", "succeeded"]
    assert len({attempt.worker for attempt in job.attempts}) == 2
    time.sleep(2)
    assert trial.deployment.store.get(job.id).job == job, "the first worker wrote after it had lost its lease"
    return seen


def one_key_a_hundred_times(trial: Trial) -> str:
    errand = trial.errand()
    got: set[str] = set()

    def ask(number: int) -> str:
        with closing(Rest(trial.deployment.stack.url)) as client:
            for _ in range(60):
                try:
                    return client.submit(errand).job
                except NoAnswer:
                    time.sleep(0.2)
        raise AssertionError(f"request {number} was never answered")

    def harm() -> None:
        with ThreadPoolExecutor(25) as pool:
            asked = [pool.submit(ask, number) for number in range(100)]
            # One of the processes that answer requests; the first process starts another.
            os.kill(trial.deployment.web.children()[0], signal.SIGKILL)
            got.update(one.result() for one in asked)

    seen = trial.run(errand, harm=harm)
    assert got == {trial.story().job}
    return f"{seen}; 100 requests, 1 job"


# -- the upstream ------------------------------------------------------------------


def _answers(trial: Trial, cases: Iterable[tuple[str, int, str, dict[str, str], set[str]]], **fields: object) -> str:
    """One job for each answer that the upstream may give; the codes with which such jobs may fail."""
    seen = []
    for at, status, body, headers, codes in cases:
        trial.deployment.mood(at, status, body, **headers)
        told = trial.run(trial.errand(**fields), settle=70)
        job = trial.final()
        assert job.error is not None, told
        assert job.error.code in codes, f"{status} {headers}: {job.error}"
        seen.append(f"{status} → {job.error.code} after {len(job.attempts)}")
        trial.make_whole()
        trial.forget()
    return "; ".join(seen)


def too_many_requests(trial: Trial) -> str:
    """Honoured, and never beyond reason: what the record says about when it is tried again."""
    seen = []
    for value in ("2", "86400000", "-5", "Wed, 21 Oct 2037 07:28:00 GMT", "soon"):
        trial.deployment.mood("/call/", 429, "slow down", Retry_After=value)
        errand = trial.errand(cancel_after=4.0)
        trial.run(errand, settle=30)
        job = trial.final()
        waits = [
            logged.event.not_before - logged.event.at
            for logged in trial.deployment.store.log(job.id)
            if isinstance(logged.event, Requeued) and logged.event.not_before is not None
        ]
        assert all(0 < wait <= 300 for wait in waits), waits
        assert len(trial.story().posts) <= 3
        seen.append(f"{value!r}: {', '.join(f'{wait:.0f} s' for wait in waits) or job.status}")
        trial.make_whole()
        trial.forget()
    return "; ".join(seen)


def server_errors(trial: Trial) -> str:
    final = {"provider_unreachable", "provider_error", "provider_busy", "provider_protocol"}
    return _answers(trial, [("/call/", status, "oops", {}, final) for status in (500, 502, 503, 504)])


def client_errors(trial: Trial) -> str:
    codes = {401: "provider_error", 403: "provider_error", 404: "provider_unreachable", 422: "invalid_input"}
    return _answers(trial, [("/call/", status, '{"detail": "no"}', {}, {code}) for status, code in codes.items()])


def unreachable(trial: Trial) -> str:
    seen = []
    for model in (CLOSED, NO_TLS):
        trial.run(trial.errand(model=model), settle=70)
        job = trial.final()
        assert job.error is not None
        assert job.error.code == "provider_unreachable"
        assert not trial.story().posts
        seen.append(f"{model}: {job.error.code} after {len(job.attempts)}")
        trial.forget()
    trial.deployment.upstream_line.split()
    trial.run(trial.errand(model=HASTY), settle=80)
    job = trial.final()
    assert job.error is not None
    assert job.error.code in {"provider_unreachable", "provider_timeout"}
    trial.deployment.upstream_line.heal()
    seen.append(f"half-open: {job.error.code} after {len(job.attempts)}")
    trial.forget()
    return "; ".join([*seen, *names_that_fail(trial)])


def silence(trial: Trial) -> str:
    seen = trial.run(trial.errand(model=HASTY, steps=3, seconds=30.0), settle=80)
    job = trial.final()
    assert job.error is not None
    assert job.error.code == "provider_timeout"
    assert not trial.story().ends, "the upstream went on to the end"
    return seen


def cut_in_mid_stream(trial: Trial) -> str:
    def harm() -> None:
        trial.until_upstream("started")
        trial.deployment.upstream_line.cut()

    seen = trial.run(trial.errand(steps=8, seconds=0.4), harm=harm)
    assert trial.final().status == "succeeded"
    return seen


def nonsense(trial: Trial) -> str:
    wrong = {"provider_protocol", "provider_unreachable", "provider_timeout", "provider_error"}
    html, sse = {"Content_Type": "text/html"}, {"Content_Type": "text/event-stream"}
    cases = [
        ("/call/", 200, "<html>hello</html>", html, wrong),
        ("/queue/data", 200, "<html>hello</html>", html, wrong),
        ("/queue/data", 200, "data: {not json}\n\n", sse, wrong),
        ("/queue/data", 200, "data: \udcff\udcfe\n\n", sse, wrong),
        ("/queue/data", 200, 'data: {"msg": "progress", "progress_data": [{"progress": NaN}]}\n\n', sse, wrong),
        ("/queue/data", 200, "data: " + "x" * 3_000_000 + "\n\n", sse, wrong),
    ]
    return _answers(trial, cases, model=HASTY)


def odd_messages(trial: Trial) -> str:
    wrong = {"provider_protocol", "provider_unreachable", "provider_timeout", "provider_error", "bad_output"}
    sse = {"Content_Type": "text/event-stream"}

    def stream(*messages: object) -> str:
        return "".join(f"data: {json.dumps(message)}\n\n" for message in messages)

    foreign = {"msg": "process_completed", "event_id": "another", "success": True, "output": {"data": [None, 1]}}
    own = {"event_id": "SESSION"}
    failed = {"msg": "process_completed", **own, "success": False, "output": {"error": "no"}}
    empty = {"msg": "process_completed", **own, "success": True, "output": {}}
    step = {"msg": "progress", **own, "progress_data": [{"index": 1, "length": 2, "unit": "steps"}]}
    streams = {
        "foreign": (foreign, foreign),
        "lost session": ({"msg": "unexpected_error", "session_not_found": True},),
        "no completion": ({"msg": "close_stream"},),
        "no output": (empty,),
        "completed twice": (failed, failed),
        "completed both ways": (failed, empty),
        "news after the end": (failed, step, {"msg": "process_starts", **own}),
        "out of order": (
            step,
            {"msg": "estimation", **own, "rank": 3, "queue_size": 5},
            failed,
            {"msg": "process_starts", **own},
        ),
    }
    seen = []
    for name, messages in streams.items():
        told = _answers(trial, [("/queue/data", 200, stream(*messages), sse, wrong)], model=HASTY)
        seen.append(f"{name}: {told.partition('→ ')[2]}")
    return f"{'; '.join(seen)}; {_busy(trial)}"


def _busy(trial: Trial) -> str:
    trial.deployment.mood(
        "/call/", 503, '{"detail": "Queue is full. Max size is 2 and size is 2."}', Content_Type="application/json"
    )

    def harm() -> None:
        trial.until_upstream("posted")
        eventually(lambda: trial.jobs()[0].status == "queued", "the job waits", within=10)
        assert trial.jobs()[0].waiting == "provider_cooldown"

    trial.run(trial.errand(cancel_after=5.0), harm=harm)
    return "queue full → waits as provider_cooldown"


# -- messages -----------------------------------------------------------------------


def poison_messages(trial: Trial) -> str:
    process = trial.deployment.workers[0].process

    def harm() -> None:
        trial.until_upstream("started")
        for number in range(len(POISON_MESSAGES)):
            trial.deployment.send_poison(number)

    seen = trial.run(trial.errand(steps=6, seconds=0.4), trial.errand(at=3.0), harm=harm)
    assert {len(job.attempts) for job in trial.jobs()} == {1}
    assert trial.deployment.workers[0].process is process
    assert trial.deployment.workers[0].alive
    return seen


def five_messages(trial: Trial) -> str:
    trial.second_worker()

    def harm() -> None:
        eventually(lambda: len(trial.jobs()) == 4, "the jobs are there", within=20)
        trial.deployment.send_again([job.id for job in trial.jobs()])

    seen = trial.run(*[trial.errand(steps=6, seconds=0.4) for _ in range(4)], harm=harm)
    assert {len(story.posts) for story in trial.stories()} == {1}
    return seen


def message_again_while_it_runs(trial: Trial) -> str:
    def harm() -> None:
        for _ in range(3):
            trial.until_upstream("started")
            trial.deployment.send_again([job.id for job in trial.jobs()], times=1)
            time.sleep(2)

    seen = trial.run(trial.errand(steps=8, seconds=1.0), harm=harm)
    assert len(trial.story().posts) == 1
    return seen


# -- storage, cancel -------------------------------------------------------------------


def no_room_for_artifacts(trial: Trial) -> str:
    folder = trial.deployment.folder / "data" / "artifacts"
    away = folder.with_name("artifacts.away")
    with _moved(folder, away):
        trial.run(trial.errand(), settle=30)
        job = trial.final()
        assert job.error is not None
        assert job.error.code == "storage_error"
    first = f"not writable: {job.error.code} after {len(job.attempts)} attempts, {len(trial.story().posts)} submissions"
    trial.forget()

    def harm() -> None:
        trial.until_upstream("started")
        with _moved(folder, away):
            eventually(lambda: bool(trial.jobs()[0].attempts[0].outcome), "the first attempt failed", within=20)

    second = trial.run(trial.errand(), harm=harm)
    assert trial.final().status == "succeeded"
    return f"{first}; writable again in time: {second}"


@contextmanager
def _moved(folder: Path, away: Path) -> Iterator[None]:
    """A file stands where the folder was: nothing can be written below it, not even by root."""
    folder.mkdir(exist_ok=True)
    folder.rename(away)
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()
        away.rename(folder)


def cancel_races(trial: Trial) -> str:
    """A cancel at each place of a job's life; whatever wins, there is one end, and no files after a cancel."""
    seen = []
    places = ("after_claim", "after_checkpoint/posting", "after_checkpoint/posted", "downloading", "artifact_stored")
    for place in places:
        trial.arm(f"{place}:sleep=2")
        trial.run(trial.errand(steps=2, seconds=0.2, cancel_after=1.2))
        job = trial.final()
        if job.status == "canceled":
            folder = trial.deployment.stack.artifacts._folder(job.id)
            assert not folder.exists(), "files of a canceled job are left"
        seen.append(f"{place}: {job.status}, {len(trial.story().posts)} submissions")
        trial.forget()
    trial.deployment.workers[0].pause()
    trial.run(trial.errand(cancel_after=0.5))
    assert trial.final().status == "canceled"
    assert not trial.story().posts, "submitted after its cancel was answered"
    seen.append("queued: canceled, 0 submissions")
    trial.deployment.workers[0].go_on()
    with closing(Rest(trial.deployment.stack.url)) as client:
        for _ in range(3):
            assert client.cancel(trial.story().job).status == "canceled"
    return "; ".join(seen)


def unknown_fields(trial: Trial) -> str:
    """A record and an event log as a newer version might write them."""

    def harm() -> None:
        trial.until_upstream("started")
        (job,) = trial.jobs()
        client = trial.deployment.stack.client
        doc = json.loads(client.hget(keys.job(job.id), "doc") or b"{}")
        client.hset(keys.job(job.id), "doc", json.dumps({**doc, "from_the_future": {"a": [1]}}))
        client.hset(keys.job(job.id), "future", "1")

    return trial.run(trial.errand(steps=8, seconds=0.4), harm=harm)


def versions(trial: Trial) -> str:
    newer = unknown_fields(trial)
    trial.forget()
    return f"{two_versions(trial)}; unknown fields: {newer}"


FAULTS: Final[tuple[Fault, ...]] = (
    Fault(id="F1", fault="worker killed after the claim", injected="failpoint after_claim",
          expected="taken up again, 1 submission", run=killed_after_claim),
    Fault(id="F2", fault="worker killed after the POST was sent, before its answer",
          injected="answers held by the proxy, then SIGKILL", expected="at most 2 submissions, and a note that says so",
          run=killed_before_the_answer_to_the_post),
    Fault(id="F3", fault="worker killed during the stream", injected="SIGKILL",
          expected="submitted again as attempt 2; the first run does not go on", run=killed_during_the_stream),
    Fault(id="F4", fault="worker killed while a file is written", injected="failpoint artifact_written",
          expected="no half file is reachable; the temporary one is removed", run=killed_while_a_file_is_written),
    Fault(id="F5", fault="worker killed after the file was stored, before the last event",
          injected="failpoint artifact_stored", expected="no second submission", run=killed_before_the_last_event),
    Fault(id="F6", fault="worker killed after the last event, before the webhook",
          injected="failpoint terminal_written", expected="the job stays ended, the webhook is sent", run=killed_after_the_last_event),
    Fault(id="F7", fault="sender killed after the webhook's 2xx, before the mark", injected="failpoint delivered",
          expected="delivered again with the same id", run=killed_before_the_note),
    Fault(id="F8", fault="worker killed with a message that it has not read", injected="SIGSTOP, then SIGKILL",
          expected="the scheduler sends it again", run=message_lost),
    Fault(id="F9", fault="web process killed between record and answer", injected="failpoint accepted",
          expected="it runs once; the client's retry finds it", run=web_killed_before_answer),
    Fault(id="F10", fault="Redis half-open", injected="proxy goes silent on open connections",
          expected="timeouts, then new connections; nothing lost", run=half_open),
    Fault(id="F11", fault="Redis killed, restarted with its AOF", injected="SIGKILL", expected="nothing lost", run=redis_killed),
    Fault(id="F12", fault="Redis restarted empty, then emptied", injected="its file taken away, and put back; FLUSHALL",
          expected="noticed, not ready, said aloud; goes on when it is back, or accepted", run=emptied),
    Fault(id="F13", fault="Redis read-only", injected="REPLICAOF", expected="503 on submit, then on as before", run=readonly),
    Fault(id="F14", fault="Redis out of memory", injected="maxmemory 1mb", expected="503 on submit, then on as before",
          run=out_of_memory),
    Fault(id="F15", fault="Redis slow", injected="proxy: 200 ms, then 5 s a piece", expected="no duplicates", run=slow_redis),
    Fault(id="F16", fault="Redis with MISCONF, a wrong password, LOADING, too many clients",
          injected="a snapshot that fails; requirepass; key-load-delay; maxclients 1",
          expected="503 on submit, then on as before", run=many_refusals),
    Fault(id="F17", fault="connections closed by Redis", injected="CLIENT KILL, three times",
          expected="event streams go on by Last-Event-ID without a gap", run=clients_killed),
    Fault(id="F18", fault="network split between a worker and Redis", injected="proxy, four leases long",
          expected="another worker takes over; late writes are refused", run=split),
    Fault(id="F19", fault="worker paused", injected="SIGSTOP for four leases, SIGCONT",
          expected="another worker takes over; late writes are refused", run=paused),
    Fault(id="F20", fault="SIGTERM while a job runs; SIGKILL within its grace; SIGTERM to web with an open stream",
          injected="signals", expected="finished or handed back, status 0; tried again; the stream goes on", run=told_to_stop),
    Fault(id="F21", fault="upstream: 429 with odd Retry-After", injected="the app's front answers",
          expected="honoured, at most 5 minutes", run=too_many_requests),
    Fault(id="F22", fault="upstream: 500, 502, 503, 504", injected="the app's front answers",
          expected="at most 3 attempts, typed error", run=server_errors),
    Fault(id="F23", fault="upstream: 401, 403, 404, 422", injected="the app's front answers",
          expected="stable code; no retry but for 404, which an app that is being restarted gives, too", run=client_errors),
    Fault(id="F24", fault="upstream: refused, no TLS, half-open; its name does not exist, SERVFAIL, no answer",
          injected="closed port, plain port, silent proxy; a resolver of the test's own",
          expected="provider_unreachable or provider_timeout", run=unreachable),
    Fault(id="F25", fault="upstream says nothing until the time is over", injected="a step of 30 s, a limit of 4 s",
          expected="provider_timeout, the upstream's run ended", run=silence),
    Fault(id="F26", fault="upstream connection reset in mid-stream", injected="proxy", expected="one result", run=cut_in_mid_stream),
    Fault(id="F27", fault="upstream answers with HTML, bad JSON, bad UTF-8, NaN, a line of 3 MB",
          injected="the app's front answers", expected="typed error, no worker dies", run=nonsense),
    Fault(id="F28", fault="completions that are foreign, missing, empty, double, out of order; lost session, full queue",
          injected="the app's front answers", expected="one typed error, or a wait with a reason", run=odd_messages),
    Fault(id="F29", fault="14 kinds of rubbish in the queue", injected="LPUSH", expected="the worker lives", run=poison_messages),
    Fault(id="F30", fault="five messages for each job, two workers", injected="messages", expected="1 claim each", run=five_messages),
    Fault(id="F31", fault="message delivered again while its job runs", injected="messages (acks are early: the broker does not do it)",
          expected="the second does nothing", run=message_again_while_it_runs),
    Fault(id="F32", fault="a job that kills its worker every time, with three others beside it",
          injected="failpoint after_claim for one provider",
          expected="worker_lost after 3 attempts; the others succeed", run=killer_job),
    Fault(id="F33", fault="artifacts cannot be stored", injected="a file in place of the folder",
          expected="storage_error, or done once it works again", run=no_room_for_artifacts),
    Fault(id="F34", fault="Redis' disk is full", injected="a file system of its own, filled",
          expected="503 on submit, then on as before", run=full_disk),
    Fault(id="F35", fault="S3 fails, is slow, loses an answer", injected="-", expected="idempotent by key", open="not built yet: S3"),
    Fault(id="F36", fault="clocks of worker, web and schedulers jump an hour ahead, then behind", injected="a library before theirs",
          expected="leases go by Redis' clock: no attempt is lost", run=clocks_jump),
    Fault(id="F37", fault="webhook target: down, 500, 302, 410, slow, late, endless, bad TLS, no such name",
          injected="receivers", expected="schedule kept, hosts apart, exhausted visible", run=receivers_that_fail),
    Fault(id="F38", fault="webhook sender crashes with 10,000 pending", injected="SIGKILL", expected="all delivered later",
          run=sender_dies_with_many_pending),
    Fault(id="F39", fault="cancel at six places of a job's life, repeated, after the end", injected="failpoints",
          expected="one end, no files after a cancel", run=cancel_races),
    Fault(id="F40", fault="100 submits at once with one idempotency key, one of two web processes killed",
          injected="threads, SIGKILL", expected="one job", run=one_key_a_hundred_times),
    Fault(id="F41", fault="300 event-stream clients stand still, 1,000 come again with old ids", injected="sockets",
          expected="bounded memory, no gap", run=streams_that_stall),
    Fault(id="F42", fault="rolling upgrade and rollback; records of a newer version",
          injected="an older commit beside this one, part by part; unknown fields in Redis", expected="nothing lost",
          run=versions),
)  # fmt: skip
