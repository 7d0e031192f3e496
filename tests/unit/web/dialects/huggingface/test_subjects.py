"""What a model is asked, by the parameters that it has."""

from __future__ import annotations

from typing import Any

import pytest

from media import Kind
from providers.route import Route
from providers.spec import ModelSpec, Param
from web.dialects.huggingface.bodies import Asked
from web.dialects.huggingface.subjects import subject_of
from web.http.problems import Problem

PROMPT = Param(name="prompt", required=True)
WISH = Param(name="prompt")
PICTURE = Param(name="image", type="image")
PICTURES = Param(name="images", type="images")
FILE = "data:image/png;base64,iVBORw0KGgo="


def route(*params: Param, kind: Kind = "image") -> Route:
    return Route({"one": ModelSpec(name="m", kind=kind, params=params)})


def asked(inputs: str, **parameters: Any) -> Asked:
    return Asked(inputs=inputs, is_picture=inputs == FILE, place="/inputs", parameters=parameters, same=inputs)


@pytest.mark.parametrize(
    ("params", "request_", "found", "ignored"),
    [
        ((PROMPT,), asked("a boat"), {"prompt": "a boat"}, []),
        ((PROMPT,), asked("a boat", prompt="a car"), {"prompt": "a boat"}, ["prompt"]),
        ((PROMPT, PICTURE), asked("a boat"), {"prompt": "a boat"}, []),
        ((PROMPT, PICTURE), asked(FILE, prompt="at night"), {"image": FILE, "prompt": "at night"}, []),
        ((PROMPT, PICTURE), asked("file_1", prompt="at night"), {"image": "file_1", "prompt": "at night"}, []),
        # An app that paints needs to be told what; it is not asked what it sees.
        ((PROMPT, PICTURE), asked(FILE), {"image": FILE}, []),
        ((PICTURE,), asked(FILE), {"image": FILE}, []),
        ((PICTURE,), asked("file_1"), {"image": "file_1"}, []),
        ((PICTURE,), asked(FILE, prompt="at night"), {"image": FILE}, ["prompt"]),
        ((PICTURES, PROMPT), asked(FILE, prompt="at night"), {"images": [FILE], "prompt": "at night"}, []),
    ],
)
def test_a_model_that_paints(
    params: tuple[Param, ...], request_: Asked, found: dict[str, Any], ignored: list[str]
) -> None:
    subject = subject_of(route(*params), request_)
    assert (subject.found, [*subject.ignored]) == (found, ignored)


@pytest.mark.parametrize(
    ("params", "question"), [((PROMPT, PICTURE), {"prompt": "Describe this image."}), ((WISH, PICTURE), {}), ((PICTURE,), {})]
)  # fmt: skip
def test_a_model_that_writes_is_asked_only_if_it_needs_a_question(
    params: tuple[Param, ...], question: dict[str, str]
) -> None:
    assert subject_of(route(*params, kind="text"), asked(FILE)).found == {"image": FILE, **question}


@pytest.mark.parametrize(
    ("params", "inputs", "text"),
    [
        ((PROMPT,), FILE, "is a picture, and this model takes none"),
        ((), "a boat", "is a text, and this model takes none"),
    ],
)
def test_what_a_model_does_not_take_is_refused(params: tuple[Param, ...], inputs: str, text: str) -> None:
    with pytest.raises(Problem, match=f"/inputs {text}"):
        subject_of(route(*params), asked(inputs))


@pytest.mark.parametrize("inputs", ["a boat", FILE])
def test_where_all_providers_are_off_the_submission_says_so(inputs: str) -> None:
    assert subject_of(Route({}), asked(inputs)).found == {}
