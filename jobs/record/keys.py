"""Every key in Redis, declared once.

The modules use them, the scripts get them (:mod:`jobs.record.scripts`), and docs/reference/redis-keys.md lists them.

All keys begin with ``dr:``. Times in scores are Unix milliseconds by Redis' own clock. One server, no cluster:
Celery's Redis transport has no cluster support either, so the scripts may build key names.

A *group* is what shares limits: an owner, or one of an owner's end users.
"""

from __future__ import annotations

import re
from typing import Final, Self

PREFIX: Final = "dr:"
#: The broker's list of messages, under the name that Celery gives its queue.
MESSAGES: Final = "darkroom.jobs"

_FIELD: Final = re.compile(r"\{\w+\}")


class Key(str):
    """A key; one with fields in braces is a family of keys, and gives one of them when it is called.

    Args:
        name: Without the prefix.
        kind: The type in Redis.
        holds: What is in it, for the reference (Markdown).
        lives: How long; empty: while it holds something.
    """

    __slots__ = ("holds", "kind", "lives", "parts")
    kind: str
    holds: str
    lives: str
    #: The constant parts, before, between and after the fields.
    parts: list[str]

    def __new__(cls, name: str, kind: str, holds: str, lives: str = "") -> Self:
        """Declare a key."""
        key = super().__new__(cls, PREFIX + name)
        key.kind, key.holds, key.lives, key.parts = kind, holds, lives, _FIELD.split(key)
        return key

    def __call__(self, *values: str) -> str:
        """The key with these values of its fields."""
        first, *others = self.parts
        return first + "".join(value + part for value, part in zip(values, others, strict=True))


job: Final = Key(
    "job:{id}",
    "hash",
    "`doc` snapshot (JSON), `v` version, `status`, `owner`, `user`, `lane`, `rank` (place in its lane), "
    "`fence`, `cancel`, `provider`, `hedge` (the second provider whose slot it holds), `op` (last write), "
    "`ckpt` (by provider)",
    "until retention ends",
)
events: Final = Key("events:{id}", "stream", "the job's event log, field `e` (JSON)", "with the job; about 500 newest")
previews: Final = Key("previews:{id}", "hash", "`{index}` → image bytes, the last 12", "an hour after the last")
secret: Final = Key("secret:{id}", "string", "the job's credentials, AES-256-GCM", "until the job ends")
tombstone: Final = Key("tomb:{id}", "string", "tombstone (JSON)", "30 days")
batch: Final = Key(
    "batch:{id}",
    "hash",
    "jobs submitted together: `doc` (JSON), `left` (how many are not deleted), `op`",
    "30 days after the last of them",
)
once: Final = Key(
    "once:{key}",
    "hash",
    "what the request with this idempotency key made: its `id`, and `print`, the fingerprint of the request",
    "a day",
)
twin: Final = Key(
    "twin:{fingerprint}", "string", "the newest job that a request with this fingerprint made", "15 minutes"
)
cache: Final = Key(
    "cache:{key}",
    "string",
    "the job whose result answers such requests: of those that succeeded the one that is kept longest",
    "with the job",
)
hooks: Final = Key(
    "hooks:{id}",
    "hash",
    "the job's webhook deliveries: `{delivery}` → record (JSON), `{delivery}:body` → what is sent; also of a test",
    "with the job; a test's an hour",
)
HOOK_OWNERS: Final = Key("hookowners", "zset", "owners of deliveries, by when some may be due")
hook_hosts: Final = Key("hookhosts:{owner}", "zset", "hosts with deliveries of this owner, by when some may be due")
hooks_due: Final = Key(
    "hookdue:{owner}/{host}",
    "zset",
    "deliveries to a host, `{id}/{delivery}`, by when they are due",
)
hooks_sent: Final = Key(
    "hooksent:{owner}",
    "zset",
    "deliveries that are being made, `{host}/{id}/{delivery}`, by the end of their lease",
)
hook_gone: Final = Key(
    "hookgone:{owner}:{digest}",
    "string",
    "there while an address that answered 410 gets nothing from this owner's jobs",
    "a day",
)
HOOK_SECRETS: Final = Key("hooksecrets", "hash", "owner → secrets that sign its webhooks, AES-256-GCM")
files: Final = Key("files:{owner}", "hash", "uploads of one owner: id → record (JSON)", "each as long as was asked for")
FILE_BYTES: Final = Key("filebytes", "hash", "owner → bytes of all its uploads")
FILE_DUE: Final = Key(
    "filedue",
    "zset",
    "uploads, `{owner}/{id}`, by when they end; while one is written: an hour from then",
)
owner: Final = Key("owner:{owner}", "zset", "job ids by creation time")
OWNERS: Final = Key("owners", "set", "owners that have jobs")
QUEUED: Final = Key("queued", "zset", "queued jobs by creation time: positions")
lane: Final = Key("lane:{lane}", "zset", "jobs that may run now, of one user on one route, by rank")
lanes: Final = Key(
    "lanes:{user}",
    "set",
    "the user's lanes that are not empty; a user is an owner, or one of an owner's end users",
)
TURN: Final = Key("turn", "zset", "owners with such jobs, by when they were last served")
turn: Final = Key("turn:{owner}", "zset", "the owner's users with such jobs, by when they were last served")
SERVED: Final = Key("served", "zset", "when each owner and user was last served, the newest 10,000")
SCANNED: Final = Key("look", "hash", "turn → the place behind which the next call looks for users who can run")
TICK: Final = Key("tick", "string", "the number of the last turn served")
waiting: Final = Key(
    "waiting:{group}",
    "zset",
    "queued jobs of a group, by creation time: their number, and places among them",
)
held: Final = Key("held:{group}", "set", "jobs of a group that hold a slot: sent or running")
DUE: Final = Key("due", "zset", "parked jobs by the time they may run")
SENT: Final = Key("sent", "zset", "jobs whose message is on its way, by send time")
RUNNING: Final = Key("running", "zset", "running jobs by the end of their lease")
DEADLINE: Final = Key("deadline", "zset", "queued jobs with a deadline, by it")
RETAIN: Final = Key("retain", "zset", "finished jobs by the end of retention")
WORKERS: Final = Key("workers", "zset", "live workers by the end of their sign of life")
SLOTS: Final = Key("slots", "hash", "worker → jobs at once")
busy: Final = Key("busy:{provider}", "set", "jobs that hold one of the provider's slots: sent there or running there")
PROVIDERS: Final = Key(
    "providers",
    "set",
    "providers that take jobs, by the newest worker's or scheduler's configuration",
)
provider: Final = Key(
    "provider:{provider}",
    "hash",
    "`limit` of jobs at once; as an operator set them `paused`, `hold` (how, why, by whom; JSON) and `cap` (another limit); "
    "`until` and `reason` of a rest; `works` (believed to work until); of the trial job after a rest: `scout` (its id), "
    "`scouted` (when it was sent), `wary` (milliseconds that others wait for it where nothing was refused); `health` "
    "(JSON), and from it `open` (circuit), `cost` (expected seconds), `shun` (a last resort)",
)
account: Final = Key(
    "account:{account}/{provider}",
    "hash",
    "`until`, `reason`, `works`, `scout`, `scouted` as above, of the quota of a job's own credentials (a "
    "keyed hash of them)",
    "two days",
)
PAUSED: Final = Key("paused", "string", "there while nothing is sent to any worker: why, by whom (JSON)")
rate: Final = Key(
    "rate:{window}:{owner}",
    "hash",
    "what a key used in a sliding window: `slot` (number of this part), `n` (in it), `before` (in the part before)",
    "two windows",
)
streams: Final = Key(
    "streams:{owner}",
    "zset",
    "open event streams by the end of their sign of life",
    "45 s after the last",
)
probed: Final = Key("probe:{provider}", "string", "there while the provider was probed lately", "a minute")
CONTROL: Final = Key("control", "stream", "words to running attempts (cancel), about 1,000 newest")
nudge: Final = Key("nudge:{name}", "stream", "wakes a web process that reads events", "a minute")
PROBE: Final = Key("probe", "string", "written by `/readyz` and the scheduler to see that writing works", "a minute")
METRICS: Final = Key("metrics", "hash", "what workers and schedulers counted: `[metric, part, labels…]` (JSON) → sum")
API_KEYS: Final = Key("keys", "hash", "API key id → record (JSON)")
API_KEY_HASHES: Final = Key("keyhash", "hash", "SHA-256 of an API key, or of what it was before a rotation → its id")
LOCKED: Final = Key(
    "locked",
    "string",
    "there since the first API key was made: the API asks for one, also when all are revoked",
    "until `darkroom keys open`",
)
IDENTITY: Final = Key(
    "epoch",
    "hash",
    "`id` of this database, made once: without it the database was emptied; `before`: the one that the "
    "operator gave up",
)
