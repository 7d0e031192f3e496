from __future__ import annotations

import pytest

from providers.errors import Busy, Changed, Crashed, Denied, Protocol, ProviderError, Rejected, Unreachable, Waking
from providers.gradio.refusals import Refusal
from tests.transcripts.reader import Exchange, everything

PAGE = "<!DOCTYPE html><html><body>Preparing Space</body></html>"
VERSIONS = ("4.44.1", "5.50.0", "6.31.0")
RECORDED = {e.id: e for e in everything()}

#: What each recorded refusal means.
MEANINGS: dict[str, tuple[type[ProviderError], str]] = {
    "06-full-join": (Busy, "the app's queue is full: Queue is full. Max size is 2 and size is 2."),
    "06-auth-none-config": (Denied, "the app needs a login"),
    "06-apiclosed-run": (Changed, "This API endpoint does not accept direct HTTP POST requests"),
    "02-call-nosuchfn-post": (Crashed, "the app answered with status 500"),
    "03-join-badfn": (Crashed, "the app answered with status 500"),
    "02-call-nodata-post": (Rejected, "the app refuses the input: Field required"),
    "03-join-nofn": (Protocol, "the app answered with status 400: No function index provided."),
    "06-noauth-login": (Unreachable, "another address"),
}


def refusal(exchange: Exchange) -> Refusal:
    kind = exchange.headers.get("content-type", "").split(";")[0]
    return Refusal(status=exchange.status, content_type=kind, body=exchange.body.decode())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MEANINGS)
def test_a_recorded_refusal_has_its_meaning(version: str, name: str) -> None:
    kind, text = MEANINGS[name]
    error = refusal(RECORDED[f"{version}/{name}"]).error()
    assert type(error) is kind
    assert str(error).startswith(text) or text in str(error)


def test_a_validators_words_reach_the_user() -> None:
    body = (
        '{"detail":[{"__type__":"validate","is_valid":false,"message":"<b>too short</b>","parameter_name":"prompt"},'
        '{"message":"no","parameter_name":null}]}'
    )
    error = Refusal(status=422, content_type="application/json", body=body).error()
    assert isinstance(error, Rejected)
    assert str(error) == "the app refuses the input: prompt: too short; no"


@pytest.mark.parametrize(
    ("status", "body", "kind", "hosted", "at_home"),
    [
        (200, PAGE, "text/html", Waking, Protocol),
        (503, PAGE, "text/html", Waking, Unreachable),
        (500, PAGE, "text/html", Waking, Unreachable),
        (404, PAGE, "text/html", Unreachable, Unreachable),
        (502, "", "", Waking, Unreachable),
        (504, "Gateway", "text/plain", Waking, Unreachable),
        (429, '{"detail":"slow down"}', "application/json", Busy, Busy),
        (413, "File size exceeded maximum allowed size of 5 bytes.", "text/plain", Rejected, Rejected),
        (403, PAGE, "text/html", Denied, Denied),
        (200, "hi", "text/plain", Protocol, Protocol),
        (307, "", "", Unreachable, Unreachable),
        (418, "[" * 100_000, "application/json", Protocol, Protocol),
        (422, '{"detail": 7}', "application/json", Rejected, Rejected),
    ],
)
def test_what_stands_before_an_app_is_told_from_the_app(
    status: int, body: str, kind: str, hosted: type[ProviderError], at_home: type[ProviderError]
) -> None:
    for is_hosted, expected in ((True, hosted), (False, at_home)):
        error = Refusal(status=status, content_type=kind, body=body, hosted=is_hosted).error()
        assert type(error) is expected
        assert "<" not in str(error)
        assert len(str(error)) < 400


def test_a_missing_space_is_named_as_such() -> None:
    error = Refusal(status=404, content_type="text/html", body=PAGE, hosted=True).error()
    assert str(error).startswith("no Space answers here: it does not exist, is paused, or is private")
    assert "token" in str(error)


def test_a_redirect_says_where_to_even_with_a_page_as_its_body() -> None:
    def moved(status: int, location: str) -> ProviderError:
        return Refusal(status=status, content_type="text/html", body=PAGE, location=location).error()

    for status in (301, 308):
        error = moved(status, "https://me:pw@new.example/config?token=x")
        assert type(error) is Changed
        assert (
            str(error) == "the app has moved to https://new.example/config: its configuration must have the new address"
        )
    for status in (302, 303, 307):
        error = moved(status, "https://login.example/oauth?state=x")
        assert type(error) is Unreachable
        assert "https://login.example/oauth: if one signs in there" in str(error)
    assert type(moved(308, "ftp://x/")) is Unreachable


def test_what_opens_an_app_is_named() -> None:
    def refused(status: int, challenge: str = "", body: str = PAGE) -> str:
        error = Refusal(status=status, content_type="text/html", body=body, challenge=challenge).error()
        assert isinstance(error, Denied)
        return str(error)

    assert "(login)" in refused(401)
    assert "HTTP Basic" in refused(401, "basic")
    assert "bearer" in refused(401, "bearer")
    assert "sign-in page" in refused(200, body='<html><form><INPUT name=p type="password"></form></html>')


def test_the_apps_own_word_stays_in_the_text() -> None:
    stopped = Refusal(status=503, content_type="application/json", body='{"detail":"Queue is stopped."}').error()
    assert str(stopped) == "the app is not available: status 503: Queue is stopped."


def test_the_time_of_a_retry_after_header_is_kept() -> None:
    busy = Refusal(status=429, content_type="", body="", retry_after=7.0).error()
    assert busy.retry_after == 7.0
    full = Refusal(status=503, content_type="application/json", body='{"detail":"Queue is full. Max"}').error()
    assert full.retry_after == 30.0
