"""One call on its way: posted, listened to, picked up after a crash, taken back.

What the server does, and so what is done here (Gradio 4.44 to 6.31, recorded):

* nothing recognises a repeated POST, so it is never repeated blindly: our own
  session hash goes into each, and tells afterwards whether it had arrived;
* a stream that was never opened keeps everything, from the first message on;
  one that was opened and dropped has killed the job;
* ``/cancel`` ends running jobs, and only from 6.14 on waiting ones; dropping
  the stream ends waiting ones (but on 4.16 and 4.19 not always). So both are
  done.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from urllib.parse import quote

from providers.base import Control
from providers.errors import Canceled, Protocol, Timeout, Unreachable
from providers.events import Checkpoint, File, ProviderEvent, Status
from providers.gradio.limits import Limits
from providers.gradio.messages import Heartbeat, SendData, loads, parse
from providers.gradio.plan import Plan
from providers.gradio.session import Answer, Lost, Session
from providers.gradio.transport import Refused, Stream, Transport

State = Mapping[str, object]
Events = Generator[ProviderEvent | Answer, None, None]

_EVENT_ID = re.compile(rb'"event_id":\s*"(\w{1,64})"')


class _Gone(Exception):
    """The app has nothing for a session that was to be picked up."""


class Submission:
    """Runs calls over one transport.

    Args:
        transport: To the app.
        base: Its address, as checkpoints name it.
        limits: Bounds on time and size.
        control: Cancel and time budget of the attempt.
        file: Makes a file of an output's data.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        base: str,
        limits: Limits,
        control: Control,
        file: Callable[[object], File | None],
    ) -> None:
        self._transport = transport
        self._base = base
        self._limits = limits
        self._control = control
        self._file = file

    def run(self, plan: Plan, resume: State | None = None) -> Events:
        """Submit the call, or pick up what ``resume`` names; the Answer comes last.

        Raises:
            Refused: The app does not take it.
            ProviderError: It ended without an answer.
        """
        if resume is not None:
            taken = yield from self._resumed(plan, resume)
            if taken:
                return
        yield from self._submitted(plan)

    def cancel(self, state: State) -> None:
        """Take back what a checkpoint names. Best effort; takes a few seconds at most, and raises nothing."""
        session, prefix = state.get("session"), state.get("prefix", "")
        if not isinstance(session, str) or not isinstance(prefix, str) or state.get("style") == "sse":
            # With the oldest protocol the stream is the job: it went with it.
            return
        first = self._transport.glance(f"{prefix}/queue/data", session_hash=session)
        match = _EVENT_ID.search(first)
        self._take_back(state, state.get("event_id") or (match[1].decode() if match else None))

    def _dropped(self, state: State, event_id: str | None, *, opened: bool) -> None:
        """Take back our own job after its stream was closed, or before it was opened."""
        if opened:
            self._take_back(state, event_id)
        else:
            self.cancel({**state, "event_id": event_id})

    def _take_back(self, state: State, event_id: object) -> None:
        """Tell the app to end a job whose stream is dropped."""
        if not isinstance(event_id, str) or state.get("style") == "sse":
            return
        fields = {"session_hash": state.get("session"), "fn_index": state.get("fn_index"), "event_id": event_id}
        status = self._transport.tell(f"{state.get('prefix', '')}/cancel", fields)
        if status in {404, 405}:
            # Before 4.31 there is this, for generators only; anything else then runs to its end.
            self._transport.tell(f"{state.get('prefix', '')}/reset", {"event_id": event_id})

    def _resumed(self, plan: Plan, state: State) -> Generator[ProviderEvent | Answer, None, bool]:
        """Go on with a submission of an earlier attempt; False where a new one is needed."""
        if state.get("base") != self._base or not isinstance(state.get("session"), str):
            return False
        phase, style = state.get("phase"), state.get("style")
        if phase not in {"posting", "posted"} or style not in {"call", "join"}:
            # The stream was opened: what it carried is gone, and dropping it told the app to stop.
            self.cancel(state)
            return False
        try:
            yield from self._listened(replace(plan, style=str(style)), state, first=self._limits.probe)
        except _Gone:
            known = "the app no longer knows the job" if phase == "posted" else "the app does not know the job"
            yield Status(f"{known} of the interrupted attempt; it is submitted again", "warning")
            return False
        return True

    def _submitted(self, plan: Plan) -> Events:
        state: dict[str, object] = {
            "phase": "posting",
            "style": plan.style,
            "session": secrets.token_hex(16),
            "fn_index": plan.endpoint.fn_index,
            "prefix": plan.app.prefix,
            "base": self._base,
        }
        if plan.style != "sse":
            yield Checkpoint(state)
            event_id = yield from self._posted(plan, state)
            if event_id is None:
                return
            state = {**state, "phase": "posted", "event_id": event_id}
            yield Checkpoint(state)
        yield from self._listened(plan, state)

    def _posted(self, plan: Plan, state: State) -> Generator[ProviderEvent | Answer, None, str | None]:
        """Post the call. Returns its id; None where the answer was lost and the job was picked up without it."""
        body: dict[str, object] = {"data": plan.data, "session_hash": state["session"]}
        path = f"{plan.app.prefix}/call/{quote(plan.endpoint.api_name or '', safe='')}"
        if plan.style == "join":
            path = f"{plan.app.prefix}/queue/join"
            body |= {"fn_index": plan.endpoint.fn_index, "event_data": None, "trigger_id": plan.trigger_id}
        try:
            return _event_id(self._transport.ask("POST", path, json=body))
        except (Canceled, Protocol):
            self.cancel(state)
            raise
        except (Unreachable, Timeout) as error:
            # The app may have taken it all the same: look, never post twice.
            try:
                yield from self._listened(plan, state, first=self._limits.probe)
            except _Gone:
                raise error from None
            return None

    def _listened(self, plan: Plan, state: State, *, first: float | None = None) -> Events:
        """Read the job's stream to its end.

        Args:
            plan: The call.
            state: Of the submission.
            first: Seconds until a job that is picked up must show itself.

        Raises:
            _Gone: It did not.
        """
        event_id = state.get("event_id")
        session = Session(
            event_id if isinstance(event_id, str) else None,
            diffs=plan.has_diffs,
            file=self._file,
            canceled=lambda: self._control.canceled,
        )
        yield Checkpoint({**state, "phase": "opened"})
        stream: Stream | None = None
        try:
            stream = self._open(plan, state, first)
            yield from self._heard(plan, state, session, stream)
        except (Lost, Timeout, Refused):
            self._control.check()
            if first is not None and not session.heard:
                raise _Gone from None
            raise
        finally:
            if stream is not None:
                stream.close()
            if not session.finished:
                self._dropped(state, session.event_id, opened=stream is not None)

    def _heard(self, plan: Plan, state: State, session: Session, stream: Stream) -> Events:
        """Pass on what the messages mean, up to the answer."""
        for line in stream.events:
            message = parse(line)
            if message is None or isinstance(message, Heartbeat):
                continue
            stream.events.news()
            if isinstance(message, SendData):
                self._give(plan, state, message)
            for event in session.feed(message):
                if isinstance(event, Answer):
                    stream.finish()
                yield event
            if session.finished:
                return
        raise session.end()

    def _open(self, plan: Plan, state: State, first: float | None) -> Stream:
        session = str(state["session"])
        if plan.style == "sse":
            index = str(plan.endpoint.fn_index)
            return self._transport.listen("/queue/join", first=first, fn_index=index, session_hash=session)
        return self._transport.listen(f"{plan.app.prefix}/queue/data", first=first, session_hash=session)

    def _give(self, plan: Plan, state: State, message: SendData) -> None:
        """Protocol ``sse``: the arguments are asked for when it is our turn."""
        fields = {"event_id": message.event_id, "data": plan.data, "fn_index": plan.endpoint.fn_index}
        self._transport.ask("POST", "/queue/data", json={**fields, "session_hash": state["session"]})


def _event_id(body: bytes) -> str:
    fields = loads(body)
    found = fields.get("event_id") if isinstance(fields, dict) else None
    if isinstance(found, str) and 0 < len(found) <= 128:
        return found
    raise Protocol("the app took the job but gave it no id")
