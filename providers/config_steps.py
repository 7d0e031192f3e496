"""Steps of a job that an operator declares in TOML: several functions of an app, called in one session. Pure.

::

    [[providers.my-modeler.steps]]
    api_name = "/preprocess"
    arguments = { picture = "image" }                        # the app's parameter = a parameter of the job

    [[providers.my-modeler.steps]]
    api_name = "/generate"
    arguments = { prepared = { output = 0 }, seed = "seed" } # an output of the step before
    weight = 8                                               # of the progress

    [[providers.my-modeler.steps]]
    api_name = "/extract"
    arguments = { mesh = { step = 2, output = 1 }, detail = { value = "fine" } }
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from msgspec import Meta

from providers.config_values import Reader, one_of, read_table, reader
from providers.gradio.steps import STEPS_LIMIT, Constant, Given, Handed, Source, Step

_STEPS: Final = reader(
    Annotated[list[dict[str, object]], Meta(min_length=1, max_length=STEPS_LIMIT)],
    f"write one to {STEPS_LIMIT} tables [[providers.NAME.steps]]",
)
_ARGUMENTS: Final = reader(
    dict[str, str | dict[str, object]],
    'give a table: the app\'s parameter = "a parameter of the job", { output = 0 } of the step before,'
    " { step = 1, output = 0 } of another one, or { value = … }",
)
_NAMES: Final = reader(Annotated[list[str], Meta(min_length=1)], "give the names of all inputs, in the app's order")
_COUNT: Final = reader(Annotated[int, Meta(ge=0)], "give a whole number, 0 or more")
_NUMBER: Final = reader(Annotated[int, Meta(ge=1)], "give the step's number, 1 or more")
_FUNCTION: Final = reader(Annotated[str, Meta(pattern="[^/]")], "give the function's name, such as /generate")
_KEYS: Final[Mapping[str, Reader]] = {
    "api_name": lambda value: "/" + _FUNCTION(value).strip("/"),
    "arguments": _ARGUMENTS,
    "order": lambda value: tuple(_NAMES(value)),
    "style": one_of("call", "join"),
    "weight": reader(Annotated[float, Meta(gt=0)], "give a number above 0"),
}


def read(value: object) -> tuple[Step, ...]:
    """The steps of a provider's table.

    Raises:
        ValueError: Something in them is wrong; the text names the step, which counts from 1.
    """
    return tuple(_step(number, table) for number, table in enumerate(_STEPS(value)))


def _step(number: int, table: Mapping[str, object]) -> Step:
    try:
        found = read_table(table, _KEYS)
        if "api_name" not in found:
            raise ValueError("api_name is missing")
        named = found.pop("arguments", {})
        return Step(**found, arguments={name: _source(number, name, said) for name, said in named.items()})
    except ValueError as error:
        raise ValueError(f"step {number + 1}: {error}") from error


def _source(number: int, name: str, said: str | dict[str, object]) -> Source:
    if isinstance(said, str):
        return Given(said)
    if set(said) == {"value"}:
        return Constant(said["value"])
    if "output" not in said:
        raise ValueError(f"arguments: {name}: give {{ output = 0 }}, {{ step = 1, output = 0 }} or {{ value = … }}")
    try:
        found = read_table(said, {"step": _NUMBER, "output": _COUNT})
    except ValueError as error:
        raise ValueError(f"arguments: {name}: {error}") from error
    step = found.get("step", number) - 1
    if not 0 <= step < number:
        raise ValueError(f"arguments: {name}: step {step + 1} does not run before this one")
    return Handed(step, found["output"])
