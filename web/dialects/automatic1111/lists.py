"""The lists that clients ask for before their first picture: models, and many that have to be there and are empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from flask import Blueprint, Response

from web.dialects.automatic1111.declared import LABEL, Route, plain
from web.dialects.automatic1111.models import image_models
from web.http.operation import ok

blueprint = Blueprint("automatic1111_lists", __name__)


def _models() -> list[dict[str, Any]]:
    return [
        {"title": name, "model_name": name, "hash": None, "sha256": None, "filename": name, "config": None}
        for name in image_models()
    ]


_AUTOMATIC: Final = {"name": "Automatic", "aliases": [], "options": {}}
_SCHEDULER: Final = {
    "name": "automatic",
    "label": "Automatic",
    "aliases": None,
    "default_rho": -1.0,
    "need_inner_model": False,
}
_UPSCALER: Final = {"name": "None", "model_name": None, "model_path": None, "model_url": None, "scale": 1}

#: What each list holds, by its path. An app has its own sampler and all else, and clients cannot change it.
_LISTS: Final[dict[str, tuple[str, str, Callable[[], Any]]]] = {
    "/sdapi/v1/sd-models": ("sdapiModels", "List the models that make images", _models),
    "/sdapi/v1/samplers": ("sdapiSamplers", "List the samplers: each app has its own", lambda: [_AUTOMATIC]),
    "/sdapi/v1/schedulers": ("sdapiSchedulers", "List the schedulers: each app has its own", lambda: [_SCHEDULER]),
    "/sdapi/v1/upscalers": ("sdapiUpscalers", "List the upscalers: there is none", lambda: [_UPSCALER]),
    "/sdapi/v1/scripts": ("sdapiScripts", "List the scripts: there is none", lambda: {"txt2img": [], "img2img": []}),
    "/sdapi/v1/embeddings": ("sdapiEmbeddings", "List the embeddings: there is none", lambda: {"loaded": {}, "skipped": {}}),
    "/sdapi/v1/cmd-flags": ("sdapiFlags", "Read the flags: there is none", dict),
    "/sdapi/v1/memory": ("sdapiMemory", "Read the use of memory: it is not told", lambda: {"ram": {}, "cuda": {}}),
    "/internal/ping": ("sdapiPing", "Ask whether the server is there", dict),
    **{
        f"/sdapi/v1/{path}": (f"sdapi{path.title().replace('-', '')}", f"List the {path.replace('-', ' ')}: there is none", list)
        for path in (
            "latent-upscale-modes", "sd-vae", "sd-modules", "prompt-styles", "face-restorers", "hypernetworks", "loras",
            "realesrgan-models",
        )
    },
}  # fmt: skip
#: What is asked for and needs no doing: models are loaded by the apps.
_NOTHING: Final = {
    f"/sdapi/v1/{what}-checkpoint{s}": (f"sdapi{what.title()}", f"{what.title()} the models: does nothing", dict)
    for what, s in (("unload", ""), ("reload", ""), ("refresh", "s"))
}


def _add(path: str, method: str, name: str, text: str, make: Callable[[], Any]) -> None:
    def view() -> Response:
        return plain(make())

    view.__doc__ = f"{text}."
    declared = Route(name, LABEL, "read", answers=(ok("As the web UI answers.", None),))
    blueprint.add_url_rule(path, name, declared(view), methods=[method])


for _path, _entry in _LISTS.items():
    _add(_path, "GET", *_entry)
for _path, _entry in _NOTHING.items():
    _add(_path, "POST", *_entry)
