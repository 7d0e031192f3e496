"""One Gradio app during one attempt: what drivers use."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from providers.base import Control
from providers.errors import Changed, Crashed, ProviderError
from providers.events import ProviderEvent, Status
from providers.gradio.app_info import AppAddress, AppInfo
from providers.gradio.app_limits import DEFAULT_LIMITS, AppLimits
from providers.gradio.blocking_call import BlockingCall
from providers.gradio.call_plan import CallPlan, Style, make_plan
from providers.gradio.file_transfer import FileTransfer
from providers.gradio.queue_call import QueueCall
from providers.gradio.refusals import Refusal
from providers.gradio.session import CallResult
from providers.gradio.transport import AppTransport, Refused

_NO_HEADERS: Final[Mapping[str, str]] = {}


class GradioApp:
    """One Gradio app during one attempt, with its own connections and cookies.

    Use it in a ``with`` statement. Files can be read until the block ends.

    Args:
        address: Where the app is.
        headers: Sent with every request, to this app only.
        cookies: A ``Cookie`` header to begin with.
        proxy: URL of a proxy for all requests; no proxy is taken from the environment.
        limits: Bounds on time and size.
        control: Cancel and time budget of the attempt.

    Attributes:
        info: What the app says about itself.
        files: Uploads files, and fetches output files.

    Raises:
        Rejected: A header is malformed.
    """

    def __init__(
        self,
        address: AppAddress,
        *,
        headers: Mapping[str, str] = _NO_HEADERS,
        cookies: str | None = None,
        proxy: str | None = None,
        limits: AppLimits = DEFAULT_LIMITS,
        control: Control,
    ) -> None:
        referer = {"Referer": address.referer} if address.referer else {}
        self._control = control
        self._transport = AppTransport(
            address.base_url,
            headers={**referer, **headers},
            cookies=cookies,
            proxy=proxy,
            limits=limits,
            control=control,
        )
        self.info = AppInfo(address, self._transport, control)
        self.files = FileTransfer(self._transport, self.info)
        self._queue_call = QueueCall(
            self._transport, base=address.public_url, limits=limits, control=control, file=self.files.output
        )
        self._blocking_call = BlockingCall(self._transport, limits, control)
        self._entered = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.callback(self._transport.close)
            stack.enter_context(self._control.closing(self._transport.sockets.shut))
            self._entered = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._entered.close()

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
    ) -> Iterator[ProviderEvent | CallResult]:
        """Run one function of the app.

        Args:
            api_name: ``/infer`` or ``infer``; None if only ``fn_index`` is known.
            arguments: By parameter name. A parameter that is not given gets
                the app's own default; ``gr.State`` gets null.
            positional: Names in order, used only if the app does not tell names.
            style: ``call`` or ``join``. If the app has only one of them, that one is used.
            fn_index: Used only if ``api_name`` is not found.
            trigger_id: Goes with ``fn_index``.
            resume: State of the last checkpoint of an earlier attempt.

        Yields:
            Checkpoint, Queued, Started, Status, Progress and Preview; a CallResult last.

        Raises:
            Changed: The app has no such function, or other parameters, or runs Gradio 3.
            ProviderError: The call ended without an answer.
        """

        def make() -> CallPlan:
            return make_plan(
                self.info.get(),
                api_name,
                arguments,
                positional=positional,
                style=style,
                fn_index=fn_index,
                trigger_id=trigger_id,
            )

        plan = self._planned(make)
        try:
            yield from self._queue_call.run(plan, resume)
        except Refused as answer:
            raise self._meaning(plan, make, answer.refusal) from None

    def predict(
        self, api_name: str | None, data: Sequence[object], *, fn_index: int, trigger_id: int | None = None
    ) -> Iterator[Status | CallResult]:
        """Run one function by a blocking POST to ``/run``, outside the app's queue.

        Yields:
            Status lines while it runs; a CallResult last.

        Raises:
            ProviderError: The call ended without an answer.
        """
        yield Status("Acquiring GPU token")
        yield from self._blocking_call.run(self.info.get(), api_name, data, fn_index, trigger_id)

    def cancel(self, state: Mapping[str, object]) -> None:
        """Ask the app to cancel the call of a checkpoint's state. Best effort and short; no network error is raised."""
        self._queue_call.cancel(state)

    def _planned(self, make: Callable[[], CallPlan]) -> CallPlan:
        """Plan with what is known about the app. Before an error says that the app has changed, ask it anew."""
        try:
            return make()
        except Changed:
            self.info.forget()
            return make()

    def _meaning(self, plan: CallPlan, make: Callable[[], CallPlan], refusal: Refusal) -> ProviderError:
        """The error of a refused call. Gradio answers 500 to an unknown function too: see whether it has this one."""
        error = refusal.error()
        if not isinstance(error, Crashed):
            return error
        self.info.forget()
        try:
            now = make()
        except ProviderError as found:
            return found
        same = (now.endpoint.fn_index, now.endpoint.slots) == (plan.endpoint.fn_index, plan.endpoint.slots)
        return error if same else Changed(f"{plan.endpoint.label} of the app has just changed")
