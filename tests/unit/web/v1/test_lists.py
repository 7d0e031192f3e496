"""Which jobs a list shows."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from jobs.model import Job
from jobs.resources.base import rfc3339
from tests.support.fake_worker import FakeWorker
from tests.support.sample_jobs import add_job
from web.services import Services
from web.v1.lists import moment


def ids(client: FlaskClient, query: str) -> list[str]:
    answer = client.get(f"/v1/jobs?{query}")
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.get_json()["data"]]


def at(services: Services, seconds: float) -> Job:
    """A job that was made then."""
    return add_job(services.store, created_at=seconds)


def test_by_the_time_of_their_creation(client: FlaskClient, services: Services) -> None:
    first, second, third = (at(services, 1_795_186_218.25 + step) for step in (0, 0.001, 60))
    assert ids(client, f"created_after={rfc3339(second.created_at)}") == [third.id]
    assert ids(client, f"created_before={rfc3339(second.created_at)}") == [first.id]
    assert ids(client, f"created_after={rfc3339(first.created_at)}&created_before={rfc3339(third.created_at)}") == [
        second.id
    ]
    assert ids(client, "created_after=2099-01-01T00:00:00Z") == []
    newest = client.get(f"/v1/jobs?limit=1&created_after={rfc3339(first.created_at)}")
    assert [job["id"] for job in newest.get_json()["data"]] == [third.id]
    rest = newest.headers["Link"].partition(">")[0].partition("?")[2]
    assert ids(client, rest) == [second.id]


def test_by_metadata_and_text(client: FlaskClient, fake_worker: FakeWorker) -> None:
    one = fake_worker.submit(metadata={"user": "ann", "a b": "c"}, given={"prompt": "A Lighthouse at dusk"})
    two = fake_worker.submit(metadata={"user": "bob"}, given={"prompt": "\u00c9t\u00e9"})
    fake_worker.submit(given={})
    assert ids(client, "metadata.user=ann") == [one.id]
    assert ids(client, "metadata.user=bob&metadata.x=1") == []
    assert ids(client, f"metadata.{quote('a b')}=c") == [one.id]
    assert ids(client, "q=lightHOUSE") == [one.id]
    assert ids(client, f"q={quote(chr(0xE9) + 't')}") == [two.id]


def test_by_batch(client: FlaskClient, fake_worker: FakeWorker) -> None:
    fake_worker.submit()
    assert ids(client, "batch=batch_01ARZ3NDEKTSV4RRFFQ69G5FAV") == []


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T14:05:03Z", "2026-11-20t14:05:03z", "2026-11-20T14:05:03.000000001Z",
        "2026-11-20T15:05:03+01:00", "2026-11-20T15:05:03 01:00", "2026-11-20T09:05:03-05:00",
    ],
)  # fmt: skip
def test_a_time_may_be_written_as_rfc_3339_says(text: str) -> None:
    assert moment({"created_after": text}, "created_after") == 1_795_183_503.0


@pytest.mark.parametrize(
    "query",
    [
        "created_after=not-a-date", "created_after=99999-01-01", "created_after=1e400", "created_after=-62135596801",
        "created_after=2026-02-30T00:00:00Z", "created_after=2026-11-20", "created_before=2026-11-20T14:05:03",
        "created_before=0001-01-01T00:00:00%2B23:59", "q=", "q=a&q=b", "metadata.user=", "metadata=x", "q=%00", "batch=",
    ],
)  # fmt: skip
def test_a_malformed_filter_is_refused(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/v1/jobs?{query}")
    assert (answer.status_code, answer.get_json()["errors"][0]["parameter"]) == (422, query.partition("=")[0])


def test_anothers_jobs_fit_no_filter(client: FlaskClient, fake_worker: FakeWorker) -> None:
    fake_worker.submit(owner="key_other", metadata={"user": "ann"})
    assert ids(client, "metadata.user=ann&q=lighthouse") == []
