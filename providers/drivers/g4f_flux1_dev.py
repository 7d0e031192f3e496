"""FLUX.1-dev on a duplicate of the Space of Black Forest Labs."""

from __future__ import annotations

from providers import Driver, ProviderConfig, registry


def driver(config: ProviderConfig) -> Driver:
    """Build the driver. Only the address differs from the original."""
    build = registry.load("blackforestlabs-flux1-dev")
    return build(
        config.with_defaults(
            label="Flux-1-Dev (roxky)", url="https://roxky-flux-1-dev.hf.space", space="roxky/FLUX.1-dev"
        )
    )
