"""Leases: the right of one worker to run one job, and all that only their holder may write."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from jobs import events
from jobs.errors import LeaseLost, StoreFull
from jobs.model import Job, Status
from jobs.record import keys
from jobs.record.commit import Step, commit
from jobs.record.connection import Conflict, Connection, retrying
from jobs.record.keys import ms
from jobs.record.reader import decoded
from jobs.record.types import Lease, Notices
from jobs.states import apply

_encode = msgspec.json.Encoder().encode


def encoded(states: Mapping[str, Mapping[str, Any]]) -> bytes:
    """Checkpoints by provider, as they are stored."""
    return _encode(states)


class Leases:
    """The leases of all running jobs. Writes are tried again for the connection's patience.

    ``notices`` makes the webhook deliveries of an event, which are written with it; the default makes none.
    """

    def __init__(self, connection: Connection, *, notices: Notices = lambda _job, _event: ()) -> None:
        self._connection = connection
        self._redis = connection.redis
        self._notices = notices

    def claim(
        self, job_id: str, worker: str, lease_seconds: float, inputs: Callable[[Job, str], dict[str, Any]]
    ) -> Lease | None:
        """Take the lease of a job that was sent; None: there is nothing to claim (a duplicate message dies here).

        ``inputs`` gives the input that the provider will be asked for. Without a :meth:`beat` the lease holds for
        ``lease_seconds``.

        Raises:
            Contended: Other writers were faster each time.
        """

        def write() -> Lease | None:
            doc, version, provider, saved = self._connection.patiently(
                lambda: self._redis.hmget(keys.job(job_id), "doc", "v", "provider", "ckpt")
            )
            if doc is None or version is None or provider is None:
                return None
            job = decoded(doc)
            if job.status is not Status.QUEUED:
                return None
            name = provider.decode()
            event = events.Started(at=self._connection.now(), provider=name, worker=worker, input=inputs(job, name))
            job = apply(job, event)
            notices = self._notices(job, event)
            step = Step(
                job=job,
                event=event,
                version=int(version),
                sent_to=name,
                lease_seconds=lease_seconds,
                notices=notices,
            )
            answer = commit(self._connection, step)
            match answer[0]:
                case b"ok":
                    return Lease(step.record(answer), int(answer[2]), json.loads(saved) if saved else {})
                case b"unsent":
                    return None
                case _:
                    raise Conflict

        return retrying(job_id, write)

    def beat(self, worker: str, slots: int, lease_seconds: float, leases: Sequence[tuple[str, int]]) -> list[int]:
        """A worker's heartbeat, which renews its leases (job id and fence); one with 0 slots signs the worker off.

        Returns:
            For each lease: 0 it is lost, 1 it holds, 2 it holds and a cancel was asked for.
        """
        parts = [part for lease in leases for part in lease]
        answer = self._connection.in_right_database(
            lambda identity: self._connection.run("beat", identity, worker, slots, ms(lease_seconds), *parts)
        )
        return [int(state) for state in answer]

    def wait_for_cancels(self, after: str, timeout: float) -> tuple[str, tuple[str, ...]]:
        """Block until a cancel is asked for, of any running job, for 4 seconds at most.

        ``after`` is the cursor: ``$`` at first, then what the last call returned.

        Returns:
            The new cursor, and the job ids.
        """
        entries = self._connection.read({keys.CONTROL: after}, timeout).get(keys.CONTROL, ())
        if not entries:
            return after, ()
        return entries[-1][0].decode(), tuple(fields[b"cancel"].decode() for _, fields in entries)

    # -- what only the running attempt may do --------------------------------------

    def save_checkpoints(self, job_id: str, fence: int, states: Mapping[str, Mapping[str, Any]]) -> None:
        """Store what a later attempt must know, by provider, in place of what was stored before.

        Raises:
            LeaseLost: The fence is not the running attempt's.
        """
        self._fenced("checkpoint", job_id, fence, encoded(states))

    def save_preview(self, job_id: str, fence: int, index: int, image: bytes) -> bool:
        """Keep a preview; of all previews of a job the newest few are kept. False: there is no room for it.

        Raises:
            LeaseLost: The fence is not the running attempt's.
        """
        try:
            self._connection.memory.check_room()
            self._fenced("preview", job_id, fence, index, image)
        except StoreFull:
            return False
        return True

    def take_hedge(self, job_id: str, fence: int, providers: Sequence[str]) -> str | None:
        """Take a slot for a hedge at one of the providers, the best first, beside the slot that the running job holds.

        Returns:
            The first of them that is well and has room; None: there is none.

        Raises:
            LeaseLost: The fence is not the running attempt's.
        """
        taken: bytes = self._fenced("hedge", job_id, fence, *providers)
        return taken.decode() or None

    def release_loser(self, job_id: str, fence: int, winner: str) -> None:
        """Release the slot of a hedged job's losing attempt; ``winner`` is the provider of the one that goes on.

        Raises:
            LeaseLost: The fence is not the running attempt's.
        """
        self._fenced("release_loser", job_id, fence, winner)

    def _fenced(self, script: str, job_id: str, fence: int, *arguments: str | int | bytes) -> Any:  # noqa: ANN401
        """Run a script that only the running attempt may run: it answers 0 or nothing where the lease is lost.

        Raises:
            StoreFull: It needs room, and there is none; that is not waited for.
        """

        def run() -> object:
            answer = self._connection.run(script, job_id, fence, *arguments)
            if answer in (0, None):
                self._connection.check_database()
            return answer

        answer = self._connection.patiently(run, unless=(StoreFull,))
        if answer in (0, None):
            raise LeaseLost(f"another attempt runs {job_id} now")
        return answer

    def secret(self, job_id: str) -> bytes | None:
        """The job's encrypted credentials, while it has not ended."""
        return self._connection.patiently(lambda: self._redis.get(keys.secret(job_id)))
