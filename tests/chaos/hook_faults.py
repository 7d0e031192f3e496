"""The faults of webhooks: senders that die, and receivers that do everything but take a message (F6, F7, F37, F38)."""

from __future__ import annotations

import ipaddress
import time
from typing import Final

from cli.stack.redis_server import free_port
from jobs.egress import Egress
from jobs.submissions import Submission
from jobs.vault import Vault
from jobs.webhooks.deliveries import SCHEDULE, Delivery
from jobs.webhooks.outbox import Outbox
from jobs.webhooks.service import WebhookService
from tests.chaos.deployment import PAINTER
from tests.chaos.hooks import drip, endless, later
from tests.chaos.resolver import GONE
from tests.chaos.trial import Trial
from tests.chaos.waiting import eventually
from tests.support.webhook_receiver import make_certificate, status

#: Deliveries that are pending when the sender dies.
PENDING: Final = 10_000
#: Longer than a sender waits for an answer.
_TOO_LATE: Final = 18.0
#: A delivery that its sender took and did not note is left alone for a minute.
_LEASE: Final = 100.0


def killed_after_the_last_event(trial: Trial) -> str:
    receiver = trial.deployment.hooks.add("terminal")
    trial.arm("terminal_written:kill")
    seen = trial.run(trial.errand(webhook=receiver.url), harm=trial.crashed)
    assert len(trial.final().attempts) == 1
    assert len(receiver.messages) == 1
    return f"{seen}; the webhook came"


def killed_before_the_note(trial: Trial) -> str:
    receiver = trial.deployment.hooks.add("noted")
    sender = trial.alone(DARKROOM_TEST_FAILPOINTS="delivered:kill")

    def harm() -> None:
        eventually(lambda: not sender.alive, "the sender has died after the answer", within=60)
        assert len(receiver.messages) == 1
        sender.start()

    seen = trial.run(trial.errand(webhook=receiver.url), harm=harm, settle=_LEASE)
    ids = {headers["webhook-id"] for headers, _ in receiver.messages}
    assert (len(receiver.messages), len(ids)) == (2, 1)
    gap = receiver.times[1] - receiver.times[0]
    return f"{seen}; delivered twice under one id, {gap:.0f} s apart"


def receivers_that_fail(trial: Trial) -> str:
    """Ten receivers at once, each on a host of its own; the eleventh is well and waits for none of them."""
    hooks, folder = trial.deployment.hooks, trial.deployment.folder
    inner = hooks.add("inner")
    certificate = make_certificate(folder / "receiver.pem", "127.0.0.1")
    cases = {
        "down": (f"http://127.0.0.99:{free_port()}/hook", "unreachable"),
        "500": (hooks.add("500", status(500), answer=500).url, "status"),
        "302": (hooks.add("302", status(302, Location=inner.url), answer=302).url, "redirect"),
        "410": (hooks.add("410", status(410), answer=410).url, "status"),
        "slow": (hooks.add("slow", drip(_TOO_LATE), answer=0).url, "no_answer"),
        "late": (hooks.add("late", later(_TOO_LATE, status(204)), answer=0).url, "no_answer"),
        "endless": (hooks.add("endless", endless(_TOO_LATE), answer=200).url, None),
        "bad TLS": (hooks.add("tls", certificate=certificate).url, "tls"),
        "500, then well": (hooks.add("again", status(500), status(204)).url, None),
    }
    # The checker takes a receiver's last word for all its answers.
    if trial.deployment.resolver is not None:
        cases["DNS gone"] = (f"https://{GONE}/hook", "unreachable")
    well = hooks.add("well")
    errands = {name: trial.errand(webhook=url) for name, (url, _) in cases.items()}
    good = trial.errand(at=1.0, webhook=well.url)
    trial.run(*errands.values(), good, settle=120)
    assert not inner.messages, "a redirect was followed"

    found = {story.key: _only(trial, story.job) for story in trial.stories()}
    seen = []
    for name, (_, wrong) in cases.items():
        delivery = found[errands[name].key]
        last = delivery.calls[-1]
        assert last.error == wrong, (name, delivery)
        _keeps_schedule(name, delivery)
        seen.append(f"{name}: {delivery.state} after {delivery.made}")
    waited = well.times[0] - found[good.key].created_at
    assert waited < _TOO_LATE / 2, "a receiver that is well waited for one that is not"
    return f"{'; '.join(seen)}; beside them one is told after {waited:.1f} s; {_exhausted(trial, found[errands['500'].key])}"


def _only(trial: Trial, job: str) -> Delivery:
    (delivery,) = Outbox(trial.deployment.stack.connection).deliveries(job)
    return delivery


def _keeps_schedule(name: str, delivery: Delivery) -> None:
    expected = {"410": "disabled", "endless": "delivered", "500, then well": "delivered"}.get(name, "pending")
    assert delivery.state == expected, (name, delivery)
    if len(delivery.calls) > 1:
        first, second = delivery.calls[:2]
        assert second.at - first.at >= SCHEDULE[1], "tried again too soon"
    if delivery.next_at is not None:
        assert delivery.next_at - delivery.calls[-1].at >= SCHEDULE[delivery.made]


def _exhausted(trial: Trial, delivery: Delivery) -> str:
    """Let the days pass until the last try, by telling the store that each next one is due."""
    client, outbox = trial.deployment.stack.client, Outbox(trial.deployment.stack.connection)
    member = f"{delivery.holder}/{delivery.id}"

    def over() -> bool:
        found = outbox.get(delivery.holder, delivery.id)
        if client.zadd(f"dr:hookdue:{delivery.owner}/{delivery.host}", {member: 1}, xx=True, ch=True):
            client.zadd(f"dr:hookhosts:{delivery.owner}", {delivery.host: 1})
            client.zadd("dr:hookowners", {delivery.owner: 1})
        return found is not None and found.state != "pending"

    eventually(over, "the schedule has come to its end", within=90)
    found = outbox.get(delivery.holder, delivery.id)
    assert found is not None
    assert (found.state, found.made) == ("exhausted", len(SCHEDULE))
    return f"after {found.made} tries in all, 500 is {found.state}"


def sender_dies_with_many_pending(trial: Trial) -> str:
    """10,000 deliveries are pending to one host; the sender dies among them."""
    deployment = trial.deployment
    receiver = deployment.hooks.add("many")
    sender = trial.alone()
    sender.kill()
    vault = Vault.from_file(deployment.folder / "data" / "secret.key")
    hooks = WebhookService(deployment.stack.connection, vault, Egress((ipaddress.ip_network("127.0.0.0/8"),)))
    given = {"prompt": f"{trial.name}y a lighthouse"}
    jobs = []
    for _ in range(PENDING):
        asked = Submission(
            owner="local", model=PAINTER, given=given, inputs={PAINTER: given},
            webhook=hooks.accept("local", receiver.url, base="http://here"),
        )  # fmt: skip
        # Without waking anybody: it is canceled at once.
        job, _ = deployment.stack.submissions.prepare(asked)
        deployment.store.accept(job)
        deployment.stack.jobs.cancel(job.id, None)
        jobs.append(job.id)
    sender.start()
    began = time.monotonic()
    eventually(lambda: len(receiver.messages) >= PENDING // 5, "some are delivered", within=120)
    sender.kill()
    before = len(receiver.messages)
    sender.start()
    eventually(lambda: not _open(deployment.stack.client), "all are delivered", within=500)
    seconds = time.monotonic() - began
    told = [headers["webhook-id"] for headers, _ in receiver.messages]
    outbox = Outbox(deployment.stack.connection)
    posted = {one.id: one.state for job in jobs for one in outbox.deliveries(job)}
    assert set(posted.values()) == {"delivered"}
    assert set(told) == set(posted)
    assert len(posted) == PENDING
    for job_id in jobs:
        deployment.stack.jobs.delete(job_id, None)
    return (
        f"{PENDING} delivered within {seconds:.0f} s, {before} of them before the crash,"
        f" {len(told) - len(posted)} twice under the same id"
    )


def _open(client: object) -> bool:
    return bool(client.exists("dr:hookowners"))  # type: ignore[attr-defined]
