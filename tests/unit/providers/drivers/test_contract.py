"""What every driver must hold to, whoever wrote it."""

from __future__ import annotations

import pytest

from providers import config_file
from providers.base import Control, Driver
from providers.catalog import Catalog
from providers.config import ProviderConfig
from providers.errors import ProviderError
from providers.gradio.driver import Call, GradioDriver, same_names
from providers.inputs.normalise import normalise
from providers.inputs.validate import validate
from providers.params import MESSAGES, PROMPT
from providers.registry import load
from providers.spec import Credentials, ModelSpec, Param, ProviderRequest, ProviderSpec

#: Nobody listens there.
NOWHERE = "http://127.0.0.1:9"
TOML = "\n".join(
    [
        *(
            f'[providers.{name}]\nurl = "{NOWHERE}"'
            for name in (
                "blackforestlabs-flux1-schnell",
                "blackforestlabs-flux1-dev",
                "voodoohop-flux1-schnell",
                "deepseekai-janus-pro-7b",
                "g4f-flux1-dev",
            )
        ),
        f'[providers.g4f]\nurl = "{NOWHERE}"\nflux_url = "{NOWHERE}"',
        f'[providers.declared]\ndriver = "space"\nurl = "{NOWHERE}"\napi_name = "/infer"\nmodels = ["declared"]',
    ]
)
CATALOG = Catalog.of(config_file.parse(TOML), installed=[])
DRIVERS = [CATALOG.driver(name) for name in CATALOG.names()]
MODELS = [(driver, model) for driver in DRIVERS for model in driver.spec.models]

each_driver = pytest.mark.parametrize("driver", DRIVERS, ids=lambda driver: driver.spec.name)
each_model = pytest.mark.parametrize(
    ("driver", "model"), MODELS, ids=[f"{driver.spec.name}-{model.name}" for driver, model in MODELS]
)


def request(model: ModelSpec) -> ProviderRequest:
    return ProviderRequest(
        model=model.name,
        input=normalise(model, {"prompt": "a red fox"}),
        credentials=Credentials(api_key="s3cret", hf_token="hf_s3cret", cookies="c=s3cret"),
    )


@each_driver
def test_a_spec_is_whole(driver: Driver) -> None:
    spec = driver.spec
    assert spec.name in CATALOG.names()
    assert spec.label
    assert spec.models
    assert spec.timeout_seconds > 0
    assert spec.model(spec.default_model)
    if spec.default_image_model is not None:
        assert spec.default_image_model in spec.image_models
    names = [name for model in spec.models for name in model.names]
    assert len(set(names)) == len(names)


@each_model
def test_parameters_are_declared_once_and_their_defaults_are_allowed(driver: Driver, model: ModelSpec) -> None:
    del driver
    names = [param.name for param in model.params]
    assert len(set(names)) == len(names)
    given = {param.name: param.default for param in model.params if param.default is not None}
    assert validate(model, {"prompt": "a", **given}) == []


@each_model
def test_a_prompt_alone_is_enough(driver: Driver, model: ModelSpec) -> None:
    del driver
    assert validate(model, {"prompt": "a"}) == []
    assert validate(model, normalise(model, {"prompt": "a"})) == []


@each_driver
def test_building_one_asks_nobody(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object) -> None:
        raise AssertionError("a driver opened a socket while it was built")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    name = driver.spec.name
    if name != "declared":
        load(name)(config_file.parse(TOML).providers.get(name) or ProviderConfig(name=name))


@each_model
def test_a_run_is_lazy_and_ends_with_a_typed_error_where_nobody_answers(driver: Driver, model: ModelSpec) -> None:
    events = driver.run(request(model), None, Control(20.0))
    if driver.spec.name == "echo":
        return
    with pytest.raises(ProviderError) as caught:
        list(events)
    assert caught.value.retryable
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"


@each_model
def test_a_canceled_attempt_ends_at_once(driver: Driver, model: ModelSpec) -> None:
    control = Control(20.0)
    control.cancel("enough")
    with pytest.raises(ProviderError, match="enough"):
        list(driver.run(request(model), None, control))


@each_model
@pytest.mark.parametrize("state", [{}, {"phase": "posting"}, {"phase": "done", "outputs": []}, {"phase": 1}, {"x": []}])
def test_abandoning_never_raises(driver: Driver, model: ModelSpec, state: dict[str, object]) -> None:
    driver.abandon(state, request(model))


def test_a_parameter_that_the_app_would_never_get_is_refused_when_the_driver_is_built() -> None:
    params = (PROMPT, MESSAGES, Param(name="style"), Param(name="tone"))
    model = ModelSpec(name="m", params=params)
    spec = ProviderSpec(name="p", label="p", url=NOWHERE, models=(model,))
    table = ProviderConfig(name="p", url=NOWHERE)
    with pytest.raises(ValueError, match="m declares style, tone, but /infer"):
        GradioDriver(table, spec, {"m": Call(api_name="/infer", arguments=same_names("prompt"))})
    whole = Call(api_name="/infer", arguments=same_names("prompt", "style"), consumes=frozenset({"tone"}))
    assert GradioDriver(table, spec, {"m": whole}).spec.models == (model,)
