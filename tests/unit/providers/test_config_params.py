"""Parameters and providers declared in TOML."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from providers import config_file, config_params
from providers.catalog import Catalog
from providers.config import ConfigError
from providers.inputs.normalise import normalise
from providers.inputs.validate import validate
from providers.spec import ModelSpec, Param


def params(toml: str) -> dict[str, Param]:
    table: Any = tomllib.loads(f"parameters = {toml}")["parameters"]
    return {entry.param.name: entry.param for entry in config_params.read(table)}


def model(parameters: str, more: str = "") -> ModelSpec:
    toml = (
        '[providers.mine]\ndriver = "space"\nurl = "http://127.0.0.1:1"\napi_name = "infer"\nmodels = ["mine", "my"]\n'
        f"parameters = {parameters}\n{more}"
    )
    return Catalog.of(config_file.parse(toml), installed=[]).spec("mine").models[0]


def test_types_are_inferred_from_defaults() -> None:
    found = params('{ text = "a", whole = 4, broken = 0.5, flag = true }')
    assert {name: param.type for name, param in found.items()} == {
        "text": "string",
        "whole": "integer",
        "broken": "number",
        "flag": "boolean",
    }
    assert found["broken"].default == 0.5


def test_a_declaration_in_full() -> None:
    found = params(
        '{ strength = { type = "number", default = 1, minimum = 0, maximum = 2.5, description = "How much." },'
        ' style = { enum = ["a", "b"], default = "b" }, picture = { type = "image", required = true },'
        ' note = { type = "string", max_length = 5 } }'
    )
    strength = found["strength"]
    assert (strength.type, strength.default, strength.minimum, strength.maximum) == ("number", 1, 0, 2.5)
    assert strength.description == "How much."
    assert found["style"].enum == ("a", "b")
    assert (found["picture"].type, found["picture"].required) == ("image", True)
    assert found["note"].max_length == 5


def test_well_known_parameters_mean_the_same_everywhere() -> None:
    found = params('{ prompt = "", seed = 0, randomize_seed = true, width = 640, height = { default = 480 } }')
    assert found["prompt"].required
    assert (found["seed"].default, found["seed"].random) == (0, False)
    assert found["randomize_seed"].off_with == "seed"
    assert (found["width"].default, found["width"].maximum) == (640, 2048)
    assert params("{ seed = {} }")["seed"].random
    assert params("{ seed = { maximum = 9 } }")["seed"].wrap is None


def test_a_declared_model_validates_and_normalises_like_the_others() -> None:
    found = model('{ prompt = "", seed = 0, width = 640, height = 480, strength = { default = 1.0, maximum = 2 } }')
    assert found.names == ("mine", "my")
    assert normalise(found, {"prompt": "x", "width": 333}) == {
        "prompt": "x",
        "seed": 0,
        "width": 328,
        "height": 480,
        "strength": 1.0,
    }
    sized = normalise(found, {"prompt": "x", "aspect_ratio": "2:1"})
    assert (sized["width"], sized["height"]) == (1024, 512)
    assert [problem.pointer for problem in validate(found, {"prompt": "x", "strength": 3})] == ["/strength"]
    assert validate(found, {"messages": [{"role": "user", "content": "x"}]}) == []


def test_lists_and_files_are_declared_and_validated() -> None:
    found = model(
        '{ styles = { type = "strings", enum = ["photo", "oil"], default = ["oil"] }, extras = ["a"], rows = { type = "json" },'
        ' clip = { type = "video" }, sounds = { type = "files" }, factor = { enum = [2, 4] } }'
    )
    assert [param.type for param in found.params] == ["strings", "strings", "json", "video", "files", "integer"]
    assert normalise(found, {"rows": [[1]]}) == {"styles": ["oil"], "extras": ["a"], "rows": [[1]]}
    for given, pointers in (
        ({"styles": ["photo"], "rows": {"a": 1}, "clip": "data:video/mp4;base64,AAAA", "factor": 4}, []),
        ({"styles": [], "rows": None, "sounds": ["https://example.com/a.wav"]}, []),
        ({"styles": ["acrylic"]}, ["/styles/0"]),
        ({"styles": "photo"}, ["/styles"]),
        ({"clip": "data:video/mp4,hello"}, ["/clip"]),
        ({"sounds": ["file:///etc/passwd"]}, ["/sounds/0"]),
        ({"factor": 3}, ["/factor"]),
    ):
        assert [problem.pointer for problem in validate(found, given)] == pointers, given


def test_a_model_without_a_prompt_takes_no_messages() -> None:
    found = model("{ image = { required = true }, scale = 2 }", 'kind = "image"')
    assert [param.name for param in found.params] == ["image", "scale"]
    assert found.vision


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("1", ["parameters", "table"]),
        ('{ a = { kind = "x" } }', ["a", "kind", "type"]),
        ('{ a = { type = "text" } }', ["a", "type", "string"]),
        ("{ a = 2026-11-29 }", ["a", "table with type"]),
        ("{ a = [1] }", ["a", "default", "list of texts"]),
        ('{ a = { enum = ["x"], default = ["y"] } }', ["a", "default"]),
        ('{ a = { type = "strings", enum = ["x"], default = ["y"] } }', ["a", "default", "enum"]),
        ('{ a = { type = "strings", enum = [1] } }', ["a", "enum", "string"]),
        ('{ a = { type = "file", default = "x" } }', ["a", "default"]),
        ('{ a = { type = "json", default = "x" } }', ["a", "default"]),
        ('{ a = { type = "integer", default = "x" } }', ["a", "default", "integer"]),
        ('{ a = { type = "integer", default = true } }', ["a", "default", "integer"]),
        ('{ a = { type = "integer", minimum = "x" } }', ["a", "minimum"]),
        ('{ a = { type = "string", minimum = 1 } }', ["a", "minimum"]),
        ('{ a = { type = "integer", max_length = 1 } }', ["a", "max_length"]),
        ('{ a = { type = "string", max_length = "x" } }', ["a", "max_length"]),
        ('{ a = { enum = "x" } }', ["a", "enum"]),
        ('{ a = { enum = ["x", 1] } }', ["a", "enum", "string"]),
        ('{ a = { enum = ["x"], default = "y" } }', ["a", "default", "enum"]),
        ('{ a = { default = "x", required = 1 } }', ["a", "required"]),
        ('{ a = { default = "x", argument = "" } }', ["a", "argument"]),
        ('{ prompt = { type = "integer" } }', ["prompt", "string everywhere"]),
        ("{ seed = 1.5 }", ["seed", "default", "integer"]),
        ('{ image = "x" }', ["image", "default"]),
    ],
)
def test_a_mistake_is_named_with_its_parameter(toml: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        model(toml)
    assert all(word in str(caught.value) for word in ("[providers.mine]: parameters:", *words)), str(caught.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('kind = "poem"', ["kind", "image, video"]),
        ('style = "post"', ["style", "call, join, run"]),
        ("fn_index = -1", ["fn_index"]),
        ("order = []", ["order", "list of names"]),
        ('order = ["a", "a"]', ["order", "every name stands there once"]),
        ("zerogpu = 1", ["zerogpu", "true or false"]),
        ("nope = 1", ["nope", "api_name"]),
    ],
)
def test_a_mistake_in_another_key_is_named(more: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        model("{}", more)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_order_has_every_declared_argument() -> None:
    with pytest.raises(ConfigError, match="order: text is declared under parameters, and missing here"):
        model('{ prompt = { argument = "text" }, seed = 1 }', 'order = ["prompt", "seed"]')


@pytest.mark.parametrize("models", ["[]", '"mine"', "[1]", '[""]', '["a\\u001b"]'])
def test_models_are_names(models: str) -> None:
    toml = f'[providers.x]\ndriver = "space"\nurl = "http://x"\napi_name = "/i"\nmodels = {models}'
    with pytest.raises(ConfigError, match="models"):
        Catalog.of(config_file.parse(toml), installed=[])
