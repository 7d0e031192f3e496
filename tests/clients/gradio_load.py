"""What the unmodified ``gradio`` package makes of our apps in an app of its own (``gr.load``): one JSON object for each case.

Usage: ``python gradio_load.py load`` with DARKROOM_URL and DARKROOM_API_KEY. Runs with the packages of a real app.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import redirect_stdout
from typing import Any

import gradio as gr
from gradio.external import from_spaces_blocks
from gradio_client import Client


def load() -> dict[str, Any]:
    """Load a model as the page says, start the app, and call it as its visitor would."""
    demo = gr.load(
        f"{os.environ['DARKROOM_URL']}/gradio/flux-schnell/",
        src=from_spaces_blocks,
        token=os.environ["DARKROOM_API_KEY"],
    )
    _, address, _ = demo.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    client = Client(address, verbose=False, download_files=False)
    picture, seed = client.predict("load", 7, False, 64, 64, 1, api_name="/infer")
    demo.close()
    return {"picture": picture, "seed": seed}


if __name__ == "__main__":
    # It says on its own where it loads from.
    with redirect_stdout(sys.stderr):
        found = load()
    print(json.dumps({"load": found}))
