"""Faults that a real Gradio does not produce on demand, over real sockets."""

from __future__ import annotations

import gzip
import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from providers.base import Control
from providers.errors import (
    Busy,
    Canceled,
    Changed,
    Crashed,
    Denied,
    Protocol,
    ProviderError,
    Rejected,
    Timeout,
    Unreachable,
    Waking,
)  # fmt: skip
from providers.events import Checkpoint, Started, Status
from providers.gradio.answers.files import Stored, find
from providers.gradio.app_info import AppAddress
from providers.gradio.app_limits import AppLimits
from providers.gradio.client import GradioApp
from providers.gradio.session import CallResult
from tests.support.hostile_app import CONFIG, DONE, SSE, HostileApp, Request, Wire, event, hostile_app

STREAM = "GET /gradio_api/queue/data"
CALL = "POST /gradio_api/call/infer"
CANARY = "hf_canary0123456789secret"


def stored(value: object) -> Stored:
    found = find(value)
    assert found is not None
    return found


@pytest.fixture
def app() -> Iterator[HostileApp]:
    with hostile_app() as server:
        yield server


def call(
    server: HostileApp,
    *,
    limits: AppLimits | None = None,
    control: Control | None = None,
    headers: dict[str, str] | None = None,
    cookies: str | None = None,
    resume: dict[str, object] | None = None,
) -> list[object]:
    """One call, to its end."""
    address = AppAddress(base_url=server.url)
    with GradioApp(
        address, limits=limits or AppLimits(), control=control or Control(30), headers=headers or {}, cookies=cookies
    ) as client:
        return list(client.call("/infer", {"prompt": "x"}, resume=resume))


def test_the_server_itself_is_understood(app: HostileApp) -> None:
    assert call(app)[-1] == CallResult(("done",))
    assert app.asked("/gradio_api/cancel") == []


def test_an_event_of_200_megabytes_is_refused_early(app: HostileApp) -> None:
    sent = 0

    def flood(wire: Wire, _: Request) -> None:
        nonlocal sent
        wire.stream()
        wire.chunk(b"data: ")
        for _megabyte in range(200):
            wire.chunk(b"x" * (1 << 20))
            sent += 1

    app.routes[STREAM] = flood
    tracemalloc.start()
    with pytest.raises(Protocol, match="a message of more than 4194304 bytes"):
        call(app)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sent < 100
    assert peak < 30 << 20
    assert len(app.asked("/gradio_api/cancel")) == 1


def test_endless_heartbeats_are_no_news(app: HostileApp) -> None:
    def beat(wire: Wire, _: Request) -> None:
        wire.stream()
        wire.chunk(event("process_starts"))
        while wire.pause(0.02):
            wire.chunk(event("heartbeat"))

    app.routes[STREAM] = beat
    with pytest.raises(Timeout, match="no news from the app"):
        call(app, limits=AppLimits(no_news=0.3))
    assert len(app.asked("/gradio_api/cancel")) == 1


def test_a_connection_without_heartbeats_is_dead(app: HostileApp) -> None:
    def silent(wire: Wire, _: Request) -> None:
        wire.stream()
        wire.chunk(event("process_starts"))
        wire.pause(60)

    app.routes[STREAM] = silent
    with pytest.raises(Timeout, match="not even a heartbeat"):
        call(app, limits=AppLimits(read=0.4))
    assert len(app.asked("/gradio_api/cancel")) == 1


def test_an_attempt_ends_on_time_while_the_app_is_silent(app: HostileApp) -> None:
    def silent(wire: Wire, _: Request) -> None:
        wire.stream()
        wire.pause(60)

    app.routes[STREAM] = silent
    with pytest.raises(Timeout, match="the time for this attempt is over"):
        call(app, control=Control(0.4))


def test_a_slow_drip_is_no_news(app: HostileApp) -> None:
    def drip(wire: Wire, _: Request) -> None:
        wire.stream()
        while wire.pause(0.02):
            wire.chunk(b"x")

    app.routes[STREAM] = drip
    with pytest.raises(Timeout):
        call(app, limits=AppLimits(first_event=0.3))


@pytest.mark.parametrize("last", [b"", b'data: {"msg": "process_compl', DONE[:-1]])
def test_a_stream_that_is_cut_is_a_lost_connection(app: HostileApp, last: bytes) -> None:
    def cut(wire: Wire, _: Request) -> None:
        wire.stream()
        wire.chunk(event("process_starts"))
        if last:
            wire.chunk(last)
        wire.sock.shutdown(2)

    app.routes[STREAM] = cut
    with pytest.raises(Unreachable):
        call(app)


@pytest.mark.parametrize("last", [b"", b'data: {"msg": "process_compl', DONE[:-1]])
def test_a_stream_that_ends_without_completion_is_a_lost_connection(app: HostileApp, last: bytes) -> None:
    def end(wire: Wire, _: Request) -> None:
        wire.head(Content_Type=SSE, Connection="close")
        wire.send(event("process_starts") + last)
        wire.sock.shutdown(2)

    app.routes[STREAM] = end
    with pytest.raises(Unreachable, match=r"lost|cut"):
        call(app)


def test_events_of_an_unchunked_stream_come_at_once(app: HostileApp) -> None:
    seen = threading.Event()

    def plain(wire: Wire, _: Request) -> None:
        wire.head(Content_Type=SSE, Connection="close")
        wire.send(event("process_starts"))
        if seen.wait(10):
            wire.send(DONE)
        wire.sock.shutdown(2)

    app.routes[STREAM] = plain
    with GradioApp(AppAddress(base_url=app.url), control=Control(30)) as client:
        for got in client.call("/infer", {"prompt": "x"}):
            if isinstance(got, Started):
                seen.set()
        assert got == CallResult(("done",))


@pytest.mark.parametrize(
    ("content_type", "body", "kind"),
    [
        ("text/html", b"<html>Preparing</html>", Protocol),
        ("application/json", b"{}", Protocol),
        ("text/plain", b"hello", Protocol),
    ],
)
def test_a_stream_of_the_wrong_type_is_not_read(
    app: HostileApp, content_type: str, body: bytes, kind: type[ProviderError]
) -> None:
    app.routes[STREAM] = lambda wire, _: wire.answer(body, content_type=content_type)
    with pytest.raises(kind):
        call(app)


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html>hi</html>", b"{not json", b"[1, 2]", b"\xff\xfe", b""])
@pytest.mark.parametrize("route", ["GET /config", CALL])
def test_a_page_or_rubbish_instead_of_json_is_a_protocol_error(app: HostileApp, route: str, body: bytes) -> None:
    app.routes[route] = lambda wire, _: wire.answer(body, content_type="text/html")
    with pytest.raises(Protocol):
        call(app)


@pytest.mark.parametrize("route", ["GET /config", CALL, STREAM])
def test_a_compressed_answer_is_refused_unread(app: HostileApp, route: str) -> None:
    bomb = gzip.compress(b"0" * (50 << 20))

    def compressed(wire: Wire, _: Request) -> None:
        kind = SSE if route == STREAM else "application/json"
        wire.head(Content_Type=kind, Content_Encoding="gzip", Content_Length=str(len(bomb)))
        wire.send(bomb)

    app.routes[route] = compressed
    with pytest.raises(Protocol, match="compressed"):
        call(app)
    assert {request.headers["accept-encoding"] for request in app.requests} == {"identity"}


def test_an_endless_description_is_refused(app: HostileApp) -> None:
    def endless(wire: Wire, _: Request) -> None:
        wire.head(Content_Type="application/json", Transfer_Encoding="chunked")
        for _megabyte in range(100):
            wire.chunk(b" " * (1 << 20))

    app.routes["GET /config"] = endless
    with pytest.raises(Protocol, match="more than 16777216 bytes"):
        call(app)


def test_an_endless_redirect_is_not_read(app: HostileApp) -> None:
    def endless(wire: Wire, _: Request) -> None:
        wire.head("302 Found", Location="http://127.0.0.1:1/elsewhere", Transfer_Encoding="chunked")
        for _megabyte in range(100):
            wire.chunk(b" " * (1 << 20))

    app.routes["GET /config"] = endless
    with pytest.raises(Unreachable, match="sends everybody to"):
        call(app)


def test_credentials_go_to_the_app_and_to_no_other_host(app: HostileApp) -> None:
    with hostile_app() as other:
        for route in ("GET /config", STREAM, CALL):
            # Where a call's answer is lost, the job is looked for on the stream.
            over = {route, STREAM}
            app.routes = dict.fromkeys(over, lambda wire, _: wire.head("307 Over", Location=f"{other.url}/config"))
            with pytest.raises(ProviderError):
                call(app, headers={"X-HF-Authorization": CANARY}, cookies=f"session={CANARY}")
        assert other.requests == []
        assert other.connections == 0
    assert {request.headers["x-hf-authorization"] for request in app.requests} == {CANARY}
    assert all(CANARY in request.headers["cookie"] for request in app.requests)


def test_a_redirect_within_the_app_is_followed(app: HostileApp) -> None:
    app.routes["GET /config"] = lambda wire, _: wire.head("307 Over", Location="/config/", Content_Length="0")
    app.routes["GET /config/"] = lambda wire, _: wire.answer(CONFIG)
    assert call(app)[-1] == CallResult(("done",))


def test_a_redirect_in_a_circle_ends(app: HostileApp) -> None:
    app.routes["GET /config"] = lambda wire, _: wire.head("307 Over", Location="/config", Content_Length="0")
    with pytest.raises(Protocol, match="from one address to the next"):
        call(app)
    assert len(app.requests) == 3


@pytest.mark.parametrize(
    "value", [f"{CANARY}\r\nX-Evil: 1", f"{CANARY}\n", f"{CANARY}\x00", f"{CANARY}€", f" {CANARY}"]
)
def test_a_malformed_credential_is_refused_without_being_told(app: HostileApp, value: str) -> None:
    for secrets in ({"headers": {"X-HF-Authorization": value}}, {"cookies": value}):
        with pytest.raises(Rejected) as caught:
            call(app, **secrets)
        told = f"{caught.value!r} {caught.value.__cause__} {caught.value.__context__}"
        assert CANARY not in told
    assert app.requests == []


def test_a_proxys_password_is_not_told() -> None:
    with (
        pytest.raises(ProviderError) as caught,
        GradioApp(
            AppAddress(base_url="https://app.invalid"), proxy=f"http://user:{CANARY}@127.0.0.1:1", control=Control(10)
        ) as client,
    ):
        client.info.refresh().signature()
    assert isinstance(caught.value, Unreachable)
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_environments_proxy_is_not_used(app: HostileApp, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert call(app)[-1] == CallResult(("done",))


def test_cookies_of_the_app_are_kept_within_the_attempt_and_not_beyond(app: HostileApp) -> None:
    def give(wire: Wire, _: Request) -> None:
        body = b'{"event_id": "e1"}'
        wire.head(Content_Type="application/json", Set_Cookie="replica=7; Path=/", Content_Length=str(len(body)))
        wire.send(body)

    app.routes[CALL] = give
    call(app, cookies="mine=1")
    call(app)
    first, second = app.asked("/gradio_api/queue/data")
    assert first.headers["cookie"] in {"mine=1; replica=7", "replica=7; mine=1"}
    assert second.headers["cookie"] == "replica=7"
    assert "cookie" not in app.asked("/gradio_api/call/infer")[1].headers


@pytest.mark.parametrize("place", ["GET /config", CALL, STREAM])
def test_a_cancel_ends_a_read_that_blocks(app: HostileApp, place: str) -> None:
    control = Control()

    def hang(wire: Wire, _: Request) -> None:
        threading.Thread(target=control.cancel, args=("by the user",)).start()
        wire.pause(60)

    app.routes[place] = hang
    with pytest.raises(Canceled, match="by the user"):
        call(app, control=control)
    if place == STREAM:
        assert len(app.asked("/gradio_api/cancel")) == 1


def test_a_cancel_during_the_post_takes_the_job_back(app: HostileApp) -> None:
    control = Control()

    def hang(wire: Wire, _: Request) -> None:
        threading.Thread(target=control.cancel, args=("by the user",)).start()
        wire.pause(60)

    def waiting(wire: Wire, _: Request) -> None:
        wire.stream()
        wire.chunk(event("estimation", rank=0))
        wire.pause(60)

    app.routes |= {CALL: hang, STREAM: waiting}
    with pytest.raises(Canceled):
        call(app, control=control)
    # Its id was not known: it was read off the stream.
    (taken_back,) = app.asked("/gradio_api/cancel")
    assert b'"event_id": "e1"' in taken_back.body


def test_a_lost_answer_to_the_post_does_not_double_the_job(app: HostileApp) -> None:
    def lose(wire: Wire, _: Request) -> None:
        wire.sock.shutdown(2)

    app.routes[CALL] = lose
    events = call(app)
    assert events[-1] == CallResult(("done",))
    assert len(app.asked("/gradio_api/call/infer")) == 1
    session = app.asked("/gradio_api/queue/data")[0].query.partition("=")[2]
    assert session.encode() in app.asked("/gradio_api/call/infer")[0].body


def test_a_post_that_never_arrived_is_told_as_such_and_not_repeated(app: HostileApp) -> None:
    def unknown(wire: Wire, _: Request) -> None:
        wire.stream()
        wire.chunk(event("unexpected_error", event_id=None, message="404: Session not found.", session_not_found=True))
        wire.sock.shutdown(2)

    app.routes |= {CALL: lambda wire, _: wire.sock.shutdown(2), STREAM: unknown}
    with pytest.raises(Unreachable, match="no connection to the app"):
        call(app)
    assert len(app.asked("/gradio_api/call/infer")) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("503 Busy", Busy),
        ("401 No", Denied),
        ("429 Slow", Busy),
        ("422 Bad", Rejected),
        ("502 Bad", Unreachable),
        ("500 Oops", Crashed),
    ],
)
def test_a_refused_post_is_typed_and_not_repeated(app: HostileApp, status: str, kind: type[ProviderError]) -> None:
    app.routes[CALL] = lambda wire, _: wire.answer({"detail": "Queue is full."}, status=status)
    with pytest.raises(kind):
        call(app)
    assert len(app.asked("/gradio_api/call/infer")) == 1
    assert app.asked("/gradio_api/queue/data") == []


def test_a_500_for_a_function_that_is_gone_means_that_the_app_has_changed(app: HostileApp) -> None:
    def gone(wire: Wire, _: Request) -> None:
        app.routes["GET /config"] = lambda wire, _: wire.answer({**CONFIG, "dependencies": []})
        wire.answer(b"Internal Server Error", status="500 Oops", content_type="text/plain")

    app.routes[CALL] = gone
    with pytest.raises(Changed, match="the app has no function /infer"):
        call(app)


def test_an_app_without_a_description_is_asked_by_position(app: HostileApp) -> None:
    app.routes["GET /gradio_api/info"] = lambda wire, _: wire.answer(b"Oops", status="500 Oops")
    with GradioApp(AppAddress(base_url=app.url), control=Control(10)) as client:
        events = list(client.call("/infer", {"prompt": "x"}, order=("prompt",)))
    assert events[-1] == CallResult(("done",))
    assert b'"data": ["x"]' in app.asked("/gradio_api/call/infer")[0].body


def test_gradio_3_is_not_supported_and_said_so(app: HostileApp) -> None:
    config = {key: value for key, value in CONFIG.items() if key != "protocol"} | {"version": "3.50.2"}
    app.routes["GET /config"] = lambda wire, _: wire.answer(config)
    with pytest.raises(Changed, match=r"runs Gradio 3\.50\.2, which is not supported"):
        call(app)


def test_many_attempts_read_the_description_once(app: HostileApp) -> None:
    for _ in range(5):
        call(app)
    assert len(app.asked("/config")) == len(app.asked("/gradio_api/info")) == 1


def test_a_stale_description_is_read_again_before_the_app_is_said_to_have_changed(app: HostileApp) -> None:
    app.routes["GET /config"] = lambda wire, _: wire.answer({**CONFIG, "dependencies": []})
    with pytest.raises(Changed):
        call(app)
    del app.routes["GET /config"]
    assert call(app)[-1] == CallResult(("done",))


def test_one_attempt_needs_one_connection(app: HostileApp) -> None:
    call(app)
    assert app.connections == 1


def test_a_file_is_read_within_its_limit(app: HostileApp) -> None:
    name = "GET /gradio_api/file=/a%20b.png"
    app.routes[name] = lambda wire, _: wire.answer(b"12345", content_type="image/png")
    with GradioApp(AppAddress(base_url=app.url), control=Control(10)) as client:
        file = client.files.output(stored({"path": "/a b.png", "meta": {"_type": "gradio.FileData"}}))
        assert file.read(5) == b"12345"
        with pytest.raises(Protocol, match="more than 4 bytes"):
            file.read(4)

        def endless(wire: Wire, _: Request) -> None:
            wire.head(Content_Type="image/png", Transfer_Encoding="chunked")
            for _piece in range(1000):
                wire.chunk(b" " * 65536)

        app.routes[name] = endless
        with pytest.raises(Protocol, match="more than 100000 bytes"):
            file.read(100_000)
        app.routes[name] = lambda wire, _: wire.answer({"detail": "File not allowed"}, status="403 No")
        with pytest.raises(Protocol, match="no longer has its own output file"):
            file.read(5)

        def short(wire: Wire, _: Request) -> None:
            wire.head(Content_Type="image/png", Content_Length="10")
            wire.send(b"12345")
            wire.sock.shutdown(2)

        app.routes[name] = short
        with pytest.raises(Unreachable):
            file.read(100)


def test_a_file_at_another_address_is_not_fetched(app: HostileApp) -> None:
    with hostile_app() as other, GradioApp(AppAddress(base_url=app.url), control=Control(10)) as client:
        file = client.files.output(
            stored({"path": None, "url": f"{other.url}/config", "meta": {"_type": "gradio.FileData"}})
        )
        with pytest.raises(Protocol, match="at another address"):
            file.read(100)
        assert other.connections == 0


def resumable(app: HostileApp, phase: str) -> dict[str, object]:
    state: dict[str, object] = {"phase": phase, "style": "call", "session": "s1", "fn_index": 0}
    state |= {"prefix": "/gradio_api", "base": app.url}
    return state if phase == "posting" else {**state, "event_id": "e1"}


@pytest.mark.parametrize("phase", ["posting", "posted"])
def test_a_job_whose_stream_was_never_opened_is_picked_up(app: HostileApp, phase: str) -> None:
    events = call(app, resume=resumable(app, phase))
    assert events[-1] == CallResult(("done",))
    assert app.asked("/gradio_api/call/infer") == []
    assert isinstance(events[0], Checkpoint)
    assert (events[0].state["phase"], events[0].state["session"]) == ("opened", "s1")


def test_a_job_whose_stream_was_opened_is_taken_back_and_submitted_anew(app: HostileApp) -> None:
    events = call(app, resume=resumable(app, "opened"))
    assert events[-1] == CallResult(("done",))
    paths = [request.path for request in app.requests]
    assert paths.index("/gradio_api/cancel") < paths.index("/gradio_api/call/infer")
    assert b'"session_hash": "s1"' in app.asked("/gradio_api/cancel")[0].body
    assert b"s1" not in app.asked("/gradio_api/call/infer")[0].body


@pytest.mark.parametrize("phase", ["posting", "posted"])
@pytest.mark.parametrize("silent", [True, False])
def test_a_job_that_the_app_does_not_know_is_submitted_anew_and_said_so(
    app: HostileApp,
    phase: str,
    silent: bool,  # noqa: FBT001
) -> None:
    def unknown(wire: Wire, request: Request) -> None:
        wire.stream()
        if "s1" not in request.query:
            wire.chunk(DONE)
            wire.chunk(b"")
        elif silent:
            # As Gradio 4.16 does.
            while wire.pause(0.05):
                wire.chunk(event("heartbeat", event_id=None))
        else:
            wire.chunk(event("unexpected_error", event_id=None, message="404: Not Found"))
            wire.sock.shutdown(2)

    app.routes[STREAM] = unknown
    events = call(app, resume=resumable(app, phase), limits=AppLimits(probe=0.3))
    assert events[-1] == CallResult(("done",))
    warnings = [e for e in events if isinstance(e, Status)]
    assert [w.level for w in warnings] == ["warning"]
    assert "submitted again" in warnings[0].text
    assert len(app.asked("/gradio_api/call/infer")) == 1


def test_a_state_of_another_app_is_not_resumed(app: HostileApp) -> None:
    state = {**resumable(app, "posted"), "base": "http://127.0.0.1:1"}
    assert call(app, resume=state)[-1] == CallResult(("done",))
    assert len(app.asked("/gradio_api/call/infer")) == 1


def test_a_call_that_is_given_up_before_its_stream_was_opened_stays_resumable(app: HostileApp) -> None:
    with GradioApp(AppAddress(base_url=app.url), control=Control(10)) as client:
        events = client.call("/infer", {"prompt": "x"})
        state = next(e.state for e in events if isinstance(e, Checkpoint) and e.state["phase"] == "posted")
        events.close()  # type: ignore[attr-defined]
    assert app.asked("/gradio_api/cancel") == []
    assert call(app, resume=dict(state))[-1] == CallResult(("done",))
    assert len(app.asked("/gradio_api/call/infer")) == 1


def test_a_call_that_is_given_up_in_the_middle_is_taken_back(app: HostileApp) -> None:
    def begin(wire: Wire, _: Request) -> None:
        wire.stream()
        wire.chunk(event("process_starts"))
        wire.pause(60)

    app.routes[STREAM] = begin
    with GradioApp(AppAddress(base_url=app.url), control=Control(10)) as client:
        events = client.call("/infer", {"prompt": "x"})
        assert any(isinstance(e, Started) for e in events)
        events.close()  # type: ignore[attr-defined]
        assert len(app.asked("/gradio_api/cancel")) == 1


def test_a_blocking_call_says_that_it_works_and_can_be_canceled(app: HostileApp) -> None:
    control, going = Control(), threading.Event()

    def work(wire: Wire, _: Request) -> None:
        going.set()
        wire.pause(60)

    app.routes["POST /gradio_api/run/infer"] = work
    with GradioApp(AppAddress(base_url=app.url), control=control) as client:
        events = client.predict("/infer", {"prompt": "x"}, fn_index=0)
        assert next(events) == Status("Acquiring GPU token")

        def cancel() -> None:
            assert going.wait(10)
            control.cancel("by the user")

        threading.Thread(target=cancel).start()
        with pytest.raises(Canceled, match="by the user"):
            list(events)
    assert not [t for t in threading.enumerate() if t.name == "gradio-run"]


def test_an_app_that_is_not_there_is_unreachable() -> None:
    with (
        pytest.raises(Unreachable, match="no connection to the app"),
        GradioApp(AppAddress(base_url="http://127.0.0.1:1"), control=Control(10)) as client,
    ):
        client.info.refresh().signature()


def test_a_sleeping_space_is_told_from_a_broken_app(app: HostileApp, monkeypatch: pytest.MonkeyPatch) -> None:
    app.routes["GET /config"] = lambda wire, _: wire.answer(b"<html>Preparing Space", "503 x", "text/html")
    with GradioApp(AppAddress(base_url=app.url), control=Control(10)) as client:
        monkeypatch.setattr(client._transport, "_hosted", True)
        with pytest.raises(Waking):
            client.info.refresh().signature()
