"""Paints a prompt: sky, land, water, what stands there, and the finish of a print."""

from __future__ import annotations

import random

import numpy as np
import things
from field import Field, add_light, colour, mix, noise, sample
from ground import (
    Heights,
    cape_heights,
    dune_heights,
    hill_heights,
    mountain_heights,
    paint_land,
    paint_sea,
)
from PIL import Image, ImageFilter
from scene import Scene, read
from sky import View, paint_sky

_HORIZON = {"sea": 0.64, "mountain": 0.66, "desert": 0.58, "forest": 0.60, "city": 0.68}


def paint(prompt: str, seed: int, width: int, height: int) -> Image.Image:
    """Paint a picture; the same prompt, seed and size give the same picture.

    Args:
        prompt: Its words choose land, hour and weather; see :mod:`scene`.
        seed: Chooses all the rest.
        width: Pixels.
        height: Pixels.
    """
    scene = read(prompt, seed)
    view = _view(scene, width, height)
    image = _PAINTERS[scene.land](scene, view)
    if scene.has("mist"):
        image = things.seen_mist(image, scene, view, None)
    if scene.hour in {"day", "dawn", "sunset"} and scene.land != "forest":
        image = things.birds(image, scene, view)
    if scene.has("rain"):
        image = things.rain(image, scene, view)
    return _finish(image, scene, view)


def _view(scene: Scene, width: int, height: int) -> View:
    chance = random.Random(scene.seed)
    unit, horizon = min(width, height), height * _HORIZON[scene.land]
    side = chance.choice([-1, 1])
    x = width * (0.5 + side * chance.uniform(0.10, 0.26))
    low = {"sunset": (0.05, 0.13), "dawn": (0.08, 0.2), "dusk": (0.28, 0.48), "night": (0.5, 0.72), "day": (0.6, 0.8)}
    rise = chance.uniform(*low.get(scene.hour, (0.4, 0.6)))
    if scene.land == "mountain":
        rise = max(rise, 0.42 if scene.hour in {"sunset", "dawn"} else rise)
    radius = unit * (0.052 if scene.hour in {"night", "dusk"} or scene.has("moon") else 0.036)
    return View(
        width=width,
        height=height,
        horizon=horizon,
        focal=max(width, height) * 0.95,
        sun=(x, horizon * (1 - rise), radius),
    )


def _height_at(heights: Heights, place: tuple[float, float]) -> float:
    return float(heights(np.float32([[place[0]]]), np.float32([[place[1]]]))[0, 0])


def _sea(scene: Scene, view: View) -> Field:
    image = paint_sky(scene, view)
    if not scene.has("lighthouse"):
        image = paint_sea(image, scene, view)
        return things.boat(image, scene, view) if scene.has("boat") or scene.seed % 3 == 0 else image
    side = -1.0 if view.sun[0] > view.width / 2 else 1.0
    depth = 6.4
    place = (side * 0.25 * view.width * depth / view.focal, depth)
    heights = cape_heights(scene, place)
    ground = max(_height_at(heights, place), 0.4)
    # The water mirrors what stands behind it, so it is painted last but for the land's own pixels.
    whole, surface = paint_land(image, scene, view, heights)
    whole = things.lighthouse(whole, scene, view, place, ground - 0.04)
    water = paint_sea(whole, scene, view)
    standing = surface.seen.copy()
    x, y = view.grid()
    scale = view.focal / place[1]
    tower = (np.abs(x - view.width / 2 - place[0] * scale) < 0.3 * scale) & (y < view.horizon + (1 - ground) * scale)
    image = mix(water, whole, (standing | tower).astype(np.float32))
    return things.boat(image, scene, view) if scene.has("boat") else image


def _mountain(scene: Scene, view: View) -> Field:
    image, surface = paint_land(paint_sky(scene, view), scene, view, mountain_heights(scene))
    water = paint_sea(image, scene, view)
    image = mix(water, image, surface.seen.astype(np.float32))
    return things.boat(image, scene, view) if scene.has("boat") else image


def _desert(scene: Scene, view: View) -> Field:
    image, _ = paint_land(paint_sky(scene, view), scene, view, dune_heights(scene))
    return image


def _forest(scene: Scene, view: View) -> Field:
    heights = hill_heights(scene)
    image, _ = paint_land(paint_sky(scene, view), scene, view, heights)
    image = things.trees(image, scene, view, heights)
    return things.cabin(image, scene, view, heights) if scene.has("cabin") else image


def _city(scene: Scene, view: View) -> Field:
    image = things.city(paint_sky(scene, view), scene, view)
    return paint_sea(image, scene, view)


_PAINTERS = {"sea": _sea, "mountain": _mountain, "desert": _desert, "forest": _forest, "city": _city}


def _finish(image: Field, scene: Scene, view: View) -> Image.Image:
    """Glow, vignette, grain and a little contrast, as a good print has them."""
    picture = Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
    soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(view.unit / 45)), np.float32) / 255
    bright = np.clip(soft - 0.45, 0, 1).mean(axis=-1)
    image = add_light(image, mix(soft, colour(scene.palette.light), 0.4), bright * 0.55)
    x, y = view.grid()
    corner = np.hypot((x - view.width / 2) / view.width, (y - view.height / 2) / view.height)
    image = image * (1 - 0.62 * np.clip(corner - 0.34, 0, 1) ** 1.4)[..., None]
    image = image + 0.06 * (image - 0.42) * (1 - np.abs(2 * image - 1))
    grain = np.random.default_rng(scene.seed).standard_normal(image.shape[:2]).astype(np.float32)
    tone = sample(noise(scene.seed + 5, 64, falloff=1.0), x / view.width, y / view.height)
    image = image + (0.010 * grain + 0.006 * (tone - 0.5))[..., None]
    return Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
