"""Is this input right for this model? Strict, and every answer says what to do. Pure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from jsonschema_rs import Draft202012Validator, ValidationError

from providers.inputs.conversation import is_history, last_question
from providers.inputs.images import source_problem
from providers.inputs.normalise import normalise
from providers.inputs.schema import MESSAGES_LIMIT, input_schema
from providers.script import StepError, parse
from providers.spec import PICTURES_LIMIT, PROMPT_LIMIT, ModelSpec, Param

#: So many problems are told at once.
PROBLEMS_LIMIT: Final = 20

#: Characters of a client's own words that an answer repeats.
ECHO_LIMIT: Final = 64

_ARTICLED: Final = {
    "string": "a text",
    "integer": "a whole number, written without a point",
    "number": "a number",
    "boolean": "true or false",
    "image": "a text: a data: URI, an https address or a file id",
    "images": f"a list of 1 to {PICTURES_LIMIT} texts: data: URIs, https addresses or file ids",
    "messages": "a list of messages",
    "script": "a list of texts, one a step",
}

_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
#: All of Unicode's control characters but tab and line breaks.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

#: Looks like nothing although Unicode calls them letters: Hangul fillers and the Braille blank.
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where (a JSON pointer into the input) and what to do about it."""

    pointer: str
    detail: str


def validate(model: ModelSpec, given: object) -> list[Problem]:
    """Check an input against a model's declaration; nothing is coerced.

    Args:
        model: The model as the provider that shall run it declares it.
        given: The ``input`` of the request, as decoded JSON.

    Returns:
        What is wrong, at most :data:`PROBLEMS_LIMIT` of it; empty where the input is right.
    """
    if not isinstance(given, dict):
        return [Problem("", "input must be an object")]
    problems = list(_not_json(given, "")) or list(_shape(model, given))
    if not problems:
        problems = [*_texts(model, given), *_sources(model, given), *_scripts(model, given)]
    if not problems:
        problems = list(_cost(model, given))
    return problems[:PROBLEMS_LIMIT]


def escape(key: object) -> str:
    """A key as one step of a JSON pointer (RFC 6901), cut to a length that can be shown."""
    return str(key)[:ECHO_LIMIT].replace("~", "~0").replace("/", "~1")


def _not_json(value: object, pointer: str) -> Iterator[Problem]:
    """What Python holds but JSON or a terminal should not: inf, lone surrogates, control characters."""
    if isinstance(value, float) and not math.isfinite(value):
        yield Problem(pointer, "must be a finite number")
    elif isinstance(value, str):
        if _SURROGATE.search(value):
            yield Problem(pointer, "holds half of a surrogate pair; send well-formed Unicode")
        elif _CONTROL.search(value):
            yield Problem(pointer, "holds control characters; only tab and line breaks may be in a text")
    elif isinstance(value, dict):
        for key, item in value.items():
            if next(_not_json(key, ""), None):
                yield Problem(pointer, "holds a name with characters that cannot be shown")
            else:
                yield from _not_json(item, f"{pointer}/{escape(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _not_json(item, f"{pointer}/{index}")


@lru_cache(maxsize=256)
def _validator(model: ModelSpec) -> Draft202012Validator:
    return Draft202012Validator(input_schema(model))


def _shape(model: ModelSpec, given: dict[str, object]) -> Iterator[Problem]:
    for error in _validator(model).iter_errors(given):
        yield from _explain(model, given, error)
    for param in model.params:
        if param.type == "integer" and isinstance(given.get(param.name), float):
            yield Problem(f"/{param.name}", f"must be {_ARTICLED['integer']}")


def _explain(model: ModelSpec, given: dict[str, object], error: ValidationError) -> Iterator[Problem]:
    path = list(error.instance_path)
    if not path:
        yield from _explain_object(model, given, error)
        return
    pointer = "".join(f"/{escape(part)}" for part in path)
    param = model.param(str(path[0]))
    if param is None or len(path) > 1:
        yield Problem(pointer, _inside(str(path[0])))
        return
    yield Problem(pointer, _say(param, error))


def _explain_object(model: ModelSpec, given: dict[str, object], error: ValidationError) -> Iterator[Problem]:
    if error.kind.name == "additionalProperties":
        known = ", ".join(param.name for param in model.params)
        for name in [name for name in given if model.param(name) is None][:PROBLEMS_LIMIT]:
            yield Problem(f"/{escape(name)}", f"{model.name} has no such parameter; it takes {known}")
    elif error.kind.name == "anyOf":
        yield Problem("/prompt", "is missing: give a prompt, or messages with one from the user")
    else:
        for param in model.params:
            if param.required and param.name not in given:
                yield Problem(f"/{param.name}", f"is missing: give {_ARTICLED[param.type]}")


def _say(param: Param, error: ValidationError) -> str:
    kind = error.kind.name
    if kind == "type":
        return f"must be {_ARTICLED[param.type]}"
    if kind in {"minimum", "maximum"}:
        return f"must be {_range(param)}"
    if kind == "enum":
        return f"must be one of {', '.join(str(value) for value in param.enum)}"
    if kind in {"minLength", "pattern", "minItems"}:
        return "must not be empty"
    if kind == "maxLength":
        return f"is longer than {param.max_length or 'allowed'} characters; shorten it"
    if param.type == "images":
        return f"must be {_ARTICLED[param.type]}"
    return f"must be {_ARTICLED[param.type]} of at most {MESSAGES_LIMIT}"


def _range(param: Param) -> str:
    if param.minimum is None:
        return f"at most {param.maximum:g}"
    if param.maximum is None:
        return f"at least {param.minimum:g}"
    return f"from {_plain(param.minimum)} to {_plain(param.maximum)}"


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)


def _inside(name: str) -> str:
    if name == "messages":
        return (
            "must be {role: system | user | assistant, content}, the content a text or a list of"
            f" text and image_url parts of at most {PROMPT_LIMIT} characters each"
        )
    return "has the wrong shape"


def _texts(model: ModelSpec, given: Mapping[str, object]) -> Iterator[Problem]:
    """Required texts must show something; so must the question that stands in for a prompt."""
    for param in model.params:
        value = given.get(param.name)
        if param.required and isinstance(value, str) and not _shows(value):
            yield Problem(f"/{param.name}", "shows nothing; write what you want")
    messages = given.get("messages")
    prompt = model.param("prompt")
    if prompt is None or not prompt.required or given.get("prompt") is not None or not is_history(messages):
        return
    question = last_question(messages)
    if question is None or not _shows(question):
        yield Problem("/messages", "hold no text from the user; add a user message, or give a prompt")
    elif len(question) > PROMPT_LIMIT:
        yield Problem("/messages", f"the last user message is longer than {PROMPT_LIMIT} characters; shorten it")


def _shows(text: str) -> bool:
    return any(unicodedata.category(char)[0] not in "ZC" and char not in _BLANK_LETTERS for char in text)


def _sources(model: ModelSpec, given: dict[str, Any]) -> Iterator[Problem]:
    """Pictures must come from where we can take them."""
    for param in model.params:
        value = given.get(param.name)
        listed = value if param.type == "images" and isinstance(value, list) else []
        places = {f"/{param.name}/{index}": source for index, source in enumerate(listed)}
        if param.type == "image" and isinstance(value, str):
            places[f"/{param.name}"] = value
        for pointer, source in places.items():
            if detail := source_problem(source):
                yield Problem(pointer, detail)
    for index, message in enumerate(given.get("messages") or []):
        content = message["content"]
        for position, part in enumerate(content if isinstance(content, list) else []):
            detail = source_problem(part["image_url"]["url"]) if "image_url" in part else None
            if detail:
                yield Problem(f"/messages/{index}/content/{position}/image_url/url", detail)


def _scripts(model: ModelSpec, given: dict[str, Any]) -> Iterator[Problem]:
    for param in model.params:
        if param.type != "script":
            continue
        for index, step in enumerate(given.get(param.name) or []):
            try:
                parse(step)
            except StepError as error:
                yield Problem(f"/{param.name}/{index}", str(error))


def _cost(model: ModelSpec, given: dict[str, object]) -> Iterator[Problem]:
    """Each side and the steps may be legal while their product is not."""
    if model.pixel_steps is None:
        return
    used = normalise(model, given, pick_seed=lambda: 0)
    if pixel_steps(used) > model.pixel_steps:
        most = pixel_steps({**used, "num_inference_steps": 1})
        detail = f"a picture of {used['width']}x{used['height']} takes at most {model.pixel_steps // most} steps"
        yield Problem("/num_inference_steps", detail)


def pixel_steps(used: Mapping[str, object]) -> int:
    """What a normalised input costs: width x height x steps; 0 where it does not say all three."""
    sides_and_steps = [used.get(name) for name in ("width", "height", "num_inference_steps")]
    return math.prod(value if isinstance(value, int) else 0 for value in sides_and_steps)
