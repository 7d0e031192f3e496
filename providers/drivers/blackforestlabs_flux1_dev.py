"""FLUX.1-dev on the Space of Black Forest Labs, with previews."""

from __future__ import annotations

from providers import Driver, ModelSpec, ProviderConfig, ProviderSpec
from providers.gradio.driver import Call, GradioDriver, same_names
from providers.params import FLUX_DEV, PIXEL_STEPS

MODEL = ModelSpec(
    name="black-forest-labs-flux-1-dev",
    aliases=("flux-dev", "flux"),
    params=FLUX_DEV,
    sizes="aspect_ratio",
    previews=True,
    pixel_steps=PIXEL_STEPS,
)
_INPUTS = ("prompt", "seed", "randomize_seed", "width", "height", "guidance_scale", "num_inference_steps")
CALL = Call(
    api_name="/infer",
    arguments=same_names(*_INPUTS),
    order=_INPUTS,
    style="join",
    fn_index=2,
    trigger_id=4,
)


def driver(config: ProviderConfig) -> Driver:
    """Build the driver."""
    config.only()
    spec = ProviderSpec(
        name="blackforestlabs-flux1-dev",
        label="BlackForestLabs Flux-1-Dev",
        url="https://black-forest-labs-flux-1-dev.hf.space",
        space="black-forest-labs/FLUX.1-dev",
        models=(MODEL,),
    )
    return GradioDriver(config, spec, {MODEL.name: CALL}, referer="/?__theme=light", zerogpu=True)
