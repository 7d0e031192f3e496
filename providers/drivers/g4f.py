"""The G4F framework's Spaces: FLUX.1-dev through its own provider, FLUX.1-schnell by a blocking call, and Janus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from providers import Control, Driver, ModelSpec, Param, Probe, ProviderConfig, ProviderEvent, ProviderRequest, registry
from providers.config_values import web_url
from providers.gradio.driver import Call, GradioDriver, same_names
from providers.params import ASPECT_RATIO, FLUX_DEV, MESSAGES, PIXEL_STEPS, PROMPT, seed, side, steps

FLUX = ModelSpec(
    name="flux",
    aliases=("flux-dev",),
    params=tuple(seed() if param.name == "seed" else param for param in FLUX_DEV),
    sizes="aspect_ratio",
    previews=True,
    pixel_steps=PIXEL_STEPS,
    rank=None,  # it is the Space of g4f-flux1-dev
)
SCHNELL = ModelSpec(
    name="flux-schnell",
    params=(
        PROMPT,
        MESSAGES,
        seed(),
        side("width"),
        side("height"),
        ASPECT_RATIO,
        Param(
            name="randomize_seed",
            type="boolean",
            default=True,
            description="Let the Space choose the seed. Set it to false to use your own.",
        ),
        steps(1),
    ),
    sizes="aspect_ratio",
    pixel_steps=PIXEL_STEPS,
    rank=1,  # a blocking call tells nothing while it runs
)
_INPUTS = ("prompt", "seed", "width", "height", "randomize_seed", "num_inference_steps")
SCHNELL_CALL = Call(
    api_name="/predict",
    arguments=same_names(*_INPUTS),
    order=_INPUTS,
    style="run",
    fn_index=3,
    trigger_id=10,
)


class G4F:
    """Three apps behind one name."""

    def __init__(self, config: ProviderConfig) -> None:
        config.only("flux_url")
        flux_url = config.option("flux_url", web_url, "https://roxky-g4f-flux.hf.space")
        home = replace(config, options={}).with_defaults(
            label="G4F framework", url="https://roxky-janus-pro-7b.hf.space", space="roxky/Janus-Pro-7B"
        )
        self._janus = registry.load("deepseekai-janus-pro-7b")(home)
        self._flux_dev = registry.load("g4f-flux1-dev")(config.other("g4f-flux1-dev"))
        self.spec = replace(
            self._janus.spec,
            models=(FLUX, SCHNELL, *(replace(model, aliases=()) for model in self._janus.spec.models)),
        )
        schnell = replace(self.spec, url=flux_url, models=(SCHNELL,))
        self._schnell = GradioDriver(
            replace(home, url=flux_url), schnell, {SCHNELL.name: SCHNELL_CALL}, referer="?__theme=light", zerogpu=True
        )

    def run(
        self, request: ProviderRequest, resume: Mapping[str, object] | None, control: Control
    ) -> Iterator[ProviderEvent]:
        """Run one attempt on the app of its model; see :class:`providers.base.Driver`."""
        return self._route(request.model).run(request, resume, control)

    def abandon(self, state: Mapping[str, object], request: ProviderRequest) -> None:
        """Cancel a lost attempt on the app of its model."""
        self._route(request.model).abandon(state, request)

    def probe(self, control: Control) -> Probe | None:
        """Look at its own two apps. The provider g4f-flux1-dev looks at its app itself."""
        found = [probe for probe in (self._janus.probe(control), self._schnell.probe(control)) if probe is not None]
        change = next((probe.change for probe in found if probe.change is not None), None)
        return Probe("-".join(probe.signature for probe in found), change)

    def _route(self, model: str) -> Driver:
        if model in FLUX.names:
            return self._flux_dev
        return self._schnell if model in SCHNELL.names else self._janus


driver = G4F
