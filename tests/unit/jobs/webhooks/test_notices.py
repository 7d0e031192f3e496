"""What is told, how it is signed, when it is tried again."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from jobs import events
from jobs.model import Failure, Job, Output, Webhook
from jobs.states import apply
from jobs.webhooks.deliveries import (
    SCHEDULE,
    TEST,
    TYPES,
    Call,
    Delivery,
    again,
    disabled,
    new_secret,
    outcome,
    settled,
    signed,
)
from jobs.webhooks.notices import BODY_LIMIT, notices
from tests.support.sample_jobs import make_job


def job(**webhook: object) -> Job:
    hook = Webhook(host="hooks.example.com", target="locked", base="http://here", **webhook)  # type: ignore[arg-type]
    return make_job(id="job_1", owner="key_1", input={"prompt": "x"}, created_at=100.0, webhook=hook)


STARTED = events.Started(at=101.0, provider="echo", worker="w", input={})
SUCCEEDED = events.Succeeded(at=110.0, outputs=(Output(index=0, kind="text", text="hello"),))
DELIVERY = Delivery(
    id="msg_1", holder="job_1", owner="key_1", type="job.succeeded", host="h", target="t", created_at=110.0
)


def told(hooked: Job, *steps: events.JobEvent) -> list[str]:
    names = []
    for step in steps:
        hooked = apply(hooked, step)
        names += [msgspec.json.decode(notice.record, type=Delivery).type for notice in notices(hooked, step)]
    return names


def test_without_a_wish_only_the_end_is_told() -> None:
    running = (STARTED, events.Progressed(at=102.0, stage="generating"))
    assert told(job(), *running, SUCCEEDED) == ["job.succeeded"]
    failure = Failure(code="provider_error", detail="no")
    assert told(job(), *running, events.Failed(at=110.0, error=failure)) == ["job.failed"]
    assert told(job(), events.Canceled(at=101.0)) == ["job.canceled"]
    assert told(job(), events.Expired(at=101.0)) == ["job.expired"]


def test_every_type_can_be_asked_for_and_nothing_else_is_sent() -> None:
    steps = (STARTED, events.Progressed(at=102.0, stage="generating"), events.Previewed(at=103.0, index=0))
    everything = told(job(events=TYPES), *steps, events.Logged(at=104.0, text="x"), SUCCEEDED)
    assert everything == ["job.started", "job.progress", "job.progress", "job.output", "job.succeeded"]
    assert told(job(events=("job.output",)), *steps, SUCCEEDED) == ["job.output"]


def test_a_job_without_a_webhook_tells_nothing() -> None:
    assert notices(msgspec.structs.replace(job(), webhook=None), SUCCEEDED) == ()


def test_the_full_payload_is_the_job_as_the_api_shows_it() -> None:
    (notice,) = notices(apply(apply(job(), STARTED), SUCCEEDED), SUCCEEDED)
    body = json.loads(notice.body)
    assert (body["type"], body["timestamp"]) == ("job.succeeded", "1970-01-01T00:01:50.000Z")
    assert body["data"]["status"] == "succeeded"
    assert body["data"]["outputs"][0]["url"] == "http://here/v1/jobs/job_1/outputs/0"
    assert b"locked" not in notice.body


def test_the_thin_payload_says_only_where_to_look() -> None:
    (notice,) = notices(apply(apply(job(payload="thin"), STARTED), SUCCEEDED), SUCCEEDED)
    data = json.loads(notice.body)["data"]
    assert set(data) == {"id", "status", "urls"}
    assert data["status"] == "succeeded"


def test_a_payload_that_is_larger_than_the_standard_asks_for_comes_thin() -> None:
    hooked = apply(job(), STARTED)

    def sent(length: int) -> bytes:
        text = events.Succeeded(at=110.0, outputs=(Output(index=0, kind="text", text="x" * length),))
        (notice,) = notices(apply(hooked, text), text)
        return notice.body

    assert len(sent(15_000)) > 15_000
    body = sent(25_000)
    assert len(body) < BODY_LIMIT
    assert set(json.loads(body)["data"]) == {"id", "status", "urls"}


def test_progress_is_sent_more_rarely_the_longer_a_job_runs_and_the_rest_always() -> None:
    running = apply(job(events=TYPES), STARTED)

    def every(at: float) -> float | None:
        return notices(running, events.Progressed(at=at, stage="generating"))[0].interval

    assert every(102.0) == 2.0
    assert every(101.0 + 1000) == 20.0
    assert [notice.interval for notice in notices(apply(running, SUCCEEDED), SUCCEEDED)] == [None, None]


def test_the_standards_own_library_verifies_the_signature() -> None:
    secret, body = new_secret(), '{"type":"job.succeeded","data":"ü"}'.encode()
    assert 24 <= len(base64.b64decode(secret.removeprefix("whsec_"))) <= 64
    headers = signed("msg_1", datetime.now(UTC), body, [secret])
    assert Verifier(secret).verify(body, headers) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body, {**headers, "webhook-id": "msg_2"})
    with pytest.raises(WebhookVerificationError):
        Verifier(new_secret()).verify(body, headers)


def test_a_time_of_another_zone_signs_the_same_and_one_without_a_zone_is_refused() -> None:
    secret, now = new_secret(), datetime.now(UTC)
    elsewhere = now.astimezone(timezone(timedelta(hours=5)))
    assert signed("msg_1", elsewhere, b"{}", [secret]) == signed("msg_1", now, b"{}", [secret])
    Verifier(secret).verify(b"{}", signed("msg_1", elsewhere, b"{}", [secret]))
    with pytest.raises(ValueError, match="zone"):
        signed("msg_1", now.replace(tzinfo=None), b"{}", [secret])


def test_while_two_secrets_are_valid_either_verifies() -> None:
    old, new = new_secret(), new_secret()
    headers = signed("msg_1", datetime.now(UTC), b"{}", [new, old])
    for secret in (old, new):
        Verifier(secret).verify(b"{}", headers)


@pytest.mark.parametrize(
    ("status", "wrong"),
    [(200, None), (204, None), (299, None), (301, "redirect"), (304, "redirect"), (400, "status"), (500, "status"), (199, "status")],
)  # fmt: skip
def test_only_2xx_is_success(status: int, wrong: str | None) -> None:
    assert outcome(status) == wrong


def test_failures_are_tried_again_on_the_schedule_and_then_given_up_visibly() -> None:
    delivery, at, waits = DELIVERY, 1000.0, [0.0]
    while (delivery := settled(delivery, Call(at=at, error="unreachable"))).next_at is not None:
        assert delivery.state == "pending"
        waits.append(delivery.next_at - at)
        at = delivery.next_at
    assert waits == [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert (delivery.state, delivery.made, delivery.id) == ("exhausted", len(SCHEDULE), "msg_1")


def test_waits_are_spread_but_never_shortened() -> None:
    failed = Call(at=0.0, error="status", status=500)
    assert settled(DELIVERY, failed, chance=1.0).next_at == pytest.approx(5.5)


def test_a_success_ends_it_and_410_disables_it() -> None:
    assert settled(DELIVERY, Call(at=1.0, status=204, seconds=0.1)).state == "delivered"
    gone = settled(DELIVERY, Call(at=1.0, status=410, error="status"))
    assert (gone.state, gone.next_at) == ("disabled", None)
    assert disabled(DELIVERY).state == "disabled"


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        ("120", 120), ("1", 5), ("99999999999999999999", 86_400), ("Thu, 01 Jan 1970 00:10:00 GMT", 600),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400), ("Thu, 01 Jan 1960 00:00:00 GMT", 5), ("soon", 5), ("-3", 5), ("", 5), ("²", 5),
    ],
)  # fmt: skip
def test_retry_after_is_honoured_within_bounds(asked: str, wait: float) -> None:
    after = settled(DELIVERY, Call(at=0.0, status=503, error="status"), retry_after=asked)
    assert after.next_at == wait


@pytest.mark.parametrize("name", ["job.progress", TEST])
def test_what_would_be_stale_is_tried_once(name: str) -> None:
    once = msgspec.structs.replace(DELIVERY, type=name)
    assert settled(once, Call(at=0.0, error="no_answer")).state == "exhausted"


def test_asked_for_by_hand_it_has_the_whole_schedule_again_and_keeps_its_id_and_its_log() -> None:
    delivery = DELIVERY
    for at in range(len(SCHEDULE)):
        delivery = settled(delivery, Call(at=float(at), error="unreachable"))
    renewed = again(delivery, 50.0)
    assert (renewed.id, renewed.state, renewed.next_at) == ("msg_1", "pending", 50.0)
    after = settled(renewed, Call(at=50.0, error="unreachable"))
    assert (after.state, after.next_at, len(after.calls)) == ("pending", 55.0, 11)


def test_the_log_keeps_the_newest_tries() -> None:
    delivery = DELIVERY
    for at in range(50):
        delivery = settled(again(delivery, 0.0), Call(at=float(at), error="unreachable"))
    assert (delivery.made, len(delivery.calls), delivery.calls[-1].at) == (50, 20, 49.0)
