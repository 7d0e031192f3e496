"""Checks an input against a model's declaration. Strict; each fault says what to do. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from providers.echo.script import StepError, parse
from providers.inputs.conversation import is_history, last_question
from providers.inputs.faults import FAULTS_LIMIT, Checker, Fault, escape
from providers.inputs.images import param_of, source_problem, sources_of
from providers.inputs.normalise import normalise, pixel_steps
from providers.inputs.schema import MESSAGE_FORM, input_schema
from providers.inputs.text import is_blank, unsafe
from providers.spec import FILE_TYPES, PROMPT_LIMIT, ModelSpec


class InvalidInput(ValueError):
    """The input is not right for the model; ``faults`` says why, with pointers into the input."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__("; ".join(f"{fault.pointer} {fault.detail}" for fault in faults))


def admit(model: ModelSpec, given: object) -> dict[str, object]:
    """Check an input (decoded JSON) and fill in what it leaves open; see :func:`providers.inputs.normalise.normalise`.

    Raises:
        InvalidInput: It is not right for this model; has at most :data:`FAULTS_LIMIT` faults.
    """
    if not isinstance(given, dict):
        raise InvalidInput([Fault("", "must be an object")])
    if faults := validate(model, given):
        raise InvalidInput(faults)
    used = normalise(model, given)
    if model.pixel_steps is not None and pixel_steps(used) > model.pixel_steps:
        # Each side and the steps may be in range while their product is not.
        most = model.pixel_steps // pixel_steps({**used, "num_inference_steps": 1})
        detail = f"must be at most {most} for an image of {used['width']}x{used['height']}"
        raise InvalidInput([Fault("/num_inference_steps", detail)])
    return used


def validate(model: ModelSpec, given: dict[str, Any]) -> list[Fault]:
    """The faults of an input by a model's declaration, apart from its cost; nothing is coerced."""
    faults = list(islice(_unsafe(given, ""), FAULTS_LIMIT)) or list(islice(_shape(model, given), FAULTS_LIMIT))
    if not faults:
        faults = [*_texts(model, given), *_sources(model, given), *_scripts(model, given)]
    return faults[:FAULTS_LIMIT]


def _unsafe(value: object, pointer: str) -> Iterator[Fault]:
    """What Python holds but JSON or a terminal should not: infinity, lone surrogates, control characters."""
    if isinstance(value, float) and not math.isfinite(value):
        yield Fault(pointer, "must be a finite number")
    elif isinstance(value, str):
        if detail := unsafe(value):
            yield Fault(pointer, detail)
    elif isinstance(value, dict):
        for key, item in value.items():
            if unsafe(key):
                yield Fault(pointer, "holds a name with characters that cannot be shown")
            else:
                yield from _unsafe(item, f"{pointer}/{escape(key)}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unsafe(item, f"{pointer}/{index}")


@lru_cache(maxsize=256)
def _checker(model: ModelSpec) -> Checker:
    return Checker(input_schema(model))


def _shape(model: ModelSpec, given: dict[str, object]) -> Iterator[Fault]:
    for fault in _checker(model).faults(given):
        if not fault.pointer:
            # The only rule about the input as a whole is the one of a text to work on.
            yield Fault("/prompt", "is missing: give a prompt, or messages with one from the user")
        elif fault.pointer.startswith("/messages/"):
            yield Fault(fault.pointer, f"must be {MESSAGE_FORM}")
        else:
            yield fault
    for param in model.params:
        if param.type == "integer" and isinstance(given.get(param.name), float):
            yield Fault(f"/{param.name}", "must be a whole number")


def _texts(model: ModelSpec, given: Mapping[str, object]) -> Iterator[Fault]:
    """Required texts must show something; so must the question that stands in for a prompt."""
    for param in model.params:
        value = given.get(param.name)
        if param.required and isinstance(value, str) and is_blank(value):
            yield Fault(f"/{param.name}", "shows nothing; write what you want")
    messages = given.get("messages")
    prompt = model.param("prompt")
    if prompt is None or not prompt.required or given.get("prompt") is not None or not is_history(messages):
        return
    question = last_question(messages)
    if question is None or is_blank(question):
        yield Fault("/messages", "hold no text from the user; add a user message, or give a prompt")
    elif len(question) > PROMPT_LIMIT:
        yield Fault("/messages", f"end with a user message of more than {PROMPT_LIMIT} characters; shorten it")


def _sources(model: ModelSpec, given: dict[str, Any]) -> Iterator[Fault]:
    """Files must come from where we can take them."""
    params = model.file_params
    for pointer, source in sources_of(given, params).items():
        wanted = params.get(param_of(pointer), "image")
        if detail := source_problem(source, image=FILE_TYPES.get(wanted) == "image"):
            yield Fault(pointer, detail)


def _scripts(model: ModelSpec, given: dict[str, Any]) -> Iterator[Fault]:
    for param in model.params:
        if param.type != "script":
            continue
        for index, step in enumerate(given.get(param.name) or []):
            try:
                parse(step)
            except StepError as error:
                yield Fault(f"/{param.name}/{index}", str(error))
