"""Three sources of drivers, one shape."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from providers import config_file, registry
from providers.config import ConfigError
from providers.registry import GROUP, BrokenDriver, DuplicateName

BUILT_IN = {
    "blackforestlabs-flux1-schnell",
    "blackforestlabs-flux1-dev",
    "voodoohop-flux1-schnell",
    "deepseekai-janus-pro-7b",
    "g4f-flux1-dev",
    "g4f",
    "echo",
}


def plugin(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def test_the_built_in_providers_have_their_fixed_names() -> None:
    known = registry.drivers([])
    assert set(registry.providers(known, {})) == BUILT_IN
    assert set(known) == {*BUILT_IN, "space"}
    assert all(entry.builtin and entry.origin.startswith("providers/drivers/") for entry in known.values())


def test_listing_imports_no_driver_and_no_network_library() -> None:
    code = (
        "import sys; from providers.catalog import Catalog; print(len(Catalog.load(installed=[]).names()));"
        "print([name for name in sys.modules if name.startswith(('providers.drivers.', 'requests', 'PIL'))])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split("\n")[:2] == ["7", "[]"]


def test_packages_and_tables_join_in() -> None:
    known = registry.drivers([plugin("acme", "providers.drivers.echo:driver")])
    tables = config_file.parse('[providers.mine]\ndriver = "acme"\n[providers.echo]\nenabled = false').providers
    found = registry.providers(known, tables)
    assert {"acme", "mine", "echo"} <= set(found)
    assert not found["acme"].builtin
    assert found["mine"].origin == "providers.toml: [providers.mine]"
    assert found["mine"].driver == found["acme"].driver


def test_a_name_that_is_there_twice_says_where_both_come_from() -> None:
    with pytest.raises(DuplicateName) as caught:
        registry.drivers([plugin("echo", "acme:driver")])
    assert "providers/drivers/echo.py" in str(caught.value)
    assert "entry point acme:driver" in str(caught.value)
    tables = config_file.parse('[providers.g4f]\ndriver = "space"', source="f.toml").providers
    with pytest.raises(DuplicateName) as caught:
        registry.providers(registry.drivers([]), tables)
    assert "providers/drivers/g4f.py" in str(caught.value)
    assert "f.toml: [providers.g4f]" in str(caught.value)


def test_a_table_must_name_a_provider_or_a_driver() -> None:
    known = registry.drivers([])
    with pytest.raises(ConfigError, match="there is no provider 'ecko'"):
        registry.providers(known, config_file.parse("[providers.ecko]").providers)
    with pytest.raises(ConfigError, match="there is no driver 'spaec'"):
        registry.providers(known, config_file.parse('[providers.x]\ndriver = "spaec"').providers)


@pytest.mark.parametrize("value", ["no_such_module:driver", "providers.drivers.echo:nope", "providers.base:Control.x"])
def test_a_driver_that_cannot_be_imported_is_named(value: str) -> None:
    entry = registry.drivers([plugin("acme", value)])["acme"]
    with pytest.raises(BrokenDriver, match=r"acme \(an installed package, entry point"):
        entry.factory()
