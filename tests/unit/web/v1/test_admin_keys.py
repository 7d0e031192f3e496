"""API keys over HTTP: made, listed, changed, rotated, revoked; and the door that does not open by itself."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from jobs.record import keys
from tests.support.fake_worker import FakeWorker
from tests.support.resources import fits
from web.services import Services
from web.v1.schemas.admin_keys import KeyList, ShownKeyResource

UNKNOWN = "key_01ARZ3NDEKTSV4RRFFQ69G5FAV"


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def admin(client: FlaskClient) -> dict[str, str]:
    """The headers of an admin, whose key was made through the open door."""
    answer = client.post("/v1/admin/keys", json={"name": "admin", "scopes": ["admin"]})
    assert answer.status_code == 201
    return bearer(answer.get_json()["key"])


def made(client: FlaskClient, admin: dict[str, str], **body: Any) -> Any:
    answer = client.post("/v1/admin/keys", json={"name": "bot", **body}, headers=admin)
    assert answer.status_code == 201
    return answer.get_json()


def test_a_key_is_shown_once_and_works(client: FlaskClient, admin: dict[str, str]) -> None:
    answer = client.post(
        "/v1/admin/keys",
        json={"name": "bot", "scopes": ["read", "submit"], "limits": {"running": 2, "queued": "none", "streams": None}},
        headers=admin,
    )
    shown = answer.get_json()
    assert fits(shown, ShownKeyResource)
    assert (shown["scopes"], shown["limits"]) == (["submit", "read"], {"running": 2, "queued": "none"})
    assert answer.headers["Location"].endswith(f"/v1/admin/keys/{shown['id']}")
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.get("/v1/jobs", headers=bearer(shown["key"])).status_code == 200
    known = client.get(f"/v1/admin/keys/{shown['id']}", headers=admin)
    listed = client.get("/v1/admin/keys", headers=admin)
    assert fits(listed.get_json(), KeyList)
    assert {**known.get_json(), "key": shown["key"]} == shown
    assert listed.get_json()["data"][1] == known.get_json()
    assert shown["key"] not in known.text + listed.text


def test_the_first_key_closes_the_door_at_once_and_the_last_one_does_not_open_it(
    client: FlaskClient, services: Services
) -> None:
    assert client.get("/v1/jobs").status_code == 200
    admin = bearer(client.post("/v1/admin/keys", json={"name": "me"}).get_json()["key"])
    assert client.get("/v1/jobs").status_code == 401
    (record,) = services.keys.each()
    assert client.delete(f"/v1/admin/keys/{record.id}", headers=admin).status_code == 204
    for headers in ({}, admin):
        assert client.get("/v1/jobs", headers=headers).status_code == 401
    assert services.keys.reopen()
    services.gate.forget()
    assert client.get("/v1/jobs").status_code == 200


def test_a_revoked_key_opens_nothing_at_once(
    client: FlaskClient, admin: dict[str, str], fake_worker: FakeWorker
) -> None:
    shown = made(client, admin)
    job = fake_worker.submit(owner=shown["id"])
    own = f"/v1/jobs/{job.id}"
    assert client.get(own, headers=bearer(shown["key"])).status_code == 200
    path = f"/v1/admin/keys/{shown['id']}"
    assert client.delete(path, headers=admin).status_code == 204
    assert client.get(own, headers=bearer(shown["key"])).status_code == 401
    assert client.delete(path, headers=admin).status_code == 204
    assert client.get(path, headers=admin).status_code == 410
    listed = client.get("/v1/admin/keys", headers=admin).get_json()["data"]
    assert ["revoked_at" in key for key in listed if path.endswith(key["id"])] == [True]
    for answer in (
        client.patch(path, json={"name": "x"}, headers=admin),
        client.post(f"{path}/rotate", headers=admin),
    ):
        assert (answer.status_code, answer.get_json()["code"]) == (410, "gone")


def test_both_keys_see_the_jobs_while_they_overlap(
    client: FlaskClient, admin: dict[str, str], fake_worker: FakeWorker
) -> None:
    shown = made(client, admin)
    job = fake_worker.submit(owner=shown["id"])
    answer = client.post(f"/v1/admin/keys/{shown['id']}/rotate", json={"overlap_seconds": 60.5}, headers=admin)
    rotated = answer.get_json()
    assert fits(rotated, ShownKeyResource)
    assert (rotated["id"], rotated["previous"][0]["hint"]) == (shown["id"], shown["hint"])
    for key in (shown["key"], rotated["key"]):
        assert client.get(f"/v1/jobs/{job.id}", headers=bearer(key)).status_code == 200
    last = client.post(
        f"/v1/admin/keys/{shown['id']}/rotate", json={"overlap_seconds": 0}, headers=admin
    ).get_json()["key"]  # fmt: skip
    statuses = [
        client.get(f"/v1/jobs/{job.id}", headers=bearer(key)).status_code
        for key in (shown["key"], rotated["key"], last)
    ]
    assert statuses == [401, 401, 200]


def test_the_old_key_works_for_a_day_where_nothing_is_said(client: FlaskClient, admin: dict[str, str]) -> None:
    shown = made(client, admin)
    rotated = client.post(f"/v1/admin/keys/{shown['id']}/rotate", headers=admin).get_json()
    (old,) = rotated["previous"]
    assert old["ends_at"][:10] != rotated["rotated_at"][:10]
    assert old["ends_at"][11:16] == rotated["rotated_at"][11:16]


def test_scopes_change_at_once(client: FlaskClient, admin: dict[str, str]) -> None:
    shown = made(client, admin)
    headers = bearer(shown["key"])
    assert client.get("/v1/jobs", headers=headers).status_code == 200
    answer = client.patch(f"/v1/admin/keys/{shown['id']}", json={"scopes": ["submit"]}, headers=admin)
    assert answer.get_json()["scopes"] == ["submit"]
    assert client.get("/v1/jobs", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"name": "x", "scopes": []}, "/scopes"),
        ({"name": "x", "scopes": ["root"]}, "/scopes/0"),
        ({"name": "x", "scopes": ["read", "read"]}, "/scopes"),
        ({"name": "x", "limits": {"cats": 1}}, "/limits/cats"),
        ({"name": "x", "limits": {"queued": 0}}, "/limits/queued"),
        ({"name": "x", "limits": {"queued": 1.5}}, "/limits/queued"),
        ({"name": "x", "limits": {"queued": True}}, "/limits/queued"),
        ({"name": "x", "limits": {"queued": "many"}}, "/limits/queued"),
        ({"name": "x", "key": "dk_live_mine"}, "/key"),
    ],
)
def test_a_key_that_cannot_be_is_refused(
    client: FlaskClient, services: Services, body: dict[str, Any], place: str
) -> None:
    answer = client.post("/v1/admin/keys", json=body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.get_json()["errors"]] == [place]
    assert not list(services.keys.each())


@pytest.mark.parametrize("seconds", [-1, 30 * 86_400 + 1, "60", None])
def test_an_overlap_that_cannot_be_is_refused(client: FlaskClient, admin: dict[str, str], seconds: Any) -> None:
    shown = made(client, admin)
    answer = client.post(f"/v1/admin/keys/{shown['id']}/rotate", json={"overlap_seconds": seconds}, headers=admin)
    assert answer.status_code == 422
    assert client.get("/v1/jobs", headers=bearer(shown["key"])).status_code == 200


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [("GET", "", None), ("PATCH", "", {"name": "x"}), ("DELETE", "", None), ("POST", "/rotate", {})],
)
def test_an_unknown_key_is_not_found(client: FlaskClient, method: str, rest: str, body: Any) -> None:
    answer = client.open(f"/v1/admin/keys/{UNKNOWN}{rest}", method=method, json=body)
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not_found")


def test_the_keys_come_in_parts(client: FlaskClient, admin: dict[str, str], services: Services) -> None:
    ids = [made(client, admin)["id"] for _ in range(4)]
    services.connection.redis.hset(keys.API_KEYS, ids[1], b"no record")
    services.connection.client.hset(keys.API_KEYS, b"\xff\xfe", b"no record either")
    found, url = [], "/v1/admin/keys?limit=2"
    while url:
        answer = client.get(url, headers=admin)
        assert fits(answer.get_json(), KeyList)
        assert answer.headers["Cache-Control"] == "no-store"
        found += [record["id"] for record in answer.get_json()["data"]]
        link = answer.headers.get("Link", "")
        assert answer.get_json()["has_more"] == bool(link)
        url = link[1 : link.index(">")] if link else ""
    assert found[1:] == [ids[0], ids[2], ids[3]], "the one that cannot be read costs itself"
    assert [record.id for record in services.keys.each()] == found
    cursor = client.get("/v1/admin/keys?limit=1", headers=admin).get_json()["next_cursor"]
    for query in ("limit=0", "limit=101", "cursor=x", f"cursor={cursor[:-2]}", "page=2"):
        assert client.get(f"/v1/admin/keys?{query}", headers=admin).status_code == 422
    other = bearer(made(client, admin, scopes=["admin"])["key"])
    assert client.get(f"/v1/admin/keys?cursor={cursor}", headers=other).status_code == 422, "of another reader"
