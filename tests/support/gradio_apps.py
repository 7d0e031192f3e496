"""Apps that have told what their functions are, for the Gradio dialect where no app runs."""

from __future__ import annotations

from providers.discovery.look import Describable
from providers.discovery.signature import Function, Input, Output
from web.dialects.gradio.signatures import remember
from web.services import Services

#: A provider, its exact model, and how that provider's app begins its answers.
PROVIDER = "blackforestlabs-flux1-schnell"
MODEL = "black-forest-labs-flux-1-schnell"


def _number(name: str, label: str, default: int, **more: object) -> Input:
    return Input(name=name, label=label, params=(name,), component="slider", takes="number", default=default, **more)  # type: ignore[arg-type]


#: As the Space of this provider tells it.
INFER = Function(
    api_name="infer",
    fn_index=2,
    model=MODEL,
    inputs=(
        Input(name="prompt", label="Prompt", params=("prompt",), component="textbox", takes="string", required=True),
        _number("seed", "Seed", 0, minimum=0, maximum=2**31 - 1),
        Input(
            name="randomize_seed", label="Randomize seed", params=("randomize_seed",), component="checkbox", takes="boolean",
            default=True,
        ),
        _number("width", "Width", 1024),
        _number("height", "Height", 1024),
        _number("num_inference_steps", "Steps", 4),
    ),
    outputs=(
        Output(component="image", label="Result", kind="image"),
        Output(component="slider", label="Seed", kind="json", is_seed=True),
    ),
)  # fmt: skip


def know(services: Services, provider: str = PROVIDER, *functions: Function) -> None:
    """Let a provider's app have told its functions."""
    driver = services.catalog.driver(provider)
    assert isinstance(driver, Describable)
    remember(services, provider, driver, functions or (INFER,))
