"""From the messages of one call to provider events and the answer. Pure."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from providers.errors import Busy, Canceled, Crashed, Protocol, ProviderError, Unreachable
from providers.events import Progress, ProviderEvent, Queued, Started, Status
from providers.gradio.messages import Content, Generating, Message, ProcessCompleted, Signal, Unexpected
from providers.huggingface import zerogpu
from resilience import survive

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CallResult:
    """The final data of a call: one item per output component, as the app sent it."""

    data: tuple[object, ...]


class Lost(Unreachable):
    """The app no longer knows the job: it was restarted, or the stream was closed."""


class SessionLost(Unreachable):
    """The app has no call of an interrupted session that can be picked up."""


class Session:
    """Reads one call's messages.

    Messages of other calls, repeated ones and those after the end are ignored.

    Args:
        event_id: The call's id; None takes it from the first message that has one.
        step: Reads the data of a step: what of it is shown.
        settle: Completes the answer by what the steps have shown.
        canceled: Whether we canceled the call.
    """

    def __init__(
        self,
        event_id: str | None = None,
        *,
        step: Callable[[tuple[object, ...]], Iterable[ProviderEvent]] = lambda _: (),
        settle: Callable[[tuple[object, ...]], tuple[object, ...]] = lambda data: data,
        canceled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.event_id = event_id
        self.finished = False
        #: Whether there was any message of the call.
        self.heard = False
        #: Whether the function works; before, the call waits in the app's queue.
        self.started = False
        self._step = step
        self._settle = settle
        self._canceled = canceled
        self._queued: Queued | None = None
        self._shows_steps = True

    def feed(self, message: Message) -> tuple[ProviderEvent | CallResult, ...]:
        """Read one message. Returns its events; a CallResult ends the call.

        Raises:
            ProviderError: The call ended without an answer.
        """
        if self.finished or not self._is_own(message):
            return ()
        try:
            events = tuple(self._read(message.content))
        except ProviderError:
            self.finished = True
            raise
        self.heard = True
        return events

    def end(self) -> ProviderError:
        """The error for a stream that ends before the call."""
        self.finished = True
        if self._canceled():
            return Canceled()
        return Unreachable("the connection was lost before the job was finished") if self.heard else Lost()

    def _is_own(self, message: Message) -> bool:
        if message.event_id is None:
            return True
        if self.event_id is None:
            self.event_id = message.event_id
        return message.event_id == self.event_id

    def _read(self, content: Content) -> Iterator[ProviderEvent | CallResult]:
        match content:
            case Queued():
                if not self.started and content != self._queued:
                    self._queued = content
                    yield content
            case Started() if not self.started:
                self.started = True
                yield content
            case Progress():
                yield content
            case Status() if content.text:
                yield content
            case Generating() if content.data and self._shows_steps:
                # A step is only to look at: whatever is wrong with one costs no more than the steps.
                self._shows_steps = False
                with survive(log, "the steps of an app cannot be shown"):
                    shown = tuple(self._step(content.data))
                    self._shows_steps = True
                    yield from shown
            case ProcessCompleted():
                yield self._completed(content)
            case Unexpected() | Signal.QUEUE_FULL | Signal.CLOSE_STREAM:
                raise self._failed(content)

    def _completed(self, message: ProcessCompleted) -> CallResult:
        if not message.success:
            raise Canceled() if self._canceled() else zerogpu.classify(message.error, message.title)
        if message.data is None:
            # This is how Gradio reports a cancel: success, with an empty output.
            raise Canceled() if self._canceled() else Crashed("the app canceled the job")
        self.finished = True
        # Where a step was not understood, what was shown before it is no answer.
        return CallResult(self._settle(message.data) if self._shows_steps else message.data)

    def _failed(self, content: Unexpected | Signal) -> ProviderError:
        if self._canceled():
            return Canceled()
        if content is Signal.QUEUE_FULL:
            return Busy("the app's queue is full", retry_after=zerogpu.BUSY_WAIT)
        if isinstance(content, Signal):
            return Lost("the app closed the stream before the job was finished")
        if content.unknown_session:
            return Lost()
        if content.text.startswith("Server stopped"):
            return Unreachable("the app was stopped while it worked on the job")
        return Crashed(content.text) if content.text else Protocol("the app reported an error without a text")
