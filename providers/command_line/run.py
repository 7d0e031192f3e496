"""``python -m providers run``: one attempt on one provider, from the words of a command line to files."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from media import HEAD, UNKNOWN, load_plugins, recognise
from providers import config_file
from providers.base import Control, Driver
from providers.catalog import Catalog
from providers.config import Config, ProviderConfig
from providers.events import Checkpoint, Completed, Data, FileOutput, ProviderEvent, Text
from providers.spec import FILE_LISTS, FILE_TYPES, Credentials, InputFile, ModelSpec, Param, ParamType, ProviderRequest

#: Words that configure the provider; all others are input.
SETTINGS: Final = ("url", "flux_url", "space")

#: Largest output file, in bytes.
FILE_BYTES: Final = 512 << 20
_SUFFIX_LIMIT: Final = 12

#: Stands for an image file while the input is checked.
_PLACEHOLDER: Final = "data:image/png;base64,AAAA"
_READERS: Final[Mapping[str, Callable[[str], object]]] = {
    "integer": int,
    "number": float,
    "boolean": lambda word: {"true": True, "false": False}.get(word, word),
    "messages": json.loads,
    "json": json.loads,
    "strings": lambda word: [text.strip() for text in word.split(",")],
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
    #: A suffix for each file.
    suffixes: list[str] = field(default_factory=list)
    seed: int | None = None
    warnings: list[str] = field(default_factory=list)


def prepare(
    name: str,
    words: Sequence[str],
    *,
    config_path: Path | None = None,
    model: str | None = None,
    hub_url: str = "",
    credentials: Path | None = None,
) -> PreparedRun:
    """Make a request to a provider or model from words such as ``prompt=hello``.

    Raises:
        UsageError: A word or the credentials cannot be read.
        InvalidInput: The input is not right for the model.
        UnknownName: There is no such provider or model.
        ConfigError: The configuration is wrong.
    """
    load_plugins()
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
    """Run the attempt, and read its files while the app is open. The provider's time budget holds unless one is given."""
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
                _take(event, result)
    except KeyboardInterrupt:
        control.cancel("interrupted")
        if state is not None:
            prepared.driver.abandon(state, prepared.request)
        raise
    finally:
        if hasattr(events, "close"):
            events.close()
    return result


def _take(event: Completed, result: Result) -> None:
    """Read the outputs while the app is open."""
    for output in event.outputs:
        if isinstance(output, Text):
            result.texts.append(output.text)
        elif isinstance(output, Data):
            result.texts.append(json.dumps(output.value, indent=2, ensure_ascii=False))
        else:
            told = output if isinstance(output, FileOutput) else FileOutput(output)
            data = told.file.read(FILE_BYTES)
            form = recognise(data[:HEAD], told.file.name, told.kind)
            result.files.append(data)
            result.suffixes.append((form is UNKNOWN and _suffix(told.file.name)) or form.suffixes[0])
    result.seed = event.seed
    result.warnings += event.warnings


def _suffix(name: str) -> str:
    """The suffix of a file of unknown format, if it is a harmless one."""
    suffix = Path(name).suffix
    return suffix if suffix[1:].isalnum() and len(suffix) <= _SUFFIX_LIMIT else ""


def save(result: Result, output: Path | None, *, name: str) -> list[Path]:
    """Write the files to ``output``, or to the working directory under the provider's name. Several are numbered.

    Raises:
        UsageError: A file cannot be written.
    """
    found = []
    for number, data in enumerate(result.files):
        path = output or Path(name + result.suffixes[number])
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
    """The input and its files. Several files of one parameter are separated by commas."""
    given: dict[str, object] = dict(values)
    files: dict[str, InputFile] = {}
    galleries: dict[str, tuple[InputFile, ...]] = {}
    for param in spec.params:
        if param.name not in values:
            continue
        if param.type in FILE_LISTS:
            galleries[param.name] = tuple(_file(param.type, name) for name in values[param.name].split(","))
            given[param.name] = [_PLACEHOLDER] * len(galleries[param.name])
        elif param.type in FILE_TYPES:
            files[param.name] = _file(param.type, values[param.name])
            given[param.name] = _PLACEHOLDER
        else:
            given[param.name] = _typed(param, values[param.name])
    return given, files, galleries


def _typed(param: Param, word: str) -> object:
    """The value as JSON has it. A value that cannot be read stays a text, so that the validation names the fault."""
    try:
        return _READERS.get(param.type, str)(word)
    except ValueError:
        return word


def _file(kind: ParamType, name: str) -> InputFile:
    path = Path(name)
    found = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if FILE_TYPES[kind] == "image" and not found.startswith("image/"):
        raise UsageError(f"{name}: give the path of an image")
    try:
        return InputFile(path.name, path.read_bytes(), found)
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
