"""A user's own proxy: off, unless the operator says otherwise, and then for those with its scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakeredis
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from jobs.access.api_keys import OPERATOR_SCOPES
from jobs.record.leases import Leases
from jobs.vault import Vault
from settings import Bind, Settings
from tests.support.fake_worker import name_database
from web.app import assemble
from web.build import build
from web.services import Services

PROXY = "http://me:hunter2secret@proxy.example.com:3128"


@pytest.fixture
def allowing(web_settings: Settings, tmp_path: Path) -> Iterator[Services]:
    """An installation whose operator lets users bring proxies, and that everybody can reach."""
    config = tmp_path / "providers.toml"
    config.write_text("[egress]\nproxies = true\n")
    chosen = replace(web_settings, config=config, bind=Bind("0.0.0.0", 8000))
    built = build(chosen, client=fakeredis.FakeRedis())
    name_database(built)
    yield built
    built.close()


def submitted(client: FlaskClient, proxy: str, key: str = "", **body: Any) -> TestResponse:
    given = {"model": "echo", "input": {"prompt": "x"}, "credentials": {"proxy": proxy}, **body}
    return client.post("/v1/jobs", json=given, headers={"Authorization": f"Bearer {key}"} if key else {})


def test_they_are_off(client: FlaskClient) -> None:
    answer = submitted(client, PROXY)
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == [
        {"pointer": "/credentials/proxy", "detail": "is not allowed: users' proxies are switched off on this server"}
    ]
    assert "hunter2" not in answer.text


def test_where_they_are_allowed_they_need_their_scope(allowing: Services) -> None:
    client = assemble(allowing).test_client()
    usual = allowing.keys.create("usual")[1]
    special = allowing.keys.create("special", (*OPERATOR_SCOPES, "proxy"))[1]
    assert "proxy" not in OPERATOR_SCOPES
    assert submitted(client, PROXY, usual).status_code == 403
    answer = submitted(client, PROXY, special)
    assert answer.status_code == 202, answer.text
    job = answer.get_json()
    assert job["has_credentials"] is True
    secret = Leases(allowing.connection).secret(job["id"])
    assert secret is not None
    assert Vault.from_file(allowing.settings.secret_key_file).unlock(job["id"], secret) == {"proxy": PROXY}
    held = b"".join(allowing.connection.client.dump(key) or b"" for key in allowing.connection.client.scan_iter())
    assert b"hunter2" not in held
    assert "hunter2" not in client.get(f"/v1/jobs/{job['id']}", headers={"Authorization": f"Bearer {special}"}).text
    for path, body in (
        ("/v1/batches", {"jobs": [{"model": "echo", "input": {"prompt": "x"}, "credentials": {"proxy": PROXY}}]}),
    ):
        for key, status in ((usual, 403), (special, 202)):
            assert client.post(path, json=body, headers={"Authorization": f"Bearer {key}"}).status_code == status


@pytest.mark.parametrize(
    "proxy",
    [
        "http://127.0.0.1:8080", "http://169.254.169.254:80", "redis://redis:6379", "socks5://10.0.0.1:1080",
        "socks4://example.com:1080", "file:///etc/passwd", "http://:8080", "http://[::1]:8080",
        "http://u%0d%0aX:p@example.com:8080", "http://redis:6379",
    ],
)  # fmt: skip
def test_only_a_public_one_is_taken(allowing: Services, proxy: str) -> None:
    key = allowing.keys.create("special", (*OPERATOR_SCOPES, "proxy"))[1]
    answer = submitted(assemble(allowing).test_client(), proxy, key)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["pointer"] == "/credentials/proxy"
    assert allowing.queue.overview().queued == 0
