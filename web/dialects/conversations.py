"""A conversation in a dialect's request, as the parameters of the model that is to go on with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from providers.inputs.conversation import as_prompt, last_image, last_question, text_of
from providers.route import Route
from web.http.problems import invalid

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Turn:
    """A message: who speaks, and a text or a list of ``text`` and ``image_url`` parts, as a model's ``messages`` has them.

    Args:
        place: JSON pointer to it in the request.
    """

    role: Role
    content: str | list[dict[str, Any]]
    place: str

    @property
    def message(self) -> dict[str, Any]:
        """As a model takes it."""
        return {"role": self.role, "content": self.content}


def text_part(text: str) -> dict[str, Any]:
    """A part of a message that is a text."""
    return {"type": "text", "text": text}


def picture_part(source: str) -> dict[str, Any]:
    """A part of a message that is a picture: a ``data:`` URI, an address or a file id."""
    return {"type": "image_url", "image_url": {"url": source}}


def inputs_of(route: Route, turns: Sequence[Turn]) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """The parameters of a model for a conversation.

    A model that makes texts gets all of it: as ``messages`` where it reads them all, or as one prompt. Of what is said to any
    other model, the last message of the user is what to make; earlier ones were about earlier results.

    Returns:
        The input; where its parts stand in the request (:meth:`web.http.problems.Problem.relocated`); and what of the
        conversation has no effect.

    Raises:
        Problem: 422: the newest message of the user has a picture, and the model takes none; or there is no text.
    """
    models = [*route.models.values()]
    taking = next((name for model in models for name in model.image_params), None)
    asked = next((turn for turn in reversed(turns) if turn.role == "user"), None)
    if asked is None:
        raise invalid(turns[-1].place if turns else "", "has nothing from the user; add a message of role user")
    if taking is None and models:
        _refuse_pictures(asked)
    told = [turn.message for turn in turns]
    writes = any(model.kind == "text" for model in models)
    if writes and any(model.history for model in models):
        places = {f"/input/messages/{number}": turn.place for number, turn in enumerate(turns)}
        return {"messages": told}, places, [] if taking else _pictures_in(turns)
    prompt = as_prompt(told, "") if writes else last_question(told)
    unheard = [] if taking else _pictures_in(turns)
    found: dict[str, Any] = {}
    if prompt and models and not any(model.param("prompt") for model in models):
        unheard.append("text")
    elif prompt:
        found["prompt"] = prompt
    # A picture that a user has sent earlier is what they want to be changed now, unless there is a newer one.
    source = last_image(told)
    if taking is not None and source is not None:
        several = any(param.name == taking and param.type == "images" for model in models for param in model.params)
        found[taking] = [source] if several else source
    places = {f"/input/{name}": asked.place for name in ("prompt", taking) if name is not None}
    return found, places, unheard


def _refuse_pictures(asked: Turn) -> None:
    for number, part in enumerate(_parts(asked)):
        if part["type"] == "image_url":
            place = f"{asked.place}/content/{number}"
            raise invalid(place, "is a picture, and this model takes none; GET /v1/models says which do (vision)")


def _pictures_in(turns: Sequence[Turn]) -> list[str]:
    return ["image_url"] if any(part["type"] == "image_url" for turn in turns for part in _parts(turn)) else []


def _parts(turn: Turn) -> Sequence[Mapping[str, Any]]:
    return [] if isinstance(turn.content, str) else turn.content


def shows_nothing(turn: Turn) -> bool:
    """Whether a message has neither a text nor a picture, as one that only calls a tool."""
    return not text_of(turn.message).strip() and all(part["type"] == "text" for part in _parts(turn))
