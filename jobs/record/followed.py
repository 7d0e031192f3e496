"""What is remembered for clients that know no ids of jobs: the model that they chose, and which jobs are theirs.

A *group* is an owner, or one of an owner's end users (:func:`jobs.submissions.fair_user`): what one does, another never sees.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from jobs.record import keys
from jobs.record.connection import Connection
from jobs.record.outages import available

#: Jobs of a group that are remembered.
MOST: Final = 1000
_DAY: Final = 86_400
_CHOICE_SECONDS: Final = 30 * _DAY


class Followed:
    """Reads and writes it. Every method raises :class:`jobs.errors.StoreUnavailable` while Redis cannot serve."""

    def __init__(self, connection: Connection) -> None:
        self._redis = connection.redis
        self._now = connection.now

    def choose(self, group: str, model: str) -> None:
        """Remember the model for the requests of a group that name none."""
        with available():
            self._redis.set(keys.chosen(group), model, ex=_CHOICE_SECONDS)

    def chosen(self, *groups: str) -> str | None:
        """The model that the first of these groups chose which chose one."""
        with available():
            found = (self._redis.get(keys.chosen(group)) for group in groups)
            return next((model.decode() for model in found if model is not None), None)

    def add(self, group: str, job_ids: Sequence[str], name: str | None = None) -> None:
        """Remember the jobs of a request, and the name that its client gave it."""
        at = keys.ms(self._now())
        with available():
            pipe = self._redis.pipeline(transaction=False)
            pipe.zadd(keys.followed(group), dict.fromkeys(job_ids, at))
            pipe.zremrangebyrank(keys.followed(group), 0, -MOST - 1)
            pipe.expire(keys.followed(group), _DAY)
            if name is not None:
                pipe.set(_named(group, name), " ".join(job_ids), ex=_DAY)
            pipe.execute()

    def newest(self, group: str, start: int = 0, count: int = MOST) -> list[str]:
        """The newest jobs of a group from a place on, the newest first. Some may have ended."""
        with available():
            found = self._redis.zrevrange(keys.followed(group), start, start + count - 1)
        return [job_id.decode() for job_id in found]

    def remove(self, group: str, job_ids: Sequence[str]) -> None:
        """Forget jobs that have ended."""
        with available():
            self._redis.zrem(keys.followed(group), *job_ids)

    def named(self, group: str, name: str) -> list[str]:
        """The jobs of the newest request that its client gave this name; none: there is no such request."""
        with available():
            found = self._redis.get(_named(group, name))
        return found.decode().split() if found else []


def _named(group: str, name: str) -> str:
    return keys.named(group, hashlib.sha256(name.encode()).hexdigest()[:16])
