"""A driver, as an installed package would bring it, that says all it knows wherever it can, and then does what the prompt says."""

from __future__ import annotations

import io
import logging
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import fields

from PIL import Image, PngImagePlugin

from providers.base import Control, Driver, Probe
from providers.config import ProviderConfig
from providers.errors import Crashed
from providers.events import Checkpoint, Completed, InlineFile, Preview, Progress, ProviderEvent, Started, Status, Text
from providers.spec import ModelSpec, Param, ProviderRequest, ProviderSpec
from tests.support.canaries import forms

log = logging.getLogger("leaky")


class Leaky:
    """Tells every credential that it was given, in every form."""

    def __init__(self, config: ProviderConfig) -> None:
        prompt = Param(name="prompt", required=True)
        texts = ModelSpec(name="leaky", kind="text", params=(prompt,))
        pictures = ModelSpec(name="leaky-picture", params=(prompt,))
        self.spec = config.apply(ProviderSpec(name="leaky", label="leaky", url="", models=(texts, pictures)))

    def run(
        self, request: ProviderRequest, resume: Mapping[str, object] | None, control: Control
    ) -> Iterator[ProviderEvent]:
        """Leak, then end as the prompt says."""
        own = request.credentials
        told = [getattr(own, field.name) for field in fields(own) if getattr(own, field.name)]
        said = [form for secret in told for form in dict.fromkeys(forms(secret).values())]
        everything = " | ".join(said)
        yield Started()
        for number, text in enumerate(said):
            yield Status(f"you sent {text}", "warning")
            yield Progress(number / len(said), message=f"with {text}")
            log.debug("debug %s", text)
            log.warning("warning %s", text, extra={"note": {"deep": [text]}})
        yield Checkpoint({"said": said, everything[:200]: {"deep": everything}})
        yield Preview(InlineFile(f"{everything[:100]}.png", _picture(everything)))
        match request.input["prompt"]:
            case "crash":
                try:
                    raise KeyError(everything)
                except KeyError as error:
                    raise RuntimeError(f"not foreseen: {everything}") from error
            case "fail":
                raise Crashed(f"the app says: {everything}")
            case "die" if resume is None:
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                control.sleep(600)
        if request.model == "leaky":
            yield Completed((Text(everything), Text("".join(reversed(said)))))
        else:
            yield Completed((InlineFile(f"{everything[:100]}.png", _picture(everything)),))

    def abandon(self, state: Mapping[str, object], request: ProviderRequest) -> None:
        """Say it once more."""
        log.warning("abandoned %s with %r", dict(state), request)

    def probe(self, control: Control) -> Probe | None:
        """There is nothing to look at."""


def _picture(said: str) -> bytes:
    """A picture that has it in its metadata."""
    meta = PngImagePlugin.PngInfo()
    meta.add_text("parameters", said)
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG", pnginfo=meta)
    return file.getvalue()


def driver(config: ProviderConfig) -> Driver:
    """What the entry point names."""
    return Leaky(config)
