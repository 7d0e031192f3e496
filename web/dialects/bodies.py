"""The bodies of dialects: read kindly, since their programs send what means nothing here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from web.http.validation import RequestBody


class DialectBody(RequestBody, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Base of a dialect's request bodies. What it does not know is ignored, and said; null is as good as left out."""


def without_nulls(body: Any) -> Any:  # noqa: ANN401 - any JSON
    """A body without the fields that are null."""
    if not isinstance(body, dict):
        return body
    return {name: value for name, value in body.items() if value is not None}


def unknown_fields(body: Mapping[str, object], kind: type[DialectBody]) -> list[str]:
    """The fields of a body that a dialect does not know."""
    known = {found.encode_name for found in msgspec.structs.fields(kind)}
    return [name for name in body if name not in known]
