"""Every key in Redis, declared once.

The modules use them, the scripts get them (:mod:`jobs.record.script_loader`), and docs/reference/redis-keys.md lists them.

All keys begin with ``dr:``. Times in scores are Unix milliseconds by Redis' own clock. One server, no cluster:
Celery's Redis transport has no cluster support either, so the scripts may build key names.

A *group* is what shares limits: an owner, or one of an owner's end users.
"""

from __future__ import annotations

import re
from typing import Final, Self

PREFIX: Final = "dr:"

_FIELD: Final = re.compile(r"\{\w+\}")


def ms(seconds: float) -> int:
    """Whole milliseconds, as Redis keeps times and durations."""
    return round(seconds * 1000)


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
previews: Final = Key("previews:{id}", "hash", "`{index}` → image bytes, the last 12", "until 10 s after the job's end")
secret: Final = Key("secret:{id}", "string", "the job's credentials, AES-256-GCM", "until the job ends")
tombstones: Final = Key(
    "tombs:{time}:{number}",
    "hash",
    "tombstones of jobs that were created within about a minute: rest of the id → how it ended, when, and its owner "
    "(binary); at most some hundred in each",
    "`DARKROOM_TOMBSTONE_DAYS` after the newest of them",
)
tombstone: Final = Key("tomb:{id}", "string", "tombstone (JSON), written by an earlier version", "30 days")
batch: Final = Key(
    "batch:{id}",
    "hash",
    "jobs submitted together: `doc` (JSON), `left` (how many are not deleted), `op`",
    "with the tombstone of the last of them",
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
unanswered: Final = Key(
    "unanswered:{fingerprint}",
    "hash",
    "jobs of a request whose client stays connected for the result: id → the web process that has its connection; empty: "
    "the client is gone without it",
    "15 minutes",
)
SERVERS: Final = Key("servers", "hash", "web process → until when its sign of life counts (milliseconds)")
chosen: Final = Key(
    "chosen:{group}",
    "string",
    "the model that clients chose which set it once for all their requests",
    "30 days after the choice",
)
followed: Final = Key(
    "followed:{group}",
    "zset",
    "the newest 1,000 jobs of clients that know no ids of jobs, by the time of their request; those that ended are taken "
    "out when they are met",
    "a day after the newest",
)
named: Final = Key("named:{group}:{digest}", "string", "the jobs of a request that its client gave a name", "a day")
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
HOOKS_PENDING: Final = Key(
    "hookspending",
    "string",
    "how many deliveries are due, wait for another try, or are being made; counted anew when it is missing",
    "an hour",
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
JOBS: Final = Key("jobs", "zset", "job ids of all owners by creation time, for the lists of admins")
JOBS_COMPLETE: Final = Key("jobscomplete", "string", "there since `dr:jobs` has the jobs of earlier versions too")
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
POOLS: Final = Key("pools", "zset", "pools that have jobs, by when a dispatch looks at them")
pools: Final = Key("pools:{provider}", "set", "pools that this provider serves")
pool_owners: Final = Key(
    "poolowners:{pool}", "zset", "owners that a dispatch may serve there, by when they were last served"
)
pool_users: Final = Key("poolusers:{pool}|{owner}", "zset", "the owner's users likewise")
pool_lanes: Final = Key("poollanes:{pool}|{user}", "zset", "the user's lanes there, by the rank of their first job")
owner_pools: Final = Key("ownerpools:{owner}", "set", "pools where a user of the owner is shown")
user_pools: Final = Key("userpools:{user}", "set", "pools where a lane of the user is shown")
FULL: Final = Key("full", "zset", "owners with groups that were found at their limit, by when they were looked at")
full: Final = Key("full:{owner}", "set", "these groups")
RESTING: Final = Key(
    "resting",
    "zset",
    "`{subject}|{route}` of lanes that rest, by when a dispatch looks at them; a subject is the account of jobs with "
    "credentials of their own, else `@` and the owner",
)
resting: Final = Key(
    "resting:{subject}|{route}",
    "zset",
    "lanes whose jobs not all providers take because of their subject, by the rank of their first job",
)
NARROWED: Final = Key("narrowed", "hash", "of these lanes → the pool of the providers that do take their jobs, if any")
rests: Final = Key("rests:{subject}", "set", "routes on which lanes of the subject rest")
STIRRED: Final = Key("stirred", "set", "providers that changed since the last dispatch: their pools may have room")
RECHECKED: Final = Key("rechecked", "string", "how far in `dr:queued` the scheduler has looked after what is shown")
TICK: Final = Key("tick", "string", "the number of the last turn served")
ARRIVALS: Final = Key("arrivals", "string", "how often an owner or user entered a turn")
waiting: Final = Key(
    "waiting:{group}",
    "zset",
    "queued jobs of a group, by creation time: their number, and places among them",
)
held: Final = Key("held:{group}", "set", "jobs of a group that hold a slot: sent or running")
DUE: Final = Key("due", "zset", "parked jobs by the time they may run")
SENT: Final = Key("sent", "zset", "jobs whose message is on its way, by send time")
PUSHED: Final = Key("pushed", "string", "how many messages were pushed for workers: names each delivery")
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
    "(JSON), and from it `open` (circuit), `cost` (expected seconds), `shun` (a last resort), `shut` (JSON: subject "
    "→ until when the circuit is open for its jobs alone, in milliseconds)",
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
signature: Final = Key(
    "signature:{provider}",
    "string",
    "what the functions of the provider's app look like, as the app told it last (JSON)",
)
gradio_session: Final = Key(
    "gradio:{owner}:{digest}",
    "hash",
    "jobs of a Gradio client's session that it was not told the end of: id → number of the function",
    "a day after the last of them was submitted",
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
