"""FLUX.1-schnell on the Space of Black Forest Labs: fast images in few steps."""

from __future__ import annotations

from providers import Driver, ModelSpec, ProviderConfig, ProviderSpec
from providers.gradio.driver import Call, GradioDriver, same_names
from providers.params import FLUX_SCHNELL, PIXEL_STEPS

MODEL = ModelSpec(
    name="black-forest-labs-flux-1-schnell",
    aliases=("flux-schnell", "flux"),
    params=FLUX_SCHNELL,
    pixel_steps=PIXEL_STEPS,
)
_INPUTS = ("prompt", "seed", "randomize_seed", "width", "height", "num_inference_steps")
CALL = Call(
    api_name="/infer",
    arguments=same_names(*_INPUTS),
    order=_INPUTS,
)


def driver(config: ProviderConfig) -> Driver:
    """Build the driver."""
    config.only()
    spec = ProviderSpec(
        name="blackforestlabs-flux1-schnell",
        label="BlackForestLabs Flux-1-Schnell",
        url="https://black-forest-labs-flux-1-schnell.hf.space",
        space="black-forest-labs/FLUX.1-schnell",
        models=(MODEL,),
    )
    return GradioDriver(config, spec, {MODEL.name: CALL})
