"""Who serves which model, in which order."""

from __future__ import annotations

import sys
import threading
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from providers import config_file
from providers.catalog import Catalog
from providers.config import ConfigError
from providers.errors import UnknownName
from providers.inputs.validate import InvalidInput
from providers.registry import GROUP, BrokenDriver
from providers.testing import ScriptedDriver
from tests.support.pages import ROOT, blocks

SCHNELL = ("blackforestlabs-flux1-schnell", "voodoohop-flux1-schnell", "g4f")
DEV = ("blackforestlabs-flux1-dev", "g4f-flux1-dev")
MINE = """
[providers.mine]
driver = "space"
url = "http://127.0.0.1:1"
api_name = "/paint"
models = ["mine", "flux-schnell"]
"""


def catalog(toml: str = "", installed: list[EntryPoint] | None = None) -> Catalog:
    return Catalog.of(config_file.parse(toml, source="f.toml"), installed=installed or [])


@pytest.mark.parametrize(
    ("model", "route"),
    [
        ("flux-schnell", SCHNELL),
        ("flux-dev", DEV),
        ("flux", (*SCHNELL, *DEV)),
        ("janus-pro-7b", ("deepseekai-janus-pro-7b", "g4f")),
        ("janus-pro-7b-image", ("deepseekai-janus-pro-7b", "g4f")),
        ("deepseekai", ("deepseekai-janus-pro-7b",)),
        ("black-forest-labs-flux-1-schnell", ("blackforestlabs-flux1-schnell",)),
        ("black-forest-labs-flux-1-dev", DEV),
        ("voodoohop-flux-1-schnell", ("voodoohop-flux1-schnell",)),
        ("echo", ("echo",)),
    ],
)
def test_the_default_orders(model: str, route: tuple[str, ...]) -> None:
    assert catalog().choose(model).providers == route


def test_a_named_provider_is_the_only_one() -> None:
    assert catalog().choose("flux-dev", "g4f").providers == ("g4f",)


def test_providers_of_the_operators_come_after_the_built_in_ones() -> None:
    assert catalog(MINE).choose("flux-schnell").providers == (*SCHNELL, "mine")
    assert catalog(MINE).choose("mine").providers == ("mine",)
    assert catalog(MINE).choose("flux").providers == (*SCHNELL, *DEV)


def test_the_operator_can_say_another_order() -> None:
    found = catalog(MINE + '[models.flux-schnell]\nproviders = ["mine", "g4f"]')
    assert found.choose("flux-schnell").providers == ("mine", "g4f")
    assert found.choose("flux").providers == ("g4f", *DEV)


def test_providers_that_are_off_are_passed_over() -> None:
    found = catalog("[providers.blackforestlabs-flux1-schnell]\nenabled = false\n[providers.g4f]\nworking = false")
    assert found.choose("flux-schnell").providers == ("voodoohop-flux1-schnell",)
    assert found.choose("flux-schnell", "g4f").providers == ("g4f",)
    assert found.choose("flux-schnell", "blackforestlabs-flux1-schnell").providers == ()
    assert {spec.name for spec in found.specs()} >= set(SCHNELL)


def test_unknown_names_are_told_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean flux-dev"):
        catalog().choose("flux_dev")
    with pytest.raises(UnknownName, match="there is no provider 'nope'"):
        catalog().choose("flux-dev", "nope")
    with pytest.raises(UnknownName, match="g4f does not serve 'echo'"):
        catalog().choose("echo", "g4f")
    with pytest.raises(UnknownName) as caught:
        catalog().choose("m" * 10_000)
    assert len(str(caught.value)) < 300


def test_models_lists_every_name_that_can_be_asked_for() -> None:
    models = {model.name: model for model in catalog().models()}
    assert {"flux", "flux-schnell", "flux-dev", "janus-pro-7b", "janus-pro-7b-image", "echo"} <= set(models)
    assert models["flux-dev"].providers == DEV
    assert models["flux"].spec.name == "black-forest-labs-flux-1-schnell"
    off = catalog("[providers.echo]\nenabled = false").models()
    assert "echo" not in {model.name for model in off}


def test_a_request_goes_to_the_providers_that_take_it() -> None:
    found = catalog()
    assert found.choose("flux").admit({"prompt": "x"}).providers == (*SCHNELL, *DEV)
    with_guidance = found.choose("flux").admit({"prompt": "x", "guidance_scale": 5})
    assert with_guidance.providers == ("g4f", *DEV)
    assert with_guidance.inputs["g4f"]["num_inference_steps"] == 28
    with pytest.raises(InvalidInput) as caught:
        found.choose("flux").admit({"prompt": "x", "nope": 1})
    assert [fault.pointer for fault in caught.value.faults] == ["/nope"]


def test_a_request_for_what_is_off_is_admitted_to_nobody() -> None:
    admitted = catalog("[providers.echo]\nenabled = false").choose("echo").admit({})
    assert admitted.inputs == {}


def test_a_driver_is_built_once_by_any_number_of_threads() -> None:
    found = catalog()
    built: list[object] = []
    start = threading.Barrier(8)

    def build() -> None:
        start.wait()
        built.append(found.driver("echo"))

    threads = [threading.Thread(target=build) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 8
    assert len({id(driver) for driver in built}) == 1


def test_a_broken_package_takes_nobody_down_and_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    found = catalog(installed=[EntryPoint("acme", "no_such_module:driver", GROUP)])
    assert "acme" in found.names()
    assert found.choose("echo").providers == ("echo",)
    assert "acme" not in {spec.name for spec in found.specs()}
    assert list(found.broken()) == ["acme"]
    assert "no_such_module" in found.broken()["acme"]
    with pytest.raises(BrokenDriver):
        found.driver("acme")
    with pytest.raises(UnknownName, match="broken"):
        found.choose("echo", "acme")
    assert len([record for record in caplog.records if "acme" in record.message]) == 1


class Failing:
    """A driver of somebody else's that cannot be built."""

    def __init__(self, _: object) -> None:
        raise RuntimeError("no licence")


def build_scripted(_: object) -> ScriptedDriver:
    """A driver of somebody else's that can."""
    return ScriptedDriver([], name="acme", model="acme-1")


def test_a_package_whose_driver_cannot_be_built_is_reported_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "acme", sys.modules[__name__])
    found = catalog(
        installed=[EntryPoint("bad", "acme:Failing", GROUP), EntryPoint("acme", "acme:build_scripted", GROUP)]
    )
    assert "no licence" in found.broken()["bad"]
    assert found.choose("acme-1").providers == ("acme",)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('[models.flux-dev]\nproviders = ["nope"]', ["f.toml", "[models.flux-dev]", "nope"]),
        ('[models.flux-dev]\nproviders = ["echo"]', ["f.toml", "[models.flux-dev]", "echo does not serve"]),
        ('[providers.g4f]\nflux_url = "x"', ["f.toml", "[providers.g4f]", "flux_url", "http"]),
        ("[providers.g4f]\nflux_ulr = 1", ["[providers.g4f]", "flux_ulr", "flux_url"]),
        ("[providers.echo]\nnope = 1", ["[providers.echo]", "nope"]),
        ("[providers.g4f]\nlimits = { raed = 1 }", ["[providers.g4f]", "limits", "raed", "read"]),
        ('[providers.x]\ndriver = "space"', ["[providers.x]", "api_name", "models"]),
    ],
)
def test_mistakes_show_at_the_start(toml: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        catalog(toml)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_the_example_file_is_right(tmp_path: Path) -> None:
    example = Path(__file__).parents[3] / "providers.example.toml"
    assert Catalog.load(example, installed=[]).specs()
    lines = [
        line.removeprefix("# ")
        for line in example.read_text().splitlines()
        if line.startswith(("# [", "# ")) and ("=" in line or line.startswith("# ["))
    ]
    (tmp_path / "all.toml").write_text("\n".join(lines))
    assert Catalog.load(tmp_path / "all.toml", installed=[]).specs()


@pytest.mark.parametrize("page", ["tutorial.md", "how-to/configure.md"])
def test_the_configuration_on_a_page_is_right(page: str, tmp_path: Path) -> None:
    for toml in blocks(ROOT / "docs" / page, "toml"):
        (tmp_path / "page.toml").write_text(toml)
        assert Catalog.load(tmp_path / "page.toml", installed=[]).specs()


def test_spaces_are_told_from_apps_of_ones_own() -> None:
    found = {spec.name: spec.on_hub for spec in catalog(MINE).specs()}
    assert found["voodoohop-flux1-schnell"], "by its address"
    assert found["blackforestlabs-flux1-dev"], "by its Space"
    assert not found["mine"]
    assert not found["echo"]
    lan = catalog('[providers.voodoohop-flux1-schnell]\nurl = "http://gpu.lan:7860"')
    assert not lan.spec("voodoohop-flux1-schnell").on_hub


def test_built_in_providers_are_asked_by_their_rank() -> None:
    found = catalog()
    ranks = {name: model.rank for name, model in found.choose("flux-schnell").models.items()}
    assert list(ranks) == sorted(ranks, key=lambda name: (ranks[name] or 0, name))
    assert "g4f" not in found.choose("flux-dev").providers, "it has no rank"
    assert found.choose("flux-dev", "g4f").models["g4f"].rank is None


def test_a_name_that_is_unknown_is_told_by_its_field() -> None:
    for names, field in ((("nope",), "model"), (("nope", "g4f"), "model"), (("echo", "nope"), "provider")):
        with pytest.raises(UnknownName) as caught:
            catalog().choose(*names)
        assert caught.value.field == field
