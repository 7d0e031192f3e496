"""What stands before an app: logins, redirects, limits of time. A real app behind ``tests/spaces/front.py``."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.stack.redis_server import free_port
from providers.base import Control
from providers.catalog import Catalog
from providers.errors import Changed, Crashed, Denied, ProviderError, Unreachable
from providers.events import Checkpoint
from providers.spec import ProviderRequest
from tests.spaces import launcher
from tests.spaces.hub import HubStandIn
from tests.spaces.launcher import Space, Spaces
from tests.support.driver_attempts import Attempt, attempt_on
from tests.support.eventually import eventually

pytestmark = pytest.mark.live

NEWEST = "6"


@pytest.fixture(scope="module")
def app(spaces: Spaces) -> Space:
    return spaces.get(NEWEST, "silent.py")


@pytest.fixture(scope="module")
def front(app: Space) -> Iterator[Callable[..., str]]:
    """The address of a front before the app, by what it does."""
    running: dict[str, tuple[subprocess.Popen[bytes], str]] = {}

    def start(mode: str, **environ: str) -> str:
        if mode not in running:
            port = free_port()
            command = [sys.executable, str(Path(launcher.FOLDER) / "front.py"), mode, app.url, str(port)]
            running[mode] = subprocess.Popen(command, env={**os.environ, **environ}), f"http://127.0.0.1:{port}"
            eventually(lambda: listens(port), within=20)
        return running[mode][1]

    yield start
    for process, _ in running.values():
        process.kill()
        process.wait()


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def declared(url: str, more: str = "", hub: str = "") -> Attempt:
    return attempt_on(
        f'[providers.mine]\ndriver = "space"\n{url}\napi_name = "/slow"\nmodels = ["mine"]\n'
        f'parameters = {{ prompt = "", seconds = 0.1 }}\n{more}\n',
        hub,
    )


def run(attempt: Attempt, prompt: str = "a fox", **given: object) -> int:
    return len(attempt("mine", "mine", {"prompt": prompt, **given}).files)


@pytest.mark.parametrize("key", ['basic = ["me", "secret"]', 'login = ["me", "secret"]'])
def test_http_basic_is_known_by_its_name_or_by_what_the_server_asks_for(front: Callable[..., str], key: str) -> None:
    assert run(declared(f'url = "{front("basic")}"', key)) == 1


def test_which_login_is_missing_is_said(front: Callable[..., str]) -> None:
    for more in ("", 'login = ["me", "wrong"]', 'basic = ["me", "wrong"]'):
        with pytest.raises(Denied, match=r"HTTP Basic.*basic"):
            run(declared(f'url = "{front("basic")}"', more))


@pytest.mark.parametrize(
    "key",
    ['token = "hf_good"', 'token = { env = "TOKEN_OF_A_TEST" }', 'headers = { Authorization = "Bearer hf_good" }'],
)
def test_an_operators_token_opens_a_private_app(
    front: Callable[..., str], key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_OF_A_TEST", "hf_good")
    assert run(declared(f'url = "{front("private")}"', key)) == 1
    with pytest.raises(Unreachable):
        run(declared(f'url = "{front("private")}"'))


def test_where_an_app_has_moved_to_is_said_and_is_for_good(front: Callable[..., str], app: Space) -> None:
    with pytest.raises(Changed, match=f"has moved to {app.url}/config"):
        run(declared(f'url = "{front("moved")}"'))


def test_the_apps_own_word_is_in_the_text(front: Callable[..., str]) -> None:
    with pytest.raises(Unreachable, match=r"status 503: Queue is stopped\."):
        run(declared(f'url = "{front("stopped")}"'))


_IN_STEPS = """
[providers.mine]
driver = "space"
url = "{url}"
models = ["mine"]
parameters = {{ prompt = "", seconds = 0.1 }}
[[providers.mine.steps]]
api_name = "/slow"
arguments = {{ prompt = "prompt", seconds = "seconds" }}
"""


@pytest.mark.parametrize("prompt", ["cut", "cut in a step"])
def test_a_front_that_ends_each_answer_costs_two_runs_and_says_so(
    front: Callable[..., str], app: Space, prompt: str
) -> None:
    url = front("limit", LIMIT="2.5")
    attempt = declared(f'url = "{url}"') if prompt == "cut" else attempt_on(_IN_STEPS.format(url=url))
    state: dict[str, object] | None = None
    errors: list[ProviderError] = []
    for _ in range(2):
        found: list[Checkpoint] = []
        errors.append(_ended(attempt.catalog, {"prompt": prompt, "seconds": 6.0}, state, found))
        state = dict(found[-1].state)
    assert [type(error) for error in errors] == [Unreachable, Crashed]
    assert "cut after" in errors[1].detail
    assert "server in front" in errors[1].detail
    assert run(declared(f'url = "{front("limit")}"'), "short") == 1
    assert app.output.read_text(errors="replace").splitlines().count(f"start {prompt}") == 2


def _ended(
    catalog: Catalog, given: dict[str, object], state: dict[str, object] | None, found: list[Checkpoint]
) -> ProviderError:
    """How an attempt ended; its checkpoints are added to ``found``."""
    request = ProviderRequest(model="mine", input=catalog.choose("mine", "mine").admit(given).inputs["mine"])
    events = catalog.driver("mine").run(request, state, Control(30))
    with pytest.raises(ProviderError) as caught:
        found.extend(happened for happened in events if isinstance(happened, Checkpoint))
    return caught.value


class TestASpaceByItsName:
    def test_the_hub_says_where_it_is(self, app: Space, hub: HubStandIn) -> None:
        hub.hosts["me/painter"] = app.url
        for name in ("me/painter", f"{hub.url}/spaces/me/painter"):
            attempt = declared(f'space = "{name}"', hub=hub.url)
            assert [run(attempt) for _ in range(2)] == [1, 1]
        assert hub.paths() == ["/api/spaces/me/painter"] * 2

    def test_a_new_name_is_followed_and_told_once(
        self, app: Space, hub: HubStandIn, caplog: pytest.LogCaptureFixture
    ) -> None:
        hub.hosts["me/new"], hub.renamed["me/old"] = app.url, "me/new"
        attempt = declared('space = "me/old"', hub=hub.url)
        assert [run(attempt) for _ in range(2)] == [1, 1]
        assert caplog.text.count("the Space me/old has a new name: write me/new") == 1

    def test_a_private_one_needs_the_operators_token(self, hub: HubStandIn, front: Callable[..., str]) -> None:
        hub.hosts["me/secret"], hub.private["me/secret"] = front("private"), "hf_good"
        assert run(declared('space = "me/secret"', 'token = "hf_good"', hub=hub.url)) == 1
        with pytest.raises(Denied, match=r"no Space me/secret.*private.*token"):
            run(declared('space = "me/secret"', hub=hub.url))

    @pytest.mark.parametrize(("url", "words"), [("", "needs url"), ("http://127.0.0.1:9", "the Hub does not answer")])
    def test_without_the_hub_nothing_is_guessed(self, url: str, words: str) -> None:
        with pytest.raises(Unreachable, match=words):
            run(declared('space = "me/painter"', hub=url))

    def test_an_app_that_does_not_answer_is_looked_up_again(self, app: Space, hub: HubStandIn) -> None:
        hub.hosts["me/painter"] = "http://127.0.0.1:9"
        attempt = declared('space = "me/painter"', hub=hub.url)
        with pytest.raises(Unreachable):
            run(attempt)
        hub.hosts["me/painter"] = app.url
        assert run(attempt) == 1
