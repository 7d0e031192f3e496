"""Whether JSON is what a resource's Struct promises."""

from __future__ import annotations

import jsonschema_rs

from web.openapi.schemas import complete_schema


def fits(value: object, kind: type) -> bool:
    """Whether JSON fits the schema that the OpenAPI document gives for a resource."""
    return jsonschema_rs.Draft202012Validator(complete_schema(kind)).is_valid(value)
