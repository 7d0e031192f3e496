"""The label of a file: a text that tools for generated images read, and the whole recipe as JSON. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.sax.saxutils import escape

import msgspec

from jobs.egress import holds_address
from jobs.model import Job, Recipe
from jobs.resources.results import recipe_resource

#: Most bytes of a part in its longest form: a segment of a JPEG file holds 64 KB.
LIMIT: Final = 60_000

#: The names that Stable Diffusion web UIs give to parameters in the text.
_NAMES: Final = {"num_inference_steps": "Steps", "guidance_scale": "CFG scale", "seed": "Seed"}

_PACKET: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:darkroom="urn:darkroom:">'
    "<xmp:CreatorTool>{software}</xmp:CreatorTool><darkroom:recipe>{recipe}</darkroom:recipe>"
    '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a file says of itself: its parameters as Stable Diffusion web UIs write them, its recipe as JSON in ASCII."""

    software: str
    parameters: str
    recipe: str

    def xmp(self) -> bytes:
        """The recipe as an XMP packet (ISO 16684-1)."""
        return _PACKET.format(software=escape(self.software), recipe=escape(self.recipe)).encode()

    @property
    def size(self) -> int:
        """Bytes of its longest form."""
        return max(len(self.xmp()), len(self.parameters.encode("utf-16-be")))


def label_of(job: Job, recipe: Recipe, index: int, seed: int | None) -> Label:
    """The label of one output; it is the same for every attempt of a job.

    Parameters that are addresses are left out, since an address may hold a secret. If the recipe is too long for a
    file, the longest parameters are left out too.
    """
    said = msgspec.to_builtins(recipe_resource(job, recipe))
    inputs = {name: value for name, value in said["input"].items() if not holds_address(name, value)}
    while True:
        whole = {**said, "index": index, "input": inputs}
        label = Label(
            software=f"Darkroom {said['darkroom']}",
            parameters=_parameters(inputs, seed, said),
            recipe=json.dumps(whole, separators=(",", ":")),
        )
        if label.size <= LIMIT:
            return label
        longest = max(inputs, key=lambda name: len(json.dumps(inputs[name])))
        inputs = {name: value for name, value in inputs.items() if name != longest}


def _parameters(inputs: Mapping[str, Any], seed: int | None, said: Mapping[str, Any]) -> str:
    """``prompt``, then a line of ``Name: value`` pairs."""
    lines = [str(inputs.get("prompt", ""))]
    if negative := inputs.get("negative_prompt"):
        lines.append(f"Negative prompt: {negative}")
    values = {**inputs, **({} if seed is None else {"seed": seed})}
    pairs = {text: values[name] for name, text in _NAMES.items() if name in values}
    if "width" in values and "height" in values:
        pairs["Size"] = f"{values['width']}x{values['height']}"
    pairs |= {"Model": said["model"], "Provider": said["provider"], "Version": f"Darkroom {said['darkroom']}"}
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in pairs.items()))
    return "\n".join(lines)


def _quoted(value: object) -> str:
    """The value; as JSON if it holds a comma, colon, quote or newline, as those tools write it."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(char in text for char in ',:\n"') else text
