"""An app that counts: every POST that reaches it and every run, one line of JSON each in the file ``SPACE_LOG``.

The first word of the prompt is the key of the job. Each run draws a number,
and hands it out as its seed: so a result tells which run it came from. The
steps are those of a generator, which Gradio ends at the next one when nobody
listens any more.

``SPACE_MOOD`` names a file that a test may put there: then requests whose
path holds ``at`` get the ``status``, ``headers`` and ``body`` in it instead of
an answer of the app, as from a proxy in front of it (``SESSION`` in the body
becomes the session that was asked for, which is a called event's id, too); or, with ``hang``, no
answer for so many seconds. ``SPACE_REFUSAL`` names one with a text that every
call is refused with. ``SPACE_AT_ONCE`` is how many calls run at once (all).
"""

import asyncio
import json
import os
import random
import time
import urllib.parse
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI
from painter import refusal
from PIL import Image

#: Opened once, for appending: a line is one write, so the lines of two processes never mix.
LOG = os.open(os.environ["SPACE_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

AT_ONCE = int(os.environ.get("SPACE_AT_ONCE", "0")) or None


def note(what, prompt, **more):
    key = str(prompt).split()[0] if str(prompt).split() else ""
    line = {"line": "upstream", "at": time.time(), "what": what, "key": key, **more}
    os.write(LOG, json.dumps(line).encode() + b"\n")


def picture(run, step):
    return Image.new("RGB", (64, 64), (run % 256, run // 256 % 256, step * 50 % 256))


async def draw(prompt, steps, seconds):
    run = random.getrandbits(48)
    note("started", prompt, run=run)
    refused = refusal()
    if refused:
        raise gr.Error(refused)
    end = "stopped"
    try:
        for step in range(int(steps)):
            await asyncio.sleep(seconds)
            if step + 1 < int(steps):
                yield picture(run, step), run
        end = "ended"
    finally:
        note(end, prompt, run=run)
    yield picture(run, int(steps)), run


async def paint(prompt, steps, seconds):
    """The same in one piece, without previews."""
    async for result in draw(prompt, steps, seconds):
        last = result
    return last


def mood(path):
    """What a test wants to be answered here, or nothing."""
    try:
        wanted = json.loads(Path(os.environ["SPACE_MOOD"]).read_text(encoding="utf-8"))
    except (KeyError, OSError, ValueError):
        return None
    return wanted if wanted["at"] in path else None


async def hang(receive, seconds):
    """Leave the client alone for a while; note whether it stayed."""

    async def gone():
        while (await receive())["type"] != "http.disconnect":
            pass

    note("hanging", "")
    left = asyncio.ensure_future(gone())
    await asyncio.wait({left}, timeout=seconds)
    note("left" if left.done() else "stayed", "")
    left.cancel()


async def answer(send, wanted, session):
    headers = [(name.lower().encode(), value.encode()) for name, value in wanted.get("headers", {}).items()]
    body = wanted.get("body", "").replace("SESSION", session)
    await send({"type": "http.response.start", "status": wanted["status"], "headers": headers})
    await send({"type": "http.response.body", "body": body.encode("utf-8", "surrogateescape")})


class Counted:
    """Around the app: writes down what is posted, before the app sees it."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        path = scope.get("path", "")
        if scope["type"] == "http" and scope["method"] == "POST" and ("/call/" in path or path.endswith("/join")):
            receive = await self.counted(receive)
        wanted = mood(path)
        if wanted is not None and "hang" in wanted:
            await hang(receive, wanted["hang"])
        elif wanted is not None:
            query = urllib.parse.parse_qs(scope.get("query_string", b"").decode())
            await answer(send, wanted, query.get("session_hash", [""])[0])
        else:
            await self.app(scope, receive, send)

    async def counted(self, receive):
        """Read the body, note it, and give it back to be read again."""
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        data = json.loads(b"".join(message.get("body", b"") for message in messages))["data"]
        note("posted", data[0])
        held = iter(messages)

        async def replay():
            return next(held, None) or await receive()

        return replay


with gr.Blocks() as demo:
    prompt, steps, seconds = gr.Textbox(), gr.Number(value=3), gr.Number(value=0.2)
    result, seed = gr.Image(), gr.Number(label="Seed", precision=0)
    for run in (draw, paint):
        gr.Button().click(
            run, [prompt, steps, seconds], [result, seed], api_name=run.__name__, concurrency_limit=AT_ONCE
        )

if __name__ == "__main__":
    app = gr.mount_gradio_app(FastAPI(), demo.queue(), path="/")
    port = int(os.environ["GRADIO_SERVER_PORT"])
    uvicorn.run(Counted(app), host="127.0.0.1", port=port, log_level="warning")
