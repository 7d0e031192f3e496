"""Steps as an operator declares them: what is read, and what each mistake is told."""

from __future__ import annotations

import pytest

from providers import config_file
from providers.catalog import Catalog
from providers.config import ConfigError
from providers.config_steps import read
from providers.gradio.steps import Constant, Given, Handed

STEPS = [
    {"api_name": "preprocess", "arguments": {"picture": "image"}},
    {"api_name": "/generate", "arguments": {"prepared": {"output": 0}, "mode": {"value": [1]}}, "weight": 8},
    {"api_name": "/extract", "arguments": {"mesh": {"step": 1, "output": 2}}, "style": "join", "order": ["mesh"]},
]


def test_steps_are_read() -> None:
    first, second, third = read(STEPS)
    assert (first.api_name, first.arguments, first.weight) == ("/preprocess", {"picture": Given("image")}, 1.0)
    assert second.arguments == {"prepared": Handed(0, 0), "mode": Constant([1])}
    assert (third.arguments, third.style, third.order) == ({"mesh": Handed(0, 2)}, "join", ("mesh",))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([], "write one to 20 tables"),
        ({}, "write one to 20 tables"),
        ([{}], "step 1: api_name is missing"),
        ([{"api_name": "/"}], "step 1: api_name: give the function's name"),
        ([{"api_name": "a", "arguments": {"b": 1}}], "step 1: arguments: give a table"),
        ([{"api_name": "a", "arguments": {"b": {}}}], "step 1: arguments: b: give { output = 0 }"),
        ([{"api_name": "a", "arguments": {"b": {"output": 0}}}], "step 1: arguments: b: step 0 does not run before"),
        ([{"api_name": "a"}, {"api_name": "a", "arguments": {"b": {"output": -1}}}], "step 2: arguments: b: output"),
        ([{"api_name": "a"}, {"api_name": "a", "arguments": {"b": {"step": 2, "output": 1}}}], "step 2 does not run"),
        ([{"api_name": "a", "weight": 0}], "step 1: weight: give a number above 0"),
        ([{"api_name": "a", "way": 0}], "step 1: way is unknown"),
    ],
)
def test_a_mistake_is_told_with_its_place(value: object, told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("{", r"\{").replace("}", r"\}")):
        read(value)


TABLE = """
[providers.x]
driver = "space"
url = "http://127.0.0.1:1"
models = ["x"]
parameters = {{ prompt = {{ {prompt} }} }}
{more}
[[providers.x.steps]]
api_name = "/one"
arguments = {{ text = "{used}" }}
[[providers.x.steps]]
api_name = "/two"
"""


@pytest.mark.parametrize(
    ("prompt", "more", "used", "told"),
    [
        ("", 'api_name = "/one"', "prompt", "api_name: write it into each of the steps"),
        ("", 'style = "join"', "prompt", "style: write it into each of the steps"),
        ("", "result = 3", "prompt", "result: there are 2 steps, counted from 1"),
        ("", "", "other", "steps: other is not declared under parameters"),
        ("", "extra = 1", "prompt", "extra is not a key"),
        ('argument = "text"', "", "prompt", "argument is said in the steps' arguments"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(prompt: str, more: str, used: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Catalog.of(config_file.parse(TABLE.format(prompt=prompt, more=more, used=used)))


def test_a_parameter_that_no_step_is_given_is_refused() -> None:
    text = TABLE.format(prompt="", more="", used="prompt").replace("prompt = { ", "seed = 1, prompt = { ")
    with pytest.raises(ConfigError, match="parameters: seed is given to none of the steps"):
        Catalog.of(config_file.parse(text))


def test_the_result_can_be_that_of_another_step() -> None:
    driver = Catalog.of(config_file.parse(TABLE.format(prompt="", more="result = 1", used="prompt"))).driver("x")
    assert driver.spec.default_model == "x"
    alone = TABLE.format(prompt="", more="result = 1", used="prompt").partition("[[")[0] + 'api_name = "/one"'
    with pytest.raises(ConfigError, match="result: only for a provider with steps"):
        Catalog.of(config_file.parse(alone))
