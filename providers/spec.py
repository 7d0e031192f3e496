"""What a provider is and takes, declared once.

The same declaration validates requests, fills the OpenAPI document, draws the
playground form and answers ``GET /v1/models``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from media import Kind

ParamType = Literal["string", "integer", "number", "boolean", "image", "images", "messages", "script"]

#: Longest prompt, in characters.
PROMPT_LIMIT = 10_000
#: Most pictures of one ``images`` parameter.
PICTURES_LIMIT = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One input parameter.

    ``default`` None means that there is none: the parameter may be left out,
    or must be given where ``required`` says so (``prompt`` is also there when
    ``messages`` hold one). Defaults are scalars. ``image`` takes a ``data:``
    URI, an address or a file id, ``images`` a list of them; ``messages`` takes a chat history;
    ``script`` takes the steps of :mod:`providers.echo.script`.

    Args:
        random: A random value is picked where none is given.
        wrap: Values are taken modulo this: clients may send more bits than the upstream takes.
        off_with: The name of a parameter; where that one is given, a missing boolean is false
            (a seed that was given is meant, so ``randomize_seed`` goes off).
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
        aliases: Other names that clients may use.
        kind: What comes out.
        params: What goes in, in the order of the documentation.
        sizes: How missing width and height are filled: ``none`` leaves them
            to the parameter defaults, ``aspect_ratio`` takes them from the
            table of :mod:`providers.inputs.normalise`.
        vision: Takes a picture.
        history: Takes ``messages``.
        previews: Yields intermediate pictures.
        pixel_steps: Most that width x height x num_inference_steps may be; None is no limit.
        rank: Place among the built-in providers of the same model: the lowest is asked first, equal ones in the order
            of their names. None: only jobs that name the provider go there.
    """

    name: str
    aliases: tuple[str, ...] = ()
    kind: Kind = "image"
    params: tuple[Param, ...] = ()
    sizes: Literal["none", "aspect_ratio"] = "none"
    vision: bool = False
    history: bool = False
    previews: bool = False
    pixel_steps: int | None = None
    rank: int | None = 0

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that asks for this model, the exact one first."""
        return (self.name, *self.aliases)

    @property
    def pictures(self) -> tuple[str, ...]:
        """Names of the parameters that are pictures."""
        return tuple(param.name for param in self.params if param.type in {"image", "images"})

    def param(self, name: str) -> Param | None:
        """The parameter of this name, or None."""
        return next((param for param in self.params if param.name == name), None)

    def answers_to(self, name: str) -> bool:
        """Whether ``name`` asks for this model."""
        return name in self.names


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """A provider: an upstream, by name.

    Args:
        space: The id of its Space on the Hub; None for an app that is not there, or where nobody shall ask the Hub.
        enabled: False: it takes no jobs at all.
        working: False: it is known to be out of order, so it takes only jobs that name it.
        concurrency: How many jobs of ours it takes at once; None is no limit of ours.
        timeout_seconds: Time budget of one attempt.
        streams: Tells how far it is while it works.
    """

    name: str
    label: str
    url: str
    models: tuple[ModelSpec, ...]
    space: str | None = None
    default_model: str
    default_image_model: str | None = None
    enabled: bool = True
    working: bool = True
    concurrency: int | None = None
    timeout_seconds: float = 600.0
    streams: bool = True

    @property
    def on_hub(self) -> bool:
        """Whether it is a Space, whose GPU time may be rationed."""
        return bool(self.space) or (urlsplit(self.url).hostname or "").endswith(".hf.space")

    def model(self, name: str) -> ModelSpec | None:
        """The model that answers to ``name``, or None."""
        return next((model for model in self.models if model.answers_to(name)), None)

    @property
    def image_models(self) -> tuple[str, ...]:
        """Exact names of the models that give images."""
        return tuple(model.name for model in self.models if model.kind == "image")

    @property
    def vision_models(self) -> tuple[str, ...]:
        """Exact names of the models that take a picture."""
        return tuple(model.name for model in self.models if model.vision)

    @property
    def aliases(self) -> dict[str, str]:
        """Alias to exact name, over all models."""
        return {alias: model.name for model in self.models for alias in model.aliases}


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the person who submits pays with. Secret: the repr shows only which are there."""

    api_key: str | None = field(default=None, repr=False)
    hf_token: str | None = field(default=None, repr=False)
    zerogpu_uuid: str | None = field(default=None, repr=False)
    cookies: str | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class InputFile:
    """A picture that goes in, already fetched and verified."""

    name: str
    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRequest:
    """One request to a driver.

    Args:
        model: A name that the provider answers to.
        input: Validated and normalised by :mod:`providers.inputs.normalise`.
        files: The content of ``image`` parameters, by parameter name.
        galleries: The same of ``images`` parameters.
        credentials: Of the person who submitted.
    """

    model: str
    input: Mapping[str, object]
    files: Mapping[str, InputFile] = field(default_factory=dict)
    galleries: Mapping[str, tuple[InputFile, ...]] = field(default_factory=dict)
    credentials: Credentials = field(default_factory=Credentials)
