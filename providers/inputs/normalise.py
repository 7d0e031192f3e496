"""Fills in the sizes, seeds and defaults that a request leaves open. Pure.

The result is what a job shows as its ``input``. Normalising it again changes
nothing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Final

from providers.inputs.conversation import is_history, last_image, last_question, only_text
from providers.spec import ModelSpec, Param

#: Width and height of a missing side, by aspect ratio.
ASPECT_RATIOS: Final[Mapping[str, tuple[int, int]]] = {
    "1:1": (1024, 1024),
    "16:9": (1024, 576),
    "9:16": (576, 1024),
    "4:3": (1024, 768),
    "3:4": (768, 1024),
    "3:2": (1024, 682),
    "2:3": (682, 1024),
    "21:9": (1024, 440),
    "9:21": (440, 1024),
    "4:5": (832, 1040),
    "5:4": (1040, 832),
    "2:1": (1024, 512),
    "1:2": (512, 1024),
}
DEFAULT_RATIO: Final = "1:1"


def random_seed() -> int:
    """A seed that every Space takes."""
    return random.randrange(2**31)  # noqa: S311 - a seed is no secret


def round_side(pixels: int) -> int:
    """Down to a multiple of 8, never below 32."""
    return max(32, pixels - pixels % 8)


def normalise(
    model: ModelSpec, given: Mapping[str, object], *, pick_seed: Callable[[], int] = random_seed
) -> dict[str, object]:
    """An input that the model's provider accepts, as it will be used: complete, and in the order of the declaration."""
    values = {name: value for name, value in given.items() if value is not None}
    _read_messages(model, values)
    _fill_sizes(model, values)
    for param in model.params:
        default = _default(param, given, pick_seed)
        if param.name not in values and default is not None:
            values[param.name] = default
    for param in model.params:
        value = values.get(param.name)
        if param.wrap is not None and isinstance(value, int):
            values[param.name] = value % param.wrap
    return {param.name: values[param.name] for param in model.params if param.name in values}


def _read_messages(model: ModelSpec, values: dict[str, object]) -> None:
    messages = values.get("messages")
    if not is_history(messages):
        return
    question = last_question(messages)
    if "prompt" not in values and question is not None:
        values["prompt"] = question
    image = last_image(messages)
    if image is not None and model.image_params:
        taking = model.param(model.image_params[0])
        values.setdefault(model.image_params[0], [image] if taking is not None and taking.type == "images" else image)
    if model.history:
        values["messages"] = only_text(messages)
    else:
        # The prompt is all that such a model sees of them.
        del values["messages"]


def _fill_sizes(model: ModelSpec, values: dict[str, object]) -> None:
    if model.param("width") is None or model.param("height") is None:
        return
    missing = [name for name in ("width", "height") if name not in values]
    if missing and model.sizes == "aspect_ratio":
        values.setdefault("aspect_ratio", DEFAULT_RATIO)
    ratio = ASPECT_RATIOS.get(str(values.get("aspect_ratio")))
    table = dict(zip(("width", "height"), ratio, strict=True)) if ratio else {}
    for name in ("width", "height"):
        param = model.param(name)
        pixels = values.get(name, table.get(name, param.default if param else None))
        if isinstance(pixels, int):
            values[name] = round_side(pixels)


def _default(param: Param, given: Mapping[str, object], pick_seed: Callable[[], int]) -> object:
    if param.random:
        return pick_seed() % (int(param.maximum) + 1) if param.maximum is not None else pick_seed()
    if param.off_with is not None and given.get(param.off_with) is not None:
        return False
    return list(param.default) if isinstance(param.default, tuple) else param.default


def pixel_steps(used: Mapping[str, object]) -> int:
    """What a normalised input costs: width x height x steps; 0 if it does not have all three."""
    sides_and_steps = [used.get(name) for name in ("width", "height", "num_inference_steps")]
    return math.prod(value if isinstance(value, int) else 0 for value in sides_and_steps)


def consumed(model: ModelSpec) -> frozenset[str]:
    """Names of the parameters that only fill in others, so that a driver need not send them."""
    names = {param.name for param in model.params}
    pairs = (("messages", {"prompt"}), ("aspect_ratio", {"width", "height"}))
    return frozenset(name for name, filled in pairs if filled <= names)
