"""Which function of an app is meant, and why. A guess for people to look at, never for a job. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from providers.discovery.components import is_file, is_furniture, is_text
from providers.discovery.functions import Description, Function, Input

#: Names of the text that says what to make, the most usual first.
PROMPTS: Final = (
    "prompt", "text_prompt", "positive_prompt", "prompt_text", "input_prompt", "text", "message", "question", "query",
    "input_text", "text_input", "user_input", "instruction", "description", "caption", "inputs", "input",
)  # fmt: skip
_MAKES: Final = re.compile(
    r"(infer|generat|predict|run|process|submit|chat|respond|answer|paint|create|synthes|text_?to|txt2|img2|image_?to"
    r"|transcrib|translat|upscale|edit|inpaint|render|speak|tts)",
    re.IGNORECASE,
)
_KEEPS_HOUSE: Final = re.compile(
    r"(clear|reset|load|example|update|change|toggle|lambda|random|swap|upload|download|save|delete|show|hide|select"
    r"|stop|cancel|get_|set_|login|logout|refresh|undo|retry|preview|count|check|enable|disable|init)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A function that a job could call, how much speaks for it, and what."""

    function: Function
    score: int
    reasons: tuple[str, ...]

    @property
    def why(self) -> str:
        """The reasons as a phrase."""
        return ", ".join(self.reasons) or "nothing speaks for it"


def candidates(description: Description) -> tuple[Candidate, ...]:
    """All functions that can be called by a name, the likeliest first; of equal ones the first of the app."""
    found = [
        Candidate(function, sum(points for points, _ in told), tuple(reason for _, reason in told if reason))
        for function in description.functions
        if function.endpoint.api_name and _gives_something(function)
        for told in [tuple(_points(function))]
    ]
    return tuple(sorted(found, key=lambda candidate: -candidate.score))


def prompt_of(function: Function) -> Input | None:
    """The input that says what to make; None if none does."""
    texts = [entry for entry in function.inputs if is_text(entry)]
    for name in PROMPTS:
        for entry in texts:
            if name in {entry.name.lower(), _key(entry.label)}:
                return entry
    return texts[0] if texts else None


def _gives_something(function: Function) -> bool:
    return not all(map(is_furniture, function.outputs))


def _points(function: Function) -> Iterator[tuple[int, str]]:
    name = function.endpoint.api_name or ""
    if any(map(is_file, function.outputs)):
        yield 4, "it gives a picture, a sound or a file"
    else:
        yield 2, "it gives a text or data"
    prompt = prompt_of(function)
    if prompt is not None and {prompt.name.lower(), _key(prompt.label)} & set(PROMPTS):
        yield 4, f"it takes a text named {prompt.name or prompt.label}"
    elif prompt is not None:
        yield 2, "it takes a text"
    elif any(is_file(entry.component) for entry in function.inputs):
        yield 2, "it takes a picture or a file"
    if _MAKES.match(name):
        yield 3, f"its name {name} is that of a main function"
    elif _KEEPS_HOUSE.match(name):
        yield -5, f"its name {name} is that of a helper"
    if re.search(r"_\d+$", name):
        yield -1, ""
    if {"click", "submit"} & set(function.triggers):
        yield 1, "a button runs it"
    if not function.is_shown:
        yield -4, "the app does not document it"
    yield min(len(function.inputs), 8) // 3, ""


def _key(label: str) -> str:
    return re.sub(r"[\W_]+", "_", label).strip("_").lower()
