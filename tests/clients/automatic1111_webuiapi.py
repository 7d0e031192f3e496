"""What the unmodified ``webuiapi`` package makes of ``/sdapi/v1``: one JSON object for each case that is named.

Usage: ``python automatic1111_webuiapi.py CASE...`` with DARKROOM_URL, DARKROOM_API_KEY, and PICTURE, the path of a PNG.
Runs with the packages of ``requirements/client-automatic1111.txt``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from PIL import Image
from webuiapi import WebUIApi

Found = dict[str, Any]
#: Few steps: the app takes its time for each.
_QUICK: Final = {"steps": 1, "width": 64, "height": 64}


def _model(name: str) -> Found:
    return {"override_settings": {"sd_model_checkpoint": name}}


def _in_base64(image: Any) -> str:
    data = io.BytesIO()
    image.save(data, "PNG")
    return base64.b64encode(data.getvalue()).decode()


def _shown(result: Any) -> Found:
    return {
        "images": [
            {"format": image.format, "text": image.info.get("parameters"), "data": _in_base64(image)}
            for image in result.images
        ],
        "info": result.info,
        "parameters": result.parameters,
    }


def _refused(call: Callable[[], object]) -> Found:
    """The error that a call ends with."""
    try:
        call()
    except RuntimeError as error:
        status, text = error.args
        return {"status": status, "body": json.loads(text)}
    return {"status": 200}


def txt2img(api: WebUIApi) -> Found:
    """Two pictures with a seed."""
    return _shown(api.txt2img(prompt="txt2img", seed=7, batch_size=2, **_QUICK, **_model("flux-schnell")))


def txt2img_async(api: WebUIApi) -> Found:
    """The same call as a coroutine, with what it sends by default."""

    async def main() -> Any:
        return await api.txt2img(prompt="txt2img_async", use_async=True)

    return _shown(asyncio.run(main()))


def img2img(api: WebUIApi) -> Found:
    """A picture from a picture."""
    return _shown(api.img2img(images=[_picture()], prompt="img2img", **_QUICK, **_model("retouch")))


def img2img_mask(api: WebUIApi) -> Found:
    """A picture from a picture, with a mask."""
    more = {"mask_image": _picture(), "prompt": "img2img_mask", **_QUICK}
    return _shown(api.img2img(images=[_picture()], **more, **_model("mix")))


def png_info(api: WebUIApi) -> Found:
    """What a picture says of itself."""
    made = api.txt2img(prompt="png_info", **_QUICK)
    return {"made": made.info, "read": api.png_info(made.image).info}


def interrogate(api: WebUIApi) -> Found:
    """What a picture shows."""
    return {"caption": api.interrogate(_picture()).info}


def lists(api: WebUIApi) -> Found:
    """What programs ask for before the first picture."""
    names = (
        "get_samplers", "get_schedulers", "get_sd_vae", "get_upscalers", "get_latent_upscale_modes", "get_loras",
        "get_sd_models", "get_hypernetworks", "get_face_restorers", "get_realesrgan_models", "get_prompt_styles",
        "get_embeddings", "get_scripts", "get_cmd_flags", "get_memory", "refresh_checkpoints",
    )  # fmt: skip
    return {name: getattr(api, name)() for name in names}


def options(api: WebUIApi) -> Found:
    """Another model for all requests that name none."""
    before = api.util_get_current_model()
    with contextlib.redirect_stdout(sys.stderr):
        api.util_set_model("flux-schnell")
        api.util_wait_for_ready()
    after = api.util_get_current_model()
    made = api.txt2img(prompt="options", **_QUICK)
    api.set_options({**api.get_options(), "sd_model_checkpoint": before})
    return {"before": before, "after": after, "made": made.info, "again": api.get_options()}


def interrupt(api: WebUIApi) -> Found:
    """A picture that would take long, watched and taken back."""

    async def main() -> Found:
        making = api.txt2img(prompt="interrupt", use_async=True, **{**_QUICK, "steps": 50})
        seen: list[Found] = []
        while len({step["progress"] for step in seen if step["state"]["job"]}) < 3:
            seen.append(await asyncio.to_thread(api.get_progress))
            await asyncio.sleep(0.1)
        answer = await asyncio.to_thread(api.interrupt)
        try:
            await making
        except RuntimeError as error:
            return {"seen": seen, "answer": answer, "ended": error.args, "after": api.get_progress()}
        return {"seen": seen, "answer": answer}

    return asyncio.run(main())


def skip(api: WebUIApi) -> Found:
    """With nothing to take back."""
    return {"answer": api.skip()}


def failed(api: WebUIApi) -> Found:
    """An app that crashes."""
    return _refused(lambda: api.txt2img(prompt="crash webuiapi", **_QUICK))


def no_size(api: WebUIApi) -> Found:
    """A size that no model takes."""
    return _refused(lambda: api.txt2img(prompt="no_size", **{**_QUICK, "width": 99_999}))


def no_model(api: WebUIApi) -> Found:
    """A model that is not here."""
    return _refused(lambda: api.txt2img(prompt="no_model", **_model("steam")))


def no_key(api: WebUIApi) -> Found:
    """A wrong password."""
    other = WebUIApi(baseurl=api.baseurl, username="me", password="wrong")
    return _refused(lambda: other.txt2img(prompt="no_key"))


def no_upscaler(api: WebUIApi) -> Found:
    """What is not here."""
    return _refused(lambda: api.extra_single_image(_picture()))


def interrupted(api: WebUIApi) -> Found:
    """The connection breaks, and the program asks again."""
    while True:
        try:
            return _shown(api.txt2img(prompt="interrupted webuiapi", seed=7, **_QUICK))
        except OSError as error:
            print(type(error).__name__, file=sys.stderr)
            time.sleep(1)


def _picture() -> Any:
    return Image.open(os.environ["PICTURE"])


_CASES: Final = (
    txt2img, txt2img_async, img2img, img2img_mask, png_info, interrogate, lists, options, interrupt, skip, failed, no_size,
    no_model, no_key, no_upscaler, interrupted,
)  # fmt: skip


def main(cases: list[str]) -> None:
    """Run the named cases, and print what each found."""
    base = f"{os.environ['DARKROOM_URL']}/sdapi/v1"
    api = WebUIApi(baseurl=base, username="me", password=os.environ["DARKROOM_API_KEY"])
    known = {case.__name__: case for case in _CASES}
    print(json.dumps({name: known[name](api) for name in cases}))


if __name__ == "__main__":
    main(sys.argv[1:])
