"""Webhooks by real processes: the commands of the how-to page, and a sender that is killed after the answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from cli.stack.redis_server import free_port
from jobs.egress import Egress
from jobs.submissions import Submission
from jobs.vault import Vault
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.service import WebhookService
from tests.support.eventually import eventually
from tests.support.pages import HOW_TO, blocks, run_commands
from tests.support.processes import Stack
from tests.support.webhook_receiver import WebhookReceiver

pytestmark = pytest.mark.real

PAGE = HOW_TO / "receive-webhooks.md"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    config = tmp_path / "darkroom.toml"
    (allow,) = blocks(PAGE, "toml")
    config.write_text(allow)
    with Stack(tmp_path / "stack", environ={"DARKROOM_CONFIG": str(config)}) as running:
        yield running


def test_the_commands_of_the_page_work(stack: Stack, tmp_path: Path) -> None:
    stack.whole()
    (program,) = blocks(PAGE, "python")
    (tmp_path / "receiver.py").write_text(program)
    printed = run_commands(PAGE, tmp_path, stack.url, PORT=str(free_port()))
    for words in (
        "\ndelivered\n",
        "webhook.test",
        "job.started running",
        "job.succeeded succeeded",
        '"status":"delivered"',
    ):
        assert words in f"\n{printed}", printed


def test_a_sender_killed_between_the_answer_and_its_note_sends_the_same_again(stack: Stack) -> None:
    receiver = WebhookReceiver()
    vault = Vault.from_file(Path(stack.environ["DARKROOM_DATA_DIR"]) / "secret.key")
    outbox = Outbox(stack.connection)
    hooks = WebhookService(stack.connection, vault, Egress((ipaddress.ip_network("127.0.0.1/32"),)))
    job = stack.submissions.accept(
        Submission(
            owner="local", model="echo", given={}, inputs={"echo": {}},
            webhook=hooks.accept("local", receiver.url, base="http://here"),
        )
    ).record.job  # fmt: skip
    stack.jobs.cancel(job.id, "local")
    first = stack.scheduler("first", DARKROOM_TEST_MODE="on", DARKROOM_TEST_FAILPOINTS="delivered:kill")
    eventually(lambda: not first.alive, "the sender is killed")
    (delivery,) = outbox.deliveries(job.id)
    assert (delivery.state, len(receiver.messages)) == ("pending", 1)
    # Its lease is a minute; nobody wants to wait for that here.
    stack.client.zadd("dr:hooksent:local", {f"{delivery.host}/{job.id}/{delivery.id}": 1})
    stack.client.zadd("dr:hookowners", {"local": 1})
    stack.scheduler("second")
    eventually(lambda: outbox.deliveries(job.id)[0].state == "delivered", "it is delivered")
    receiver.close()
    (headers, body), (again, same) = receiver.messages
    assert (headers["webhook-id"], body) == (again["webhook-id"], same)
    for sent in (headers, again):
        Verifier(hooks.secret("local")).verify(body, sent)
