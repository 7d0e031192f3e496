"""What is sent to each component of ``tests/spaces/components.py``, and what is seen: the rows of the matrix."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from PIL import Image

from providers.echo import samples
from providers.spec import FILE_LISTS, InputFile, ParamType


def _png(mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (64, 48), "teal").save(buffer, "PNG")
    return buffer.getvalue()


PICTURE: Final = InputFile("input.png", _png(), "image/png")
SOUND: Final = InputFile("input.wav", samples.sound(0.1), "audio/wav")
FILM: Final = InputFile("input.webm", samples.film([_png()] * 2), "video/webm")
CUBE: Final = InputFile("input.glb", samples.mesh(), "model/gltf-binary")
TABLE: Final = InputFile("input.csv", b"name,score\n", "text/csv")
DRAWN: Final = "data:image/png;base64," + base64.b64encode(_png()).decode()


@dataclass(frozen=True, slots=True)
class Case:
    """One row.

    Args:
        row: The row of the table that it tries.
        type: Of the parameter; None: nothing goes in.
        given: The value, or the files.
        arrived: What the app was given, as it writes it down; by the Gradio line where lines differ.
        out: Kind of each output, and its label or caption (empty: that of the component), or the text or data itself.
            None is any.
    """

    row: str
    type: ParamType | None
    given: Any
    arrived: Any
    out: tuple[tuple[str, object], ...]
    lines: Mapping[str, Any] = field(default_factory=dict)

    @property
    def files(self) -> tuple[InputFile, ...]:
        """The files that go in."""
        found = self.given if isinstance(self.given, tuple) else (self.given,)
        return tuple(one for one in found if isinstance(one, InputFile))

    @property
    def sources(self) -> object:
        """The value as a client's request has it, with each file inside."""
        if not self.files:
            return self.given
        inside = [f"data:{file.content_type};base64,{base64.b64encode(file.data).decode()}" for file in self.files]
        return inside if self.type in FILE_LISTS else inside[0]

    @property
    def kind(self) -> str:
        """The kind that comes out."""
        return self.out[0][0] if self.out else "text"

    def fits(self, seen: Sequence[tuple[str, object]]) -> bool:
        """Whether outputs are those of the case: the kind of each, and its label or caption, or the text or data."""
        if [kind for kind, _ in seen] != [kind for kind, _ in self.out]:
            return False
        return all(wanted in (None, "", value) for (_, value), (_, wanted) in zip(seen, self.out, strict=True))

    def declared(self, url: str, name: str, api_name: str) -> str:
        """A provider for it, in TOML."""
        given = "" if self.type is None else f'given = {{ type = "{self.type}", argument = "value" }}'
        return (
            f'[providers.{name}]\ndriver = "space"\nurl = "{url}"\napi_name = "{api_name}"\nmodels = ["{name}"]\n'
            f'kind = "{self.kind}"\nparameters = {{ {given} }}\n'
        )

    def on(self, line: str) -> Any:
        """What arrives on a Gradio line."""
        return self.lines.get(line, self.arrived)


_SEEN: Final = ["picture", 64, 48]
_EDITED: Final = {"background": _SEEN, "layers": [], "composite": _SEEN}
_LAYERED: Final = (("image", ""), ("image", "background"), ("image", "layer 1"))
_ZIP: Final = (("file", ""),)
_MESSAGES: Final = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Hi."}]
_TURN: Final = (("text", "It is warm."), ("json", None))

CASES: Final[Mapping[str, Case]] = {
    "image": Case("image", "image", PICTURE, _SEEN, (("image", ""),)),
    "imageeditor": Case("imageeditor", "image", PICTURE, _EDITED, _LAYERED),
    "imagemask": Case("imageeditor", "image", PICTURE, _EDITED, _LAYERED),
    "imageslider": Case("imageslider", "images", (PICTURE, PICTURE), [_SEEN, _SEEN], (("image", ""), ("image", ""))),
    "annotatedimage": Case(
        "annotatedimage",
        "image",
        PICTURE,
        [["file", ".png", len(PICTURE.data)], []],
        (("image", ""), ("image", "cat"), ("image", "dog")),
    ),
    "gallery": Case(
        "gallery",
        "images",
        (PICTURE, PICTURE),
        [[_SEEN, None], [_SEEN, None]],
        (("image", "seed 11"), ("image", "seed 12")),
    ),
    "plot": Case(
        "plot", "json", {"type": "matplotlib", "plot": DRAWN}, {"type": "matplotlib", "plot": DRAWN}, (("image", ""),)
    ),
    "video": Case("video", "video", FILM, ["file", ".webm", len(FILM.data)], (("video", ""),)),
    "video_subtitles": Case("video", None, None, None, (("video", ""), ("file", "subtitles"))),
    "audio": Case("audio", "audio", SOUND, ["file", ".wav", len(SOUND.data)], (("audio", ""),)),
    "model3d": Case("model3d", "file", CUBE, ["file", ".glb", len(CUBE.data)], (("model", ""),)),
    "file": Case("file", "file", TABLE, ["file", ".csv", len(TABLE.data)], _ZIP),
    "files": Case(
        "file",
        "files",
        (TABLE, CUBE),
        [["file", ".csv", len(TABLE.data)], ["file", ".glb", len(CUBE.data)]],
        (("file", ""), ("file", "")),
    ),
    "downloadbutton": Case("downloadbutton", "file", TABLE, ["file", ".csv", len(TABLE.data)], _ZIP),
    "uploadbutton": Case("uploadbutton", "file", TABLE, ["file", ".csv", len(TABLE.data)], _ZIP),
    "textbox": Case("textbox", "string", "a fox", "a fox", (("text", "a fox"),)),
    "code": Case("code", "string", "x = 1", "x = 1", (("text", "x = 1"),)),
    "colorpicker": Case("colorpicker", "string", "#ff8800", "#ff8800", (("text", "#ff8800"),)),
    "datetime": Case(
        "datetime", "string", "2026-11-29 13:00:00", "2026-11-29 13:00:00", (("text", "2026-11-29 13:00:00"),)
    ),
    "html": Case("html", "string", "<b>hi</b>", "<b>hi</b>", (("text", '<p>Here:</p><img src="file">'), ("image", ""))),
    "markdown": Case("markdown", "string", "# hi", "# hi", (("text", "# Here\n\n![it](file)"), ("image", ""))),
    "multimodaltextbox": Case(
        "multimodaltextbox",
        "string",
        "look",
        {"text": "look", "files": []},
        (("text", "see"), ("image", "")),
    ),
    "chatbot": Case(
        "chatbot",
        "json",
        _MESSAGES,
        [{"role": m["role"], "metadata": None, "content": m["content"], "options": None} for m in _MESSAGES],
        _TURN,
        {
            "4.44": [{"role": m["role"], "metadata": {"title": None}, "content": m["content"]} for m in _MESSAGES],
            "6": [
                {
                    "role": m["role"],
                    "metadata": None,
                    "content": [{"text": m["content"], "type": "text"}],
                    "options": None,
                }
                for m in _MESSAGES
            ],
        },
    ),
    "chatbot_pairs": Case("chatbot", "json", _MESSAGES, [["hello", "Hi."]], (("text", "Now this."),)),
    "dialogue": Case(
        "dialogue", "string", "Ada: Hello.", "Ada: Hello.", (("json", [{"speaker": "Ada", "text": "Hello."}]),)
    ),
    "number": Case("number", "number", 2.5, 2.5, (("json", 2.5),)),
    "slider": Case("slider", "number", 3, 3, (("json", 3),)),
    "checkbox": Case("checkbox", "boolean", True, True, (("json", True),)),
    "radio": Case("radio", "integer", 4, 4, (("json", 4),)),
    "dropdown": Case("dropdown", "string", "b", "b", (("text", "b"),)),
    "dropdown_several": Case("dropdown", "strings", ["a", "c"], ["a", "c"], (("json", ["a", "c"]),)),
    "checkboxgroup": Case("checkboxgroup", "strings", ["b"], ["b"], (("json", ["b"]),)),
    "json": Case("json", "json", {"a": [1, None]}, {"a": [1, None]}, (("json", {"a": [1, None]}),)),
    "api": Case("api", "json", {"a": 1}, {"a": 1}, (("json", {"a": 1}),)),
    "fileexplorer": Case("fileexplorer", "json", [], [], (("json", [["a.txt"]]),)),
    "paramviewer": Case(
        "paramviewer",
        "json",
        {"x": {"type": "int", "description": "", "default": None}},
        {"x": {"type": "int", "description": "", "default": None}},
        (("json", {"x": {"type": "int", "description": "", "default": None}}),),
    ),
    "nativeplot": Case("nativeplot", None, None, None, (("json", None),)),
    "dataframe": Case(
        "dataframe",
        "json",
        [["cat", 0.9]],
        {"columns": ["name", "score"], "rows": [["cat", 0.9]]},
        (("json", None),),
    ),
    "label": Case("label", "json", {"label": "cat"}, "cat", (("json", None),)),
    "highlightedtext": Case(
        "highlightedtext",
        "json",
        [["Ada", "person"], [" ran", None]],
        [{"token": "Ada", "class_or_confidence": "person"}, {"token": " ran", "class_or_confidence": None}],
        (
            (
                "json",
                [
                    {"token": "Ada", "class_or_confidence": "person"},
                    {"token": " ran", "class_or_confidence": None},
                ],
            ),
        ),
    ),
    "workflowcanvas": Case("workflowcanvas", None, None, None, (("text", "{}"),)),
    "state": Case("state", None, None, None, ()),
    "browserstate": Case("browserstate", None, None, None, ()),
    "button": Case("button", None, None, None, ()),
}
