"""The pictures of a request, as the parameters of a model that take them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import media
from providers.route import Route
from web.http.problems import invalid


@dataclass(frozen=True, slots=True)
class _Slots:
    one: str | None
    several: str | None
    mask: str | None


def _slots(route: Route) -> _Slots:
    kinds: Mapping[str, str] = {param.name: param.type for model in route.models.values() for param in model.params}
    return _Slots(
        one=next((name for name, kind in kinds.items() if kind == "image" and name != "mask"), None),
        several=next((name for name, kind in kinds.items() if kind == "images"), None),
        mask="mask" if kinds.get("mask") == "image" else None,
    )


def picture_inputs(
    route: Route, pictures: Sequence[str], masks: Sequence[str], *, model_at: str = "/model", at: str = "/image"
) -> dict[str, Any]:
    """The model's parameters for these pictures, of which there is one at least.

    Args:
        route: The providers of the model.
        pictures: Each as a native request names it.
        masks: The mask, if there is one.
        model_at: Where the request names its model.
        at: Where its pictures are.

    Raises:
        Problem: 422: it takes none, or not so many, or no mask.
    """
    slots = _slots(route)
    found: dict[str, Any] = {}
    if slots.several is not None and (len(pictures) > 1 or slots.one is None):
        found[slots.several] = [*pictures]
    elif slots.one is None:
        raise invalid(model_at, "takes no pictures; GET /v1/models says which do (image-to-image)")
    elif len(pictures) > 1:
        raise invalid(at, "is more than one picture; this model takes one")
    else:
        found[slots.one] = pictures[0]
    if masks and slots.mask is None:
        raise invalid("/mask", "is not taken by this model; leave it out")
    return {**found, **({"mask": masks[0]} if masks else {})}


def as_data_uri(data: bytes) -> str:
    """A picture's file as a ``data:`` URI, by what its signature says."""
    kind = media.recognise(data[: media.HEAD])
    return f"data:{kind.content_type};base64,{base64.b64encode(data).decode()}"


def from_base64(text: str, pointer: str) -> bytes:
    """A file that stands at this place in base64, alone or in a ``data:`` URI.

    Raises:
        Problem: 422: it is no base64.
    """
    coded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode("".join(coded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(pointer, "must be a picture in base64, or a data: URI with one") from None
