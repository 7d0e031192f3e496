"""The requests of programs for AUTOMATIC1111's API that are not run here, in their order and with all that they send.

Each function asks as one program does, reads the answers as that program reads them, and gives what it would show.
The sources: open-webui/open-webui ``routers/images.py``; SillyTavern/SillyTavern ``src/endpoints/stable-diffusion.js`` and
its extension; danny-avila/LibreChat ``StableDiffusion.js``; oobabooga/text-generation-webui ``sd_api_pictures/script.py``;
Kilvoctu/aiyabot ``core/settings.py``, ``core/stablecog.py``; zhaobenny/bz-cogs ``aimage/apis/a1111.py``.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

import requests

_LIMIT: Final = (5, 60)


@dataclass(frozen=True)
class Shown:
    """What a program shows of a picture: its file, the words beside it, and what it saw while it waited."""

    picture: bytes
    words: str = ""
    seen: tuple[Any, ...] = ()


def open_webui(url: str, key: str, prompt: str) -> Shown:
    """As an admin who saves the settings, and then a user."""
    base, headers = f"{url}/sdapi/v1", {"authorization": f"Basic {base64.b64encode(f'me:{key}'.encode()).decode()}"}

    def options() -> Any:
        return requests.get(f"{base}/options", headers=headers, timeout=_LIMIT).json()

    models = requests.get(f"{base}/sd-models", headers=headers, timeout=_LIMIT).json()
    assert "flux-schnell" in {model["title"]: model["model_name"] for model in models}
    found, before = options(), options()["sd_model_checkpoint"]
    for model in ("flux-schnell", before):
        found["sd_model_checkpoint"] = model
        requests.post(f"{base}/options", json=found, headers=headers, timeout=_LIMIT)
        assert options()["sd_model_checkpoint"] == model
    body = {"prompt": prompt, "batch_size": 1, "width": 512, "height": 512, "steps": 50, "negative_prompt": "blurry"}
    answer = requests.post(f"{base}/txt2img", json=body, headers=headers, timeout=_LIMIT).json()
    return Shown(base64.b64decode(answer["images"][0]), answer["info"])


def silly_tavern(url: str, key: str, prompt: str) -> Shown:
    """As after a click on «connect»: what there is, another model, and a picture. Its settings are in the body."""
    auth = f"me:{key}"
    headers = {"Authorization": f"Basic {base64.b64encode(auth.encode()).decode()}"}

    def ask(path: str) -> Any:
        answer = requests.get(f"{url}/sdapi/v1/{path}", headers=headers, timeout=_LIMIT)
        answer.raise_for_status()
        return answer.json()

    models = [model["title"] for model in ask("sd-models")]
    samplers, schedulers = ([item["name"] for item in ask(path)] for path in ("samplers", "schedulers"))
    upscalers = [item["name"] for path in ("upscalers", "latent-upscale-modes") for item in ask(path)]
    assert [item["model_name"] for path in ("sd-vae", "sd-modules") for item in ask(path)] == []
    post = {**headers, "Content-Type": "application/json"}
    chosen = json.dumps({"sd_model_checkpoint": models[models.index("flux-schnell")]})
    requests.post(f"{url}/sdapi/v1/options", data=chosen, headers=post, timeout=_LIMIT).raise_for_status()
    states = [ask("progress")]
    assert "forge_preset" not in ask("options")
    body = {
        "url": url, "auth": auth, "prompt": prompt, "negative_prompt": "blurry", "sampler_name": samplers[0],
        "scheduler": schedulers[0], "steps": 4, "cfg_scale": 7, "width": 256, "height": 256, "restore_faces": False,
        "enable_hr": False, "hr_upscaler": upscalers[0], "hr_scale": 1, "hr_additional_modules": [],
        "denoising_strength": 0.7, "hr_second_pass_steps": 0,
        "override_settings": {"CLIP_stop_at_last_layers": 1, "sd_model_checkpoint": "flux"},
        "override_settings_restore_afterwards": True, "clip_skip": 1, "save_images": True, "send_images": True,
        "do_not_save_grid": False, "do_not_save_samples": False,
    }  # fmt: skip
    answer = requests.post(f"{url}/sdapi/v1/txt2img", data=json.dumps(body), headers=post, timeout=_LIMIT)
    answer.raise_for_status()
    return Shown(base64.b64decode(answer.json()["images"][0]), answer.text, tuple(states))


def librechat(url: str, key: str, prompt: str) -> Shown:
    """With the key in its address, as its HTTP client takes it."""
    body = {"prompt": prompt, "negative_prompt": "blurry", "cfg_scale": 4.5, "steps": 22, "width": 1024, "height": 1024}
    address = url.replace("://", f"://me:{key}@")
    answer = requests.post(f"{address}/sdapi/v1/txt2img", json=body, timeout=_LIMIT)
    answer.raise_for_status()
    info = json.loads(answer.json()["info"])
    words = f"{info['infotexts'][0]} {info['seed']} {info['width']}x{info['height']}"
    return Shown(base64.b64decode(answer.json()["images"][0].split(",", 1)[0]), words)


def text_generation_webui(url: str, key: str, prompt: str) -> Shown:
    """With «manage VRAM» on."""
    base = f"{url.replace('://', f'://me:{key}@')}/sdapi/v1"
    models, options, samplers = (
        requests.get(f"{base}/{path}", timeout=_LIMIT).json() for path in ("sd-models", "options", "samplers")
    )
    assert options["sd_model_checkpoint"] in [model["title"] for model in models]
    requests.post(f"{base}/reload-checkpoint", json="", timeout=_LIMIT).raise_for_status()
    body = {
        "prompt": prompt, "seed": -1, "sampler_name": samplers[0]["name"], "enable_hr": False, "hr_scale": 2,
        "hr_upscaler": "ESRGAN_4x", "denoising_strength": 0.5, "steps": 4, "cfg_scale": 7, "width": 256, "height": 256,
        "restore_faces": False, "override_settings_restore_afterwards": True, "negative_prompt": "blurry",
    }  # fmt: skip
    answer = requests.post(f"{base}/txt2img", json=body, timeout=_LIMIT)
    answer.raise_for_status()
    requests.post(f"{base}/unload-checkpoint", json="", timeout=_LIMIT).raise_for_status()
    return Shown(base64.b64decode(answer.json()["images"][0]))


def aiyabot(url: str, key: str, prompt: str) -> Shown:
    """From its start to a picture whose progress it shows. It sends the strength and the scale as texts."""
    assert requests.get(f"{url}/sdapi/v1/cmd-flags", timeout=_LIMIT).status_code == 401
    assert requests.head(url, timeout=_LIMIT).status_code == 200
    session = requests.Session()
    session.auth = ("me", key)
    session.post(f"{url}/login", timeout=_LIMIT)

    def ask(path: str) -> Any:
        return session.get(f"{url}{path}", timeout=_LIMIT).json()

    samplers = [item["name"] for item in ask("/sdapi/v1/samplers")]
    styles = {item["name"]: (item["prompt"], item["negative_prompt"]) for item in ask("/sdapi/v1/prompt-styles")}
    names = [
        item["name"] for path in ("face-restorers", "hypernetworks", "upscalers") for item in ask(f"/sdapi/v1/{path}")
    ]
    shapes = [shape["shape"] for part in ("loaded", "skipped") for shape in ask("/sdapi/v1/embeddings")[part].values()]
    models = {
        os.path.normpath(model["filename"]): (model["title"], model["model_name"], model["hash"])
        for model in ask("/sdapi/v1/sd-models")
    }
    assert (styles, names, shapes, "flux-schnell" in models) == ({}, ["None"], [], True)
    ask("/config")
    body = {
        "prompt": prompt, "negative_prompt": "", "steps": 30, "width": 512, "height": 512, "cfg_scale": "7.0",
        "sampler_index": samplers[0], "seed": 4_294_967_295, "seed_resize_from_h": 0, "seed_resize_from_w": 0,
        "denoising_strength": None, "n_iter": 1, "batch_size": 1, "styles": ["None"],
        "override_settings": {"CLIP_stop_at_last_layers": 1},
    }  # fmt: skip
    session.post(f"{url}/sdapi/v1/options", json={"sd_model_checkpoint": "flux"}, timeout=_LIMIT)
    answers: list[Any] = []
    drawing = threading.Thread(
        target=lambda: answers.append(session.post(f"{url}/sdapi/v1/txt2img", json=body, timeout=_LIMIT).json())
    )
    drawing.start()
    seen = []
    while drawing.is_alive():
        state = ask("/sdapi/v1/progress")
        if state["state"]["job"]:
            seen.append((state["progress"], state["state"]["sampling_step"], state["eta_relative"] >= 0))
        time.sleep(0.2)
    (image,) = answers[0]["images"]
    read = session.post(f"{url}/sdapi/v1/png-info", json={"image": f"data:image/png;base64,{image}"}, timeout=_LIMIT)
    return Shown(base64.b64decode(image), read.json()["info"], tuple(seen))


def bz_cogs(url: str, key: str, prompt: str) -> Shown:
    """What it offers, and a picture of a server where nothing unsuited for work is allowed."""
    endpoint, auth = f"{url}/sdapi/v1/", ("me", key)

    def terms(page: str) -> Any:
        answer = requests.get(endpoint + page, auth=auth, timeout=_LIMIT)
        answer.raise_for_status()
        return answer.json()

    names = [item["name"] for page in ("upscalers", "loras", "samplers", "prompt-styles") for item in terms(page)]
    models = [item["model_name"] for page in ("sd-models", "sd-vae") for item in terms(page)]
    assert (terms("scripts")["txt2img"], "None" in names, "flux" in models) == ([], True, True)
    body = {
        "prompt": f"{prompt} ", "negative_prompt": "blurry", "styles": [], "cfg_scale": 1, "steps": 4, "seed": -1,
        "subseed": -1, "subseed_strength": 0, "sampler_name": "Euler a", "scheduler": "Simple",
        "override_settings": {"sd_model_checkpoint": "flux", "sd_vae": None}, "width": 256, "height": 256,
        "alwayson_scripts": {"ADetailer": {"args": [{"ad_model": "face_yolov8n.pt"}]}}, "script_name": "CensorScript",
        "script_args": [True, True],
    }  # fmt: skip
    answer = requests.post(f"{endpoint}txt2img", json=body, auth=auth, timeout=_LIMIT)
    found = answer.json()
    if answer.status_code == 422:
        raise ValueError(found["detail"])
    answer.raise_for_status()
    info = json.loads(found["info"])
    assert not (info.get("extra_generation_params", {}).get("nsfw", []) or [False])[0]
    return Shown(base64.b64decode(found["images"][0]), info["infotexts"][0])
