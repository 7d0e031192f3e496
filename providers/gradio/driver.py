"""The flow that all drivers of Gradio apps share: from a request to a call of the app, and back to the result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Literal

from providers.base import Control, Probe
from providers.config import ProviderConfig
from providers.errors import Changed, Protocol, ProviderError, Unreachable
from providers.events import Checkpoint, ProviderEvent, Status
from providers.gradio import hub
from providers.gradio.app_info import AppAddress
from providers.gradio.app_limits import AppLimits
from providers.gradio.call_plan import make_plan
from providers.gradio.client import GradioApp
from providers.gradio.results import complete, finished, is_done
from providers.gradio.session import CallResult
from providers.inputs.normalise import consumed
from providers.spec import Credentials, ModelSpec, ProviderRequest, ProviderSpec

#: Seconds for canceling a lost call at the app.
ABANDON_SECONDS: Final = 5.0


def _own_input(request: ProviderRequest) -> Mapping[str, object]:
    return request.input


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How a model is one function of the app.

    Args:
        api_name: Such as ``/infer``.
        arguments: For each of our parameters, in the app's order, its names in the app, the newest first.
        style: How the function is called: through the app's queue as its documentation says, or by ``run``, a
            blocking call outside the queue.
        fn_index: Number of the function, used if the name is not found.
        trigger_id: Goes with ``fn_index``.
        prepare: Returns the values to send, by our names.
        consumes: Parameters of ours that only ``prepare`` reads, so that the app gets none of these names.
    """

    api_name: str
    arguments: Mapping[str, tuple[str, ...]]
    style: Literal["call", "join", "run"] = "call"
    fn_index: int | None = None
    trigger_id: int | None = None
    prepare: Callable[[ProviderRequest], Mapping[str, object]] = _own_input
    consumes: frozenset[str] = frozenset()


def same_names(*names: str) -> dict[str, tuple[str, ...]]:
    """Arguments that have the same names in the app."""
    return {name: (name,) for name in names}


class GradioDriver:
    """A provider that is one Gradio app.

    Args:
        config: The operator's configuration.
        spec: The driver's declaration.
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
        self.spec = config.apply(spec)
        self._calls = calls
        self._zerogpu = zerogpu
        self._limits = read_limits(config)
        self._hub = hub.Hub(config.hub_url)
        self._address = AppAddress(
            base_url=self.spec.url,
            referer=None if referer is None else self.spec.url + referer,
            login=config.login,
        )

    def run(
        self, request: ProviderRequest, resume: Mapping[str, object] | None, control: Control
    ) -> Iterator[ProviderEvent]:
        """Call the function of the model; see :class:`providers.base.Driver`."""
        model, call = self._find(request.model)
        token = self._gpu_token(request.credentials, control)
        with self._open(request.credentials, control, token) as app, self._explained(request.credentials, control):
            earlier = finished(app.files, model.kind, resume)
            if earlier is not None:
                yield earlier
                return
            if is_done(resume):
                yield Status("the app no longer has the finished files; the job is submitted again", "warning")
                resume = None
            arguments = self._arguments(app, model, call, request)
            for event in _events(app, call, arguments, resume):
                if isinstance(event, CallResult):
                    yield from complete(app.files, model.kind, event.data)
                else:
                    yield event

    def abandon(self, state: Mapping[str, object], request: ProviderRequest) -> None:
        """Ask the app to cancel a lost call."""
        if state.get("phase") == "done" or state.get("style") == "run":
            return
        control = Control(ABANDON_SECONDS)
        with suppress(ProviderError), self._open(request.credentials, control, hub.GpuToken()) as app:
            app.cancel(state)

    def probe(self, control: Control) -> Probe | None:
        """Ask the app for its signature, and check whether every call of this driver still fits it."""
        with self._open(Credentials(), control, hub.GpuToken()) as app:
            text = json.dumps(app.info.refresh().signature(), sort_keys=True, default=str)
            signature, change = hashlib.sha256(text.encode()).hexdigest()[:16], self._drift(app)
        return Probe(signature, change, self._hub.revision(self.spec.space, control))

    def _drift(self, app: GradioApp) -> str | None:
        known = app.info.get()
        for call in self._calls.values():
            try:
                if call.style == "run":
                    known.find(call.api_name, call.fn_index)
                    continue
                names = tuple(_names(app, call).values())
                make_plan(known, call.api_name, dict.fromkeys(names), positional=names, fn_index=call.fn_index)
            except Changed as error:
                return error.detail
        return None

    def _gpu_token(self, credentials: Credentials, control: Control) -> hub.GpuToken:
        if not self._zerogpu or hub.brings_own(credentials):
            return hub.GpuToken()
        return self._hub.gpu_token(self.spec.space, credentials, control)

    def _open(self, credentials: Credentials, control: Control, found: hub.GpuToken) -> GradioApp:
        # The user's cookies are for the Hub; the app never gets them.
        return GradioApp(
            self._address,
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
            reason = self._hub.state(self.spec.space, credentials, control)
            if reason is None:
                raise
            raise reason from error

    def _find(self, name: str) -> tuple[ModelSpec, Call]:
        model = self.spec.model(name)
        if model is None:
            raise KeyError(name)
        return model, self._calls[model.name]

    def _arguments(self, app: GradioApp, model: ModelSpec, call: Call, request: ProviderRequest) -> dict[str, object]:
        values = dict(call.prepare(request))
        for param in model.params:
            if param.type == "image" and param.name in call.arguments:
                file = request.files.get(param.name)
                values[param.name] = None if file is None else app.files.upload(file)
        names = _names(app, call)
        for name, files in request.galleries.items():
            if name in names:
                component = app.info.get().find(call.api_name, call.fn_index).component(names[name])
                values[name] = _gallery(component, map(app.files.upload, files))
        return {names[name]: value for name, value in values.items() if name in names}


def _check_complete(model: ModelSpec, call: Call) -> None:
    """Refuse a parameter that clients could set without any effect."""
    sent = {*call.arguments, *call.consumes, *consumed(model)}
    if unsent := [param.name for param in model.params if param.name not in sent]:
        raise ValueError(f"{model.name} declares {', '.join(unsent)}, but {call.api_name} is not sent this")


def _gallery(component: str, files: Iterable[object]) -> list[object]:
    """Several files as a component takes them: a gallery wants each with a caption, ``gr.File`` as they are."""
    return [{"image": file, "caption": None} if component == "gallery" else file for file in files]


def _events(
    app: GradioApp, call: Call, arguments: Mapping[str, object], resume: Mapping[str, object] | None
) -> Iterator[ProviderEvent | CallResult]:
    if call.style == "run":
        # Such a call has no id, so a lost one cannot be found again.
        if resume is not None:
            yield Status("the blocking call was lost; it is submitted again", "warning")
        yield Checkpoint({"phase": "posting", "style": "run"})
        ordered = [arguments.get(names[0]) for names in call.arguments.values()]
        yield from app.predict(call.api_name, ordered, fn_index=call.fn_index or 0, trigger_id=call.trigger_id)
        return
    yield from app.call(
        call.api_name,
        arguments,
        positional=tuple(names[0] for names in call.arguments.values()),
        style=call.style,
        fn_index=call.fn_index,
        trigger_id=call.trigger_id,
        resume=resume,
    )


def read_limits(config: ProviderConfig) -> AppLimits:
    """The bounds for this provider.

    Raises:
        ConfigError: A key is unknown.
    """
    known = AppLimits.__dataclass_fields__
    for key in config.limits:
        if key not in known:
            raise config.error(f"limits: {key} is unknown; the limits are {', '.join(known)}")
    values = {key: type(getattr(AppLimits(), key))(value) for key, value in config.limits.items()}
    return AppLimits(**values)


def _names(app: GradioApp, call: Call) -> dict[str, str]:
    """The present name of each argument in the app; the newest known one if the app does not tell names."""
    if call.style == "run" or all(len(names) == 1 for names in call.arguments.values()):
        return {ours: names[0] for ours, names in call.arguments.items()}
    there = app.info.get().find(call.api_name, call.fn_index).names
    return {ours: next((name for name in names if name in there), names[0]) for ours, names in call.arguments.items()}
