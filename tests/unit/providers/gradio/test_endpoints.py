from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import Changed, Protocol
from providers.gradio.endpoints import App, Output, parse_app
from providers.gradio.naming import arguments
from tests.transcripts.reader import FOLDER, read

VERSIONS = ("4.44.1", "5.50.0", "6.31.0")


def recorded(version: str, *, with_info: bool = True) -> App:
    info = "01-get_info" if version == "4.44.1" else "01-get_gradio_api_info"
    return parse_app(body(version, "01-config"), body(version, info) if with_info else None)


def body(version: str, name: str) -> object:
    return json.loads(read(Path(FOLDER / version / f"{name}.http")).body)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_recorded_app_is_understood(version: str) -> None:
    app = recorded(version)
    assert app.version == tuple(int(part) for part in version.split("."))
    assert app.protocol == "sse_v3"
    assert app.prefix == ("" if version == "4.44.1" else "/gradio_api")
    assert (app.has_call, app.has_diffs, app.speaks_queue) == (True, True, True)
    assert app.find("/typed").fn_index == 7
    assert [slot.component for slot in app.find("typed").slots] == [
        "textbox",
        "number",
        "dropdown",
        "checkbox",
        "slider",
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_arguments_are_put_in_order_by_name_with_the_apps_defaults(version: str) -> None:
    endpoint = recorded(version).find("/slowgen")
    assert arguments(endpoint, {"delay": 9, "msg": "x"}) == ["x", 2, 9]


@pytest.mark.parametrize("version", VERSIONS)
def test_state_is_sent_as_null(version: str) -> None:
    assert arguments(recorded(version).find("/with_state"), {"msg": "x"}) == ["x", None]


@pytest.mark.parametrize("version", VERSIONS)
def test_without_names_the_declared_order_counts(version: str) -> None:
    endpoint = recorded(version, with_info=False).find("/slowgen")
    assert arguments(endpoint, {"b": 9, "a": "x"}, ("a", "b", "c")) == ["x", 9, 0.25]
    with pytest.raises(Changed, match="no longer has the parameter 'd'"):
        arguments(endpoint, {"d": 1}, ("a", "b", "c"))
    with pytest.raises(Changed, match="it has 3 inputs, and 2 are declared"):
        arguments(endpoint, {"b": 9, "a": "x"}, ("a", "b"))


def test_an_unknown_parameter_is_named() -> None:
    with pytest.raises(Changed, match=r"/slow of the app no longer has the parameter 'nope', 'steps'"):
        arguments(recorded("6.31.0").find("/slow"), {"msg": "x", "steps": 1, "nope": 2})


def test_what_is_not_given_is_what_the_page_would_send() -> None:
    assert arguments(recorded("6.31.0").find("/slow"), {}) == ["", 2]


def test_the_number_counts_for_a_function_without_a_name() -> None:
    app = recorded("6.31.0")
    assert app.find(None, 2).api_name == app.find("/predict", 2).api_name == "logs"
    assert app.find("/gone", 15).fn_index == 15
    with pytest.raises(Changed, match="the app has no function /gone"):
        # Another function has the number: it is not the one that was named.
        app.find("/gone", 2)
    with pytest.raises(Changed, match="the app has no function /gone; it has: /fail_gen, "):
        app.find("/gone")
    with pytest.raises(Changed, match="no function 999"):
        app.find(None, 999)


def test_a_private_function_has_no_name() -> None:
    app = recorded("6.31.0")
    assert app.find(None, 15).api_name is None
    assert "/quick_2" not in app.signature()


def test_a_signature_is_stable_json_without_values() -> None:
    once, twice = recorded("6.31.0").signature(), recorded("6.31.0").signature()
    assert json.dumps(once, sort_keys=True) == json.dumps(twice, sort_keys=True)
    assert once["/slow"] == {"inputs": [["msg", "textbox", True], ["seconds", "number", False]], "outputs": ["textbox"]}


@pytest.mark.parametrize(
    ("protocol", "speaks", "diffs"),
    [
        (None, False, True),
        ("ws", False, True),
        ("sse", True, False),
        ("sse_v1", True, False),
        ("sse_v2", True, True),
        ("sse_v2.1", True, True),
        ("sse_v3", True, True),
        ("sse_v4", True, True),
        ("sse_vx", False, True),
    ],
)
def test_the_protocol_decides_how_it_is_spoken_to(protocol: str | None, speaks: bool, diffs: bool) -> None:  # noqa: FBT001
    app = parse_app({"dependencies": [], "protocol": protocol, "version": "4.9.1"})
    assert (app.speaks_queue, app.has_call) == (speaks, False)
    if speaks:
        assert app.has_diffs is diffs


@pytest.mark.parametrize("prefix", ["//evil.test", "/a/../b?", "http://evil.test", 7, "/a b", "/x#y"])
def test_a_strange_prefix_is_not_used(prefix: object) -> None:
    assert parse_app({"dependencies": [], "api_prefix": prefix}).prefix == ""


@pytest.mark.parametrize("config", [None, [], "x", {}, {"dependencies": {}}])
def test_what_is_no_configuration_is_a_protocol_error(config: object) -> None:
    with pytest.raises(Protocol):
        parse_app(config)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda child: (
        st.lists(child, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "inputs", "outputs", "api_name", "type", "props", "value", "parameters", "/a", "x"]),
            child,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.lists(JSON, max_size=3), JSON, JSON)
def test_any_description_gives_an_app(dependencies: list[object], components: object, info: object) -> None:
    config = {"dependencies": dependencies, "components": components, "version": "x"}
    app = parse_app(config, {"named_endpoints": info})
    for endpoint in app.endpoints:
        try:
            assert len(arguments(endpoint, {})) == len(endpoint.slots)
        except Changed:
            # An input without a name is given by its label, or by a value of its own; one may have neither.
            assert any(slot.required or (slot.name is None and slot.default is None) for slot in endpoint.slots)


def test_an_input_tells_what_of_its_shape_the_app_says() -> None:
    schemas = {"several": {"multiselect": True}, "files": {"file_count": "multiple"}, "pairs": {"type": "tuples"}}
    components = [{"id": n, "type": "x", "props": props} for n, props in enumerate(schemas.values())]
    components.append({"id": 3, "type": "photo", "props": {}, "api_info": {"title": "ImageData"}})
    components.append({"id": 4, "type": "editor", "props": {"label": "E"}, "api_info": {"title": "EditorData"}})
    functions = [{"inputs": [0, 1, 2, 3, 4], "outputs": [4, 9], "api_name": "a"}]
    (endpoint,) = parse_app({"version": "6.0.0", "components": components, "dependencies": functions}).endpoints
    assert [slot.several for slot in endpoint.slots] == [True, True, False, False, False]
    assert [slot.in_pairs for slot in endpoint.slots] == [False, False, True, False, False]
    assert [slot.takes_file for slot in endpoint.slots] == [False, False, False, True, False]
    assert endpoint.outputs == (Output("editor", "E"), Output())
