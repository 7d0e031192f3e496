"""FLUX.1-schnell on Voodoohop's Space."""

from __future__ import annotations

from providers import Driver, ModelSpec, ProviderConfig, ProviderSpec
from providers.gradio.driver import Call, GradioDriver, same_names
from providers.params import FLUX_SCHNELL, PIXEL_STEPS

MODEL = ModelSpec(
    name="voodoohop-flux-1-schnell",
    aliases=("flux-schnell", "flux"),
    params=FLUX_SCHNELL,
    pixel_steps=PIXEL_STEPS,
)


def driver(config: ProviderConfig) -> Driver:
    """Build the driver."""
    config.only()
    spec = ProviderSpec(
        name="voodoohop-flux1-schnell",
        label="Voodoohop Flux-1-Schnell",
        url="https://voodoohop-flux-1-schnell.hf.space",
        models=(MODEL,),
    )
    inputs = ("prompt", "seed", "randomize_seed", "width", "height", "num_inference_steps")
    call = Call(api_name="/infer", arguments=same_names(*inputs), order=inputs)
    return GradioDriver(config, spec, {MODEL.name: call})
