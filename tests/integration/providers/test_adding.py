"""``darkroom providers add`` and ``check`` on real apps: a working model without editing, and what has drifted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from providers import config_file
from providers.base import Control
from providers.catalog import Catalog
from providers.discovery.check import check
from providers.events import Completed
from tests.spaces.hub import HubStandIn
from tests.spaces.launcher import Spaces
from tests.support.driver_attempts import Attempt, attempt_on

pytestmark = pytest.mark.live

NEWEST = "6"
#: The app, what is asked for with ``add``, and the function that must be chosen.
APPS: dict[str, tuple[str, tuple[str, ...], str | None, dict[str, object]]] = {
    "flux_schnell": ("flux_schnell.py", (), "/infer", {"prompt": "a fox", "width": 64, "height": 64}),
    "janus": ("janus.py", (), "/generate_image", {"prompt": "a fox"}),
    "unnamed": ("unnamed.py", ("--function", "/infer"), "/infer", {"prompt": "a fox", "width": 64, "height": 64}),
    "flux_dev": ("flux_dev.py", (), None, {"prompt": "a fox", "width": 64, "height": 64, "num_inference_steps": 1}),
    "shapes": ("shapes.py", (), None, {"prompt": "a fox"}),
    "seeds": ("shapes.py", ("--function", "seconds_then_seed"), "/seconds_then_seed", {"prompt": "a fox"}),
    "table": ("shapes.py", ("--function", "/table"), "/table", {"prompt": "a fox"}),
    "chat": ("shapes.py", ("--function", "/chat"), "/chat", {"prompt": "a fox"}),
    "silent": ("silent.py", (), "/slow", {"prompt": "a fox", "seconds": 0.1}),
    "series": ("filters.py", ("--function", "/series"), "/series", {"prompt": "a fox"}),
    "defaults": ("generic.py", ("--function", "/defaults"), "/defaults", {"prompt": "a fox"}),
    "releases": ("releases.py", (), "/infer", {"prompt": "a fox"}),
    "ask": ("inputs.py", ("--function", "/ask"), "/ask", {"prompt": "a fox"}),
    "inpaint": ("inputs.py", ("--function", "/inpaint"), "/inpaint", {"prompt": "a fox"}),
    "styled": ("inputs.py", ("--function", "/styled"), "/styled", {"prompt": "a fox"}),
}
EACH_RUN = ("flux_schnell", "janus")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DARKROOM_HUB_URL", "")
    monkeypatch.delenv("DARKROOM_CONFIG", raising=False)
    return tmp_path / "providers.toml"


def darkroom(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["providers", *words], catch_exceptions=False)
    return result.exit_code, result.output


def attempt(path: Path, hub_url: str = "") -> Attempt:
    return Attempt(Catalog.load(path, hub_url=hub_url, installed=[]))


@pytest.mark.parametrize(
    "name", [name if name in EACH_RUN else pytest.param(name, marks=pytest.mark.soak) for name in APPS]
)
def test_an_app_is_a_working_model_within_seconds(spaces: Spaces, path: Path, name: str) -> None:
    app, words, function, given = APPS[name]
    space = spaces.get(NEWEST, app)
    begun = time.monotonic()
    status, output = darkroom("add", space.url, "--name", "mine", *words)
    assert status == 0, output
    assert time.monotonic() - begun < 10
    if function is not None:
        assert f'api_name = "{function}"' in output
    outcome = attempt(path)("mine", "mine", given)
    (completed,) = outcome.of(Completed)
    assert completed.outputs
    if name == "chat":
        assert outcome.texts == ["an answer to a fox"]
    assert darkroom("check")[0] == 0


def test_it_can_be_tried_first_and_nothing_is_lost_or_doubled(spaces: Spaces, path: Path) -> None:
    space = spaces.get(NEWEST, "silent.py")
    path.write_text("# my own words\n[models.echo] # more\nproviders = ['echo']\n")
    status, output = darkroom("add", space.url, "--name", "slow", "--try", "a lighthouse", "--dry-run")
    assert status == 0, output
    assert "It answered in" in output
    assert path.read_text().startswith("# my own words")
    assert "slow" not in path.read_text()
    path.chmod(0o640)
    assert darkroom("add", space.url, "--name", "slow", "--set", "concurrency=2")[0] == 0
    assert path.read_text().startswith("# my own words\n[models.echo] # more\n")
    assert path.stat().st_mode & 0o777 == 0o640
    assert config_file.load(path).providers["slow"].concurrency == 2
    before = path.read_text()
    status, output = darkroom("add", space.url, "--name", "slow")
    assert status == 1
    assert "already" in output
    assert darkroom("add", space.url, "--name", "other", "--function", "/nope")[0] == 1
    assert darkroom("add", "http://127.0.0.1:9", "--name", "other")[0] == 1
    assert darkroom("add", "nothing", "--name", "other")[0] == 1
    assert path.read_text() == before
    # Without a name it is the app's, with a number where that is taken.
    assert darkroom("add", space.url)[0] == 0
    assert darkroom("add", space.url)[0] == 0
    assert set(config_file.load(path).providers) == {"slow", "slow-2", "slow-3"}


def test_a_space_is_added_by_its_name(
    spaces: Spaces, path: Path, hub: HubStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKROOM_HUB_URL", hub.url)
    hub.hosts["me/Slow-One"], hub.hardware = spaces.get(NEWEST, "silent.py").url, "zero-a10g"
    status, output = darkroom("add", f"{hub.url}/spaces/me/Slow-One", "--set", 'token="hf_mine0123456789abcdef"')
    assert status == 0, output
    # What was given on the command line is written, and not printed.
    assert "hf_mine" not in output
    table = config_file.load(path).providers["slow-one"]
    assert (table.space, table.url, table.token) == ("me/Slow-One", None, "hf_mine0123456789abcdef")
    assert table.options["zerogpu"] is True
    outcome = attempt(path, hub.url)("slow-one", "slow-one", {"prompt": "a fox", "seconds": 0.1})
    assert len(outcome.files) == 1
    assert hub.asked[0].headers["authorization"] == "Bearer hf_mine0123456789abcdef"


def test_a_space_that_sleeps_is_said_to(path: Path, hub: HubStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_HUB_URL", hub.url)
    hub.hosts["me/painter"], hub.stages["me/painter"] = "http://127.0.0.1:9", "SLEEPING"
    status, output = darkroom("add", "me/painter")
    assert status == 1
    assert "the Space me/painter is asleep" in output
    status, output = darkroom("add", "me/nobody")
    assert status == 1
    assert "names no address of the Space me/nobody" in " ".join(output.split())
    assert not path.exists()


def test_what_has_drifted_is_told(spaces: Spaces, path: Path) -> None:
    space = spaces.get(NEWEST, "flux_schnell.py")
    assert darkroom("add", space.url, "--name", "mine")[0] == 0
    right = path.read_text()
    wrong = {
        "a parameter": ("num_inference_steps =", "steps =", "no longer has the parameter 'steps'; it may be 'num_inference_steps'"),
        "a range": ("maximum = 50", "maximum = 80", "num_inference_steps of /infer ends at 50 now, and 80 is declared"),
        "a function": ('"/infer"', '"/inference"', "the function /inference is gone; it may be '/infer'"),
    }  # fmt: skip
    for old, new, words in wrong.values():
        path.write_text(right.replace(old, new))
        status, output = darkroom("check", "mine")
        assert status == 1
        assert words in " ".join(output.split()), output
    path.write_text(right.replace(space.url, "http://127.0.0.1:9"))
    status, output = darkroom("check", "--json")
    assert status == 1
    assert '"failure": "no connection to the app"' in output


def test_a_renamed_parameter_is_told_by_check_and_by_the_probe(spaces: Spaces, path: Path) -> None:
    before, after = spaces.get(NEWEST, "flux_schnell.py"), spaces.get(NEWEST, "flux_schnell.py", SPACE_RENAMED="1")
    assert darkroom("add", before.url, "--name", "mine")[0] == 0
    path.write_text(path.read_text().replace(before.url, after.url))
    status, output = darkroom("check")
    assert status == 1
    assert "no longer has the parameter 'prompt'; it may be 'text' now" in " ".join(output.split())
    probe = attempt(path).catalog.driver("mine").probe(Control(20))
    assert probe is not None
    assert "no longer has the parameter 'prompt'" in str(probe.change)


def test_the_built_in_providers_fit_the_apps_they_were_made_for(spaces: Spaces) -> None:
    space = spaces.get(NEWEST, "flux_schnell.py")
    catalog = attempt_on(f'[providers.blackforestlabs-flux1-schnell]\nurl = "{space.url}"\nspace = ""\n').catalog
    assert check(catalog, "blackforestlabs-flux1-schnell", Control(20)).fits
