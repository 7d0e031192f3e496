"""Janus-Pro-7B on DeepSeek's Space: it answers questions about an image, and generates several images at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from providers import (
    Control,
    Crashed,
    Driver,
    ModelSpec,
    Param,
    ProviderConfig,
    ProviderEvent,
    ProviderRequest,
    ProviderSpec,
    Rejected,
)
from providers.gradio.driver import Call, GradioDriver
from providers.inputs.conversation import as_prompt, is_history
from providers.params import MESSAGES, PROMPT, guidance, seed


def _fraction(name: str, default: float, description: str) -> Param:
    return Param(name=name, type="number", default=default, minimum=0, maximum=1, description=description)


CHAT = ModelSpec(
    name="janus-pro-7b",
    aliases=("deepseekai",),
    kind="text",
    params=(
        PROMPT,
        MESSAGES,
        Param(name="image", type="image", description="The image to talk about."),
        seed(),
        _fraction("top_p", 0.95, "Share of the most likely tokens to sample from."),
        _fraction("temperature", 0.1, "Sampling temperature: a higher one gives more varied results."),
    ),
    vision=True,
    history=True,
)
PAINT = ModelSpec(
    name="janus-pro-7b-image",
    params=(
        PROMPT,
        MESSAGES,
        seed(),
        guidance("guidance", 5, minimum=1, maximum=10),
        _fraction("temperature", 1, "Sampling temperature: a higher one gives more varied results."),
    ),
)


def _conversation(request: ProviderRequest) -> Mapping[str, object]:
    """The whole conversation as one prompt."""
    messages = request.input.get("messages")
    prompt = as_prompt(messages if is_history(messages) else (), str(request.input.get("prompt", "")))
    return {**request.input, "prompt": prompt}


CALLS = {
    CHAT.name: Call(
        api_name="/multimodal_understanding",
        arguments={
            "image": ("image",),
            "prompt": ("question",),
            "seed": ("seed",),
            "top_p": ("top_p",),
            "temperature": ("temperature",),
        },
        order=("image", "question", "seed", "top_p", "temperature"),
        style="join",
        fn_index=2,
        trigger_id=10,
        prepare=_conversation,
    ),
    PAINT.name: Call(
        api_name="/generate_image",
        arguments={
            "prompt": ("prompt",),
            "seed": ("seed",),
            "guidance": ("guidance",),
            # The Space's source has the longer name, its documentation the shorter one.
            "temperature": ("t2i_temperature", "temperature"),
        },
        order=("prompt", "seed", "guidance", "t2i_temperature"),
        style="join",
        fn_index=3,
        trigger_id=20,
    ),
}


class Janus(GradioDriver):
    """The app, with a clear text for its error about a missing image."""

    def run(
        self, request: ProviderRequest, resume: Mapping[str, object] | None, control: Control
    ) -> Iterator[ProviderEvent]:
        """Run one attempt; see :class:`providers.base.Driver`."""
        try:
            yield from super().run(request, resume, control)
        except Crashed as error:
            # The app reads ``image.shape`` of None.
            if "AttributeError" in error.detail and not request.files:
                raise Rejected("this model talks about an image: give one as image") from error
            raise


def driver(config: ProviderConfig) -> Driver:
    """Build the driver."""
    config.only()
    spec = ProviderSpec(
        name="deepseekai-janus-pro-7b",
        label="DeepseekAI Janus-Pro-7B",
        url="https://deepseek-ai-janus-pro-7b.hf.space",
        space="deepseek-ai/Janus-Pro-7B",
        models=(CHAT, PAINT),
    )
    return Janus(config, spec, CALLS, referer="?__theme=light", zerogpu=True)
