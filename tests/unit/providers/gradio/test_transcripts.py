"""All recorded streams, through the real decoder and session, cut at every border."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from providers.base import Control
from providers.errors import ProviderError, Unreachable
from providers.events import File, InlineFile
from providers.gradio.answers import diff, files
from providers.gradio.answers.steps import Steps
from providers.gradio.app_limits import AppLimits
from providers.gradio.messages import Generating, ProcessCompleted, Signal, parse
from providers.gradio.session import CallResult, Session
from providers.gradio.stream import EventReader
from tests.transcripts.reader import Exchange, everything

STREAMS = {e.id: e for e in everything() if e.is_stream}

#: Events are told by their first letters here: Queued, Started, Log (a Status), progress Bars, Preview, Answer (the result).
LETTERS = {"Queued": "Q", "Started": "S", "Status": "L", "Progress": "B", "Preview": "P", "CallResult": "A"}


def outcome(stream: Exchange, pieces: Iterable[bytes], event_id: str | None = None) -> str:
    """The events of the stream's first job (or that of ``event_id``), and how it ended."""
    waiting = iter(pieces)

    def read(_: float) -> bytes:
        piece = next(waiting, b"")
        # As the transport does it: a broken body is a lost connection, silence a TimeoutError.
        if not piece and "ProtocolError" in stream.ended:
            raise Unreachable("the connection to the app was lost")
        if not piece and ("ReadTimeout" in stream.ended or "hung up" in stream.ended):
            raise TimeoutError
        return piece

    events = EventReader(read, limits=AppLimits(), control=Control(), clock=lambda: 0.0)
    # Only the queue's own stream carries diffs; "call-then" was posted by /call.
    diffs = "02-call" not in stream.name and not stream.version.startswith(("4.8.", "4.16"))
    session = Session(event_id, step=Steps((), "image", preview, diffs=diffs).feed)
    seen = ""
    try:
        for line in events:
            message = parse(line)
            if message is None or message.content is Signal.SEND_DATA:
                continue
            for event in session.feed(message):
                seen += LETTERS[type(event).__name__]
                if isinstance(event, CallResult):
                    return f"{seen} {summary(event)}"
        raise session.end()
    except ProviderError as error:
        return f"{seen} {type(error).__name__}: {error}".strip()


def preview(found: files.Stored) -> File:
    return InlineFile(found.name, b"")


def summary(answer: CallResult) -> str:
    shown = []
    for item in answer.data:
        found = files.find(item)
        if isinstance(item, list):
            shown.append(f"[{len(item)} files]")
        elif found is not None:
            shown.append(f"<{found.name}>")
        else:
            # The jobs' texts carry a random end.
            shown.append(re.sub(r"[0-9a-f]{10,12}'$", "…'", repr(item)))
    return ", ".join(shown)


def expected(stream: Exchange) -> str:
    named = EXPECTED.get(stream.id) or EXPECTED.get(stream.name)
    assert named is not None, f"what should come of {stream.id}?"
    return named


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_a_recorded_stream_means_the_same_however_it_is_cut(stream: Exchange) -> None:
    whole = [stream.body] if stream.body else []
    assert outcome(stream, whole) == expected(stream)
    assert outcome(stream, stream.cut()) == expected(stream)
    assert outcome(stream, (stream.body[i : i + 1] for i in range(len(stream.body)))) == expected(stream)


#: By name; by version and name where a version differs.
EXPECTED: dict[str, str] = {
    "02-call-then-queue-data-get": "QSLLA 'logged'",
    "02-call-with-session-get-queue-data": "QQSA 'quick:hi'",
    "6.31.0/02-call-with-session-get-queue-data": "QSA 'quick:hi'",
    "03-data-unknown-session": "Lost: The app no longer knows the job: it was restarted, or the stream was closed.",
    "03-queue-badchoice-get": "QS Rejected: Value: zzz is not in the list of choices: ['a', 'b', 'c']",
    "4.44.1/03-queue-badchoice-get": "QSA \"'a' 1 'zzz' True 3\"",
    "03-queue-fail_gen-get": "QS Crashed: gen error: boo",
    "03-queue-fail_gen_plain-get": "QS Crashed: the app failed and does not say why",
    "03-queue-fail_gr-get": "QS Crashed: gr error: boo",
    "03-queue-fail_plain-get": "QS Crashed: the app failed and does not say why",
    "03-queue-logs-get": "QSLLA 'logged'",
    "03-queue-multi-get": "QSBBBA 'slow:m0'",
    "03-queue-noqueue-get": "QSA 'quick:hi'",
    "03-queue-quick-get": "QSA 'quick:hi'",
    "03-queue-slow-get": "QSBBBBA 'slow:hi'",
    "03-queue-slowgen-get": "QSA 'g-0 g-1 g-2 g-3 g-4 ', {'i': 4, 'items': [0, 1, 2], 'y': 1}",
    "03-queue-toofew-get": "QS Crashed: the app failed and does not say why",
    "03-queue-wait-0-get": "QSBBBA 'slow:w0'",
    "03-queue-wait-1-get": "QQSBBBA 'slow:w1'",
    "6.31.0/03-queue-wait-1-get": "QSBBBA 'slow:w1'",
    "03-queue-wait-2-get": "QQSBBBA 'slow:w2'",
    "4.44.1/03-queue-wait-2-get": "QQQSBBBA 'slow:w2'",
    "04-R1q-late-get1": "QSBBBBA 'slow:R1q…'",
    "04-R1q-late-get2": "Timeout: no news from the app for 0 s",
    "04-R2q-drop-get1": "QSBBB Timeout: no news from the app for 0 s",
    "04-R2q-drop-get2": "Lost: The app no longer knows the job: it was restarted, or the stream was closed.",
    "04-R4-two-get0": "SBBBB Timeout: no news from the app for 0 s",
    "5.50.0/04-R4-two-get0": "QSBBBB Timeout: no news from the app for 0 s",
    "6.31.0/04-R4-two-get0": "BBBB Timeout: no news from the app for 0 s",
    "04-R4-two-get1": "QBBBBA 'slow:R…'",
    "5.50.0/04-R4-two-get1": "BBBBA 'slow:R…'",
    "6.31.0/04-R4-two-get1": "QSBBBBA 'slow:R…'",
    "04-R5-get0": "QSBBBB Timeout: no news from the app for 0 s",
    "4.44.1/04-R5-get0": "QSBB Timeout: no news from the app for 0 s",
    "04-R5-get1": "BBB Lost: The app no longer knows the job: it was restarted, or the stream was closed.",
    "5.50.0/04-R5-get1": "BB Lost: The app no longer knows the job: it was restarted, or the stream was closed.",
    "6.31.0/04-R5-get1": "BB Timeout: no news from the app for 0 s",
    "04-R8-get": "QSBBA 'slow:R…'",
    "04-R9-reuse-get": "QSBBA 'slow:R…'",
    "05-C1-behind-get": "QQSBBA 'slow:C1…'",
    "6.31.0/05-C1-behind-get": "QSBBA 'slow:C1…'",
    "05-C1-get": "QSBBBB Crashed: the app canceled the job",
    "6.31.0/05-C1-get": "QSBBBBB Crashed: the app canceled the job",
    "05-C2-get": "QS Crashed: the app canceled the job",
    "05-C3-get": "QQ Crashed: the app canceled the job",
    "6.31.0/05-C3-get": "Q Crashed: the app canceled the job",
    "05-C6-get": "QSBBBB Crashed: the app canceled the job",
    "05-C7-get": "QSBBB Crashed: the app canceled the job",
    "6.31.0/05-C7-get": "QSBBBB Crashed: the app canceled the job",
    "05-C8-get": "QSBBB Crashed: the app canceled the job",
    "05-C9-get": "QSBBBBBBBBBBBBA 'slow:C…'",
    "06-showerror-fail_gen_plain-queue": "QS Crashed: gen plain error: boo",
    "06-showerror-fail_plain-queue": "QS Crashed: plain error: boo",
    "06-showerror-image_io-queue": "QS Crashed: Cannot move /etc/hostname to the gradio cache dir because it was not uploaded by a user.",
    "4.44.1/06-showerror-image_io-queue": "QS Crashed: File /etc/hostname is not in the upload folder and cannot be accessed.",
    "06-showerror-typed-queue": 'QS Crashed: An event handler (typed) didn\'t receive enough input values (needed: 5, got: 2). Check if the event handler calls a Javascript function, and make sure its return value is correct. Wanted inputs: [, , , , ] Received inputs: ["a", 1]',
    "07-SIGINT-queue-get": "QSBBBBBBBBBBBBBBBBBBBBBBBBA 'slow:r'",
    "6.31.0/07-SIGINT-queue-get": "QSBBBBBBBBBBBBBBBBBBBBBBBBBA 'slow:r'",
    "07-SIGINT-reget-queue": "Lost: The app no longer knows the job: it was restarted, or the stream was closed.",
    "07-SIGKILL-queue-get": "QSBBBBB Unreachable: the connection to the app was lost",
    "5.50.0/07-SIGKILL-queue-get": "QSBBBBBB Unreachable: the connection to the app was lost",
    "6.31.0/07-SIGKILL-queue-get": "QSBBBBBBB Unreachable: the connection to the app was lost",
    "07-SIGKILL-reget-queue": "Lost: The app no longer knows the job: it was restarted, or the stream was closed.",
    "07-SIGTERM-queue-get": "QSBBBBBB Unreachable: the connection to the app was lost",
    "6.31.0/07-SIGTERM-queue-get": "QSBBBBBBB Unreachable: the connection to the app was lost",
    "07-SIGTERM-reget-queue": "Lost: The app no longer knows the job: it was restarted, or the stream was closed.",
    "07-close-queue-get": "QS Unreachable: the app was stopped while it worked on the job",
    "6.31.0/07-close-queue-get": "QS Unreachable: the connection to the app was lost",
    "09-dev-queue-get": "QSPPPA <image.webp>, 1",
    "09-janus-mmu-dataurl-as-url-get": "QSA 'The image is 10x10, mean 85.0. You asked: what?'",
    "4.44.1/09-janus-mmu-dataurl-as-url-get": "QS Crashed: the app failed and does not say why",
    "09-janus-mmu-filedata-get": "QSA 'The image is 10x10, mean 85.0. You asked: what?'",
    "09-janus-mmu-nometa-get": "QSA 'The image is 10x10, mean 85.0. You asked: what?'",
    "09-janus-mmu-none-get": "QS Crashed: No image given",
    "09-janus-mmu-path-is-url-get": "QS Crashed: the app failed and does not say why",
    "4.44.1/09-janus-mmu-path-is-url-get": "QSA 'The image is 10x10, mean 85.0. You asked: what?'",
    "09-janus-mmu-string-get": "QS Crashed: the app failed and does not say why",
    "09-janus-mmu-url-only-get": "QS Crashed: the app failed and does not say why",
    "09-schnell-queue-get": "QSBBBBBA <image.webp>, 7",
    "4.44.1/09-schnell-queue-get": "QSBBBBA <image.webp>, 7",
    "14-drop-get-queue-join": "QSB Unreachable: the connection was lost before the job was finished",
    "14-drop-get1": "QSBBBBBBBBBBBBA 'slow:OLD…'",
    "14-drop-get2": "Timeout: no news from the app for 0 s",
    "14-fail_gr-get": "QS Crashed: gr error: boo",
    "14-fail_gr-get-queue-join": "QS Crashed: gr error: boo",
    "14-late-get": "QSBBA 'slow:OLD…'",
    "14-logs-get-queue-join": "QSLLA 'logged'",
    "14-slow-get-queue-join": "QSBBBA 'slow:hi'",
    "14-slowgen-get": "QSA 'g-0 g-1 g-2 ', {'i': 2, 'items': [1, 2], 'y': 1}",
    "14-slowgen-get-queue-join": "QSA 'g-0 g-1 g-2 ', {'i': 2, 'items': [1, 2], 'y': 1}",
}


@pytest.mark.parametrize("version", ["4.19.2", "4.44.1", "5.50.0", "6.31.0"])
def test_diffs_lead_to_the_value_that_is_sent_in_full_at_the_end(version: str) -> None:
    stream = STREAMS[f"{version}/{'14' if version == '4.19.2' else '03-queue'}-slowgen-get"]
    parsed = [parse(line.removeprefix("data: ")) for line in stream.body.decode().split("\n\n") if line]
    outputs: tuple[object, ...] | None = None
    for message in (found.content for found in parsed if found is not None):
        if isinstance(message, Generating):
            outputs = message.data if outputs is None else diff.apply(outputs, message.data)
        elif isinstance(message, ProcessCompleted):
            assert outputs == message.data
            return
    pytest.fail("the stream has no end")


def test_messages_of_several_jobs_in_one_session_are_told_apart() -> None:
    for version in ("4.44.1", "5.50.0", "6.31.0"):
        stream = STREAMS[f"{version}/03-queue-multi-get"]
        ids = dict.fromkeys(re.findall(r'"event_id":\s?"(\w+)"', stream.body.decode()))
        answers = [outcome(stream, [stream.body], event_id).rpartition("A ")[2] for event_id in ids]
        assert sorted(answers) == ["'quick:mq'", "'slow:m0'", "'slow:m1'", "'slow:m2'"], version
