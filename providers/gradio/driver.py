"""The flow that all drivers of Gradio apps share: from a request to a call of the app, and back to the result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter
from typing import Final, Literal

from media import Kind, OutputLimits
from providers.base import Control, Probe
from providers.config import ProviderConfig
from providers.errors import Busy, Changed, Crashed, Protocol, ProviderError, Quota, Unreachable
from providers.events import Checkpoint, ProviderEvent, Status
from providers.gradio.answers.results import complete, finished, is_done
from providers.gradio.app_info import Access
from providers.gradio.app_limits import AppLimits
from providers.gradio.arguments import gather
from providers.gradio.call_plan import make_plan
from providers.gradio.client import GradioApp
from providers.gradio.naming import component
from providers.gradio.session import CallResult
from providers.gradio.step_run import StepRun
from providers.gradio.steps import Step, all_arguments, given_by
from providers.huggingface import hub, zerogpu
from providers.inputs.normalise import consumed
from providers.spec import Credentials, ModelSpec, ProviderRequest, ProviderSpec

#: Seconds for canceling a lost call at the app.
ABANDON_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How a model is one function of the app.

    Args:
        arguments: For each of our parameters its names in the app, the newest first.
        order: Names of all inputs of the function in the app's order, for an app that does not tell them.
        style: How the function is called: through the app's queue as its documentation says, or by ``run``, a
            blocking call outside the queue.
        fn_index: Number of the function, used if the name is not found.
        trigger_id: Goes with ``fn_index``.
        prepare: Returns the values to send, by our names.
        consumes: Parameters of ours that only ``prepare`` reads, so that the app gets none of these names.
        steps: Functions that run in order in one session, instead of the one; ``api_name`` is that of ``result``.
        result: Number of the step whose outputs count, from 0.
        is_result: Whether the outputs of this function count.
    """

    api_name: str
    arguments: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...] = ()
    style: Literal["call", "join", "run"] = "call"
    fn_index: int | None = None
    trigger_id: int | None = None
    prepare: Callable[[ProviderRequest], Mapping[str, object]] = attrgetter("input")
    consumes: frozenset[str] = frozenset()
    steps: tuple[Step, ...] = ()
    result: int = -1
    is_result: bool = True

    @property
    def functions(self) -> tuple[Call, ...]:
        """Each function as a call of its own."""
        if not self.steps:
            return (self,)
        return tuple(
            Call(
                api_name=step.api_name,
                arguments=all_arguments(step),
                order=step.order,
                is_result=step is self.steps[self.result],
            )
            for step in self.steps
        )


def same_names(*names: str) -> dict[str, tuple[str, ...]]:
    """Arguments that have the same names in the app."""
    return {name: (name,) for name in names}


class GradioDriver:
    """A provider that is one Gradio app.

    Args:
        calls: By exact model name.
        referer: The Referer of every request, without the app's address.
        zerogpu: Whether to ask the Hub for a GPU token for jobs without one of their own.

    Raises:
        ConfigError: ``limits`` has an unknown key.
        ValueError: A model declares a parameter that its call does not send.
    """

    def __init__(
        self,
        config: ProviderConfig,
        spec: ProviderSpec,
        calls: Mapping[str, Call],
        *,
        referer: str | None = None,
        zerogpu: bool = False,
    ) -> None:
        for model in spec.models:
            _check_complete(model, calls[model.name])
        self.spec = replace(config.apply(spec), limits=config.limits)
        self._calls = calls
        self._zerogpu = zerogpu
        self._limits = read_limits(config)
        self._hub = hub.Hub(config.hub_url)
        self._access = Access.of(config)
        self._referer = referer

    def run(
        self, request: ProviderRequest, resume: Mapping[str, object] | None, control: Control
    ) -> Iterator[ProviderEvent]:
        """Call the function of the model; see :class:`providers.base.Driver`."""
        own = request.credentials
        request = replace(request, credentials=self._access.credentials(own))
        model, call = self._find(request.model)
        token = self._gpu_token(request.credentials, own, control)
        with (
            _believed(request.input),
            self._open(request.credentials, control, token) as app,
            self._explained(request.credentials, control),
        ):
            earlier = finished(app.files, model.kind, resume)
            if earlier is not None:
                yield earlier
                return
            if is_done(resume):
                yield Status("the app no longer has the finished files; the job is submitted again", "warning")
                resume = None
            for event in self._events(app, model, call, request, resume):
                if isinstance(event, CallResult):
                    outputs = app.info.get().find(call.api_name, call.fn_index).outputs
                    yield from complete(app.files, model.kind, event.data, outputs)
                else:
                    yield event

    def abandon(self, state: Mapping[str, object], request: ProviderRequest) -> None:
        """Ask the app to cancel a lost call."""
        if state.get("phase") == "done" or state.get("style") == "run":
            return
        control, credentials = Control(ABANDON_SECONDS), self._access.credentials(request.credentials)
        with suppress(ProviderError), self._open(credentials, control, hub.GpuToken()) as app:
            app.cancel(state)

    def probe(self, control: Control) -> Probe | None:
        """Ask the app for its signature, and check whether every call of this driver still fits it."""
        credentials = self._access.credentials(Credentials())
        with self._open(credentials, control, hub.GpuToken()) as app:
            text = json.dumps(app.info.refresh().signature(), sort_keys=True, default=str)
            signature, change = hashlib.sha256(text.encode()).hexdigest()[:16], self._drift(app)
        return Probe(signature, change, self._hub.revision(self.spec.space, control, credentials))

    @property
    def calls(self) -> Mapping[str, tuple[Call, ...]]:
        """The functions that make each model's result, by its exact name."""
        return {name: call.functions for name, call in self._calls.items()}

    @property
    def new_name(self) -> str | None:
        """The new name of its Space, if the Hub has told one."""
        return self._hub.renamed.get(self.spec.space or "")

    def is_zerogpu(self, control: Control) -> bool:
        """Whether its Space runs on ZeroGPU, as far as the Hub tells."""
        return self._hub.is_zerogpu(self.spec.space, self._access.credentials(Credentials()), control)

    def described(self, control: Control) -> tuple[object, object]:
        """What the live app says about itself; see :meth:`providers.gradio.app_info.AppInfo.described`."""
        credentials = self._access.credentials(Credentials())
        with self._open(credentials, control, hub.GpuToken()) as app, self._explained(credentials, control):
            return app.info.described()

    def _drift(self, app: GradioApp) -> str | None:
        known = app.info.get()
        try:
            for call in chain.from_iterable(self.calls.values()):
                given = dict.fromkeys(_names(app, call).values())
                make_plan(known, call.api_name, given, order=call.order, fn_index=call.fn_index)
        except Changed as error:
            return error.detail
        return None

    def _gpu_token(self, credentials: Credentials, own: Credentials, control: Control) -> hub.GpuToken:
        """The Space's token, unless an account pays: the job's ``own``, or the operator's for a job without one."""
        if not self._zerogpu or hub.brings_own(own) or (credentials.hf_token and not own.cookies):
            return hub.GpuToken()
        return self._hub.gpu_token(self.spec.space, credentials, control)

    def _open(self, credentials: Credentials, control: Control, found: hub.GpuToken) -> GradioApp:
        url = self.spec.url or self._hub.address(self.spec.space, credentials, control)
        # The user's cookies are for the Hub; the app never gets them.
        return GradioApp(
            self._access.address(url, None if self._referer is None else url + self._referer),
            headers=hub.headers(credentials, found),
            proxy=credentials.proxy,
            limits=self._limits,
            control=control,
        )

    @contextmanager
    def _explained(self, credentials: Credentials, control: Control) -> Iterator[None]:
        """If the Space does not answer in the block, ask the Hub why, and raise that error instead."""
        try:
            yield
        except (Unreachable, Protocol) as error:
            self._hub.forget(self.spec.space)
            reason = self._hub.state(self.spec.space, credentials, control)
            if reason is None:
                raise
            raise reason from error

    def _find(self, name: str) -> tuple[ModelSpec, Call]:
        model = self.spec.model(name)
        if model is None:
            raise KeyError(name)
        return model, self._calls[model.name]

    def _events(
        self,
        app: GradioApp,
        model: ModelSpec,
        call: Call,
        request: ProviderRequest,
        resume: Mapping[str, object] | None,
    ) -> Iterator[ProviderEvent | CallResult]:
        values = call.prepare(request)

        def given(
            api_name: str, fn_index: int | None, names: Iterable[tuple[str, str]], order: Sequence[str]
        ) -> dict[str, object]:
            def entered(name: str) -> str:
                return component(app.info.get().find(api_name, fn_index), name, order)

            return gather(app.files, request, model, values, names, entered)

        if not call.steps:
            arguments = given(call.api_name, call.fn_index, _names(app, call).items(), call.order)
            return _events(app, model.kind, call, arguments, resume)
        return StepRun(
            app=app,
            kind=model.kind,
            steps=call.steps,
            result=call.result,
            given=lambda step: given(step.api_name, None, given_by(step), step.order),
        ).run(resume)


@contextmanager
def _believed(given: object) -> Iterator[None]:
    """Believe a used-up quota or a full queue only if the app has not taken its text from the job's input."""
    try:
        yield
    except (Quota, Busy) as error:
        if any(isinstance(zerogpu.classify(text), Quota | Busy) for text in _texts(given)):
            raise Crashed(error.detail, title=error.title) from error
        raise


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _check_complete(model: ModelSpec, call: Call) -> None:
    """Refuse a parameter that clients could set without any effect."""
    sent = {*call.arguments, *call.consumes, *consumed(model)}
    if unsent := [param.name for param in model.params if param.name not in sent]:
        raise ValueError(f"{model.name} declares {', '.join(unsent)}, but {call.api_name} is not sent this")


def _events(
    app: GradioApp, kind: Kind, call: Call, arguments: Mapping[str, object], resume: Mapping[str, object] | None
) -> Iterator[ProviderEvent | CallResult]:
    if call.style == "run":
        # Such a call has no id, so a lost one cannot be found again.
        if resume is not None:
            yield Status("the blocking call was lost; it is submitted again", "warning")
        yield Checkpoint({"phase": "posting", "style": "run"})
        yield from app.predict(
            call.api_name, arguments, order=call.order, fn_index=call.fn_index, trigger_id=call.trigger_id
        )
        return
    yield from app.call(
        call.api_name,
        arguments,
        kind=kind,
        order=call.order,
        style=call.style,
        fn_index=call.fn_index,
        trigger_id=call.trigger_id,
        resume=resume,
    )


def read_limits(config: ProviderConfig) -> AppLimits:
    """The bounds for this provider; a ConfigError if it has an unknown key."""
    known, outputs = AppLimits.__dataclass_fields__, OutputLimits.__dataclass_fields__
    for key in config.limits:
        if key not in known and key not in outputs:
            raise config.error(f"limits: {key} is unknown; the limits are {', '.join((*known, *outputs))}")
    values = {key: type(getattr(AppLimits(), key))(value) for key, value in config.limits.items() if key in known}
    return AppLimits(**values)


def _names(app: GradioApp, call: Call) -> dict[str, str]:
    """The present name of each argument in the app; the newest known one if the app does not tell names."""
    if all(len(names) == 1 for names in call.arguments.values()):
        return {ours: names[0] for ours, names in call.arguments.items()}
    there = app.info.get().find(call.api_name, call.fn_index).names
    return {ours: next((name for name in names if name in there), names[0]) for ours, names in call.arguments.items()}
