"""Values that no honest app sends, and JSON with one of them in some place."""

from __future__ import annotations

import json
from collections.abc import Iterator

#: As they stand in a JSON text.
ODD = (
    r'"\ud800"', r'"\udc00.png"', r'{"\ud800": 1}', r'"\u0000"', r'"\u0000\u001b[31m\u202e"', '"\\r\\nX: y"', '""',
    '"' + "x" * 5000 + '"', '"../../etc/passwd"', '"http://["', r'"http://evil.example\\@127.0.0.1/x"', '"//"',
    "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e308", "9" * 400, "9" * 5000, "-1", "-0.0", "0.5", "1e-400",
    "true", "false", "null", "[]", "{}", "[[]]", '[{"a": [null]}]', "[" * 60 + "]" * 60, "[" * 5000 + "]" * 5000,
    '{"image": ' * 40 + "1" + "}" * 40, '{"path": 1, "url": {}, "orig_name": []}', '{"a": 1, "a": {}}', "{", "'",
    '[["add", [0], 1]]', '[["replace", [], {"path": "\\u0000"}]]', f'[["append", [{"9" * 30}], "x"]]',
    f'[["add", [{"9" * 30}], "x"]]', f'[["add", [-{"9" * 30}], "x"]]', '[["delete", [true], {}]]', '"data:image/png;base64,x"',
)  # fmt: skip

_MARK = "@@@odd@@@"


def places(value: object, way: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    """The way to each value in a JSON value, and to the value itself."""
    yield way
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*way, key))


def with_odd(value: object, way: tuple[object, ...], odd: str) -> str:
    """The JSON text of a value with an odd one in this place."""
    return json.dumps(_put(value, way)).replace(f'"{_MARK}"', odd)


def _put(value: object, way: tuple[object, ...]) -> object:
    if not way:
        return _MARK
    if isinstance(value, dict):
        return {key: _put(item, way[1:]) if key == way[0] else item for key, item in value.items()}
    assert isinstance(value, list)
    return [_put(item, way[1:]) if key == way[0] else item for key, item in enumerate(value)]
