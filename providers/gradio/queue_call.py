"""One call through the app's queue: post it, read its stream, pick it up after a crash, cancel it.

How the server behaves (Gradio 4.44 to 6.31, recorded), and what follows:

* It does not recognise a repeated POST. So a POST is never repeated blindly:
  each has a session hash of ours, by which we find out whether it arrived.
* A stream that was never opened keeps all its messages. A stream that was
  opened and closed has canceled the job.
* ``/cancel`` ends running jobs, and waiting ones only from 6.14 on. Closing
  the stream ends waiting ones, but on 4.16 and 4.19 not always. So we do both.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from providers.errors import Canceled, Crashed, Protocol, Timeout, Unreachable
from providers.events import Checkpoint, File, ProviderEvent, Status
from providers.gradio.answers.files import Stored
from providers.gradio.answers.steps import Steps
from providers.gradio.call_plan import CallPlan
from providers.gradio.messages import Signal, parse
from providers.gradio.session import CallResult, Lost, Session, SessionLost
from providers.gradio.transport import AppTransport, OpenStream, Refused

State = Mapping[str, object]
Events = Generator[ProviderEvent | CallResult, None, None]

#: Shortest time that is taken for a limit of a server, in seconds, and how much two of them may differ.
_FRONT_SECONDS: Final = 2.0
_SAME: Final = 0.75
_SAME_SHARE: Final = 0.03

_EVENT_ID = re.compile(rb'"event_id":\s*"(\w{1,64})"')


class _Gone(Exception):
    """The app has no messages for the session to pick up."""


class QueueCall:
    """Runs calls over one transport.

    ``base`` is the app's address, as checkpoints have it; ``file`` makes a file of what a step shows.
    """

    def __init__(self, transport: AppTransport, base: str, file: Callable[[Stored], File]) -> None:
        self._transport = transport
        self._base = base
        self._file = file

    def run(
        self, plan: CallPlan, resume: State | None = None, session: str | None = None, cut: object = None
    ) -> Events:
        """Submit the call, or pick up the submission of ``resume``. The CallResult comes last.

        Args:
            plan: The call.
            resume: State of the last checkpoint of an earlier attempt.
            session: Hash of a session that has other calls too. A call in it is never repeated.
            cut: Seconds after which an earlier stream was cut, where ``resume`` does not tell.

        Raises:
            Refused: The app refuses the call.
            SessionLost: The submission in this session cannot be picked up.
        """
        if resume is not None:
            taken = yield from self._resumed(plan, resume)
            if taken:
                return
            if session is not None:
                raise SessionLost
        known = _seconds((resume or {}).get("cut", cut))
        yield from self._submitted(plan, session or secrets.token_hex(16), known)

    def cancel(self, state: State) -> None:
        """Cancel the submission of a checkpoint. Best effort, within a few seconds; raises nothing."""
        session, prefix = state.get("session"), state.get("prefix", "")
        if not isinstance(session, str) or not isinstance(prefix, str) or state.get("style") == "sse":
            # In the oldest protocol the job ends with its stream.
            return
        first = self._transport.glance(f"{prefix}/queue/data", session_hash=session)
        match = _EVENT_ID.search(first)
        self._end_job(state, state.get("event_id") or (match[1].decode() if match else None))

    def _end_job(self, state: State, event_id: object) -> None:
        """Ask the app to end a job whose stream is closed."""
        if not isinstance(event_id, str) or state.get("style") == "sse":
            return
        fields = {"session_hash": state.get("session"), "fn_index": state.get("fn_index"), "event_id": event_id}
        status = self._transport.tell(f"{state.get('prefix', '')}/cancel", fields)
        if status in {404, 405}:
            # Before 4.31 there is only this, and only for generators; other functions run to their end.
            self._transport.tell(f"{state.get('prefix', '')}/reset", {"event_id": event_id})

    def _resumed(self, plan: CallPlan, state: State) -> Generator[ProviderEvent | CallResult, None, bool]:
        """Pick up the submission of an earlier attempt. Returns False if a new one is needed."""
        if state.get("base") != self._base or not isinstance(state.get("session"), str):
            return False
        phase, style = state.get("phase"), state.get("style")
        if phase not in {"posting", "posted"} or style not in {"call", "join"}:
            # The stream was opened: its messages are gone, and closing it has canceled the job.
            self.cancel(state)
            return False
        try:
            yield from self._listened(replace(plan, style=str(style)), state, first=self._transport.limits.probe)
        except _Gone:
            known = "the app no longer knows the job" if phase == "posted" else "the app does not know the job"
            yield Status(f"{known} of the interrupted attempt; it is submitted again", "warning")
            return False
        return True

    def _submitted(self, plan: CallPlan, session: str, cut: float | None) -> Events:
        state: dict[str, object] = {
            "phase": "posting",
            "style": plan.style,
            "session": session,
            "fn_index": plan.endpoint.fn_index,
            "prefix": plan.app.prefix,
            "base": self._base,
            **({} if cut is None else {"cut": cut}),
        }
        if plan.style != "sse":
            yield Checkpoint(state)
            event_id = yield from self._posted(plan, state)
            if event_id is None:
                return
            state = {**state, "phase": "posted", "event_id": event_id}
            # The next checkpoint comes before anything else is sent, and the one before finds the job too, by its session.
            yield Checkpoint(state, at_once=False)
        yield from self._listened(plan, state)

    def _posted(self, plan: CallPlan, state: State) -> Generator[ProviderEvent | CallResult, None, str | None]:
        """Post the call. Returns its id; None if the answer was lost and the job was picked up without it."""
        body: dict[str, object] = {"data": plan.data, "session_hash": state["session"]}
        path = f"{plan.app.prefix}/call/{quote(plan.endpoint.api_name or '', safe='')}"
        if plan.style == "join":
            path = f"{plan.app.prefix}/queue/join"
            body |= {"fn_index": plan.endpoint.fn_index, "event_data": None, "trigger_id": plan.trigger_id}
        try:
            return _event_id(self._transport.ask_json("POST", path, json=body))
        except (Canceled, Protocol):
            self.cancel(state)
            raise
        except (Unreachable, Timeout) as error:
            # The app may have accepted it all the same. So look for it; never post twice.
            try:
                yield from self._listened(plan, state, first=self._transport.limits.probe)
            except _Gone:
                raise error from None
            return None

    def _listened(self, plan: CallPlan, state: State, *, first: float | None = None) -> Events:
        """Read the job's stream to its end.

        For a job that is picked up, ``first`` is the seconds until the first message; without one it is _Gone.
        """
        event_id = state.get("event_id")
        steps = Steps(plan.endpoint.outputs, plan.kind, self._file, diffs=plan.has_diffs)
        session = Session(
            event_id if isinstance(event_id, str) else None,
            step=steps.feed,
            settle=steps.settled,
            canceled=lambda: self._transport.control.canceled,
        )
        yield Checkpoint({**state, "phase": "opened"})
        stream: OpenStream | None = None
        begun = time.monotonic()
        try:
            stream = self._open(plan, state, first)
            yield from self._heard(plan, state, session, stream)
        except (Lost, Timeout, Refused):
            self._transport.control.check()
            if first is not None and not session.heard:
                raise _Gone from None
            raise
        except Unreachable as error:
            self._transport.control.check()
            # The next attempt must know. Without the stream the app drops the job.
            seconds = time.monotonic() - begun
            yield Checkpoint({**state, "phase": "opened", "cut": round(seconds, 2)})
            if _is_the_same_cut(_seconds(state.get("cut")), seconds):
                raise _cut_again(seconds) from error
            raise
        finally:
            if stream is not None:
                stream.close()
            if stream is None and not session.finished:
                self.cancel({**state, "event_id": session.event_id})
            elif not session.finished:
                self._end_job(state, session.event_id)

    def _heard(self, plan: CallPlan, state: State, session: Session, stream: OpenStream) -> Events:
        """Yield the events of the messages, up to the answer."""
        for line in stream.events:
            message = parse(line)
            if message is None or message.content is Signal.HEARTBEAT:
                continue
            if message.content is Signal.SEND_DATA:
                self._give(plan, state, message.event_id)
            events = session.feed(message)
            stream.events.news(works=session.started)
            for event in events:
                if isinstance(event, CallResult):
                    stream.finish()
                yield event
            if session.finished:
                return
        raise session.end()

    def _open(self, plan: CallPlan, state: State, first: float | None) -> OpenStream:
        session = str(state["session"])
        if plan.style == "sse":
            index = str(plan.endpoint.fn_index)
            return self._transport.listen("/queue/join", first=first, fn_index=index, session_hash=session)
        return self._transport.listen(f"{plan.app.prefix}/queue/data", first=first, session_hash=session)

    def _give(self, plan: CallPlan, state: State, event_id: str | None) -> None:
        """Protocol ``sse``: the app asks for the arguments when it is our turn."""
        fields = {"event_id": event_id, "data": plan.data, "fn_index": plan.endpoint.fn_index}
        self._transport.ask("POST", "/queue/data", json={**fields, "session_hash": state["session"]})


def _is_the_same_cut(earlier: float | None, seconds: float) -> bool:
    """Whether streams broke off after the same time twice: some servers in front of apps end every answer then."""
    if earlier is None or seconds < _FRONT_SECONDS:
        return False
    return abs(seconds - earlier) <= max(_SAME, seconds * _SAME_SHARE)


def _cut_again(seconds: float) -> Crashed:
    return Crashed(
        f"the connection was cut after {seconds:.0f} s, as it was the last time: a server in front of the app ends each"
        " answer then (its time limit must be longer than the job), or the app itself stops"
    )


def _seconds(value: object) -> float | None:
    """A number of a checkpoint; None if there is none."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _event_id(fields: object) -> str:
    found = fields.get("event_id") if isinstance(fields, dict) else None
    if isinstance(found, str) and 0 < len(found) <= 128 and found.isprintable():
        return found
    raise Protocol("the app accepted the job but gave it no id")
