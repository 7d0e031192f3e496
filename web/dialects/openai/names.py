"""The models and providers of ours that OpenAI's clients mean."""

from __future__ import annotations

from typing import Final

from web.dialects.models import default_model
from web.services import services

#: How the names of OpenAI's models begin that make images, and of those that make texts.
_IMAGE_MODELS: Final = ("dall-e", "gpt-image", "chatgpt-image")
_TEXT_MODELS: Final = ("gpt-", "chatgpt-")
#: The name that huggingface_hub gives where it knows none.
_NO_MODEL: Final = "dummy"


def image_model(name: str | None) -> str:
    """The model of ours that a name means; OpenAI's own names, and none, mean the first that makes images."""
    if name is None or (name.startswith(_IMAGE_MODELS) and not is_ours(name)):
        return default_model(services().catalog, "image")
    return name


def model_for_talk(name: str | None, kind: str) -> str:
    """The model of ours that a conversation means; OpenAI's own names, and none, mean the first of a kind."""
    if name is None or name == _NO_MODEL:
        return default_model(services().catalog, kind)
    if is_ours(name):
        return name
    meant = image_model(name)
    return default_model(services().catalog, kind) if meant == name and name.startswith(_TEXT_MODELS) else meant


def is_ours(name: str | None) -> bool:
    """Whether a model is here by this name."""
    return any(model.name == name for model in services().catalog.models())


def provider_of(name: str | None) -> tuple[str | None, list[str]]:
    """The provider that may run it, and what has no effect: a name of another service's."""
    if name is None or name in services().catalog.names():
        return name, []
    return None, ["provider"]
