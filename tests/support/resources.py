"""Whether JSON is what a resource's Struct promises."""

from __future__ import annotations

import jsonschema_rs

from web.openapi.components import SCHEMAS
from web.openapi.schemas import complete_schema


def fits(value: object, kind: type | str) -> bool:
    """Whether JSON fits the schema that the OpenAPI document gives for a resource."""
    if isinstance(kind, str):
        schema = {"$ref": f"#/components/schemas/{kind}", "components": {"schemas": SCHEMAS}}
        return jsonschema_rs.Draft202012Validator(schema).is_valid(value)
    return jsonschema_rs.Draft202012Validator(complete_schema(kind)).is_valid(value)
