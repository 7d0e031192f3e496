"""The declaration of a provider: its models and their parameters.

The same declaration validates requests, fills the OpenAPI document, draws the
playground's form and answers ``GET /v1/models``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from media import Kind

ParamType = Literal[
    "string", "integer", "number", "boolean", "strings", "json",
    "image", "images", "audio", "video", "file", "files", "messages", "script",
]  # fmt: skip

#: Parameter types that take files, and the kind of their files; any kind where it is None.
FILE_TYPES: Final[Mapping[ParamType, Kind | None]] = {
    "image": "image",
    "images": "image",
    "audio": "audio",
    "video": "video",
    "file": None,
    "files": None,
}
#: Those that take a list of files.
FILE_LISTS: Final = frozenset[ParamType]({"images", "files"})

#: Longest prompt, in characters.
PROMPT_LIMIT = 10_000
#: Most files in one ``images`` or ``files`` parameter, and most texts in one ``strings`` parameter.
FILES_LIMIT = 8
STRINGS_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One input parameter.

    The types besides those of JSON: ``image``, ``audio``, ``video`` and ``file`` take a ``data:`` URI, a URL or a file
    id, ``images`` and ``files`` a list of them, ``strings`` a list of texts, ``json`` any JSON, ``messages`` a chat
    history and ``script`` the steps of :mod:`providers.echo.script`.

    Args:
        default: A scalar, or a tuple of texts; None if there is no default.
        enum: The values that may be given; of ``strings``, the texts that may be in the list.
        required: It must be given. ``prompt`` counts as given if ``messages`` contain one.
        random: If it is not given, a random value is chosen.
        wrap: Values are taken modulo this, for an upstream that takes fewer bits than clients may send.
        off_with: The name of a parameter. If that is given, a missing boolean is false: for example a given seed
            switches ``randomize_seed`` off.
    """

    name: str
    type: ParamType = "string"
    default: object = None
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    enum: tuple[object, ...] = ()
    random: bool = False
    wrap: int | None = None
    off_with: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model as one provider serves it.

    Args:
        name: The exact name.
        params: Its inputs, in the order of the documentation.
        sizes: How a missing width or height is filled: ``none`` takes the
            parameter's default, ``aspect_ratio`` the table of
            :mod:`providers.inputs.normalise`.
        any_kind: What it gives may be of any kind: the input says. ``kind`` is what it gives by default.
        vision: It takes an image.
        history: It reads all of ``messages``, and not just the last question.
        pixel_steps: Upper limit of width x height x num_inference_steps; None is no limit.
        rank: Place among the built-in providers of the same model: the lowest is asked first, equal ones in the order
            of their names. None: only jobs that name the provider go there.
    """

    name: str
    aliases: tuple[str, ...] = ()
    kind: Kind = "image"
    any_kind: bool = False
    params: tuple[Param, ...] = ()
    sizes: Literal["none", "aspect_ratio"] = "none"
    vision: bool = False
    history: bool = False
    previews: bool = False
    pixel_steps: int | None = None
    rank: int | None = 0

    @property
    def names(self) -> tuple[str, ...]:
        """All names of this model, the exact one first."""
        return (self.name, *self.aliases)

    @property
    def image_params(self) -> tuple[str, ...]:
        """Names of the parameters that take images."""
        return tuple(param.name for param in self.params if param.type in {"image", "images"})

    @property
    def file_params(self) -> Mapping[str, ParamType]:
        """The parameters that take files of any kind, by name, and their types."""
        return {param.name: param.type for param in self.params if param.type in FILE_TYPES}

    def param(self, name: str) -> Param | None:
        """The parameter of this name, or None."""
        return next((param for param in self.params if param.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """A provider: one upstream.

    Args:
        models: What it serves, the most used model first.
        space: Id of its Space on the Hub; None if it is not on the Hub, or the Hub is not to be asked.
        enabled: If False, it takes no jobs.
        working: If False, it is known to be out of order and takes only jobs that name it.
        concurrency: How many of our jobs may run there at once; None is no limit.
        timeout_seconds: Time budget of one attempt.
        streams: It reports progress.
        limits: Its own limits of outputs, by the names of :class:`media.OutputLimits`; for the rest the installation's hold.
    """

    name: str
    label: str
    url: str
    models: tuple[ModelSpec, ...]
    space: str | None = None
    enabled: bool = True
    working: bool = True
    concurrency: int | None = None
    timeout_seconds: float = 600.0
    streams: bool = True
    limits: Mapping[str, float] = field(default_factory=dict)

    @property
    def on_hub(self) -> bool:
        """Whether it is a Space, whose GPU time may be limited."""
        return bool(self.space) or (urlsplit(self.url).hostname or "").endswith(".hf.space")

    def model(self, name: str) -> ModelSpec | None:
        """The model of this name, or None."""
        return next((model for model in self.models if name in model.names), None)

    @property
    def default_model(self) -> str:
        """Exact name of its first model."""
        return self.models[0].name

    @property
    def default_image_model(self) -> str | None:
        """Exact name of its first model that gives images, or None."""
        return next(iter(self.image_models), None)

    @property
    def image_models(self) -> tuple[str, ...]:
        """Exact names of the models that give images."""
        return tuple(model.name for model in self.models if model.kind == "image")

    @property
    def vision_models(self) -> tuple[str, ...]:
        """Exact names of the models that take an image."""
        return tuple(model.name for model in self.models if model.vision)

    @property
    def aliases(self) -> dict[str, str]:
        """Alias to exact name, over all models."""
        return {alias: model.name for model in self.models for alias in model.aliases}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The user's own credentials for a provider. They are secret, and not in the repr."""

    api_key: str | None = field(default=None, repr=False)
    hf_token: str | None = field(default=None, repr=False)
    zerogpu_uuid: str | None = field(default=None, repr=False)
    cookies: str | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class InputFile:
    """An input file, fetched and verified. Of the name only its ending matters."""

    name: str
    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequest:
    """One request to a driver.

    Args:
        model: A name of one of the provider's models.
        input: Validated, and normalised by :mod:`providers.inputs.normalise`.
        files: The files of parameters that take one, by parameter name.
        galleries: The files of parameters that take several, by parameter name.
        credentials: Of the user who submitted the job.
    """

    model: str
    input: Mapping[str, object]
    files: Mapping[str, InputFile] = field(default_factory=dict)
    galleries: Mapping[str, tuple[InputFile, ...]] = field(default_factory=dict)
    credentials: Credentials = field(default_factory=Credentials)
