"""Parameters that several providers have in common."""

from __future__ import annotations

from typing import Final

from providers.inputs.normalise import ASPECT_RATIOS
from providers.spec import PROMPT_LIMIT, Param

#: Longest side of an image, in pixels (MAX_IMAGE_SIZE of the FLUX Spaces).
SIDE_LIMIT: Final = 2048

#: The FLUX Spaces' seed slider ends at ``np.iinfo(np.int32).max``. Gradio 5.39 and newer refuses larger values.
SEED_SPAN: Final = 2**31

#: The largest image at FLUX.1-dev's default of 28 steps. More steps are for smaller images.
PIXEL_STEPS: Final = SIDE_LIMIT * SIDE_LIMIT * 28

PROMPT: Final = Param(
    name="prompt",
    required=True,
    max_length=PROMPT_LIMIT,
    description="What to generate. Default: the text of the last user message.",
)
MESSAGES: Final = Param(name="messages", type="messages", description="A chat history, the oldest message first.")
ASPECT_RATIO: Final = Param(
    name="aspect_ratio",
    enum=tuple(ASPECT_RATIOS),
    description="Fills a missing width or height.",
)
RANDOMIZE_SEED: Final = Param(
    name="randomize_seed",
    type="boolean",
    default=True,
    off_with="seed",
    description="Let the Space choose the seed. True unless a seed is given.",
)


def side(name: str, default: int | None = None) -> Param:
    """Width or height, in pixels."""
    return Param(
        name=name,
        type="integer",
        default=default,
        minimum=1,
        maximum=SIDE_LIMIT,
        description="Pixels. Rounded down to a multiple of 8; at least 32.",
    )


def seed(default: int | None = None) -> Param:
    """The seed. Without a default it is chosen at random."""
    return Param(
        name="seed",
        type="integer",
        default=default,
        random=default is None,
        minimum=0,
        maximum=2**32 - 1,
        wrap=SEED_SPAN,
        description="Seed of the random numbers, modulo 2147483648, the end of the Spaces' sliders.",
    )


def steps(default: int) -> Param:
    """The number of denoising steps: 1 to 50, as the FLUX Spaces' slider."""
    return Param(
        name="num_inference_steps",
        type="integer",
        default=default,
        minimum=1,
        maximum=50,
        description="Denoising steps. More steps take longer and show more detail.",
    )


def guidance(name: str, default: float, *, minimum: float, maximum: float) -> Param:
    """How closely the image follows the prompt."""
    return Param(
        name=name,
        type="number",
        default=default,
        minimum=minimum,
        maximum=maximum,
        description="How closely the image follows the prompt.",
    )


#: The parameters of FLUX.1-schnell's Space.
FLUX_SCHNELL: Final = (
    PROMPT,
    MESSAGES,
    seed(0),
    RANDOMIZE_SEED,
    side("width", 768),
    side("height", 768),
    ASPECT_RATIO,
    steps(2),
)

#: The parameters of FLUX.1-dev's Space. A missing size comes from the aspect ratio.
FLUX_DEV: Final = (
    PROMPT,
    MESSAGES,
    seed(0),
    RANDOMIZE_SEED,
    side("width"),
    side("height"),
    ASPECT_RATIO,
    guidance("guidance_scale", 3.5, minimum=1, maximum=15),
    steps(28),
)
