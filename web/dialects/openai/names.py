"""The models and providers of ours that OpenAI's clients mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from web.dialects.models import default_model
from web.services import services

#: How the names of OpenAI's models begin, by what they make; the first that fits counts.
_OPENAIS: Final[Mapping[str, tuple[str, ...]]] = {
    "image": ("dall-e", "gpt-image", "chatgpt-image"),
    "video": ("sora",),
    "audio": ("tts-", "gpt-4o-mini-tts"),
    "text": ("gpt-", "chatgpt-"),
}
#: The name that huggingface_hub gives where it knows none.
NO_MODEL: Final = "dummy"


def model_of(name: str | None, kind: str) -> str:
    """The model of ours that a name means: of none, and of one of OpenAI's that makes texts, the first of a kind here.

    Raises:
        Problem: 404: it means one that there is not.
    """
    if name is None or name == NO_MODEL:
        return default_model(services().catalog, kind)
    made = next((made for made, begins in _OPENAIS.items() if name.startswith(begins)), None)
    if made is None or is_ours(name):
        return name
    return default_model(services().catalog, kind if made == "text" else made)


def is_ours(name: str | None) -> bool:
    """Whether a model is here by this name."""
    return any(model.name == name for model in services().catalog.models())


def provider_of(name: str | None) -> tuple[str | None, list[str]]:
    """The provider that may run it, and what has no effect: a name of another service's."""
    if name is None or name in services().catalog.names():
        return name, []
    return None, ["provider"]
