"""Parameters that several providers share, declared once."""

from __future__ import annotations

from typing import Final

from providers.inputs.normalise import ASPECT_RATIOS
from providers.spec import PROMPT_LIMIT, Param

#: Longest side of a picture, in pixels (MAX_IMAGE_SIZE of the FLUX Spaces).
SIDE_LIMIT: Final = 2048

#: The FLUX Spaces' seed slider ends at ``np.iinfo(np.int32).max``, and Gradio 5.39+ refuses what is past the end.
SEED_SPAN: Final = 2**31

#: The largest picture at FLUX.1-dev's default of 28 steps; more steps are for smaller pictures.
PIXEL_STEPS: Final = SIDE_LIMIT * SIDE_LIMIT * 28

PROMPT: Final = Param(
    name="prompt",
    required=True,
    max_length=PROMPT_LIMIT,
    description="What to make. Where it is missing, it is the text of the last user message.",
)
MESSAGES: Final = Param(name="messages", type="messages", description="A chat history, oldest message first.")
ASPECT_RATIO: Final = Param(
    name="aspect_ratio",
    enum=tuple(ASPECT_RATIOS),
    description="Fills whichever of width and height is missing.",
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
        description="Pixels; rounded down to a multiple of 8, never below 32.",
    )


def seed(default: int | None = None) -> Param:
    """The seed; picked at random where there is no default."""
    return Param(
        name="seed",
        type="integer",
        default=default,
        random=default is None,
        minimum=0,
        maximum=2**32 - 1,
        wrap=SEED_SPAN,
        description="Start of the random numbers; taken modulo 2147483648, where the Spaces' sliders end.",
    )


def steps(default: int) -> Param:
    """How many denoising steps to make (1 to 50, as the FLUX Spaces' slider)."""
    return Param(
        name="num_inference_steps",
        type="integer",
        default=default,
        minimum=1,
        maximum=50,
        description="Denoising steps: more take longer and show more detail.",
    )


def guidance(name: str, default: float, *, minimum: float, maximum: float) -> Param:
    """How closely the picture follows the prompt."""
    return Param(
        name=name,
        type="number",
        default=default,
        minimum=minimum,
        maximum=maximum,
        description="How closely the picture follows the prompt.",
    )


#: FLUX.1-schnell as its Space takes it.
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

#: FLUX.1-dev as its Space takes it; sizes come from the aspect ratio.
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
