"""What an app says about itself: an answer that is lost is asked for again, and never changes how the app is spoken to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from providers.base import Control
from providers.errors import Changed, ProviderError, Unreachable
from providers.gradio.app_info import AppAddress
from providers.gradio.client import GradioApp
from providers.gradio.session import CallResult
from tests.support.hostile_app import CONFIG, INFO, Handler, HostileApp, Request, Wire, hostile_app

INFO_PATH, ID_PATH, CALL_PATH = "/gradio_api/info", "/gradio_api/app_id", "/gradio_api/call/infer"


@pytest.fixture
def app() -> Iterator[HostileApp]:
    with hostile_app() as server:
        yield server


def call(server: HostileApp) -> object:
    with GradioApp(AppAddress(base_url=server.url), control=Control(30)) as client:
        (*_, last) = client.call("/infer", {"prompt": "x"})
        return last


def cut(wire: Wire, _: Request) -> None:
    wire.head(Content_Type="application/json", Content_Length="1000")
    wire.send(b'{"named')
    wire.sock.shutdown(2)


def hung_up(wire: Wire, _: Request) -> None:
    wire.sock.shutdown(2)


def failed(status: str) -> Handler:
    return lambda wire, _: wire.answer(b"Internal Server Error", status=status, content_type="text/plain")


FAULTS = pytest.mark.parametrize("fault", [cut, hung_up, failed("500 Oops"), failed("502 Bad"), failed("503 Away")])


@FAULTS
@pytest.mark.parametrize("path", ["/config", INFO_PATH])
def test_one_lost_answer_changes_nothing(app: HostileApp, fault: Handler, path: str) -> None:
    def once(wire: Wire, request: Request) -> None:
        app.routes[f"GET {path}"] = lambda wire, _: wire.answer(CONFIG if path == "/config" else INFO)
        fault(wire, request)

    app.routes[f"GET {path}"] = once
    assert call(app) == CallResult(("done",))
    assert len(app.asked(path)) == 2
    assert b'"data": ["x"]' in app.asked(CALL_PATH)[0].body


@pytest.mark.parametrize(
    ("fault", "kind"), [(cut, Unreachable), (failed("503 Away"), Unreachable), (failed("500 Oops"), Changed)]
)
def test_nothing_runs_without_the_names(app: HostileApp, fault: Handler, kind: type[ProviderError]) -> None:
    app.routes[f"GET {INFO_PATH}"] = fault
    with pytest.raises(kind):
        call(app)
    # Asked three times. Before it is said that an app has changed, all is asked once more.
    assert len(app.asked(INFO_PATH)) == (6 if kind is Changed else 3)
    assert app.asked(CALL_PATH) == []


def test_a_missing_page_is_not_asked_for_again(app: HostileApp) -> None:
    app.routes["GET /config"] = failed("404 Not Found")
    with pytest.raises(Unreachable):
        call(app)
    assert len(app.asked("/config")) == 1


def test_another_start_of_the_app_is_read_anew(app: HostileApp) -> None:
    call(app)
    app.routes[f"GET {ID_PATH}"] = lambda wire, _: wire.answer({"app_id": 8})
    moved = {**CONFIG, "app_id": 8, "dependencies": [{"id": 5, "api_name": "infer", "inputs": [], "outputs": [1]}]}
    app.routes["GET /config"] = lambda wire, _: wire.answer(moved)
    app.routes[f"GET {INFO_PATH}"] = lambda wire, _: wire.answer({"named_endpoints": {}})
    with pytest.raises(Changed, match="no longer has the parameter 'prompt'"):
        call(app)
    assert len(app.asked(CALL_PATH)) == 1


@pytest.mark.parametrize("fault", [cut, failed("404 Not Found"), lambda wire, _: wire.answer({"app_id": "7"})])
def test_an_app_that_does_not_say_which_start_it_is_is_read_anew(app: HostileApp, fault: Handler) -> None:
    app.routes[f"GET {ID_PATH}"] = fault
    assert [call(app), call(app)] == [CallResult(("done",))] * 2
    assert len(app.asked("/config")) == 2


def test_calls_at_the_same_time_ask_for_the_start_together(app: HostileApp) -> None:
    call(app)

    def slow(wire: Wire, _: Request) -> None:
        time.sleep(0.3)
        wire.answer({"app_id": 7})

    app.routes[f"GET {ID_PATH}"] = slow
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(lambda _: call(app), range(12))) == [CallResult(("done",))] * 12
    # The first one by itself, and the others, who came later, for all of them.
    assert 1 <= len(app.asked(ID_PATH)) < 6
    assert len(app.asked(CALL_PATH)) == 13
    assert len(app.asked("/config")) == 1
