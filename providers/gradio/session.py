"""From the messages of one call to provider events and the answer. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from providers.errors import Busy, Canceled, Crashed, Protocol, ProviderError, Unreachable
from providers.events import File, Preview, Progress, ProviderEvent, Queued, Started, Status
from providers.gradio import diff, messages, zerogpu
from providers.gradio.files import Reference, find


@dataclass(frozen=True, slots=True)
class CallResult:
    """The final data of a call: one item per output component, as the app sent it."""

    data: tuple[object, ...]


class Lost(Unreachable):
    """The app no longer knows the job: it was restarted, or the stream was closed."""


class Session:
    """Reads one call's messages.

    Messages of other calls, repeated ones and those after the end are ignored.

    Args:
        event_id: The call's id; None takes it from the first message that has one.
        diffs: Whether steps after the first come as changes.
        file: Makes a file from an output's data, for previews.
        canceled: Whether we canceled the call.
    """

    def __init__(
        self,
        event_id: str | None = None,
        *,
        diffs: bool = False,
        file: Callable[[object], File | None] = lambda _: None,
        canceled: Callable[[], bool] = lambda: False,
    ) -> None:
        self.event_id = event_id
        self.finished = False
        #: Whether there was any message of the call.
        self.heard = False
        self._diffs = diffs
        self._file = file
        self._canceled = canceled
        self._started = False
        self._queued: Queued | None = None
        self._outputs: tuple[object, ...] | None = None
        self._preview: object = None

    def feed(self, message: messages.Message) -> tuple[ProviderEvent | CallResult, ...]:
        """Read one message.

        Returns:
            Its events. A CallResult ends the call.

        Raises:
            ProviderError: The call ended without an answer.
        """
        if self.finished or not self._is_own(message):
            return ()
        try:
            events = self._read(message)
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

    def _is_own(self, message: messages.Message) -> bool:
        if message.event_id is None:
            return True
        if self.event_id is None:
            self.event_id = message.event_id
        return message.event_id == self.event_id

    def _read(self, message: messages.Message) -> tuple[ProviderEvent | CallResult, ...]:
        match message:
            case messages.Estimation():
                return self._waiting(message)
            case messages.Starts():
                return self._starting(message)
            case messages.Bars():
                return (_progress(message.bars),)
            case messages.Log():
                return (Status(message.text, message.level),) if message.text else ()
            case messages.Generating():
                return self._step(message)
            case messages.ProcessCompleted():
                return (self._completed(message),)
            case messages.Unexpected() | messages.QueueFull() | messages.CloseStream():
                raise self._failed(message)
            case messages.SendData() | messages.Heartbeat():
                return ()

    def _waiting(self, message: messages.Estimation) -> tuple[Queued, ...]:
        queued = Queued(rank=message.rank, size=message.size, eta=message.eta)
        if self._started or queued == self._queued:
            return ()
        self._queued = queued
        return (queued,)

    def _starting(self, message: messages.Starts) -> tuple[Started, ...]:
        if self._started:
            return ()
        self._started = True
        return (Started(eta=message.eta),)

    def _step(self, message: messages.Generating) -> tuple[Preview, ...]:
        if not message.data:
            return ()
        if self._diffs and self._outputs is not None:
            self._outputs = diff.apply(self._outputs, message.data)
        else:
            self._outputs = message.data
        for output in self._outputs:
            # In a list of images the newest one is the last.
            shown = output[-1] if isinstance(output, list) and output else output
            reference = find(shown)
            if reference is None or (isinstance(reference, Reference) and not reference.is_image):
                continue
            if reference == self._preview:
                return ()
            self._preview = reference
            image = self._file(shown)
            return (Preview(image),) if image is not None else ()
        return ()

    def _completed(self, message: messages.ProcessCompleted) -> CallResult:
        if not message.success:
            raise Canceled() if self._canceled() else zerogpu.classify(message.error, message.title)
        if message.data is None:
            # This is how Gradio reports a cancel: success, with an empty output.
            raise Canceled() if self._canceled() else Crashed("the app canceled the job")
        self.finished = True
        return CallResult(message.data)

    def _failed(self, message: messages.Unexpected | messages.QueueFull | messages.CloseStream) -> ProviderError:
        if self._canceled():
            return Canceled()
        match message:
            case messages.QueueFull():
                return Busy("the app's queue is full", retry_after=zerogpu.BUSY_WAIT)
            case messages.CloseStream():
                return Lost("the app closed the stream before the job was finished")
        if message.unknown_session:
            return Lost()
        if message.text.startswith("Server stopped"):
            return Unreachable("the app was stopped while it worked on the job")
        return Crashed(message.text) if message.text else Protocol("the app reported an error without a text")


def _progress(bars: tuple[messages.Bar, ...]) -> Progress:
    """The progress of nested bars: an inner bar fills the current step of the outer one."""
    if not bars:
        return Progress(message="generating")
    outer = bars[0]
    text = " · ".join(bar.text for bar in bars if bar.text)
    return Progress(
        fraction=_fraction(bars), step=outer.index, total=outer.length, unit=outer.unit, message=text[:200] or None
    )


def _fraction(bars: tuple[messages.Bar, ...]) -> float | None:
    inner = 0.0
    found = None
    for bar in reversed(bars):
        if bar.fraction is not None:
            found = bar.fraction
        elif bar.index is not None and bar.length:
            found = min(1.0, (bar.index + (inner if bar.index < bar.length else 0.0)) / bar.length)
        else:
            continue
        inner = found
    return found
