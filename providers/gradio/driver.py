"""From one request to calls of a Gradio app and back: the flow that all drivers of Gradio apps share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final, Literal

from providers.base import Control, Probe
from providers.config import ProviderConfig
from providers.errors import Changed, Protocol, ProviderError, Unreachable
from providers.events import Checkpoint, Completed, File, InlineFile, ProviderEvent, Status, Text
from providers.gradio import hub
from providers.gradio.client import Answer, AppAddress, GradioApp, Limits
from providers.inputs.normalise import consumed
from providers.spec import Credentials, ModelSpec, ProviderRequest, ProviderSpec

#: A finished answer larger than this (it holds pictures inline) is not kept in a checkpoint.
CHECKPOINT_BYTES: Final = 64 << 10

#: Most of a finished file that is fetched again for a job that is picked up.
FILE_BYTES: Final = 64 << 20

#: Seconds for telling an app that nobody waits any more.
ABANDON_SECONDS: Final = 5.0


def _own_input(request: ProviderRequest) -> Mapping[str, object]:
    return request.input


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How one model is one function of the app.

    Args:
        api_name: Such as ``/infer``.
        arguments: The names that a parameter of ours has had in the app, the newest first; in the app's order.
        style: How the app's own documentation calls it; ``run`` is a blocking call outside the app's queue.
        fn_index: Number of the function, used where the name is not found.
        trigger_id: Goes with it.
        prepare: Gives the values to send, by our names.
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
    """Arguments whose names in the app are ours."""
    return {name: (name,) for name in names}


class GradioDriver:
    """A provider that is one Gradio app.

    Args:
        config: What the operator says.
        spec: What the driver says.
        calls: By exact model name.
        referer: Sent with every request, after the app's address.
        zerogpu: Whether the Hub is asked for a GPU token for jobs that bring none.

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
            finished = _finished(app, model, resume)
            if finished is not None:
                yield finished
                return
            if _is_done(resume):
                yield Status("the finished files are gone at the app; it is asked again", "warning")
                resume = None
            arguments = self._arguments(app, model, call, request)
            for event in _events(app, call, arguments, resume):
                if isinstance(event, Answer):
                    yield from complete(app, model, event.data)
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
        """Ask the app for its signature, and see whether every call of this driver still fits it."""
        with self._open(Credentials(), control, hub.GpuToken()) as app:
            text = json.dumps(app.signature(), sort_keys=True, default=str)
            signature, change = hashlib.sha256(text.encode()).hexdigest()[:16], self._drift(app)
        return Probe(signature, change, self._hub.revision(self.spec.space, control))

    def _drift(self, app: GradioApp) -> str | None:
        for call in self._calls.values():
            try:
                if call.style == "run":
                    app.parameters(call.api_name, call.fn_index)
                    continue
                names = tuple(_names(app, call).values())
                app.check(call.api_name, names, positional=names, fn_index=call.fn_index)
            except Changed as error:
                return error.detail
        return None

    def _gpu_token(self, credentials: Credentials, control: Control) -> hub.GpuToken:
        if not self._zerogpu or hub.brings_own(credentials):
            return hub.GpuToken()
        return self._hub.gpu_token(self.spec.space, credentials, control)

    def _open(self, credentials: Credentials, control: Control, found: hub.GpuToken) -> GradioApp:
        # Cookies are the Hub's: the app never sees them.
        return GradioApp(
            self._address,
            headers=hub.headers(credentials, found),
            proxy=credentials.proxy,
            limits=self._limits,
            control=control,
        )

    @contextmanager
    def _explained(self, credentials: Credentials, control: Control) -> Iterator[None]:
        """A block in which a Space that does not answer is looked up at the Hub, so that the error says why."""
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
                values[param.name] = None if file is None else app.upload(file)
        names = _names(app, call)
        for name, files in request.galleries.items():
            if name in names:
                values[name] = _gallery(
                    app.component(call.api_name, names[name], call.fn_index), map(app.upload, files)
                )
        return {names[name]: value for name, value in values.items() if name in names}


def _check_complete(model: ModelSpec, call: Call) -> None:
    """Refuse a parameter that clients could set without any effect."""
    sent = {*call.arguments, *call.consumes, *consumed(model)}
    if unsent := [param.name for param in model.params if param.name not in sent]:
        raise ValueError(f"{model.name} declares {', '.join(unsent)}, but {call.api_name} is not sent this")


def _gallery(component: str, files: Iterable[object]) -> list[object]:
    """Several files as an input takes them: a gallery each with its caption, anything else (``gr.File``) as they are."""
    return [{"image": file, "caption": None} if component == "gallery" else file for file in files]


def _events(
    app: GradioApp, call: Call, arguments: Mapping[str, object], resume: Mapping[str, object] | None
) -> Iterator[ProviderEvent | Answer]:
    if call.style == "run":
        # Such a call has no id: one that was lost cannot be found again.
        if resume is not None:
            yield Status("the blocking call was lost and is made again", "warning")
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


def complete(app: GradioApp, model: ModelSpec, data: Sequence[object]) -> Iterator[ProviderEvent]:
    """The last events of a call: a checkpoint with the answer, and the result.

    Raises:
        Protocol: The answer holds no result.
    """
    result = collect(app, model, data)
    if len(json.dumps(data, default=str)) <= CHECKPOINT_BYTES:
        yield Checkpoint({"phase": "done", "outputs": list(data)})
    yield result


def collect(app: GradioApp, model: ModelSpec, data: Sequence[object]) -> Completed:
    """Find the result in an answer by its shape: files, lists of files, texts, and the seed.

    Raises:
        Protocol: There is nothing of the model's kind in it.
    """
    outputs = tuple(output for item in data for output in _outputs(app, item))
    wants_text = model.kind == "text"
    if not any(isinstance(output, Text) == wants_text for output in outputs):
        raise Protocol(f"the app answered without any {model.kind}")
    return Completed(outputs, _seed(data))


def read_limits(config: ProviderConfig) -> Limits:
    """The bounds for this provider.

    Raises:
        ConfigError: A key is unknown.
    """
    known = Limits.__dataclass_fields__
    for key in config.limits:
        if key not in known:
            raise config.error(f"limits: {key} is unknown; there are {', '.join(known)}")
    values = {key: type(getattr(Limits(), key))(value) for key, value in config.limits.items()}
    return Limits(**values)


def _outputs(app: GradioApp, item: object) -> Iterator[File | Text]:
    if isinstance(item, list | tuple):
        for part in item:
            yield from _outputs(app, part)
        return
    file = app.file(item)
    if file is not None:
        yield file
    elif isinstance(item, str) and item.strip():
        yield Text(item)


def _seed(data: Sequence[object]) -> int | None:
    """The first whole number after the result: a slider or number component may send it with a point."""
    for item in data[1:]:
        if isinstance(item, float) and item.is_integer():
            return int(item)
        if isinstance(item, int) and not isinstance(item, bool):
            return item
    return None


def _names(app: GradioApp, call: Call) -> dict[str, str]:
    """The app's present name of each argument; the first known one where the app tells no names."""
    if call.style == "run" or all(len(names) == 1 for names in call.arguments.values()):
        return {ours: names[0] for ours, names in call.arguments.items()}
    there = app.parameters(call.api_name, call.fn_index)
    return {ours: next((name for name in names if name in there), names[0]) for ours, names in call.arguments.items()}


def _is_done(resume: Mapping[str, object] | None) -> bool:
    return resume is not None and resume.get("phase") == "done"


def _finished(app: GradioApp, model: ModelSpec, resume: Mapping[str, object] | None) -> Completed | None:
    """The result of an attempt that was lost after the answer had come, if its files can still be had."""
    data = resume.get("outputs") if resume is not None and _is_done(resume) else None
    if not isinstance(data, list):
        return None
    try:
        result = collect(app, model, data)
        kept = tuple(
            output if isinstance(output, Text) else InlineFile(output.name, output.read(FILE_BYTES))
            for output in result.outputs
        )
    except Protocol:
        # Whatever else went wrong may be over when the same is tried again.
        return None
    return replace(result, outputs=kept)
