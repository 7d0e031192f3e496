"""Runs the steps of a call in one session of the app, and goes on with those of an interrupted attempt."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from media import Kind
from providers.errors import Protocol, Unreachable
from providers.events import Checkpoint, Progress, ProviderEvent, Status
from providers.gradio import steps as plan
from providers.gradio.client import GradioApp
from providers.gradio.session import CallResult, SessionLost
from providers.gradio.steps import Step

#: Answers of earlier steps that are larger are not kept in a checkpoint, in bytes: then all steps run again.
_RESULTS_BYTES: Final = 64 << 10

Results = tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class _Begun:
    """How far a job is.

    Args:
        session: The session's hash at the app.
        app_id: Which start of the app has the session; None if it does not say.
        cut: Seconds after which a server in front of the app ended a stream; None if none did.
        results: The answers of the steps that are done.
        call: The checkpoint of the current step's call; None if it was not made.
    """

    session: str
    app_id: int | None
    cut: object = None
    results: Results = ()
    call: Mapping[str, object] | None = None

    def checkpoint(self, call: Mapping[str, object]) -> Checkpoint:
        """What a later attempt needs."""
        kept = {"step": len(self.results), "app_id": self.app_id, "session": self.session, "results": self.results}
        if len(json.dumps(self.results, default=str)) > _RESULTS_BYTES:
            del kept["results"]
        return Checkpoint({**({} if self.cut is None else {"cut": self.cut}), **call, **kept})


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """Runs the steps of one attempt.

    Args:
        app: The app, opened.
        kind: Of the wanted outputs.
        steps: In order.
        result: Number of the step whose outputs count, from 0.
        given: Tells the arguments of a step that are the job's parameters, by the app's names.
    """

    app: GradioApp
    kind: Kind
    steps: Sequence[Step]
    result: int
    given: Callable[[Step], Mapping[str, object]]

    def run(self, resume: Mapping[str, object] | None) -> Iterator[ProviderEvent | CallResult]:
        """Run all steps, or those that are left of an interrupted attempt; the CallResult comes last.

        A step that cannot be picked up is not repeated in its session, which may hold half of its work: the app is
        asked to cancel it, and all steps run again in a new session.

        Args:
            resume: State of the last checkpoint of an interrupted attempt.
        """
        if resume is not None:
            begun = _read(self.app, self.steps, resume)
            try:
                if begun is not None:
                    yield from self._all(begun)
                    return
                self.app.cancel(resume)
            except SessionLost:
                # What was there to cancel is canceled.
                pass
            yield Status("the steps of the interrupted attempt cannot be continued; all run again", "warning")
        cut = None if resume is None else resume.get("cut")
        yield from self._all(_Begun(secrets.token_hex(16), self.app.info.current().app_id, cut))

    def _all(self, begun: _Begun) -> Iterator[ProviderEvent | CallResult]:
        for number in range(len(begun.results), len(self.steps)):
            if begun.call is None:
                yield Status(plan.title(self.steps, number))
            data = yield from self._one(number, begun)
            begun = replace(begun, results=(*begun.results, data), call=None)
            if number + 1 < len(self.steps):
                yield Progress(fraction=plan.share(self.steps, number, 1.0))
                yield begun.checkpoint({"phase": "between"})
        yield CallResult(begun.results[self.result])

    def _one(self, number: int, begun: _Begun) -> Generator[ProviderEvent, None, tuple[object, ...]]:
        step, known = self.steps[number], self.app.info.current()
        if number and known.app_id != begun.app_id:
            raise Unreachable("the app was started anew between two steps: the session is gone")
        functions = [known.find(earlier.api_name) for earlier in self.steps[: number + 1]]
        handed = plan.handed_on(step, functions[-1], begun.results, functions)
        call = self.app.call(
            step.api_name,
            {**self.given(step), **handed},
            kind=self.kind,
            order=step.order,
            style=step.style,
            resume=begun.call,
            session=begun.session,
            cut=begun.cut,
        )
        answer: CallResult | None = None
        for event in call:
            match event:
                case CallResult():
                    answer = event
                case Checkpoint(state):
                    yield begun.checkpoint(state)
                case Progress():
                    yield plan.of_all(event, self.steps, number)
                case _:
                    yield event
        if answer is None:
            raise Protocol(f"{step.api_name} ended without an answer")
        return answer.data


def _read(app: GradioApp, steps: Sequence[Step], state: Mapping[str, object]) -> _Begun | None:
    """How far an interrupted attempt was; None if it cannot be continued."""
    session, results, app_id = state.get("session"), state.get("results"), state.get("app_id")
    if not (isinstance(session, str) and isinstance(results, list | tuple) and isinstance(app_id, int)):
        return None
    if len(results) >= len(steps) or state.get("step") != len(results) or app_id != app.info.current().app_id:
        return None
    is_call = state.get("phase") != "between"
    return _Begun(session, app_id, state.get("cut"), tuple(map(tuple, results)), state if is_call else None)
