"""Providers as Markdown: the reference page and ``python -m providers show``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from media import kind_of
from providers.spec import ModelSpec, Param, ProviderSpec

HEAD = """# Providers

Made by `./run docs` from the drivers' own declarations; do not edit.
How to add one: [add-a-provider](../how-to/add-a-provider.md). Every value here is a default:
`[providers.NAME]` in the configuration overrides the address and the limits.
"""


def page(specs: Iterable[ProviderSpec]) -> str:
    """The whole reference page."""
    parts = (provider(spec, level=2) for spec in sorted(specs, key=lambda spec: spec.name))
    return "\n".join([HEAD, *parts]).rstrip() + "\n"


def provider(spec: ProviderSpec, level: int = 1) -> str:
    """One provider: what it is, and each of its models with its parameters."""
    return "\n".join([*_provider(spec, "#" * level), *(line for m in spec.models for line in _model(m, level + 1)), ""])


def _provider(spec: ProviderSpec, hashes: str) -> Iterator[str]:
    yield f"{hashes} {spec.name}"
    yield ""
    yield spec.label
    yield ""
    facts = {
        "address": spec.url or "none; it works offline",
        "Space": spec.space,
        "state": _state(spec),
        "default model": spec.default_model,
        "default image model": spec.default_image_model,
        "image models": ", ".join(spec.image_models),
        "vision models": ", ".join(spec.vision_models),
        "aliases": ", ".join(f"{alias} = {name}" for alias, name in spec.aliases.items()),
        "jobs at once": "no limit" if spec.concurrency is None else str(spec.concurrency),
        "time for one attempt": f"{spec.timeout_seconds:g} s",
        "reports progress": "yes" if spec.streams else "no",
        "takes a chat history": "yes" if any(model.history for model in spec.models) else "no",
        "takes images": "yes" if spec.vision_models else "no",
    }
    yield from (f"- {name}: {value}" for name, value in facts.items() if value)
    yield ""


def _state(spec: ProviderSpec) -> str:
    if not spec.enabled:
        return "off"
    return "on" if spec.working else "only for jobs that name it"


def _model(model: ModelSpec, level: int) -> Iterator[str]:
    yield f"{'#' * level} Model {model.name}"
    yield ""
    yield f"Gives {kind_of(model.kind).plural}" + (", with previews on the way." if model.previews else ".")
    if model.aliases:
        yield f"Also answers to {', '.join(model.aliases)}."
    if model.pixel_steps is not None:
        yield f"width x height x num_inference_steps is at most {model.pixel_steps}."
    yield ""
    yield "| parameter | type | default | allowed | |"
    yield "|---|---|---|---|---|"
    for param in model.params:
        cells = (f"`{param.name}`", param.type, _default(model, param), _allowed(param), param.description)
        yield f"| {' | '.join(cells)} |"
    yield ""


def _default(model: ModelSpec, param: Param) -> str:
    if param.required:
        return "required"
    if param.random:
        return "random"
    if param.default is None and model.sizes == "aspect_ratio" and param.name in {"width", "height", "aspect_ratio"}:
        return "1:1" if param.name == "aspect_ratio" else "by aspect_ratio"
    return "" if param.default is None else f"`{str(param.default).lower()}`"


def _allowed(param: Param) -> str:
    if param.enum:
        return ", ".join(str(value) for value in param.enum)
    if param.minimum is not None and param.maximum is not None:
        return f"{param.minimum:.15g} to {param.maximum:.15g}"
    if param.minimum is not None:
        return f"at least {param.minimum:.15g}"
    if param.maximum is not None:
        return f"at most {param.maximum:.15g}"
    return "" if param.max_length is None else f"at most {param.max_length} characters"
