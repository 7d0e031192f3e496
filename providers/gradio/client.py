"""One Gradio app during one attempt: what drivers use."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import wait
from contextlib import ExitStack
from typing import Final, Self
from urllib.parse import quote

from media import Kind
from providers.base import Control
from providers.errors import Changed, Crashed, Protocol, ProviderError
from providers.events import ProviderEvent, Status
from providers.gradio.answers.file_transfer import FileTransfer
from providers.gradio.app_info import AppAddress, AppInfo
from providers.gradio.app_limits import DEFAULT_LIMITS, AppLimits
from providers.gradio.call_plan import CallPlan, Style, make_plan
from providers.gradio.queue_call import QueueCall
from providers.gradio.session import CallResult
from providers.gradio.transport import AppTransport, Refused
from resilience import aside

#: Seconds between two status lines of a blocking call.
_TICK: Final = 1.0
_NO_HEADERS: Final[Mapping[str, str]] = {}


class GradioApp:
    """One Gradio app during one attempt, with its own connections and cookies.

    Use it in a ``with`` statement. Files can be read until the block ends. The headers go to this app only.

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
        self._transport = AppTransport(
            address.base_url,
            headers={**referer, **address.headers, **headers},
            cookies=cookies or address.cookies,
            proxy=proxy,
            ca_file=address.ca_file,
            limits=limits,
            control=control,
        )
        self.info = AppInfo(address, self._transport, shares=proxy is None)
        self.files = FileTransfer(self._transport, self.info)
        self._queue_call = QueueCall(self._transport, address.public_url, self.files.preview)
        self._entered = ExitStack()

    def __enter__(self) -> Self:
        self._entered.enter_context(self._transport.opened())
        return self

    def __exit__(self, *error: object) -> None:
        self._entered.close()

    def call(
        self,
        api_name: str | None,
        arguments: Mapping[str, object],
        *,
        kind: Kind = "image",
        order: Sequence[str] = (),
        style: Style = "call",
        fn_index: int | None = None,
        trigger_id: int | None = None,
        resume: Mapping[str, object] | None = None,
        session: str | None = None,
        cut: object = None,
    ) -> Iterator[ProviderEvent | CallResult]:
        """Run one function of the app.

        Args:
            api_name: ``/infer`` or ``infer``; None if only ``fn_index`` is known.
            arguments: By parameter name: a value, or a :class:`Several` of them. A parameter that is not given gets
                what the app's page would send; ``gr.State`` gets null.
            kind: Of the wanted outputs, for the steps.
            order: Names of all inputs in the app's order, used only if the app does not tell names.
            style: ``call`` or ``join``. If the app has only one of them, that one is used.
            fn_index: Used only for a function without a name.
            trigger_id: Goes with ``fn_index``.
            resume: State of the last checkpoint of an earlier attempt.
            session: Hash of a session that has other calls too; a call in it is never repeated.
            cut: Seconds after which an earlier stream in another session was cut.

        Yields:
            Checkpoint, Queued, Started, Status, Progress, Preview and Partial; a CallResult last.

        Raises:
            Changed: The app has no such function, or other parameters, or runs Gradio 3.
            SessionLost: The submission of ``resume`` in this session cannot be picked up.
        """

        def make() -> CallPlan:
            return make_plan(
                self.info.current(),
                api_name,
                arguments,
                kind=kind,
                order=order,
                style=style,
                fn_index=fn_index,
                trigger_id=trigger_id,
            )

        plan = self._planned(make)
        try:
            yield from self._queue_call.run(plan, resume, session, cut)
        except Refused as answer:
            raise self._meaning(plan, make, answer) from None

    def predict(
        self,
        api_name: str | None,
        arguments: Mapping[str, object],
        *,
        order: Sequence[str] = (),
        fn_index: int | None = None,
        trigger_id: int | None = None,
    ) -> Iterator[Status | CallResult]:
        """Run one function by a blocking POST to ``/run``, outside the app's queue; the CallResult comes last."""
        yield Status("Acquiring GPU token")
        plan = self._planned(
            lambda: make_plan(
                self.info.current(), api_name, arguments, order=order, fn_index=fn_index, trigger_id=trigger_id
            )
        )
        body = {
            "data": plan.data,
            "fn_index": plan.endpoint.fn_index,
            "trigger_id": trigger_id,
            "session_hash": secrets.token_hex(8),
            "event_data": None,
        }
        path = f"{plan.app.prefix}/run/{quote(plan.endpoint.api_name or 'predict', safe='')}"
        begun = time.monotonic()
        answer = aside("gradio-run", lambda: self._post(path, body))
        try:
            while wait((answer,), _TICK).not_done:
                self._transport.control.check()
                yield Status(f"Generating {time.monotonic() - begun:.2f} s")
        finally:
            if not answer.done():
                self._transport.sockets.shut()
                wait((answer,), 5.0)
        found = answer.result()
        yield Status(f"Finished {time.monotonic() - begun:.2f} s")
        yield found

    def _post(self, path: str, body: Mapping[str, object]) -> CallResult:
        # The app sends nothing until the end, so silence does not mean that the connection is lost.
        silence = self._transport.control.remaining() or self._transport.limits.answer
        try:
            fields = self._transport.ask_json("POST", path, wait=silence, json=body)
        except Refused as answer:
            raise answer.refusal.of_function() from None
        if not isinstance(fields, dict) or not isinstance(fields.get("data"), list):
            raise Protocol("the app answered without a result")
        if fields.get("is_generating") is True:
            raise Changed("this function works step by step; its blocking call gives only the first step")
        return CallResult(tuple(fields["data"]))

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

    def _meaning(self, plan: CallPlan, make: Callable[[], CallPlan], answer: Refused) -> ProviderError:
        """The error of a refused call. Gradio answers 500 to an unknown function too: see whether it has this one."""
        error = answer.refusal.error()
        if not isinstance(error, Crashed):
            return error
        self.info.forget()
        try:
            now = make()
        except ProviderError as found:
            return found
        same = (now.endpoint.fn_index, now.endpoint.slots) == (plan.endpoint.fn_index, plan.endpoint.slots)
        return error if same else Changed(f"{plan.endpoint.label} of the app has just changed")
