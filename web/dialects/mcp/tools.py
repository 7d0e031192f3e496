"""The tools, as far as the catalogue has models for them, and what each takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from jobs import ids
from jobs.model import Status
from providers.catalog import Catalog
from providers.spec import FILES_LIMIT, ModelSpec
from web.dialects.models import SYNONYMS, default_model
from web.services import services

Json = dict[str, Any]

#: A model is chosen from a list as long as that is short: it is in the context of each conversation.
_MOST_NAMES: Final = 20

#: What an image model may take beside its prompt.
OPTIONS: Final[Mapping[str, Json]] = {
    "negative_prompt": {"type": "string", "description": "What not to show."},
    "width": {"type": "integer", "description": "In pixels."},
    "height": {"type": "integer", "description": "In pixels."},
    "aspect_ratio": {"type": "string", "description": "In place of width and height, as 16:9."},
    "seed": {"type": "integer", "description": "The same seed gives the same picture."},
    "steps": {"type": "integer", "description": "More take longer."},
    "guidance_scale": {"type": "number", "description": "How closely to follow the prompt."},
}
_SOURCE: Final = {"type": "string", "description": "The picture: an https address, a file id, or a data: URI."}
_JOB_ID: Final = {"type": "string", "pattern": f"^{ids.JOB}$", "description": "As another tool gave it."}
_WAIT: Final = (
    " It may take minutes. If the status is queued or running, call get_job with the job_id: nothing is lost."
)


def _object(properties: Json, *required: str) -> Json:
    return {"type": "object", "properties": properties, "required": [*required], "additionalProperties": False}


_OUTPUT: Final = {
    "type": "object",
    "properties": {
        "url": {"type": "string", "description": "Opens without a key."},
        "content_type": {"type": "string"},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "text": {"type": "string"},
    },
}
#: What every tool says that is about a job.
JOB: Final = {
    "type": "object",
    "properties": {
        "job_id": {"type": "string"},
        "status": {"type": "string", "enum": [str(status) for status in Status]},
        "model": {"type": "string"},
        "seed": {"type": "integer"},
        "outputs": {"type": "array", "items": _OUTPUT},
        "image_url": {"type": "string", "description": "Always shows how the job is."},
        "message": {"type": "string"},
        "error": {"type": "object", "description": "code, detail, retryable."},
        "warnings": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["job_id", "status", "model", "outputs"],
}
_MODELS: Final = {
    "type": "object",
    "properties": {
        "models": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "makes": {"type": "string"},
                    "tools": {"type": "array", "items": {"type": "string"}},
                    "parameters": {"type": "array", "items": {"type": "string"}},
                    "available": {"type": "boolean", "description": "Whether a provider takes jobs now."},
                    "usual_seconds": {"type": "number"},
                },
            },
        }
    },
    "required": ["models"],
}


@dataclass(frozen=True, slots=True)
class Maker:
    """A tool that makes a job.

    Args:
        kind: What its models make.
        properties: What it takes beside a model and options.
        required: Which of them it needs; with ``image`` among them, its models are those that take pictures.
        options: Which of :data:`OPTIONS` its models may take.
    """

    name: str
    title: str
    description: str
    kind: str
    properties: Mapping[str, Json]
    required: tuple[str, ...]
    options: tuple[str, ...] = ()

    def fits(self, spec: ModelSpec) -> bool:
        """Whether a model can do it."""
        if spec.kind != self.kind:
            return False
        if "image" in self.required:
            return bool(spec.image_params)
        needs_files = any(param.required and param.name in spec.file_params for param in spec.params)
        return spec.param("prompt") is not None and not needs_files

    def models(self, catalog: Catalog) -> dict[str, ModelSpec]:
        """Its models by their names."""
        return {model.name: model.spec for model in catalog.models() if self.fits(model.spec)}


_PROMPT: Final = {"type": "string", "minLength": 1, "description": "What to show."}

MAKERS: Final[Mapping[str, Maker]] = {
    tool.name: tool
    for tool in (
        Maker(
            "generate_image", "Make a picture", "Make a picture from a text." + _WAIT, "image",
            {"prompt": _PROMPT}, ("prompt",), tuple(OPTIONS),
        ),
        Maker(
            "edit_image", "Change a picture", "Make a picture from one or more pictures." + _WAIT, "image",
            {
                "image": _SOURCE,
                "more_images": {
                    "type": "array", "items": {"type": "string"}, "maxItems": FILES_LIMIT - 1,
                    "description": "Further ones, where the model takes several.",
                },
                "mask": {"type": "string", "description": "Where it may change, where the model takes a mask."},
                "prompt": {**_PROMPT, "description": "What to change, where the model takes a text."},
            },
            ("image",), tuple(OPTIONS),
        ),
        Maker(
            "describe_image", "Look at a picture", "Ask a model about a picture." + _WAIT, "text",
            {
                "image": _SOURCE,
                "question": {"type": "string", "description": "What to say of it; else it is described."},
            },
            ("image",),
        ),
    )
}  # fmt: skip

_MOST_WAIT: Final = 45
#: The tools that every catalogue has.
OTHERS: Final[Mapping[str, Json]] = {
    "get_job": {
        "title": "Get a job",
        "description": "How a job is, and its result. Waits for the result, as long as it may.",
        "inputSchema": _object(
            {
                "job_id": _JOB_ID,
                "wait_seconds": {
                    "type": "integer", "minimum": 0, "maximum": _MOST_WAIT, "default": _MOST_WAIT,
                    "description": "How long to wait for the result.",
                },
            },
            "job_id",
        ),
        "outputSchema": JOB,
        "annotations": {"readOnlyHint": True},
    },
    "cancel_job": {
        "title": "Cancel a job",
        "description": "End a job. One that has ended stays as it is.",
        "inputSchema": _object({"job_id": _JOB_ID}, "job_id"),
        "outputSchema": JOB,
        "annotations": {"destructiveHint": True, "idempotentHint": True},
    },
    "list_models": {
        "title": "List the models",
        "description": "Which models there are, for which tools, what they take, and whether they are free.",
        "inputSchema": _object({}),
        "outputSchema": _MODELS,
        "annotations": {"readOnlyHint": True},
    },
}  # fmt: skip


def listed(catalog: Catalog) -> list[Json]:
    """All tools, always in the same order."""
    found = [_shown(tool, models) for tool in MAKERS.values() if (models := tool.models(catalog))]
    return [*found, *({"name": name, **tool} for name, tool in OTHERS.items())]


def schema_of(tool: Maker, models: Mapping[str, ModelSpec]) -> Json:
    """What a tool takes that has these models."""
    model: Json = {"type": "string", "description": f"By default {default_of(tool)}. See list_models."}
    if len(models) <= _MOST_NAMES:
        model["enum"] = [*models]
    taken = {param.name for spec in models.values() for param in spec.params}
    options = {name: OPTIONS[name] for name in tool.options if not taken.isdisjoint(_names(name))}
    return _object({**tool.properties, "model": model, **options}, *tool.required)


def default_of(tool: Maker) -> str:
    """The model of a call that names none."""
    return default_model(services().catalog, tool.kind, tool.fits)


def _names(name: str) -> Sequence[str]:
    return next((group for group in SYNONYMS if name in group), (name,))


def _shown(tool: Maker, models: Mapping[str, ModelSpec]) -> Json:
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": schema_of(tool, models),
        "outputSchema": JOB,
        "annotations": {"readOnlyHint": False, "destructiveHint": False, "openWorldHint": True},
    }
