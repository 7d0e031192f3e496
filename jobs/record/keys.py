"""Every key in Redis: the data dictionary.

All keys begin with ``dr:``. Times in scores are Unix milliseconds by Redis'
own clock. One server, no cluster: Celery's Redis transport has no cluster
support either, so the scripts may build key names.

| key | type | holds | lives |
|---|---|---|---|
| ``dr:job:{id}`` | hash | ``doc`` snapshot (JSON), ``v`` version, ``status``, ``owner``, ``user``, ``lane``, ``rank`` (place in its lane), ``fence``, ``cancel``, ``provider``, ``hedge`` (the second provider whose slot it holds), ``op`` (last write), ``ckpt`` (by provider) | until retention ends |
| ``dr:events:{id}`` | stream | the job's event log, field ``e`` (JSON) | with the job; about 500 newest |
| ``dr:previews:{id}`` | hash | ``{index}`` → picture bytes, the last 12 | an hour after the last |
| ``dr:secret:{id}`` | string | the job's credentials, AES-256-GCM | until the job ends |
| ``dr:tomb:{id}`` | string | tombstone (JSON) | 30 days |
| ``dr:batch:{id}`` | hash | jobs submitted together: ``doc`` (JSON), ``left`` (how many are not deleted), ``op`` | 30 days after the last of them |
| ``dr:once:{key}`` | hash | what the request with this idempotency key made: ``print`` (its fingerprint), ``id`` | a day |
| ``dr:twin:{fingerprint}`` | string | the newest job that such a request made | 15 minutes |
| ``dr:cache:{key}`` | string | of the jobs that succeeded at such a request the one that is kept longest, where it has one answer | with the job |
| ``dr:hooks:{id}`` | hash | the job's webhook deliveries: ``{delivery}`` → record (JSON), ``{delivery}:body`` → what is sent; also of a test | with the job; a test's an hour |
| ``dr:hookowners`` | zset | owners of deliveries, by when to look for some that are due | |
| ``dr:hookhosts:{owner}`` | zset | hosts with deliveries of this owner, by when to look at them | |
| ``dr:hookdue:{owner}/{host}`` | zset | deliveries to a host, ``{id}/{delivery}``, by when they are due | |
| ``dr:hooksent:{owner}`` | zset | deliveries that are being made, ``{host}/{id}/{delivery}``, by the end of their lease | |
| ``dr:hookgone:{owner}:{digest}`` | string | there while an address that answered 410 gets nothing from this owner's jobs | a day |
| ``dr:hooksecrets`` | hash | owner → secrets that sign its webhooks, AES-256-GCM | |
| ``dr:files:{owner}`` | hash | uploads of one owner: id → record (JSON) | each as long as was asked for |
| ``dr:filebytes`` | hash | owner → bytes of all its uploads | |
| ``dr:filedue`` | zset | uploads, ``{owner}/{id}``, by when they end; one that is just written an hour ahead | |
| ``dr:owner:{owner}`` | zset | job ids by creation time | |
| ``dr:owners`` | set | owners that have jobs | |
| ``dr:queued`` | zset | queued jobs by creation time: positions | |
| ``dr:lane:{lane}`` | zset | jobs that may run now, of one user on one route, by rank | |
| ``dr:lanes:{user}`` | set | the user's lanes that are not empty; a user is an owner, or one of an owner's end users | |
| ``dr:turn`` | zset | owners with such jobs, by when they were last served | |
| ``dr:turn:{owner}`` | zset | the owner's users with such jobs, by when they were last served | |
| ``dr:served`` | zset | when each owner and user was last served, the newest 10,000 | |
| ``dr:look`` | hash | turn → behind which place to look next for somebody who can run | |
| ``dr:tick`` | string | counter behind the turns | |
| ``dr:waiting:{party}`` | zset | queued jobs of an owner, or of an end user, by creation time: their number, and places among them | |
| ``dr:held:{party}`` | set | jobs of an owner, or of an end user, that hold a slot: sent or running | |
| ``dr:due`` | zset | parked jobs by the time they may run | |
| ``dr:sent`` | zset | jobs whose message is on its way, by send time | |
| ``dr:running`` | zset | running jobs by the end of their lease | |
| ``dr:deadline`` | zset | queued jobs with a deadline, by it | |
| ``dr:retain`` | zset | finished jobs by the end of retention | |
| ``dr:workers`` | zset | live workers by the end of their sign of life | |
| ``dr:slots`` | hash | worker → jobs at once | |
| ``dr:busy:{provider}`` | set | jobs that hold one of the provider's slots: sent there or running there | |
| ``dr:providers`` | set | providers that take jobs, by the newest worker's or scheduler's configuration | |
| ``dr:provider:{provider}`` | hash | ``limit``; ``paused``, ``hold`` (how, why, by whom; JSON) and ``cap`` (another limit) as an operator set them; ``until`` and ``reason`` of a rest; ``wary`` (it may have a quota: milliseconds that the job which goes first is waited for), ``works`` (believed to work until), ``scout`` and ``scouted`` (the job that goes first, and when it was sent); ``health`` (JSON), and from it ``open`` (circuit), ``cost`` (expected seconds), ``shun`` (last resort) | |
| ``dr:account:{account}/{provider}`` | hash | ``until``, ``reason``, ``works``, ``scout``, ``scouted`` as above, of the quota of a job's own credentials (a keyed hash of them) | two days |
| ``dr:paused`` | string | there while nothing is sent to any worker: why, by whom (JSON) | |
| ``dr:rate:{window}:{owner}`` | hash | what a key used in a sliding window: ``slot`` (number of this part), ``n`` (in it), ``before`` (in the part before) | two windows |
| ``dr:streams:{owner}`` | zset | open event streams by the end of their sign of life | 45 s after the last |
| ``dr:probe:{provider}`` | string | there while the provider was probed lately | a minute |
| ``dr:control`` | stream | words to running attempts (cancel), about 1,000 newest | |
| ``dr:nudge:{name}`` | stream | wakes a web process that reads events | a minute |
| ``dr:probe`` | string | written by ``/readyz`` and the scheduler to see that writing works | a minute |
| ``dr:keys`` | hash | API key id → record (JSON) | |
| ``dr:keyhash`` | hash | SHA-256 of an API key, or of what it was before a rotation → its id | |
| ``dr:locked`` | string | there since the first API key was made: the API asks for one, also when all are revoked | until ``darkroom keys open`` |
| ``dr:epoch`` | hash | ``id`` of this database, made once: without it the database was emptied; ``before``: the one that the operator gave up | |
"""

from __future__ import annotations

from typing import Final

PREFIX: Final = "dr:"
#: The broker's list of messages, under the name that Celery gives its queue.
MESSAGES: Final = "darkroom.jobs"

OWNERS: Final = "dr:owners"
QUEUED: Final = "dr:queued"
TURN: Final = "dr:turn"
DUE: Final = "dr:due"
SENT: Final = "dr:sent"
RUNNING: Final = "dr:running"
DEADLINE: Final = "dr:deadline"
RETAIN: Final = "dr:retain"
WORKERS: Final = "dr:workers"
SLOTS: Final = "dr:slots"
PROVIDERS: Final = "dr:providers"
PAUSED: Final = "dr:paused"
CONTROL: Final = "dr:control"
PROBE: Final = "dr:probe"
HOOK_SECRETS: Final = "dr:hooksecrets"
FILE_BYTES: Final = "dr:filebytes"
FILE_DUE: Final = "dr:filedue"
API_KEYS: Final = "dr:keys"
API_KEY_HASHES: Final = "dr:keyhash"
LOCKED: Final = "dr:locked"
IDENTITY: Final = "dr:epoch"

#: Events kept per job, about.
EVENTS_KEPT: Final = 500
#: Previews kept per job.
PREVIEWS_KEPT: Final = 12
#: Seconds that previews outlive the newest one.
PREVIEW_SECONDS: Final = 3600
#: Seconds that the delivery of a test can be looked at.
TEST_SECONDS: Final = 3600
#: Seconds that an address which answered 410 is left alone.
GONE_SECONDS: Final = 86_400
#: Seconds that a tombstone stands.
TOMBSTONE_SECONDS: Final = 30 * 86_400


def job(job_id: str) -> str:
    """The job's record."""
    return f"dr:job:{job_id}"


def events(job_id: str) -> str:
    """The job's event log."""
    return f"dr:events:{job_id}"


def previews(job_id: str) -> str:
    """The job's newest previews."""
    return f"dr:previews:{job_id}"


def secret(job_id: str) -> str:
    """The job's encrypted credentials."""
    return f"dr:secret:{job_id}"


def tombstone(job_id: str) -> str:
    """What is left of a deleted job."""
    return f"dr:tomb:{job_id}"


def batch(batch_id: str) -> str:
    """Jobs that were submitted together."""
    return f"dr:batch:{batch_id}"


def once(key: str) -> str:
    """What the request with an idempotency key made."""
    return f"dr:once:{key}"


def twin(fingerprint: str) -> str:
    """The newest job that such a request made."""
    return f"dr:twin:{fingerprint}"


def cache(key: str) -> str:
    """The newest job that succeeded at a request which has one answer."""
    return f"dr:cache:{key}"


def hooks(holder: str) -> str:
    """The webhook deliveries of a job, or of a test."""
    return f"dr:hooks:{holder}"


def hook_gone(owner: str, digest: str) -> str:
    """Says that an address does not want this owner's deliveries any more."""
    return f"dr:hookgone:{owner}:{digest}"


def files(owner: str) -> str:
    """The uploads of one owner."""
    return f"dr:files:{owner}"


def owner(name: str) -> str:
    """The jobs of one owner."""
    return f"dr:owner:{name}"


def provider(name: str) -> str:
    """What is known of a provider: limit, pause, cooldown."""
    return f"dr:provider:{name}"


def account(account: str, provider: str) -> str:
    """What is known of a quota of a job's own."""
    return f"dr:account:{account}/{provider}"


def probed(name: str) -> str:
    """Says that a provider was probed lately."""
    return f"dr:probe:{name}"


def busy(name: str) -> str:
    """The jobs that hold a slot of the provider."""
    return f"dr:busy:{name}"


def held(party: str) -> str:
    """The jobs of an owner, or of an end user, that hold a slot."""
    return f"dr:held:{party}"


def waiting(party: str) -> str:
    """The queued jobs of an owner, or of an end user."""
    return f"dr:waiting:{party}"


def streams(owner: str) -> str:
    """The open event streams of an owner."""
    return f"dr:streams:{owner}"


def nudge(name: str) -> str:
    """What a web process reads beside the events, to be woken."""
    return f"dr:nudge:{name}"
