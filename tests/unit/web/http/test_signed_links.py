"""Links that need no key: for one thing, until a time, and not a byte different."""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

import logs
from jobs.access.api_key_store import ApiKeyStore
from jobs.access.api_keys import ApiKey
from jobs.vault import Vault
from settings import Bind
from tests.support.fake_worker import FakeWorker
from web.http.auth import Gate
from web.http.signed_links import BadSignature, Grant, SignedLinks
from web.services import Services

OLD, NEW = b"o" * 32, b"n" * 32
GRANT = Grant("key_ann", "/v1/jobs/job_01ARZ3NDEKTSV4RRFFQ69G5FAV/outputs/0", 2_000)
SIGNATURES = SignedLinks([NEW], lambda: 1_000.0)
#: What may stand in a query without being quoted, and some that may not.
ALPHABET = string.ascii_letters + string.digits + "-_.~=+/%é\0 "


# -- signatures ---------------------------------------------------------------


def test_what_was_signed_here_is_good_here_until_its_time() -> None:
    text = SIGNATURES.sign(GRANT)
    assert SIGNATURES.check(text, GRANT.path) == GRANT
    assert SignedLinks([NEW], lambda: 1_999.9).check(text, GRANT.path) == GRANT
    for elsewhere in (SignedLinks([OLD], lambda: 1_000.0), SignedLinks([NEW], lambda: 2_000.0)):
        with pytest.raises(BadSignature):
            elsewhere.check(text, GRANT.path)


@given(st.data())
def test_no_other_byte_anywhere_is_good(data: st.DataObject) -> None:
    text = SIGNATURES.sign(GRANT)
    at = data.draw(st.integers(0, len(text) - 1))
    put = data.draw(st.sampled_from(ALPHABET).filter(lambda char: char != text[at]))
    for changed in (text[:at] + put + text[at + 1 :], text[:at] + text[at + 1 :], text[:at] + put + text[at:]):
        if changed != text:
            with pytest.raises(BadSignature):
                SIGNATURES.check(changed, GRANT.path)


def test_the_last_character_counts_with_all_its_bits() -> None:
    text = SIGNATURES.sign(GRANT)
    good = [char for char in string.ascii_letters + string.digits + "-_" if _is_good(text[:-1] + char)]
    assert good == [text[-1]]


def _is_good(text: str) -> bool:
    try:
        SIGNATURES.check(text, GRANT.path)
    except BadSignature:
        return False
    return True


@pytest.mark.parametrize("text", ["", ".", "..", "x", "a.b", "A" * 100_000, "é", "\0", "W10.x", "." * 500])
def test_a_text_that_is_no_signature_is_not_good(text: str) -> None:
    assert not _is_good(text)


def test_a_key_that_was_replaced_is_still_good_but_signs_no_more() -> None:
    before = SignedLinks([OLD], lambda: 1_000.0)
    after = SignedLinks([NEW, OLD], lambda: 1_000.0)
    assert after.check(before.sign(GRANT), GRANT.path) == GRANT
    with pytest.raises(BadSignature):
        before.check(after.sign(GRANT), GRANT.path)


def test_no_line_of_a_log_shows_one() -> None:
    text = SIGNATURES.sign(GRANT)
    for line in (f"GET {GRANT.path}?sig={text}", f"'{GRANT.path}?width=1&sig={text}&format=png'"):
        assert text not in logs.redact(line)
        assert text.split(".")[-1] not in logs.redact(line)


# -- over HTTP ----------------------------------------------------------------


@pytest.fixture
def public(public_app: Flask) -> FlaskClient:
    return public_app.test_client()


@pytest.fixture
def found(public_app: Flask) -> Services:
    return public_app.extensions["darkroom"]  # type: ignore[no-any-return]


class Ann:
    """Somebody with a key, and a job of theirs."""

    def __init__(self, client: FlaskClient, found: Services, name: str = "ann") -> None:
        self.client = client
        record, key = found.keys.create(name)
        self.headers = {"Authorization": f"Bearer {key}"}
        self.fake_worker = FakeWorker(found)
        self.job = self.fake_worker.submit(owner=record.id)

    def finish(self) -> bytes:
        return self.fake_worker.succeed(self.fake_worker.claim(self.job))

    def link(self, what: str = "image", status: int = 200, **body: Any) -> Any:
        answer = self.client.post(f"/v1/jobs/{self.job.id}/{what}/link", headers=self.headers, json=body)
        assert answer.status_code == status, answer.text
        return answer.get_json()


@pytest.fixture
def ann(public: FlaskClient, found: Services) -> Ann:
    return Ann(public, found)


def see(client: FlaskClient, url: str, **asked: Any) -> Any:
    """The answer, read to its end: one that nobody reads leaves its file open."""
    return client.open(url, buffered=True, **asked)


def local(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def test_whoever_has_the_link_sees_the_output_and_nothing_else(public: FlaskClient, ann: Ann) -> None:
    picture = ann.finish()
    url = local(ann.link("outputs/0")["url"])
    answer = see(public, url)
    assert (answer.status_code, answer.data) == (200, picture)
    assert see(public, url, headers={"Range": "bytes=0-3"}).data == picture[:4]
    assert see(public, url, method="HEAD").status_code == 200
    assert see(public, url, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    query = url.partition("?")[2]
    for path in ("", "/image", "/preview", "/events", "/outputs/1", "/outputs/00"):
        assert see(public, f"/v1/jobs/{ann.job.id}{path}?{query}").status_code in {401, 403, 404}, path
    for path in ("/v1/jobs", "/v1/providers", "/metrics"):
        assert see(public, f"{path}?{query}").status_code == 401


def test_a_link_is_good_however_the_number_of_the_output_was_written(public: FlaskClient, ann: Ann) -> None:
    picture = ann.finish()
    assert see(public, local(ann.link("outputs/00")["url"])).data == picture


def test_one_link_shows_the_job_from_its_queue_to_its_picture(public: FlaskClient, ann: Ann) -> None:
    url = local(ann.link()["url"])
    card = see(public, url)
    assert (card.status_code, card.content_type) == (200, "image/png")
    assert "max-age=1," in card.headers["Cache-Control"]
    picture = ann.finish()
    assert see(public, url).data == picture


@pytest.mark.parametrize(
    "query",
    [
        "", "sig=", "sig=a&sig={0}", "sig={0}&sig={0}", "sig={0}%00", "sig={0}%20", "sig={0}=", "sig=" + "A" * 9000,
        "SIG={0}", "token={0}", "sig[]={0}",
    ],
)  # fmt: skip
def test_another_signature_is_none_and_all_are_answered_alike(public: FlaskClient, ann: Ann, query: str) -> None:
    ann.finish()
    query = query.format(parse_qs(urlsplit(ann.link("outputs/0")["url"]).query)["sig"][0])
    answers = [
        see(public, f"/v1/jobs/{job}/outputs/0?{query}")
        for job in (ann.job.id, "job_01ARZ3NDEKTSV4RRFFQ69G5FAV")  # the other one never was
    ]
    assert {answer.status_code for answer in answers} == ({403} if query.startswith("sig=") else {401})
    assert answers[0].get_json()["detail"] == answers[1].get_json()["detail"]


def test_a_link_of_one_output_opens_no_other_job(public: FlaskClient, found: Services, ann: Ann) -> None:
    bob = Ann(public, found, "bob")
    for somebody in (ann, bob):
        somebody.finish()
    query = urlsplit(ann.link("outputs/0")["url"]).query
    assert see(public, f"/v1/jobs/{bob.job.id}/outputs/0?{query}").status_code == 403
    assert see(public, f"/v1/jobs/{bob.job.id}/outputs/0?{query}", headers=bob.headers).status_code == 403


def test_a_link_ends(found: Services, serve: Callable[[Services], Flask], ann: Ann) -> None:
    ann.finish()
    link = ann.link("outputs/0", expires_seconds=60)
    now, keys = found.store.now(), Vault.from_file(found.settings.secret_key_file).derived("links")

    def seen(seconds: float) -> Any:
        links = SignedLinks(keys, lambda: now + seconds)
        return see(serve(replace(found, signed_links=links)).test_client(), local(link["url"]))

    assert seen(58).status_code == 200
    late = seen(62)
    assert (late.status_code, late.get_json()["code"]) == (403, "forbidden")


def test_no_link_outlives_its_job(public: FlaskClient, found: Services, ann: Ann) -> None:
    waiting = ann.link(expires_seconds=7 * 86_400)
    ann.finish()
    job = found.store.get(ann.job.id).job
    finished = ann.link("outputs/0", expires_seconds=7 * 86_400)
    assert finished["expires_at"] < waiting["expires_at"]
    assert (
        finished["expires_at"][:19] <= see(public, f"/v1/jobs/{job.id}", headers=ann.headers).get_json()["expires_at"]
    )
    public.delete(f"/v1/jobs/{ann.job.id}", headers=ann.headers)
    for link in (waiting, finished):
        assert see(public, local(link["url"])).status_code == 410


def test_a_link_ends_with_its_key(public: FlaskClient, found: Services, ann: Ann) -> None:
    ann.finish()
    bob = Ann(public, found, "bob")
    links = [local(ann.link(what)["url"]) for what in ("image", "outputs/0")]
    others = local(bob.link()["url"])
    owner = ann.job.owner
    assert [see(public, link).status_code for link in links] == [200, 200]
    assert found.keys.rotate(owner, 0) is not None
    found.gate.forget()
    assert [see(public, link).status_code for link in links] == [200, 200], "the key is the same with a new secret"
    found.keys.change(owner, scopes=("submit",))
    found.gate.forget()
    assert {see(public, link).status_code for link in links} == {403}
    found.keys.change(owner, scopes=("read",))
    found.gate.forget()
    assert {see(public, link).status_code for link in links} == {200}
    found.keys.revoke(owner)
    found.gate.forget()
    refused = [see(public, link) for link in links]
    assert {(answer.status_code, answer.get_json()["detail"]) for answer in refused} == {
        (403, "The link is not good for this address, or not any more.")
    }
    assert see(public, others).status_code == 200


def test_a_link_of_the_open_mode_ends_with_it(client: FlaskClient, services: Services, fake_worker: FakeWorker) -> None:
    url = local(client.post(f"/v1/jobs/{fake_worker.submit().id}/image/link").get_json()["url"])
    assert see(client, url).status_code == 200
    services.keys.create("first")
    services.gate.forget()
    assert see(client, url).status_code == 403


def test_popular_links_cost_no_look_up_each(found: Services, serve: Callable[[Services], Flask], ann: Ann) -> None:
    url, looked = local(ann.link()["url"]), list[str]()

    class Counting(ApiKeyStore):
        def get(self, key_id: str) -> ApiKey | None:
            looked.append(key_id)
            return super().get(key_id)

    gate = Gate(
        Counting(found.connection), Bind("0.0.0.0", 8000), "", found.identity, found.settings.limits, cache_seconds=2.0
    )
    served = serve(replace(found, gate=gate)).test_client()
    for _ in range(20):
        assert see(served, url).status_code == 200
    assert looked == [ann.job.owner]


@pytest.mark.parametrize("seconds", [0, -1, 604_801, 60.5, "60", None, True])
def test_a_time_that_is_none_is_refused(ann: Ann, seconds: Any) -> None:
    assert ann.link(status=422, expires_seconds=seconds)["errors"][0]["pointer"] == "/expires_seconds"


def test_links_are_made_by_readers_of_their_own_jobs_only(public: FlaskClient, found: Services, ann: Ann) -> None:
    bob = Ann(public, found, "bob")
    assert public.post(f"/v1/jobs/{ann.job.id}/image/link", headers=bob.headers).status_code == 404
    assert public.post(f"/v1/jobs/{ann.job.id}/image/link").status_code == 401
    _, submitter = found.keys.create("sub", ("submit",))
    assert (
        public.post(f"/v1/jobs/{ann.job.id}/image/link", headers={"Authorization": f"Bearer {submitter}"}).status_code
        == 403
    )
    assert ann.link("outputs/0", status=404)["code"] == "not_found"
    query = urlsplit(ann.link()["url"]).query
    assert public.post(f"/v1/jobs/{ann.job.id}/image/link?{query}").status_code == 401


def test_what_a_platform_adds_to_a_link_does_no_harm(public: FlaskClient, ann: Ann) -> None:
    ann.finish()
    answer = see(public, local(ann.link("outputs/0")["url"]) + "&fbclid=x&filename=x%22%0d%0aX:%20y")
    assert (answer.status_code, "X" in answer.headers) == (200, False)
    assert answer.headers["Content-Disposition"] == f'inline; filename="{ann.job.id}-0.png"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_page_elsewhere_may_show_a_link_of_the_open_mode(client: FlaskClient, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    url = local(client.post(f"/v1/jobs/{job.id}/image/link").get_json()["url"])
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert see(client, url, headers=foreign).status_code == 200
    assert client.get(f"/v1/jobs/{job.id}/image", headers=foreign).status_code == 403
    assert client.get(url, headers={"Host": "evil.example"}).status_code == 421


def test_links_go_where_the_operator_says(services: Services, client: FlaskClient, fake_worker: FakeWorker) -> None:
    job = fake_worker.submit()
    link = client.post(f"/v1/jobs/{job.id}/image/link", headers={"Host": "127.0.0.1:8000"}).get_json()
    assert link["url"].startswith(f"http://127.0.0.1:8000/v1/jobs/{job.id}/image?sig=")
