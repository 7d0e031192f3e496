"""One fault on a small service: a few jobs, one harm, a judgement; then everything is made whole again for the next."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import redis

from jobs.model import Job
from jobs.record import keys
from tests.chaos import checker
from tests.chaos.deployment import CLOSED, HASTY, LEASE_SECONDS, LOST, NO_TLS, PAINTER, POISON, Deployment
from tests.chaos.generator import Errand
from tests.chaos.parts import Part
from tests.chaos.run import Run
from tests.chaos.waiting import eventually
from tests.support.lists import OPEN, job_page
from tests.support.processes import ROOT
from web.http.auth import LOCAL_OWNER

_numbers = itertools.count(1)


class NotHere(Exception):
    """The fault cannot be made on this machine; the text says why."""


@dataclass(slots=True)
class Trial:
    """The stage for one fault. Worker 0 runs; worker 1 only where a fault asks for it.

    Args:
        deployment: It runs, and nothing is harmed yet.
        fault: Its id.
    """

    deployment: Deployment
    fault: str
    #: The keys of the jobs that it is about begin so.
    name: str = ""
    report: checker.Report | None = None
    _armed: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        self.forget()

    def errand(self, **fields: object) -> Errand:
        """A job to be asked for."""
        return Errand(**{"key": f"{self.name}x{next(_numbers)}", "at": 0.0, **fields})  # type: ignore[arg-type]

    def run(self, *errands: Errand, harm: Callable[[], None] | None = None, settle: float = 60.0) -> str:
        """Have the jobs done while ``harm`` is; no invariant may be broken. Answers what was seen, in short."""
        run = Run(
            self.deployment,
            errands,
            settle=settle,
            name=f"{self.name}-{next(_numbers)}",
            harm=harm or (lambda: None),
            supervise=False,
            prefix=f"{self.name}x",
        )
        self.report = run.go()
        assert run.surprises == []
        assert checker.details(self.report) == ""
        assert not self.report.gave_up, f"not settled:\n{checker.table(self.report)}"
        return self.seen()

    def seen(self) -> str:
        """Ends, attempts and submissions of the jobs, in short."""
        stories = self.stories()
        ends = Counter(checker.end_of(story) for story in stories)
        parts = [f"{count} {end}" for end, count in sorted(ends.items())]
        for name, numbers in (
            ("attempts", [s.attempts for s in stories]),
            ("submissions", [len(s.posts) for s in stories]),
        ):
            counted = "-".join(str(number) for number in sorted(set(numbers)))
            parts.append(f"{counted or 0} {name}")
        return ", ".join(parts)

    def stories(self) -> list[checker.Story]:
        """What the history says about each job that there is."""
        assert self.report is not None
        return [story for story in self.report.stories if story.finals]

    def story(self) -> checker.Story:
        """The only one's."""
        (story,) = self.stories()
        return story

    def final(self) -> Job:
        """The only job, as it stands."""
        return self.deployment.store.get(self.story().job).job

    # -- waiting for the right moment --------------------------------------------

    def forget(self) -> None:
        """Begin anew: what follows is about other jobs."""
        self.name = f"{self.fault}.{next(_numbers)}."

    def until_upstream(self, what: str, times: int = 1, seconds: float = 30.0) -> None:
        """Wait until the upstream wrote this down about jobs of this trial, so many times."""

        def holds() -> bool:
            own = [line for line in self.deployment.upstream() if line.key.startswith(f"{self.name}x")]
            return sum(line.what == what for line in own) >= times

        eventually(holds, f"the upstream saw '{what}'", within=seconds)

    def until_phase(self, phase: str, seconds: float = 30.0) -> None:
        """Wait until a job of this trial has this checkpoint."""
        eventually(
            lambda: any(f'"phase":"{phase}"' in text for text in self._checkpoints()), f"phase {phase}", within=seconds
        )

    def until_stage(self, stage: str, seconds: float = 30.0) -> None:
        """Wait until a running job of this trial is at this stage."""

        def holds() -> bool:
            return any(job.progress is not None and job.progress.stage == stage for job in self.jobs())

        eventually(holds, f"stage {stage}", within=seconds)

    def jobs(self) -> list[Job]:
        """The jobs of this trial, as they stand."""
        part = job_page(self.deployment.store, LOCAL_OWNER, limit=200)
        return [r.job for r in part.records if str(r.job.given.get("prompt", "")).startswith(f"{self.name}x")]

    def _checkpoints(self) -> Iterator[str]:
        client = self.deployment.stack.client
        for job in self.jobs():
            text = client.hget(keys.job(job.id), "ckpt")
            yield text.decode() if isinstance(text, bytes) else ""

    # -- harming -------------------------------------------------------------------

    def arm(self, rule: str) -> None:
        """Start worker 0 again, with a failpoint."""
        self._armed = True
        worker = self.deployment.workers[0]
        worker.kill()
        worker.start(DARKROOM_TEST_FAILPOINTS=rule)
        self._ready(0)

    def alone(self, **environ: str) -> Part:
        """Have one scheduler instead of two, started anew."""
        self._armed = True
        for scheduler in self.deployment.schedulers:
            scheduler.kill()
        self.deployment.schedulers[0].start(**environ)
        return self.deployment.schedulers[0]

    def arm_web(self, rule: str) -> None:
        """Start the web process again, with a failpoint."""
        self._armed = True
        self.deployment.web.kill()
        self.deployment.web.start(DARKROOM_TEST_FAILPOINTS=rule)
        self.deployment.wait_for_web()

    def restart(self, **environ: str) -> None:
        """Start all programs again, with other variables."""
        self._armed = True
        parts = (self.deployment.workers[0], *self.deployment.schedulers, self.deployment.web)
        for part in parts:
            part.kill()
        self.start_again(*parts, **environ)

    def start_again(self, *parts: Part, **environ: str) -> None:
        """Start programs that have ended, and wait until they are ready."""
        self._armed = True
        for part in parts:
            part.start(**environ)
        if self.deployment.web in parts:
            self.deployment.wait_for_web()
        for number, worker in enumerate(self.deployment.workers):
            if worker in parts:
                self._ready(number)

    def stop(self, part: Part) -> None:
        """Ask a program to end, and wait until it has."""
        assert part.process is not None
        part.process.terminate(60)

    def crashed(self, number: int = 0, seconds: float = 40.0) -> None:
        """Wait until a worker has died of its failpoint, and start it again without one."""
        eventually(lambda: not self.deployment.workers[number].alive, "the failpoint was reached", within=seconds)
        self.deployment.workers[number].start()
        self._ready(number)

    def kill_worker(self, number: int = 0) -> None:
        """Kill a worker and start it again."""
        self.deployment.workers[number].kill()
        self.deployment.workers[number].start()
        self._ready(number)

    def second_worker(self, **environ: str) -> None:
        """Have worker 1 too."""
        self.deployment.workers[1].start(**environ)
        self._ready(1)

    def _ready(self, number: int) -> None:
        process = self.deployment.workers[number].process
        assert process is not None
        process.wait_for("worker ready", 180)

    def make_whole(self) -> None:
        """Undo everything that a fault may have left."""
        deployment = self.deployment
        for line in (deployment.redis_line, deployment.client_line, deployment.upstream_line):
            line.heal()
        deployment.good_mood()
        deployment.workers[1].go_on()
        deployment.workers[1].kill()
        deployment.workers[0].go_on()
        if not deployment.redis.alive:
            deployment.redis.start()
        for part in (*deployment.workers, *deployment.schedulers, deployment.web):
            part.root = ROOT
        if self._armed:
            for scheduler in deployment.schedulers:
                scheduler.kill()
                scheduler.start()
        if self._armed or not deployment.workers[0].alive:
            deployment.workers[0].kill()
            deployment.workers[0].start()
            deployment.web.kill()
            deployment.web.start()
            deployment.wait_for_web()
            self._ready(0)
        for job in job_page(deployment.stack.store, None, limit=200, wanted=OPEN).records:
            deployment.stack.jobs.cancel(job.job.id, None)
        with contextlib.suppress(redis.RedisError):
            for name in (PAINTER, POISON, HASTY, CLOSED, NO_TLS, *LOST):
                deployment.stack.client.hdel(keys.provider(name), "until", "reason", "health")
        eventually(
            lambda: len(deployment.queue.overview().workers) == 1, "only worker 0 is known", within=LEASE_SECONDS + 20
        )
