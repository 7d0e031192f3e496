"""The numbers of the record. Each script gets all of them by these names (:mod:`jobs.record.script_loader`)."""

from __future__ import annotations

from typing import Final

#: Events kept per job, about.
EVENTS_KEPT: Final = 500
#: Words to running attempts that are kept, about.
CONTROLS_KEPT: Final = 1000
#: Previews kept per job.
PREVIEWS_KEPT: Final = 12
#: Tombstones in one hash. Redis keeps up to 512 in one piece (``hash-max-listpack-entries``), at half the memory.
TOMBSTONES_TOGETHER: Final = 400
#: Owners and users of whom it is kept when they were last served.
SERVED_KEPT: Final = 10_000

#: Seconds that previews outlive the newest one while the job has not ended.
PREVIEW_SECONDS: Final = 3600
#: Seconds that they outlive the job's end, for a watcher who has just been told of one.
PREVIEW_GRACE_SECONDS: Final = 10
#: Seconds that the delivery of a test can be looked at.
TEST_SECONDS: Final = 3600
#: Seconds that an idempotency key is remembered.
KEY_SECONDS: Final = 86_400
#: Seconds in which a repeated request finds the job that the first one made. OpenAI's SDK gives up on an answer
#: after 600 s and sends the request again at once, so it is more than that.
REPEAT_SECONDS: Final = 900
#: Seconds that the state of a quota of a job's own credentials is kept after its last change.
ACCOUNT_SECONDS: Final = 2 * 86_400
#: Seconds for which a provider that showed life is believed to work; then one job goes first again.
PROOF_SECONDS: Final = 600

#: A later provider of a route is taken before an earlier one where it is faster by this factor.
FASTER_FACTOR: Final = 1.5

#: Most parked jobs, providers, pools, and owners and lanes that cannot be served, that one dispatch looks at.
LOOKED: Final = 100
#: Lanes of one subject that are looked at together once their jobs may be taken again.
LANES_WOKEN: Final = 10
#: Milliseconds after which a pool without room is looked at again, where nothing happens before.
CLOSED_MS: Final = 1000
#: Milliseconds after which others of a subject are looked at again, where one of its jobs goes first at a provider.
KEPT_MS: Final = 1000
#: Milliseconds after which a lane whose account cannot be used is looked at again, where nothing happens before.
RESTED_MS: Final = 60_000
