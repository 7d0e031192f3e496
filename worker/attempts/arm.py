"""One run of a job on one provider: drive the driver, tell what it says, fetch what it made.

Usually a job has one arm at a time; while it is hedged, two (:mod:`worker.attempts.hedge`).
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, fields
from typing import Any, Final, Protocol

from msgspec.structs import replace

import logs
from jobs import events
from jobs.errors import JobError, StoreUnavailable
from jobs.failpoints import failpoint
from jobs.files import ArtifactError, ArtifactNotFound, ArtifactStore
from jobs.files.images import INPUT_LIMIT, KEPT, BadPicture, Picture, clean, shrink, verify
from jobs.model import Attempt, Failure, Job, Output, Recipe
from jobs.record.store import JobStore
from jobs.scheduling import health
from jobs.scheduling.health import Health
from jobs.vault import Vault, VaultError
from providers import (
    Checkpoint,
    Completed,
    Control,
    Credentials,
    Denied,
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
from worker.attempts import mapping, retry
from worker.attempts.event_writer import EventWriter
from worker.attempts.ingest import BadOutput, ingest
from worker.attempts.recipe import recipe_of

log = logging.getLogger(__name__)

#: The reason for which an arm is ended whose time is over; any other comes from outside.
OVERDUE: Final = "overdue"

#: A preview is so large at most.
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
    """Where attempts are measured; :class:`jobs.scheduling.health_store.HealthStore` is one."""

    def get(self, providers: Iterable[str]) -> Mapping[str, Health]:
        """What is known of each provider."""
        ...

    def update(self, provider: str, change: Callable[[Health, float], Health]) -> Health:
        """Change what is known of a provider; ``change`` gets the time too."""
        ...


@dataclass(slots=True)
class Parts:
    """What attempts work with; one per worker process, used by all its threads.

    Args:
        store: The records.
        drivers: Where drivers come from.
        artifacts: Where outputs go and pictures of the input come from.
        vault: Opens the job's credentials.
        fetch: Gets a picture of at most so many bytes from an address that a user gave, through the egress guard.
        proxy: Gives the address at which a user's proxy is connected to, or refuses it.
        measures: Where attempts are measured; None measures nothing.
    """

    store: JobStore
    drivers: Drivers
    artifacts: ArtifactStore
    vault: Vault
    fetch: Callable[[str, int, Control], bytes]
    proxy: Callable[[str], str]
    measures: Measures | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a run made: its outputs, stored, and how they were made."""

    outputs: tuple[Output, ...]
    recipe: Recipe


class Arm:
    """One run of one job on one provider. One thread runs it; any other may end it through :attr:`control`.

    Args:
        parts: What it works with.
        job: The job as it was claimed.
        attempt: Its entry in the ledger.
        scribe: Writes what happens.
        finishing: A block in which the result is fetched; it raises where that shall not be.
    """

    def __init__(
        self,
        parts: Parts,
        job: Job,
        attempt: Attempt,
        scribe: EventWriter,
        finishing: Callable[[Arm], AbstractContextManager[None]],
    ) -> None:
        self._parts = parts
        self._store = parts.store
        #: As it is where this run counts.
        self._job = replace(job, provider=attempt.provider, input=attempt.input or job.input)
        self._attempt = attempt
        self._scribe = scribe
        self._finishing = finishing
        self.n = attempt.n
        self.provider = attempt.provider
        self._lines = 0
        self._left: dict[str, Any] | None = None
        self._began_at = time.monotonic()
        self._generating_at: float | None = None
        self._shown = False
        self._driver = parts.drivers.driver(self.provider)
        self.control = Control(self._budget())

    def _budget(self) -> float:
        """Seconds for this attempt: the provider's, or what is left until the job's own deadline."""
        seconds = self._driver.spec.timeout_seconds
        if self._job.deadline_at is None:
            return seconds
        return min(seconds, max(0.0, self._job.deadline_at - self._store.now()))

    def tick(self) -> None:
        """End it if its time is over; called often. The driver may sit in a read: only this reaches it there."""
        if self.control.remaining() == 0.0:
            self.control.cancel(OVERDUE)

    def run(self) -> Result | Failure | None:
        """Run to the end.

        Returns:
            The result, or why there are none; None where it was ended from outside.

        Raises:
            JobError: The record could not be written, or is no longer ours.
        """
        with logs.hiding() as self._hide:
            try:
                return self._drive()
            except JobError:
                raise
            except Exception as error:  # noqa: BLE001 - drivers are anybody's code; all that they raise ends up in _failure
                if self.control.canceled and self.control.reason != OVERDUE:
                    # Whatever it looks like from inside: the driver's socket was shut under it.
                    return None
                return self._failure(error)

    def outrun(self) -> None:
        """Another attempt was faster: measure how long this one took so far."""
        waited, ran = self._times()
        self._measure(lambda record, at: health.outrun(record, waited, ran, at))

    def _times(self) -> tuple[float, float]:
        """Seconds of waiting and of running until now."""
        generating = self._generating_at or self._began_at
        return generating - self._began_at, time.monotonic() - generating

    # -- before --------------------------------------------------------------

    def _drive(self) -> Result:
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
        files: dict[str, InputFile] = {}
        galleries: dict[str, tuple[InputFile, ...]] = {}
        for name in spec.pictures if spec else ():
            match job.input.get(name):
                case str(source) if source:
                    files[name] = self._picture(source)
                case list(sources):
                    galleries[name] = tuple(self._picture(str(source)) for source in sources)
        return ProviderRequest(
            model=job.model, input=job.input, files=files, galleries=galleries, credentials=credentials
        )

    def _credentials(self) -> Credentials:
        locked = self._store.secret(self._job.id)
        if locked is None:
            raise VaultError("the job's credentials are no longer there")
        credentials = Credentials(**self._parts.vault.unlock(self._job.id, locked))
        for field in fields(credentials):
            self._hide(getattr(credentials, field.name) or "")
        if credentials.proxy is None:
            return credentials
        # What is connected to is what was checked: a name could lead elsewhere the next time.
        pinned = self._parts.proxy(credentials.proxy)
        self._hide(pinned)
        return dataclasses.replace(credentials, proxy=pinned)

    def _picture(self, source: str) -> InputFile:
        """A picture of the input: one that is kept with the job, or one behind an address."""
        data, found = self._kept(source) if source.startswith(KEPT) else self._fetched(source)
        return InputFile(f"input.{found.content_type.rpartition('/')[2]}", data, found.content_type)

    def _kept(self, source: str) -> tuple[bytes, Picture]:
        try:
            with self._parts.artifacts.open(self._job.id, source.removeprefix(KEPT)) as file:
                data = file.read()
        except ArtifactNotFound as error:
            raise BadPicture("the job's picture is no longer there") from error
        return data, verify(data)

    def _fetched(self, source: str) -> tuple[bytes, Picture]:
        return clean(self._parts.fetch(source, INPUT_LIMIT, self.control))

    def _resume(self, request: ProviderRequest) -> Mapping[str, Any] | None:
        """What this provider's last attempt left; what others left is cleaned up there."""
        if self._attempt.hedge:
            return None  # the attempt beside it has seen to that
        left = self._scribe.left()
        for provider, state in left.items():
            if provider != self.provider:
                self._abandon(provider, state, request)
                self._scribe.forget(provider, state)
        if self.provider in left:
            self._left = dict(left[self.provider])
        return self._left

    def _abandon(self, provider: str, state: Mapping[str, Any], request: ProviderRequest) -> None:
        try:
            self._parts.drivers.driver(provider).abandon(state, request)
        except Exception:
            # It may be gone from the configuration; this job goes on elsewhere in any case.
            log.warning("what an earlier attempt left could not be ended", exc_info=True, extra={"provider": provider})

    # -- while it runs -------------------------------------------------------

    def _take(self, event: ProviderEvent) -> None:
        """Write down one event of the driver."""
        match event:
            case Checkpoint(state):
                self._note(state)
                # It may hold what the upstream sent, word by word.
                self._scribe.checkpoint(self.provider, logs.redacted(dict(state)))
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
                    self._scribe.progress(self.n, mapped)

    def _line(self, event: StatusText) -> None:
        self._lines += 1
        mapped = mapping.event_of(event, self._store.now())
        if mapped is None or self._lines > LINES_LIMIT:
            return
        self._scribe.write(mapped)

    def _note(self, begun: Mapping[str, Any] | None) -> None:
        """Once: tell the ledger what became of the earlier attempt's submission."""
        if self._left is not None:
            left, self._left = self._left, None
            note = mapping.note_of(left, begun)
            self._scribe.write(events.Noted(at=self._store.now(), note=note, attempt=self.n))

    def _preview(self, event: Preview) -> None:
        """Keep a preview. Best effort: a bad one is no reason to fail the job."""
        if not self._scribe.wants_preview(self.n):
            return
        try:
            picture = shrink(event.image.read(PREVIEW_FETCH_LIMIT), PREVIEW_SIDE, PREVIEW_BYTES)
        except (BadPicture, ProviderError) as error:
            self.control.check()
            log.info("a preview was left out: %s", error)
            return
        self._scribe.preview(picture)

    def _complete(self, event: Completed) -> Result:
        self._works()
        self._note(None)
        with self._finishing(self):
            downloading = events.Progressed(at=self._store.now(), stage="downloading", fraction=1.0)
            self._scribe.progress(self.n, downloading, at_once=True)
            seed = mapping.count(event.seed)
            recipe = recipe_of(self._job, self._driver.spec, seed, self._revision())
            outputs = ingest(self._job, event.outputs, seed, recipe, self._parts.artifacts)
            failpoint("artifact_stored", self.provider)
            self.control.check()
        waited, ran = self._times()
        self._measure(lambda record, at: health.succeeded(record, waited, ran, at))
        return Result(outputs, recipe)

    def _revision(self) -> str | None:
        """The commit of the provider's Space, where that is known."""
        with suppress(StoreUnavailable):
            return self._parts.measures.get([self.provider])[self.provider].revision if self._parts.measures else None
        return None

    def _works(self) -> None:
        """Once: let others follow to the provider, which does what it is asked for."""
        if self._shown:
            return
        self._shown = True
        try:
            self._store.works(self.provider, self._attempt.started_at, self._job.account)
        except StoreUnavailable:
            log.debug("not noted that it works", extra={"provider": self.provider})

    def _measure(self, change: Callable[[Health, float], Health]) -> None:
        """Let the provider's health know. What is not measured does no harm to this job."""
        if self._parts.measures is None:
            return
        try:
            self._parts.measures.update(self.provider, change)
        except StoreUnavailable:
            log.debug("not measured", extra={"provider": self.provider})

    # -- when it failed ------------------------------------------------------

    def _failure(self, error: Exception) -> Failure:
        """What an error says of the job; what it says of the provider is noted."""
        overdue = self.control.reason == OVERDUE or isinstance(error, Timeout)
        if overdue and self._job.deadline_at is not None and self._store.now() >= self._job.deadline_at:
            return self._own("deadline_exceeded", "the job's deadline passed while it ran")
        if self.control.reason == OVERDUE:
            error = Timeout("the time for this attempt is over")
        match error:
            case Denied() if self._job.has_credentials:
                # It refuses what the client gave, and that says nothing about the provider.
                return self._own("invalid_input", error.detail)
            case ProviderError():
                return self._theirs(mapping.failure_of(error, self.provider))
            case BadOutput():
                return self._theirs(self._own("bad_output", str(error), retryable=True))
            case ArtifactError():
                return self._theirs(self._own("storage_error", str(error), retryable=True))
            case BadPicture() | VaultError():
                return self._own("invalid_input", str(error))
            case _:
                log.error("a driver failed in an unforeseen way", exc_info=error, extra={"provider": self.provider})
                return self._own("internal", "the driver failed; the log says how")

    def _own(self, code: str, detail: str, *, retryable: bool = False) -> Failure:
        return Failure(code=code, detail=mapping.text(detail), retryable=retryable, provider=self.provider)

    def _theirs(self, failure: Failure) -> Failure:
        """Remember of the provider that it failed so; where its quota is used up, it gets a rest."""
        self._measure(lambda record, at: health.failed(record, failure, at))
        if failure.code in retry.COOLING:
            until = self._store.now() + retry.pause(failure, 1)
            self._store.rest(self.provider, until, failure.detail, self._job.account)
        return failure


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
