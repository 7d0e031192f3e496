"""One Gradio app, as one attempt sees it: the only place that talks to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from providers.base import Control
from providers.events import File, ProviderEvent, Status
from providers.spec import InputFile

Style = Literal["call", "join"]

NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long to wait for an app, and how much of it to take.

    Args:
        connect: Seconds for a connection to be made.
        read: Seconds of silence on the socket. Heartbeats come every 15 s, so it must be longer.
        no_news: Seconds without any message but heartbeats.
        first_event: Seconds until the first message of a job.
        event_bytes: Size of one message. Files come as paths, so 4 MiB holds any text and a picture sent inline.
        stream_bytes: Size of all messages of one job.
        events: Number of messages of one job, heartbeats included.
        body_bytes: Size of any other answer (/config holds the app's examples and can reach megabytes).
    """

    connect: float = 5.0
    read: float = 60.0
    no_news: float = 300.0
    first_event: float = 60.0
    event_bytes: int = 4 << 20
    stream_bytes: int = 16 << 20
    events: int = 10_000
    body_bytes: int = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAddress:
    """Where an app is and how to get in.

    Args:
        base_url: ``https://x.hf.space`` or ``http://192.168.1.5:7860/sub``; what the server believes its own address to be is never used.
        referer: Sent with every request.
        login: User name and password of the app itself, where it has a login.
    """

    base_url: str
    referer: str | None = None
    login: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"AppAddress({self.base_url!r})"


@dataclass(frozen=True, slots=True)
class Answer:
    """The final data of a call: one item per output component, raw."""

    data: tuple[object, ...]


class GradioApp:
    """One Gradio app during one attempt: own connections, own cookies, no proxy from the environment.

    Args:
        address: Where it is.
        headers: Sent with every request to this app and to nobody else.
        cookies: A ``Cookie`` header of the person who submits.
        proxy: URL of a proxy for all requests.
        limits: Bounds on time and size.
        control: Cancel and time budget of the attempt.
    """

    def __init__(
        self,
        address: AppAddress,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        cookies: str | None = None,
        proxy: str | None = None,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        control: Control,
    ) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    def upload(self, file: InputFile) -> dict[str, object]:
        """Bring a file to the app.

        Returns:
            The ``FileData`` to pass as an argument.

        Raises:
            Rejected: The app refuses it, mostly for its size.
            ProviderError: It could not be sent.
        """
        raise NotImplementedError

    def call(
        self,
        api_name: str | None,
        arguments: Mapping[str, object],
        *,
        positional: Sequence[str] = (),
        style: Style = "call",
        fn_index: int | None = None,
        trigger_id: int | None = None,
        resume: Mapping[str, object] | None = None,
    ) -> Iterator[ProviderEvent | Answer]:
        """Run one function of the app.

        Args:
            api_name: ``/infer`` or ``infer``; None where only ``fn_index`` is known.
            arguments: By parameter name. Parameters that are not among them get the Space's own default, ``gr.State`` gets null.
            positional: Names in order, used only where the app tells no names.
            style: How the driver's documentation calls it; the protocol decides where only one of them works.
            fn_index: Used only where ``api_name`` is not found.
            trigger_id: Goes with ``fn_index``.
            resume: State of the last checkpoint of an earlier attempt.

        Yields:
            Checkpoint, Queued, Started, Status, Progress and Preview; an Answer last.

        Raises:
            Changed: The app has no such function, or other parameters.
            ProviderError: It ended without an answer.
        """
        raise NotImplementedError

    def predict(
        self, api_name: str | None, data: Sequence[object], *, fn_index: int, trigger_id: int | None = None
    ) -> Iterator[Status | Answer]:
        """Run one function by a blocking POST to ``/run``, outside the app's queue.

        Yields:
            Status lines while it runs; an Answer last.

        Raises:
            ProviderError: It ended without an answer.
        """
        raise NotImplementedError

    def file(self, data: object) -> File | None:
        """Make a file out of what an output component gave.

        Args:
            data: ``FileData`` (Gradio 4 to 6), ``{"name", "is_file"}`` (3), a gallery item, or a ``data:`` URL.

        Returns:
            A file that is fetched when it is read, as long as this app is open; None where ``data`` is no file.
        """
        raise NotImplementedError

    def cancel(self, state: Mapping[str, object]) -> None:
        """Ask the app to drop what a checkpoint's state names. Best effort: short, and never raises for a network failure."""
        raise NotImplementedError

    def signature(self) -> Mapping[str, object]:
        """Fetch afresh what the app can be asked: function names with their parameters and outputs, as stable JSON data.

        Raises:
            ProviderError: It cannot be asked.
        """
        raise NotImplementedError
