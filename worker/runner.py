"""The life of one attempt: iterate the driver, write what happens, end the attempt. No Celery here.

Every write carries the fence of the lease: an attempt that lost its lease
changes nothing any more, it only cleans up behind itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import Any, Final, Protocol

import logs
from jobs import events, health
from jobs.artifacts import ArtifactError, ArtifactNotFound, ArtifactStore
from jobs.errors import JobError, JobGone, JobNotFound, LeaseLost, StoreUnavailable
from jobs.failpoints import failpoint
from jobs.health import Health
from jobs.model import Failure, Job
from jobs.model import Status as JobStatus
from jobs.pictures import INPUT_LIMIT, KEPT, BadPicture, Picture, clean, shrink, verify
from jobs.store import JobStore, Lease
from jobs.vault import Vault, VaultError
from providers import (
    Checkpoint,
    Completed,
    Control,
    Credentials,
    Driver,
    InputFile,
    Preview,
    Progress,
    ProviderError,
    ProviderEvent,
    ProviderRequest,
    Timeout,
)
from providers import Status as StatusText
from worker import mapping, retry
from worker.coalesce import Coalescer
from worker.ingest import BadOutput, ingest
from worker.recipe import recipe_of

log = logging.getLogger(__name__)

#: Reasons for which the outside ends an attempt; see :meth:`Attempt.cancel`.
CANCELED: Final = "canceled"
LEASE_LOST: Final = "lease_lost"
HANDED_BACK: Final = "handed_back"
OVERDUE: Final = "overdue"

#: A preview is stored at most so often, in seconds, and so large.
PREVIEW_SECONDS: Final = 0.4
PREVIEW_SIDE: Final = 512
PREVIEW_BYTES: Final = 64 << 10
#: Largest preview that is fetched from an upstream, in bytes.
PREVIEW_FETCH_LIMIT: Final = 8 << 20
#: Most lines of text that one attempt may add to the log.
LINES_LIMIT: Final = 200


class Drivers(Protocol):
    """Where drivers come from; :class:`providers.catalog.Catalog` is one."""

    def driver(self, name: str) -> Driver:
        """The driver of a provider."""
        ...


class Measures(Protocol):
    """Where attempts are measured; :class:`jobs.health_store.HealthStore` is one."""

    def get(self, providers: Iterable[str]) -> Mapping[str, Health]:
        """What is known of each provider."""
        ...

    def update(self, provider: str, change: Callable[[Health, float], Health]) -> Health:
        """Change what is known of a provider; ``change`` gets the time too."""
        ...


class Runner:
    """Runs attempts; one per worker process, used by all its threads.

    Args:
        store: The records.
        drivers: Where drivers come from.
        artifacts: Where outputs go and pictures of the input come from.
        vault: Opens the job's credentials.
        fetch: Gets a picture of at most so many bytes from an address that a user gave, through the egress guard.
        measures: Where attempts are measured; None measures nothing.
    """

    def __init__(
        self,
        store: JobStore,
        drivers: Drivers,
        artifacts: ArtifactStore,
        vault: Vault,
        fetch: Callable[[str, int, Control], bytes],
        measures: Measures | None = None,
    ) -> None:
        self.store = store
        self.drivers = drivers
        self.artifacts = artifacts
        self.vault = vault
        self.fetch = fetch
        self.measures = measures

    def attempt(self, lease: Lease) -> Attempt:
        """The attempt that a lease allows; :meth:`Attempt.run` runs it."""
        return Attempt(self, lease)


class Attempt:
    """One run of one job on one provider.

    Args:
        runner: What it works with.
        lease: The right to do so.
    """

    def __init__(self, runner: Runner, lease: Lease) -> None:
        self._runner = runner
        self._store = runner.store
        self._job = lease.job
        self.job_id = lease.job.id
        self.fence = lease.fence
        self._checkpoint = lease.checkpoint
        self._coalescer = Coalescer()
        self._lock = threading.Lock()
        self._preview_at = -PREVIEW_SECONDS
        self._previews = 0 if lease.job.preview is None else lease.job.preview.index + 1
        self._lines = 0
        self._left: dict[str, Any] | None = None
        self._began_at = time.monotonic()
        self._generating_at: float | None = None
        self._shown = False
        self._driver = runner.drivers.driver(self.provider)
        self.control = Control(self._budget())

    @property
    def provider(self) -> str:
        """Where it runs."""
        return self._job.attempts[-1].provider

    def _budget(self) -> float:
        """Seconds for this attempt: the provider's, or what is left until the job's own deadline."""
        seconds = self._driver.spec.timeout_seconds
        if self._job.deadline_at is None:
            return seconds
        return min(seconds, max(0.0, self._job.deadline_at - self._store.now()))

    def cancel(self, reason: str) -> None:
        """End it from outside, for :data:`CANCELED`, :data:`LEASE_LOST` or :data:`HANDED_BACK`."""
        self.control.cancel(reason)

    def tick(self) -> None:
        """Write progress that was held back, and end the attempt if its time is over; the heart calls this often.

        Raises:
            JobError: The progress could not be written.
        """
        if self.control.remaining() == 0.0:
            # The driver may sit in a read; only this reaches it there.
            self.control.cancel(OVERDUE)
        if not self._lock.acquire(blocking=False):
            return  # it is just being written to
        try:
            event = self._coalescer.due()
            if event is not None:
                self._append(event)
        finally:
            self._lock.release()

    def run(self) -> None:
        """Run to the end of the attempt: afterwards the job has ended, is queued again, or was never ours to end."""
        with logs.hiding() as self._hide:
            try:
                event = self._outcome()
                if event is None:
                    self._leave()
                else:
                    self._end(event)
            except (LeaseLost, JobNotFound, JobGone):
                self._leave()
            except JobError as error:
                log.error("the attempt is given up: %s", error, extra={"provider": self.provider})  # noqa: TRY400 - no trace needed

    # -- running -------------------------------------------------------------

    def _outcome(self) -> events.JobEvent | None:
        """Drive the driver; the event that ends the attempt, or None where its end is not ours to write.

        Raises:
            JobError: The record could not be written, or is no longer ours.
        """
        try:
            return self._drive()
        except JobError:
            raise
        except Exception as error:  # noqa: BLE001 - drivers are anybody's code; all that they raise ends up in _failure
            if self.control.canceled and self.control.reason != OVERDUE:
                # Whatever it looks like from inside: the driver's socket was shut under it.
                return self._ended_from_outside()
            return self._failure(error)

    def _drive(self) -> events.JobEvent:
        self.control.check()
        request = self._request()
        with _closing(self._driver.run(request, self._resume(request), self.control)) as happenings:
            for event in happenings:
                if isinstance(event, Completed):
                    return self._complete(event)
                self._take(event)
        raise BadOutput("the provider ended without a result")

    def _request(self) -> ProviderRequest:
        job = self._job
        credentials = self._credentials() if job.has_credentials else Credentials()
        spec = self._driver.spec.model(job.model)
        pictures = spec.pictures if spec else ()
        files = {name: self._picture(str(job.input[name])) for name in pictures if job.input.get(name)}
        return ProviderRequest(model=job.model, input=job.input, files=files, credentials=credentials)

    def _credentials(self) -> Credentials:
        locked = self._store.secret(self.job_id)
        if locked is None:
            raise VaultError("the job's credentials are no longer there")
        credentials = Credentials(**self._runner.vault.unlock(self.job_id, locked))
        for field in fields(credentials):
            self._hide(getattr(credentials, field.name) or "")
        return credentials

    def _picture(self, source: str) -> InputFile:
        """A picture of the input: one that is kept with the job, or one behind an address."""
        data, found = self._kept(source) if source.startswith(KEPT) else self._fetched(source)
        return InputFile(f"input.{found.content_type.rpartition('/')[2]}", data, found.content_type)

    def _kept(self, source: str) -> tuple[bytes, Picture]:
        try:
            with self._runner.artifacts.open(self.job_id, source.removeprefix(KEPT)) as file:
                data = file.read()
        except ArtifactNotFound as error:
            raise BadPicture("the job's picture is no longer there") from error
        return data, verify(data)

    def _fetched(self, source: str) -> tuple[bytes, Picture]:
        return clean(self._runner.fetch(source, INPUT_LIMIT, self.control))

    def _resume(self, request: ProviderRequest) -> Mapping[str, Any] | None:
        """What this provider's last attempt left; what another provider's left is cleaned up there."""
        if self._checkpoint is None:
            return None
        left_at, state = str(self._checkpoint["provider"]), self._checkpoint["state"]
        if left_at == self.provider:
            self._left = dict(state)
            return self._left
        try:
            self._runner.drivers.driver(left_at).abandon(state, request)
        except Exception:
            # It may be gone from the configuration; this job goes on elsewhere in any case.
            log.warning("what an earlier attempt left could not be ended", exc_info=True, extra={"provider": left_at})
        return None

    def _take(self, event: ProviderEvent) -> None:
        """Write down one event of the driver."""
        match event:
            case Checkpoint(state):
                self._note(state)
                # It may hold what the upstream sent, word by word.
                self._store.save_checkpoint(self.job_id, self.fence, self.provider, logs.redacted(dict(state)))
                failpoint("after_checkpoint", self.provider, str(state.get("phase")))
            case Preview():
                self._works()
                self._preview(event)
            case StatusText():
                self._line(event)
            case _:
                if isinstance(event, Progress) and (event.fraction or event.step):
                    self._works()
                mapped = mapping.event_of(event, self._store.now())
                if isinstance(mapped, events.Progressed) and self._generating_at is None:
                    self._generating_at = time.monotonic()
                if mapped is not None:
                    with self._lock:
                        passed = self._coalescer.offer(mapped)
                        if passed is not None:
                            self._append(passed)

    def _line(self, event: StatusText) -> None:
        self._lines += 1
        mapped = mapping.event_of(event, self._store.now())
        if mapped is None or self._lines > LINES_LIMIT:
            return
        self._write(mapped)

    def _note(self, begun: Mapping[str, Any] | None) -> None:
        """Once: tell the ledger what became of the earlier attempt's submission."""
        if self._left is not None:
            left, self._left = self._left, None
            self._write(events.Noted(at=self._store.now(), note=mapping.note_of(left, begun)))

    def _preview(self, event: Preview) -> None:
        """Keep a preview. Best effort: a bad one is no reason to fail the job."""
        if time.monotonic() - self._preview_at < PREVIEW_SECONDS:
            return
        try:
            picture = shrink(event.image.read(PREVIEW_FETCH_LIMIT), PREVIEW_SIDE, PREVIEW_BYTES)
        except (BadPicture, ProviderError) as error:
            self.control.check()
            log.info("a preview was left out: %s", error)
            return
        self._preview_at = time.monotonic()
        self._store.save_preview(self.job_id, self.fence, self._previews, picture)
        self._write(events.Previewed(at=self._store.now(), index=self._previews))
        self._previews += 1

    def _complete(self, event: Completed) -> events.JobEvent:
        self._works()
        self._note(None)
        self._write(events.Progressed(at=self._store.now(), stage="downloading", fraction=1.0))
        seed = mapping.count(event.seed)
        recipe = recipe_of(self._job, self._driver.spec, seed, self._revision())
        outputs = ingest(self._job, event.outputs, seed, recipe, self._runner.artifacts)
        failpoint("artifact_stored", self.provider)
        self.control.check()
        ended = time.monotonic()
        generating = self._generating_at or self._began_at
        self._measure(lambda record, at: health.succeeded(record, generating - self._began_at, ended - generating, at))
        return events.Succeeded(at=self._store.now(), outputs=outputs, recipe=recipe)

    def _revision(self) -> str | None:
        """The commit of the provider's Space, where that is known."""
        with suppress(StoreUnavailable):
            return self._runner.measures.get([self.provider])[self.provider].revision if self._runner.measures else None
        return None

    def _works(self) -> None:
        """Once: let others follow to the provider, which does what it is asked for."""
        if self._shown:
            return
        self._shown = True
        try:
            self._store.works(self.provider, self._job.attempts[-1].started_at)
        except StoreUnavailable:
            log.debug("not noted that it works", extra={"provider": self.provider})

    def _measure(self, change: Callable[[Health, float], Health]) -> None:
        """Let the provider's health know. What is not measured does no harm to this job."""
        if self._runner.measures is None:
            return
        try:
            self._runner.measures.update(self.provider, change)
        except StoreUnavailable:
            log.debug("not measured", extra={"provider": self.provider})

    # -- ending --------------------------------------------------------------

    def _ended_from_outside(self) -> events.JobEvent | None:
        match self.control.reason:
            case reason if reason == CANCELED:
                return events.Canceled(at=self._store.now())
            case reason if reason == HANDED_BACK:
                return events.Requeued(at=self._store.now(), outcome="handed_back")
            case _:
                return None

    def _failure(self, error: Exception) -> events.JobEvent:
        """What an error makes of the job."""
        overdue = self.control.reason == OVERDUE or isinstance(error, Timeout)
        if overdue and self._job.deadline_at is not None and self._store.now() >= self._job.deadline_at:
            return self._failed("deadline_exceeded", "the job's deadline passed while it ran")
        if self.control.reason == OVERDUE:
            error = Timeout("the time for this attempt is over")
        match error:
            case ProviderError():
                return self._retry(mapping.failure_of(error, self.provider))
            case BadOutput():
                return self._retry(self._own("bad_output", str(error), retryable=True))
            case ArtifactError():
                return self._retry(self._own("storage_error", str(error), retryable=True))
            case BadPicture() | VaultError():
                return self._failed("invalid_input", str(error))
            case _:
                log.error("a driver failed in an unforeseen way", exc_info=error, extra={"provider": self.provider})
                return self._failed("internal", "the driver failed; the log says how")

    def _own(self, code: str, detail: str, *, retryable: bool = False) -> Failure:
        return Failure(code=code, detail=detail, retryable=retryable, provider=self.provider)

    def _failed(self, code: str, detail: str) -> events.Failed:
        return events.Failed(at=self._store.now(), error=self._own(code, detail))

    def _retry(self, failure: Failure) -> events.JobEvent:
        now = self._store.now()
        event = retry.after_failure(self._job, failure, now)
        self._measure(lambda record, at: health.failed(record, failure, at))
        if failure.code in retry.COOLING and not self._job.has_credentials:
            self._store.rest(self.provider, now + retry.pause(failure, 1), failure.detail)
        log.info(
            "the attempt failed: %s", failure.detail,
            extra={"code": failure.code, "provider": self.provider, "next": type(event).__name__.lower()},
        )  # fmt: skip
        return event

    def _end(self, event: events.JobEvent) -> None:
        def decide(job: Job) -> events.JobEvent:
            # A cancel that came in the last moment wins over another try, and over a late result.
            if job.cancel_requested_at is not None and not isinstance(event, events.Canceled):
                return events.Canceled(at=event.at)
            return event

        with self._lock:
            job = self._store.change(self.job_id, decide, fence=self.fence).job
        failpoint("terminal_written", self.provider)
        if job.status.is_terminal and job.status is not JobStatus.SUCCEEDED:
            self._runner.artifacts.delete(self.job_id)
        log.info("the attempt ended", extra={"outcome": type(event).__name__.lower(), "provider": self.provider})

    def _leave(self) -> None:
        """The job is not ours any more. Where it was deleted, nothing of it may stay."""
        log.warning("the attempt lost its lease; its results are dropped", extra={"provider": self.provider})
        try:
            self._store.get(self.job_id)
        except (JobNotFound, JobGone):
            self._runner.artifacts.delete(self.job_id)
        except StoreUnavailable:
            log.debug("whether the job was deleted cannot be seen now")

    # -- writing -------------------------------------------------------------

    def _write(self, event: events.JobEvent) -> None:
        """Append an event after whatever was held back before it."""
        with self._lock:
            held = self._coalescer.flush()
            if held is not None:
                self._append(held)
            self._append(event)

    def _append(self, event: events.JobEvent) -> None:
        self._store.change(self.job_id, lambda _: event, fence=self.fence)


@contextmanager
def _closing(happenings: Iterator[ProviderEvent]) -> Iterator[Iterator[ProviderEvent]]:
    """End a driver's generator with the block, so that it cleans up at its upstream now and not some time."""
    try:
        yield happenings
    finally:
        try:
            getattr(happenings, "close", lambda: None)()
        except Exception:
            # What counts is how the block ended, perhaps with a result.
            log.warning("a driver failed to clean up", exc_info=True)
