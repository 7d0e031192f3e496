"""``python -m providers run``: one attempt on one provider, from the words of a command line to files."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from media import image_type_of, suffix_of
from providers import config_file
from providers.base import Control, Driver
from providers.catalog import Catalog
from providers.config import Config, ProviderConfig
from providers.events import Checkpoint, Completed, ProviderEvent, Text
from providers.spec import Credentials, InputFile, ModelSpec, Param, ProviderRequest

#: Words that configure the provider; all others are input.
SETTINGS: Final = ("url", "flux_url", "space")

#: Largest output file, in bytes.
FILE_BYTES: Final = 64 << 20

#: Stands for an image file while the input is checked.
_PLACEHOLDER: Final = "data:image/png;base64,AAAA"
_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "integer": int,
    "number": float,
    "boolean": lambda word: {"true": True, "false": False}.get(word, word),
    "messages": json.loads,
    "script": lambda word: [step.strip() for step in word.split(";")],
}


class UsageError(Exception):
    """The command line is wrong. The text says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRun:
    """An attempt that is ready to run."""

    provider: str
    driver: Driver
    request: ProviderRequest


@dataclass(slots=True)
class Result:
    """The outputs, in memory."""

    texts: list[str] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    seed: int | None = None


def prepare(
    name: str,
    words: Sequence[str],
    *,
    config_path: Path | None = None,
    model: str | None = None,
    hub_url: str = "",
    credentials: Path | None = None,
) -> PreparedRun:
    """Make a request from the words of a command line.

    Args:
        name: A provider or a model.
        words: ``key=value`` each.
        config_path: The TOML file.
        model: For a provider with several models.
        hub_url: Base address of the Hub.
        credentials: A JSON file with the fields of :class:`providers.spec.Credentials`.

    Raises:
        UsageError: A word or the credentials cannot be read.
        InvalidInput: The input is not right for the model.
        UnknownName: There is no such provider or model.
        ConfigError: The configuration is wrong.
    """
    values = dict(_split(word) for word in words)
    settings: dict[str, str] = {key: values.pop(key) for key in SETTINGS if key in values}
    read = config_file.load(config_path)
    provider = _provider(Catalog.of(read), name, model)
    catalog = Catalog.of(_with_settings(read, provider, settings), hub_url=hub_url)
    asked = model or (name if name != provider else catalog.spec(provider).default_model)
    spec = catalog.spec(provider).model(asked)
    given, files, galleries = _input(spec, values) if spec else ({}, {}, {})
    admitted = catalog.choose(asked, provider).admit(given)
    request = ProviderRequest(
        model=asked,
        input=admitted.inputs.get(provider, {}),
        files=files,
        galleries=galleries,
        credentials=_credentials(credentials),
    )
    return PreparedRun(provider=provider, driver=catalog.driver(provider), request=request)


def run(prepared: PreparedRun, watch: Callable[[ProviderEvent], None], *, seconds: float | None = None) -> Result:
    """Run the attempt, and read its files while the app is open.

    Args:
        prepared: From :func:`prepare`.
        watch: Called with every event.
        seconds: Time budget; None takes the provider's.

    Raises:
        ProviderError: It failed.
    """
    control = Control(prepared.driver.spec.timeout_seconds if seconds is None else seconds)
    state: Mapping[str, object] | None = None
    events: Iterator[ProviderEvent] = prepared.driver.run(prepared.request, None, control)
    result = Result()
    try:
        for event in events:
            watch(event)
            if isinstance(event, Checkpoint):
                state = event.state
            if isinstance(event, Completed):
                result.texts = [output.text for output in event.outputs if isinstance(output, Text)]
                result.files = [o.read(FILE_BYTES) for o in event.outputs if not isinstance(o, Text)]
                result.seed = event.seed
    except KeyboardInterrupt:
        control.cancel("interrupted")
        if state is not None:
            prepared.driver.abandon(state, prepared.request)
        raise
    finally:
        if hasattr(events, "close"):
            events.close()
    return result


def save(result: Result, output: Path | None, *, name: str) -> list[Path]:
    """Write the files to ``output``, or to the working directory under the provider's name. Several are numbered.

    Raises:
        UsageError: A file cannot be written.
    """
    found = []
    for number, data in enumerate(result.files):
        path = output or Path(name + suffix_of(image_type_of(data)))
        if len(result.files) > 1:
            path = path.with_stem(f"{path.stem}-{number}")
        try:
            path.write_bytes(data)
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from error
        found.append(path)
    return found


def _split(word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not key:
        raise UsageError(f"{word!r} is not KEY=VALUE, such as prompt='a lighthouse'")
    return key, value


def _provider(catalog: Catalog, name: str, model: str | None) -> str:
    if name in catalog.names():
        return name
    route = catalog.choose(model or name)
    if not route.providers:
        raise UsageError(f"all providers of {name} are switched off")
    return route.providers[0]


def _with_settings(read: Config, provider: str, settings: Mapping[str, str]) -> Config:
    """The configuration with the settings that the command line gives for one provider."""
    if not settings:
        return read
    table = "\n".join(f"{key} = {json.dumps(value)}" for key, value in settings.items())
    said = config_file.parse(f"[providers.{provider}]\n{table}", source="the command line").providers[provider]
    before = read.providers.get(provider) or ProviderConfig(name=provider)
    both = replace(
        before,
        where=said.where,
        url=said.url or before.url,
        space=before.space if said.space is None else said.space,
        options={**before.options, **said.options},
    )
    return replace(read, providers={**read.providers, provider: both})


def _input(
    spec: ModelSpec, values: Mapping[str, str]
) -> tuple[dict[str, object], dict[str, InputFile], dict[str, tuple[InputFile, ...]]]:
    """The input and its images. Several images of one parameter are separated by commas."""
    given: dict[str, object] = dict(values)
    files: dict[str, InputFile] = {}
    galleries: dict[str, tuple[InputFile, ...]] = {}
    for param in spec.params:
        if param.name not in values:
            continue
        if param.type == "image":
            files[param.name] = _image(values[param.name])
            given[param.name] = _PLACEHOLDER
        elif param.type == "images":
            galleries[param.name] = tuple(map(_image, values[param.name].split(",")))
            given[param.name] = [_PLACEHOLDER] * len(galleries[param.name])
        else:
            given[param.name] = _typed(param, values[param.name])
    return given, files, galleries


def _typed(param: Param, word: str) -> object:
    """The value as JSON has it. A value that cannot be read stays a text, so that the validation names the fault."""
    try:
        return _READERS.get(param.type, str)(word)
    except ValueError:
        return word


def _image(name: str) -> InputFile:
    path = Path(name)
    kind = mimetypes.guess_type(path.name)[0]
    if kind is None or not kind.startswith("image/"):
        raise UsageError(f"{name}: give the path of an image")
    try:
        return InputFile(path.name, path.read_bytes(), kind)
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror}") from error


def _credentials(path: Path | None) -> Credentials:
    if path is None:
        return Credentials()
    known = [entry.name for entry in fields(Credentials)]
    try:
        table: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UsageError(f"{path}: cannot be read as JSON") from None
    if not isinstance(table, dict) or not all(key in known and isinstance(table[key], str) for key in table):
        raise UsageError(f"{path}: give a JSON object with texts for some of {', '.join(known)}")
    return Credentials(**table)
