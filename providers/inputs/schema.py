"""A declared model as JSON Schema 2020-12: for validation, OpenAPI and forms. Pure."""

from __future__ import annotations

from typing import Any, Final

from media import IMAGE_TYPES
from providers.echo.script import STEPS_LIMIT
from providers.inputs.images import FILE_ID_PATTERN
from providers.spec import (
    FILE_LISTS,
    FILE_TYPES,
    FILES_LIMIT,
    PROMPT_LIMIT,
    STRINGS_LIMIT,
    ModelSpec,
    Param,
    ParamType,
)

Schema = dict[str, Any]

#: Most messages of one chat history, and most parts of one message.
MESSAGES_LIMIT: Final = 100

#: What a message must be, in words.
MESSAGE_FORM: Final = (
    "{role: system | user | assistant, content}, the content a text or a list of text and image_url parts of at most"
    f" {PROMPT_LIMIT} characters each"
)

#: Longest source of an image; a ``data:`` URI may be as long as the body limit allows.
DATA_URI_LIMIT: Final = 16 << 20

#: No control characters but tab and line breaks.
_TEXT: Final[Schema] = {"type": "string", "pattern": "^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]*$"}
_TEXT_PART: Final[Schema] = {
    "type": "object",
    "properties": {"type": {"const": "text"}, "text": {**_TEXT, "maxLength": PROMPT_LIMIT}},
    "required": ["type", "text"],
    "additionalProperties": False,
}
#: The formats are names for what no pattern can say: clients may overlook them, the service does not.
_IMAGE_SOURCE: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": DATA_URI_LIMIT, "format": "picture"}
_FILE_SOURCE: Final[Schema] = {**_IMAGE_SOURCE, "format": "file"}
#: Any JSON: ``param_schema`` adds null where it may be left out.
_JSON_TYPES: Final = ("object", "array", "string", "number", "boolean")
_IMAGE_PART: Final[Schema] = {
    "type": "object",
    "properties": {
        "type": {"const": "image_url"},
        "image_url": {
            "type": "object",
            "properties": {"url": _IMAGE_SOURCE, "detail": {**_TEXT, "maxLength": 32}},
            "required": ["url"],
            "additionalProperties": False,
        },
    },
    "required": ["type", "image_url"],
    "additionalProperties": False,
}
_MESSAGE: Final[Schema] = {
    "type": "object",
    "properties": {
        "role": {"enum": ["system", "user", "assistant"]},
        "content": {
            "anyOf": [
                {**_TEXT, "maxLength": PROMPT_LIMIT},
                {"type": "array", "items": {"anyOf": [_TEXT_PART, _IMAGE_PART]}, "maxItems": MESSAGES_LIMIT},
            ]
        },
        "name": {**_TEXT, "maxLength": 64},
    },
    "required": ["role", "content"],
    "additionalProperties": False,
}


def input_schema(model: ModelSpec) -> Schema:
    """What ``input`` may be for a model.

    An optional parameter may be null, which means the same as leaving it out.
    Beyond what the schema can say, integers must be written as integers
    (``1.0`` is refused), and a text must show something.
    """
    schema: Schema = {
        "type": "object",
        "properties": {param.name: param_schema(param) for param in model.params},
        "additionalProperties": False,
    }
    required = [param.name for param in model.params if param.required and not _from_messages(model, param)]
    if required:
        schema["required"] = required
    if any(_from_messages(model, param) for param in model.params):
        schema["anyOf"] = [{"required": ["prompt"]}, {"required": ["messages"]}]
    return schema


def param_schema(param: Param) -> Schema:
    """What one parameter may be."""
    schema = _of_type(param)
    for key, value in (("minimum", param.minimum), ("maximum", param.maximum), ("maxLength", param.max_length)):
        if value is not None:
            schema[key] = value
    if param.enum and param.type != "strings":
        schema["enum"] = list(param.enum)
    if not param.required:
        types = schema["type"]
        schema["type"] = [*([types] if isinstance(types, str) else types), "null"]
        if "enum" in schema:
            schema["enum"].append(None)
    if param.default is not None:
        schema["default"] = list(param.default) if isinstance(param.default, tuple) else param.default
    if param.description:
        schema["description"] = param.description
    return schema


def _of_type(param: Param) -> Schema:
    match param.type:
        case "messages":
            return {"type": "array", "items": _MESSAGE, "minItems": 1, "maxItems": MESSAGES_LIMIT}
        case "script":
            step = {"type": "string", "maxLength": PROMPT_LIMIT, "format": "step"}
            return {"type": "array", "items": step, "maxItems": STEPS_LIMIT}
        case "strings":
            one: Schema = {"enum": list(param.enum)} if param.enum else {**_TEXT, "maxLength": PROMPT_LIMIT}
            return {"type": "array", "items": one, "maxItems": STRINGS_LIMIT}
        case "json":
            return {"type": list(_JSON_TYPES)}
        case "string" if param.required:
            # The pattern is for readers of the schema; validation also refuses text that only looks empty.
            return {"type": "string", "minLength": 1, "pattern": r"\S", "format": "visible"}
        case "string":
            return dict(_TEXT)
        case name if name in FILE_TYPES:
            return _of_files(name)
    return {"type": param.type}


def _of_files(name: ParamType) -> Schema:
    if FILE_TYPES[name] == "image":
        hint = f"A data: URI ({', '.join(IMAGE_TYPES)}), an https address, or a file id ({FILE_ID_PATTERN})."
        one = {**_IMAGE_SOURCE, "description": hint}
    else:
        hint = f"A data: URI in base64, an https address, or a file id ({FILE_ID_PATTERN})."
        one = {**_FILE_SOURCE, "description": hint}
    return {"type": "array", "items": one, "minItems": 1, "maxItems": FILES_LIMIT} if name in FILE_LISTS else one


def _from_messages(model: ModelSpec, param: Param) -> bool:
    return param.name == "prompt" and param.required and model.param("messages") is not None
