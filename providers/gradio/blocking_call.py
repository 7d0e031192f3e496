"""A call outside the app's queue: a blocking POST to ``/run``."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from threading import Thread
from urllib.parse import quote

from providers import clean
from providers.base import Control
from providers.errors import Changed, Protocol, ProviderError
from providers.events import Status
from providers.gradio import zerogpu
from providers.gradio.app_limits import AppLimits
from providers.gradio.endpoints import App
from providers.gradio.messages import loads
from providers.gradio.refusals import Refusal
from providers.gradio.session import CallResult
from providers.gradio.transport import AppTransport, Refused
from resilience import settle

#: Seconds between two status lines.
_TICK = 1.0


class BlockingCall:
    """Runs functions of one app by a blocking POST.

    Args:
        transport: To the app.
        limits: Bounds on time and size.
        control: Cancel and time budget of the attempt.
    """

    def __init__(self, transport: AppTransport, limits: AppLimits, control: Control) -> None:
        self._transport = transport
        self._limits = limits
        self._control = control

    def run(
        self, app: App, api_name: str | None, data: Sequence[object], fn_index: int, trigger_id: int | None
    ) -> Iterator[Status | CallResult]:
        """See :meth:`providers.gradio.client.GradioApp.predict`."""
        endpoint = app.find(api_name, fn_index)
        body = {
            "data": list(data),
            "fn_index": endpoint.fn_index,
            "trigger_id": trigger_id,
            "session_hash": secrets.token_hex(8),
            "event_data": None,
        }
        path = f"{app.prefix}/run/{quote(endpoint.api_name or 'predict', safe='')}"
        begun = time.monotonic()
        answer = Future[CallResult]()
        Thread(target=settle, args=(answer, lambda: self._post(path, body)), name="gradio-run", daemon=True).start()
        try:
            while wait((answer,), _TICK).not_done:
                self._control.check()
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
        silence = self._control.remaining() or self._limits.no_news
        try:
            fields = loads(self._transport.ask("POST", path, wait=silence, json=body))
        except Refused as answer:
            raise _error(answer.refusal) from None
        if not isinstance(fields, dict) or not isinstance(fields.get("data"), list):
            raise Protocol("the app answered without a result")
        if fields.get("is_generating") is True:
            raise Changed("this function works step by step; its blocking call gives only the first step")
        return CallResult(tuple(fields["data"]))


def _error(refusal: Refusal) -> ProviderError:
    """The error of a blocking call: Gradio answers 500 with the function's own error."""
    try:
        fields = loads(refusal.body)
    except Protocol:
        return refusal.error()
    if refusal.status == 500 and isinstance(fields, dict) and "error" in fields:
        error, title = fields["error"], fields.get("title")
        return zerogpu.classify(error if isinstance(error, str) else None, clean.text(title) or None)
    return refusal.error()
