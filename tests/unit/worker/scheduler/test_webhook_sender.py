"""Deliveries over real sockets to receivers of every kind; the store is fakeredis, its clock the test's."""

from __future__ import annotations

import base64
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import msgspec
import pytest
from standardwebhooks import Webhook as Verifier

from cli.stack.redis_server import free_port
from jobs import events, failpoints
from jobs.egress import Egress
from jobs.errors import StoreUnavailable
from jobs.ids import new_id
from jobs.model import Job
from jobs.record import keys
from jobs.webhooks.deliveries import SCHEDULE, Delivery
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.service import WebhookService
from tests.support.connections import RiggedConnection
from tests.support.eventually import eventually
from tests.support.webhook_receiver import Act, WebhookReceiver, make_certificate, status
from tests.support.worker_parts import shared_of
from worker.egress.dialer import Dialer
from worker.scheduler.webhook_client import WebhookClient
from worker.scheduler.webhook_sender import AT_ONCE, LEASE_SECONDS, PER_OWNER, WebhookSender

LOOPBACK = Egress((ipaddress.ip_network("127.0.0.1/32"),))
PUBLIC = "93.184.216.34"


class Deliveries:
    """The parts that deliver, around one store."""

    def __init__(self, egress: Egress = LOOPBACK, client: WebhookClient | None = None) -> None:
        connection = self.connection = RiggedConnection()
        self.redis = connection.client
        shared = shared_of(connection)
        self.store = shared.store
        self.webhooks = WebhookService(connection, shared.vault, egress)
        self.outbox = Outbox(connection)
        called = client or WebhookClient(Dialer(egress), seconds=5)
        self.webhook_sender = WebhookSender(shared, called, away_seconds=0.01)

    def ended(self, url: str, owner: str = "key_1") -> Job:
        hook = self.webhooks.accept(owner, url, base="http://here")
        job = Job(
            id=new_id("job"), owner=owner, user=owner, model="echo", route=("echo",), given={}, input={},
            created_at=self.store.now(), webhook=hook,
        )  # fmt: skip
        self.store.accept(job)
        return self.store.change(job.id, lambda _: events.Canceled(at=self.store.now())).job

    def delivered(self, url: str) -> Delivery:
        job = self.ended(url)
        assert self.webhook_sender.round() == 1
        return self.outbox.deliveries(job.id)[0]

    def due_again(self, job: Job) -> None:
        (delivery,) = self.outbox.deliveries(job.id)
        self.redis.zadd(f"dr:hookdue:key_1/{delivery.host}", {f"{job.id}/{delivery.id}": 1})
        self.redis.zadd("dr:hookhosts:key_1", {delivery.host: 1})
        self.redis.zadd("dr:hookowners", {"key_1": 1})


@pytest.fixture
def deliveries() -> Deliveries:
    return Deliveries()


Receive = Callable[..., WebhookReceiver]


@pytest.fixture
def receive() -> Iterator[Receive]:
    made: list[WebhookReceiver] = []

    def start(*acts: Act, certificate: Path | None = None) -> WebhookReceiver:
        made.append(WebhookReceiver(*acts, certificate=certificate))
        return made[-1]

    yield start
    for receiver in made:
        receiver.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "hooks.pem", "hooks.example.com")


def test_a_message_is_verified_by_the_standards_library_from_its_raw_bytes(
    deliveries: Deliveries, receive: Receive
) -> None:
    receiver = receive()
    delivery = deliveries.delivered(receiver.url)
    assert (delivery.state, delivery.calls[0].status, delivery.calls[0].error) == ("delivered", 204, None)
    headers, body = receiver.messages[0]
    message = Verifier(deliveries.webhooks.secret("key_1")).verify(body, headers)
    assert message == json.loads(body)
    assert (message["type"], message["data"]["status"]) == ("job.canceled", "canceled")
    assert headers["webhook-id"] == delivery.id
    assert headers["Host"] == f"127.0.0.1:{receiver.port}"
    assert not {"authorization", "cookie"} & {name.lower() for name in headers}


def test_after_a_rotation_both_secrets_verify(deliveries: Deliveries, receive: Receive) -> None:
    receiver, old = receive(), deliveries.webhooks.secret("key_1")
    new = deliveries.webhooks.rotate("key_1")
    deliveries.delivered(receiver.url)
    headers, body = receiver.messages[0]
    for secret in (old, new):
        Verifier(secret).verify(body, headers)


def encrypted(certificate: Path | None, address: str = "127.0.0.1") -> Deliveries:
    egress = LOOPBACK
    return Deliveries(
        egress,
        WebhookClient(
            Dialer(egress, lambda *_: [address], None if certificate is None else str(certificate)), seconds=5
        ),
    )


def test_over_tls_the_receivers_name_is_checked(receive: Receive, certificate: Path) -> None:
    receiver = receive(certificate=certificate)
    deliveries = encrypted(certificate)
    assert deliveries.delivered(f"https://hooks.example.com:{receiver.port}/").state == "delivered"
    assert receiver.messages[0][0]["Host"] == f"hooks.example.com:{receiver.port}"
    for deliveries, host in [(encrypted(certificate), "other.example.com"), (encrypted(None), "hooks.example.com")]:
        delivery = deliveries.delivered(f"https://{host}:{receiver.port}/")
        assert (delivery.state, delivery.calls[0].error) == ("pending", "tls")
    assert len(receiver.messages) == 1


def test_500_then_200_is_one_message_with_one_id(deliveries: Deliveries, receive: Receive) -> None:
    receiver = receive(status(500), status(200))
    job = deliveries.ended(receiver.url)
    deliveries.webhook_sender.round()
    (delivery,) = deliveries.outbox.deliveries(job.id)
    assert (delivery.state, delivery.calls[0].status) == ("pending", 500)
    assert deliveries.webhook_sender.round() == 0, "its time has not come"
    deliveries.due_again(job)
    assert deliveries.webhook_sender.round() == 1
    (delivery,) = deliveries.outbox.deliveries(job.id)
    assert (delivery.state, [call.status for call in delivery.calls]) == ("delivered", [500, 200])
    (first, second) = receiver.messages
    assert first[1] == second[1]
    assert first[0]["webhook-id"] == second[0]["webhook-id"] == delivery.id
    Verifier(deliveries.webhooks.secret("key_1")).verify(second[1], second[0])


def test_a_redirect_is_a_failure_and_is_not_followed(deliveries: Deliveries, receive: Receive) -> None:
    inner = receive()
    for code in (301, 302, 307, 308):
        receiver = receive(status(code, Location=inner.url))
        delivery = deliveries.delivered(receiver.url)
        assert (delivery.state, delivery.calls[0].error, delivery.calls[0].status) == ("pending", "redirect", code)
    assert inner.connections == 0


def test_410_ends_it_for_this_address_until_it_is_tried_by_hand(deliveries: Deliveries, receive: Receive) -> None:
    receiver = receive(status(410), status(200))
    first = deliveries.ended(receiver.url)
    deliveries.webhook_sender.round()
    assert deliveries.outbox.deliveries(first.id)[0].state == "disabled"
    assert deliveries.delivered(receiver.url).state == "disabled"
    assert len(receiver.messages) == 1
    deliveries.outbox.redeliver(first.id, deliveries.outbox.deliveries(first.id)[0].id)
    deliveries.webhook_sender.round()
    assert deliveries.outbox.deliveries(first.id)[0].state == "delivered"
    assert deliveries.delivered(receiver.url).state == "delivered"


def test_retry_after_is_kept(deliveries: Deliveries, receive: Receive) -> None:
    delivery = deliveries.delivered(receive(status(503, Retry_After="7200")).url)
    assert delivery.next_at is not None
    assert delivery.next_at == pytest.approx(delivery.calls[0].at + 7200)


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65536)


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        handler.wfile.write(b"x")
        time.sleep(0.02)


def garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"220 mail.example ESMTP\r\n")


def silent(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.recv(1)


def test_an_endless_answer_is_not_read_to_its_end(deliveries: Deliveries, receive: Receive) -> None:
    assert deliveries.delivered(receive(endless).url).state == "delivered"


@pytest.mark.parametrize("act", [drip, garbage, silent])
def test_a_receiver_that_gives_no_proper_answer_is_left(receive: Receive, act: Act) -> None:
    deliveries = Deliveries(client=WebhookClient(Dialer(LOOPBACK), seconds=0.3))
    delivery = deliveries.delivered(receive(act).url)
    assert (delivery.state, delivery.calls[0].error, delivery.calls[0].status) == ("pending", "no_answer", None)


def test_closed_forbidden_and_unknown_look_the_same(receive: Receive) -> None:
    """What differs would tell a stranger what is behind our walls."""
    inner = receive()
    shown = set()
    for url, addresses in [
        (f"http://127.0.0.1:{free_port()}/", ["127.0.0.1"]),
        (f"http://hooks.example.com:{inner.port}/", ["127.0.0.2"]),
        (f"https://hooks.example.com:{inner.port}/", [PUBLIC]),
        ("https://hooks.example.com/", [PUBLIC, "127.0.0.2"]),
        ("https://hooks.example.com/", []),
    ]:
        deliveries = Deliveries(client=WebhookClient(Dialer(LOOPBACK, lambda *_, found=addresses: found), seconds=5))
        (call,) = deliveries.delivered(url).calls
        shown.add((call.error, call.status, call.seconds))
    assert shown == {("unreachable", None, None)}
    assert inner.connections == 0


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "100.100.100.200", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fd00::1"],
)  # fmt: skip
def test_a_name_that_leads_inside_is_never_connected_to(receive: Receive, address: str) -> None:
    inner = receive()
    for addresses in ([address], [PUBLIC, address]):
        asked: list[str] = []

        def look(host: str, port: int, found: list[str] = addresses, asked: list[str] = asked) -> list[str]:
            asked.append(f"{host}:{port}")
            return found

        deliveries = Deliveries(Egress(), WebhookClient(Dialer(Egress(), look), seconds=5))
        delivery = deliveries.delivered("https://hooks.example.com/")
        assert (delivery.calls[0].error, len(asked)) == ("unreachable", 1)
    assert inner.connections == 0


def test_a_name_is_looked_up_once_for_each_call(receive: Receive) -> None:
    """A second answer could be another one."""
    receiver = receive()
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    deliveries = Deliveries(client=WebhookClient(Dialer(LOOPBACK, lambda *_: answers.pop(0)), seconds=5))
    assert deliveries.delivered(f"http://hooks.example.com:{receiver.port}/").state == "delivered"
    assert len(answers) == 1


def test_proxies_of_the_environment_are_not_used(
    deliveries: Deliveries, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, receiver = receive(), receive()
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    assert deliveries.delivered(receiver.url).state == "delivered"
    assert proxy.connections == 0


def test_a_sender_that_dies_after_the_answer_sends_the_same_again(
    deliveries: Deliveries, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kill itself is made on real processes in tests/integration; here only its order."""
    receiver = receive()
    job = deliveries.ended(receiver.url)

    class Dead(BaseException):
        pass

    def die(place: str, *_: str) -> None:
        assert place in failpoints.PLACES
        raise Dead

    monkeypatch.setattr("worker.scheduler.webhook_sender.failpoint", die)
    with pytest.raises(Dead):
        deliveries.webhook_sender.round()
    monkeypatch.undo()
    assert deliveries.outbox.deliveries(job.id)[0].state == "pending"
    member = f"127.0.0.1/{job.id}/{deliveries.outbox.deliveries(job.id)[0].id}"
    assert deliveries.redis.zadd("dr:hooksent:key_1", {member: 1}) == 0
    deliveries.redis.zadd("dr:hookowners", {"key_1": 1})
    assert deliveries.webhook_sender.round() == 1
    assert deliveries.outbox.deliveries(job.id)[0].state == "delivered"
    assert len({headers["webhook-id"] for headers, _ in receiver.messages}) == 1
    assert len(receiver.messages) == 2


def test_what_came_of_a_call_outlasts_an_outage(deliveries: Deliveries, receive: Receive) -> None:
    """Otherwise the message is sent again, a minute later."""
    receiver = receive()

    def away() -> None:
        raise StoreUnavailable("the job store cannot be reached")

    deliveries.connection.before["settle"] = [away, away, away]
    assert deliveries.delivered(receiver.url).state == "delivered"
    assert len(receiver.messages) == 1


class Gate:
    """A receiver's answer that comes when the gate opens."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self._open.wait(30)
        status(204)(handler)

    def open(self) -> None:
        self._open.set()


@contextmanager
def delivering(deliveries: Deliveries, gate: Gate) -> Iterator[None]:
    stopped = threading.Event()
    thread = deliveries.webhook_sender.rounds(stopped).start()
    try:
        yield
    finally:
        gate.open()
        stopped.set()
        thread.join(10)


def is_delivered(deliveries: Deliveries, *jobs: Job) -> bool:
    return all(deliveries.outbox.deliveries(job.id)[0].state == "delivered" for job in jobs)


def test_a_slow_receiver_holds_up_no_other(receive: Receive) -> None:
    gate = Gate()
    slow, quick, egress = receive(gate), receive(), LOOPBACK
    deliveries = Deliveries(egress, WebhookClient(Dialer(egress, lambda *_: ["127.0.0.1"]), seconds=30))
    waiting = [deliveries.ended(f"http://slow.example.com:{slow.port}/") for _ in range(30)]
    other = deliveries.ended(f"http://quick.example.com:{quick.port}/")
    with delivering(deliveries, gate):
        eventually(lambda: is_delivered(deliveries, other))
        assert slow.connections <= 4
        gate.open()
        eventually(lambda: is_delivered(deliveries, *waiting))
    assert len(slow.messages) == 30


def test_an_owner_of_slow_receivers_everywhere_holds_up_no_other(receive: Receive) -> None:
    """As many hosts as there could be calls, all of them the same slow receiver; the other's is the same, too."""
    gate = Gate()
    slow, egress = receive(gate), LOOPBACK
    deliveries = Deliveries(egress, WebhookClient(Dialer(egress, lambda *_: ["127.0.0.1"]), seconds=30))
    waiting = [deliveries.ended(f"http://h{n}.example.com:{slow.port}/") for n in range(60)]
    with delivering(deliveries, gate):
        eventually(lambda: slow.connections == PER_OWNER)
        quick = receive()
        other = deliveries.ended(f"http://h0.example.com:{quick.port}/", owner="key_2")
        eventually(lambda: is_delivered(deliveries, other))
        assert slow.connections == PER_OWNER
        gate.open()
        eventually(lambda: is_delivered(deliveries, *waiting))


def test_a_test_message_is_sent_once(deliveries: Deliveries, receive: Receive) -> None:
    receiver = receive(status(500))
    delivery = deliveries.webhooks.test("key_1", receiver.url)
    deliveries.webhook_sender.round()
    delivery = deliveries.webhooks.again(delivery)
    assert (delivery.state, delivery.calls[0].status) == ("exhausted", 500)
    headers, body = receiver.messages[0]
    assert Verifier(deliveries.webhooks.secret("key_1")).verify(body, headers)["type"] == "webhook.test"


# -- what one delivery costs -----------------------------------------------------


def spoiled(deliveries: Deliveries, url: str, **changes: object) -> Job:
    """A job whose delivery is changed to what no process of ours writes; "doc" is the whole record."""
    job = deliveries.ended(url)
    (delivery,) = deliveries.outbox.deliveries(job.id)
    doc = changes.pop("doc", None) or json.dumps({**json.loads(msgspec.json.encode(delivery)), **changes})
    deliveries.redis.hset(keys.hooks(job.id), delivery.id, doc)  # type: ignore[arg-type]
    return job


def test_a_record_that_cannot_be_read_is_given_up_and_keeps_no_other(deliveries: Deliveries, receive: Receive) -> None:
    receiver = receive()
    bad = [spoiled(deliveries, receiver.url, doc=doc) for doc in (b"\xff not json", b"[1]", b'{"id": 7}')]
    good = deliveries.ended(receiver.url)
    with delivering(deliveries, Gate()):
        eventually(lambda: is_delivered(deliveries, good), "the other is delivered", within=10)
        eventually(lambda: deliveries.outbox.pending() == 0, "none is tried again", within=10)
    for job in bad:
        (delivery,) = deliveries.outbox.deliveries(job.id)
        assert (delivery.state, delivery.calls[-1].error, delivery.type) == ("exhausted", "internal", "unknown")
    assert len(receiver.messages) == 1


@pytest.mark.parametrize("target", ["not base64!", "AAAA", "", base64.b64encode(b"x" * 60).decode()])
def test_an_address_that_cannot_be_read_is_a_try_that_failed(
    deliveries: Deliveries, receive: Receive, target: str
) -> None:
    """Not at once the last one: the operator may have put in the wrong secret key."""
    receiver = receive()
    bad, good = spoiled(deliveries, receiver.url, target=target), deliveries.ended(receiver.url)
    with delivering(deliveries, Gate()):
        eventually(lambda: is_delivered(deliveries, good), "the other is delivered", within=10)
    for tries in range(1, len(SCHEDULE) + 1):
        (delivery,) = deliveries.outbox.deliveries(bad.id)
        assert (delivery.made, delivery.calls[-1].error) == (tries, "internal")
        deliveries.due_again(bad)
        deliveries.webhook_sender.round()
    assert delivery.state == "exhausted"


def test_where_no_thread_can_be_started_deliveries_wait_for_the_next_round(
    deliveries: Deliveries, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not for the end of their lease; nor is a place at the sender lost."""
    receiver, start, refused = receive(), threading.Thread.start, 0

    def full(thread: threading.Thread) -> None:
        nonlocal refused
        if thread.name == "delivery" and refused < AT_ONCE + 1:
            refused += 1
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", full)
    monkeypatch.setattr("worker.scheduler.webhook_sender.AWAY_SECONDS", 0.01)
    jobs = [deliveries.ended(receiver.url) for _ in range(3)]
    with delivering(deliveries, Gate()):
        eventually(lambda: is_delivered(deliveries, *jobs), "all are delivered", within=LEASE_SECONDS / 2)
    assert (refused, len(receiver.messages)) == (AT_ONCE + 1, 3)
