"""Everything that should not come in, against the server as it is shipped: one line for each that does.

``bad_inputs/reference.json`` is a list that others can use too; ``bad_inputs/own.json`` is ours. An entry says where it
goes (``where``), what is sent (``value``), which statuses are right (``expect_status``) and ``why``. Afterwards
nothing may be left of what was refused, in Redis or on disk, and the server has connected to nobody but Redis.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import pytest
import requests

from jobs.access.api_key_store import ApiKeyStore
from jobs.limits import NAMES as LIMITS
from jobs.vault import Vault
from tests.support.fake_worker import FakeWorker
from tests.support.processes import ROOT, Stack
from tests.support.raw_http import Reply, exchange, request
from web.http.problems import KINDS
from web.http.signed_links import Grant, SignedLinks

pytestmark = [pytest.mark.real, pytest.mark.acceptance]

HERE: Final = Path(__file__).parent
ENTRIES: Final = {
    entry["id"]: entry
    for name in ("reference", "own")
    for entry in json.loads((HERE / "bad_inputs" / f"{name}.json").read_text())
}

#: Addresses in the reference list that are called otherwise here: an artifact is an output of its job.
ADDRESSES: Final = (
    (re.compile(r"/artifacts/(-?\d+)"), r"/outputs/\1"),
    (re.compile(r"/v1/artifacts/\$(MY|OTHER)_ARTIFACT"), r"/v1/jobs/$\1_FINISHED_JOB/outputs/0"),
    (re.compile(r"([?&])token="), r"\1sig="),
)
#: Entries whose expectation is another one here, and why.
OTHERWISE: Final[Mapping[str, tuple[tuple[int, ...], str]]] = {
    "hdr-idem-in-flight": ((202,), "a repeat gets the live job: submitting is instant, so no 409 is needed"),
    "http-slow-headers": ((0, 400, 408), "gunicorn closes the connection when time is up, and says nothing"),
}
#: Entries that cannot be as expected yet, and what is missing. One that is as expected must leave this table.
NOT_YET: Final[Mapping[str, str]] = {}

GOOD: Final[Mapping[str, Any]] = {"model": "flux-dev", "input": {"prompt": "a red fox in snow"}}
#: Seconds that slow requests get here.
_PATIENCE: Final = "2"
#: Keys that any request may touch: what it counts for, and what wakes those who watch. And the web processes' own signs of
#: life, which go on whatever is asked.
_COUNTING: Final = (b"dr:rate:", b"dr:nudge:", b"dr:servers")
#: Longest answer to something that is refused: nobody's own megabyte comes back.
_LONGEST_REFUSAL: Final = 16_384


@dataclass(frozen=True, slots=True)
class Scenario:
    """A running server with two clients' keys and jobs, and what the names in the lists stand for."""

    stack: Stack
    names: Mapping[str, str]
    socket_log: Path

    def fill_in(self, text: bytes) -> bytes:
        """The text with its ``$NAMES`` replaced, and ``<<words*times>>`` repeated."""
        known = {name.encode(): value.encode() for name, value in self.names.items()}
        text = re.sub(rb"\$([A-Z][A-Z0-9_]+)", lambda match: known.get(match[1], match[0]), text)
        return re.sub(rb"<<(.+?)\*(\d+)>>", lambda match: match[1] * int(match[2]), text, flags=re.DOTALL)

    def contents(self) -> dict[str, str]:
        """A digest of every key in Redis and every file, by name."""
        client = self.stack.client
        found = [key for key in client.scan_iter(count=1000) if not key.startswith(_COUNTING)]
        pipe = client.pipeline(transaction=False)
        for key in found:
            pipe.dump(key)
        kept = zip(found, cast("list[bytes | None]", pipe.execute()), strict=True)
        data = self.stack.folder / "data"
        return {
            **{key.decode(): hashlib.sha256(value or b"").hexdigest() for key, value in kept},
            **{str(path): str(path.stat().st_size) for path in data.rglob("*") if path.is_file()},
        }

    def connected(self) -> set[str]:
        """What the server's processes connected to or looked up, but for Redis and the address that they listen on."""
        expected = {f"connect ('127.0.0.1', {self.stack.redis.port})", "look-up '127.0.0.1'"}
        return set(self.socket_log.read_text().splitlines()) - expected


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    folder = tmp_path_factory.mktemp("bad-inputs")
    socket_log = folder / "sockets.txt"
    with Stack(folder / "stack") as stack:
        names = _names(stack)
        stack.web(
            PYTHONPATH=str(ROOT / "tests" / "support" / "socket_log"),
            DARKROOM_TEST_SOCKET_LOG=str(socket_log),
            DARKROOM_REQUEST_SECONDS=_PATIENCE,
        )
        yield Scenario(stack, {**names, **_made_over_http(stack, names)}, socket_log)


def _names(stack: Stack) -> dict[str, str]:
    """Two clients and a key of nobody's, and jobs of both that have ended."""
    keys = ApiKeyStore(stack.connection)
    (mine, key), (other, other_key), (gone, gone_key) = (
        keys.create(name, limits=dict.fromkeys(LIMITS, "none")) for name in ("mine", "other", "gone")
    )
    keys.revoke(gone.id)
    fake_worker = FakeWorker(stack)
    jobs = {}
    for name, owner in (("MY", mine.id), ("OTHER", other.id)):
        lease = fake_worker.claim(fake_worker.submit(owner=owner))
        fake_worker.succeed(lease)
        jobs[f"{name}_FINISHED_JOB"] = lease.job.id
    waiting = fake_worker.submit(owner=other.id)
    canceled = fake_worker.submit(owner=mine.id)
    stack.jobs.cancel(canceled.id, mine.id)
    return {
        **jobs,
        "MY_JOB": jobs["MY_FINISHED_JOB"],
        "MY_CANCELED_JOB": canceled.id,
        "OTHER_TENANT_JOB": waiting.id,
        "OTHER_TENANT_EVENT_ID": stack.store.get(waiting.id).event_id,
        "VALID_KEY": key,
        "VALID_KEY_BAD_CHECKSUM": key[:-1] + ("a" if key[-1] != "a" else "b"),
        "VALID_KEY_TRUNCATED": key[:-6],
        "VALID_KEY_LOWER": key.lower(),
        "B64_VALID_KEY_COLON": base64.b64encode(f"{key}:".encode()).decode(),
        "OTHER_TENANT_KEY": other_key,
        "REVOKED_KEY": gone_key,
        "USED_KEY": "used-1",
        "USED_KEY_SAME_BODY": "used-2",
        "IN_FLIGHT_KEY": "used-3",
    }


def _made_over_http(stack: Stack, names: Mapping[str, str]) -> dict[str, str]:
    """Idempotency keys that are used, and another client's cursor."""
    for name in ("USED_KEY", "USED_KEY_SAME_BODY", "IN_FLIGHT_KEY"):
        headers = {"Authorization": f"Bearer {names['VALID_KEY']}", "Idempotency-Key": names[name]}
        assert requests.post(f"{stack.url}/v1/jobs", json=GOOD, headers=headers, timeout=30).status_code == 202
    cursors = {}
    for key in ("VALID_KEY", "OTHER_TENANT_KEY"):
        headers = {"Authorization": f"Bearer {names[key]}"}
        cursors[key] = requests.get(f"{stack.url}/v1/jobs?limit=1", headers=headers, timeout=30).json()["next_cursor"]
    return {
        **_signatures(stack, names),
        "OTHER_TENANT_CURSOR": cursors["OTHER_TENANT_KEY"],
        "TAMPERED_CURSOR": ("A" if cursors["VALID_KEY"][0] != "A" else "B") + cursors["VALID_KEY"][1:],
    }


def _signatures(stack: Stack, names: Mapping[str, str]) -> dict[str, str]:
    """Of a link that is good, and of others that are not."""
    path = f"/v1/jobs/{names['MY_FINISHED_JOB']}/outputs/0"
    headers = {"Authorization": f"Bearer {names['VALID_KEY']}"}
    link = requests.post(f"{stack.url}{path}/link", headers=headers, timeout=30).json()["url"]
    good = link.partition("?sig=")[2]
    vault = Vault.from_file(Path(stack.environ["DARKROOM_DATA_DIR"]) / "secret.key")
    late = SignedLinks(vault.derived("links"), stack.store.now).sign(
        Grant(stack.job(names["MY_FINISHED_JOB"]).owner, path, int(stack.store.now()) - 60)
    )
    tampered = ("B" if good[0] == "A" else "A") + good[1:]
    return {"VALID_TOKEN": good, "TOKEN_FOR_MY_ARTIFACT": good, "EXPIRED_TOKEN": late, "TAMPERED_TOKEN": tampered}


# -- what is sent -------------------------------------------------------------


def sent(entry: Mapping[str, Any], scenario: Scenario) -> bytes:
    """The bytes of an entry's request."""
    value = entry["value"]
    if "$raw_request_base64" in value:
        return scenario.fill_in(base64.b64decode(value["$raw_request_base64"]))
    if "$raw" in value:
        return scenario.fill_in(value["$raw"].encode("latin-1"))
    method, _, rest = str(entry["where"]).partition(" ")
    path, _, part = rest.rpartition(" ")
    headers: dict[str, str | None] = {
        "Host": f"127.0.0.1:{scenario.stack.port}",
        "Authorization": "Bearer $VALID_KEY",
        "Content-Type": "application/json" if part in {"body", "header"} else None,
    }
    body = b""
    if part == "body":
        body, more = body_of(value)
        headers |= more
    elif part == "header":
        body = json.dumps(value.get("body", GOOD)).encode()
    elif part == "query":
        path += f"?{value['query']}"
    else:
        path = value["path"]
    if part in {"header", "path"}:
        headers |= {name: None if text == "$DELETE" else text for name, text in value.get("headers", {}).items()}
    body = scenario.fill_in(body)
    if "Transfer-Encoding" in headers:
        body = _chunks(body, value["$chunked"])
    elif method != "GET":
        headers["Content-Length"] = str(len(body))
    for address, ours in ADDRESSES:
        path = address.sub(ours, path)
    return scenario.fill_in(request(method, path, headers)) + body


def body_of(value: Any) -> tuple[bytes, dict[str, str | None]]:
    """A body, and the headers that it needs; what begins with ``$`` is an instruction, anything else the JSON itself."""
    if not isinstance(value, dict) or not any(name in value for name in _INSTRUCTIONS):
        return json.dumps(value).encode(), {}
    headers = dict(value.get("headers", {}))
    if "content_type" in value:
        headers["Content-Type"] = value["content_type"] or None
    if "$chunked" in value:
        headers["Transfer-Encoding"] = "chunked"
    if "$base64" in value:
        return base64.b64decode(value["$base64"]), headers
    if "$gen_raw" in value:
        made = value["$gen_raw"]
        return str(made["left"] * made["times"] + made["mid"] + made["right"] * made["times"]).encode(), headers
    if "$gen" in value:
        return json.dumps(_grown(**value["$gen"])).encode(), headers
    return str(value["$text"]).encode(), headers


_INSTRUCTIONS: Final = ("$base64", "$gen", "$gen_raw", "$text")


def _chunks(body: bytes, size: int) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


def _grown(template: Any, path: list[str], unit: str, times: int) -> Any:
    """The template with something long in one place: a text, a name (``$key``), or many names (``*``)."""
    grown = json.loads(json.dumps(template))
    steps = [step for part in path for step in part.split(".")]
    target = grown
    for step in steps[:-1]:
        target = target.setdefault(step, {})
    if steps[-1] == "*":
        target.update({f"{unit}{number}": "v" for number in range(times)})
    elif steps[-1] == "$key":
        target[unit * times] = 1
    else:
        target[steps[-1]] = unit * times
    return grown


# -- what is right ------------------------------------------------------------


def faults(entry: Mapping[str, Any], scenario: Scenario, reply: Reply, before: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the answer, and with what the request left behind."""
    expected, _ = OTHERWISE.get(entry["id"], (tuple(entry["expect_status"]), ""))
    if reply.status not in expected:
        yield f"{reply.status} instead of {' or '.join(map(str, expected))} ({reply.body[:120]!r})"
    if 200 <= reply.status < 300:
        return
    after = scenario.contents()
    if left := sorted(name for name in {*before, *after} if before.get(name) != after.get(name)):
        yield f"left behind: {', '.join(left)[:300]}"
    if len(reply.body) > _LONGEST_REFUSAL:
        yield f"the refusal has {len(reply.body)} bytes"
    if "X-Injected" in reply.headers or "X" in reply.headers:
        yield "a header was injected"
    secrets = re.findall(r"(?:hf_\S+|dk_live_\w+|admin=1|u%0d%0aX:p)", json.dumps(_credentials(entry)))
    if any(secret[:40] in reply.body.decode(errors="replace") for secret in secrets):
        yield "the refusal repeats a secret"
    if reply.content_type == "application/problem+json":
        code = json.loads(reply.body)["code"]
        if code not in KINDS:
            yield f"its code is {code}"
    elif entry.get("transport") not in {"raw-socket", "server"}:
        yield f"the refusal is no problem document but {reply.content_type or 'nothing'}"


def _credentials(entry: Mapping[str, Any]) -> Any:
    return entry["value"].get("credentials", "") if isinstance(entry["value"], dict) else ""


@pytest.mark.parametrize("name", ENTRIES)
def test_it_is_refused_and_nothing_is_left_of_it(scenario: Scenario, name: str) -> None:
    entry = ENTRIES[name]
    before = scenario.contents()
    reply = exchange(scenario.stack.port, sent(entry, scenario))
    found = list(faults(entry, scenario, reply, before))
    if name in NOT_YET:
        assert found, f"{name} is as expected: take it out of NOT_YET"
    elif found:
        pytest.fail(f"{name}: {'; '.join(found)} — {entry['why']}", pytrace=False)


def test_the_server_has_asked_nobody(scenario: Scenario) -> None:
    assert str(scenario.stack.redis.port) in scenario.socket_log.read_text(), (
        "the log shows what the server connects to"
    )
    assert scenario.connected() == set()


def test_the_server_still_serves(scenario: Scenario) -> None:
    headers = {"Authorization": f"Bearer {scenario.names['VALID_KEY']}"}
    assert requests.post(f"{scenario.stack.url}/v1/jobs", json=GOOD, headers=headers, timeout=30).status_code == 202
    assert "a request failed" not in scenario.stack.logs()


def test_the_tables_name_entries_that_exist() -> None:
    assert {*OTHERWISE, *NOT_YET} <= set(ENTRIES)
