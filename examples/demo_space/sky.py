"""The sky: its colours, sun or moon, clouds, stars, aurora, lightning."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np
from field import Field, add_light, colour, mix, noise, sample, smooth
from PIL import Image, ImageDraw, ImageFilter
from scene import Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How the world lies on the picture. Lengths are pixels; the camera stands one unit above the water."""

    width: int
    height: int
    horizon: float
    focal: float
    #: Where the sun or moon stands, and its radius.
    sun: tuple[float, float, float]

    @property
    def unit(self) -> float:
        """A length that grows with the picture."""
        return float(min(self.width, self.height))

    def grid(self) -> tuple[Field, Field]:
        """Each pixel's x and y."""
        y, x = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32)
        return x, y


def paint_sky(scene: Scene, view: View) -> Field:
    """The whole picture as sky; what is below the horizon is painted over later."""
    chance = random.Random(scene.seed)
    x, y = view.grid()
    image = _gradient(scene, view, y)
    sx, sy, _ = view.sun
    light = colour(scene.palette.light)
    distance = np.hypot(x - sx, (y - sy))
    dark = scene.hour in {"night", "storm"} or scene.has("moon")
    shown = scene.hour != "storm" and (scene.hour != "night" or scene.has("moon"))
    for reach, strength in ((0.9, 0.18), (0.3, 0.26), (0.1, 0.35)) if shown else ((0.9, 0.18),):
        image = add_light(image, light, strength * (0.55 if dark else 1.0) * np.exp(-distance / (view.unit * reach)))
    if scene.hour in {"night", "dusk"}:
        image = _stars(image, scene, view, y)
    if scene.has("aurora"):
        image = _aurora(image, scene, view, x, y)
    if shown:
        image = _disc(image, scene, view, distance, x, y)
    image = _clouds(image, scene, view, x, y)
    if scene.has("lightning"):
        image = _lightning(image, view, chance)
    return image


def _gradient(scene: Scene, view: View, y: Field) -> Field:
    depth = np.clip(y[:, 0] / view.horizon, 0, 1)
    places = [place for place, _ in scene.palette.sky]
    bands = [np.interp(depth, places, [rgb[c] / 255 for _, rgb in scene.palette.sky]) for c in range(3)]
    column = np.stack(bands, axis=-1).astype(np.float32)
    return np.repeat(column[:, None, :], view.width, axis=1)


def _disc(image: Field, scene: Scene, view: View, distance: Field, x: Field, y: Field) -> Field:
    sx, sy, radius = view.sun
    edge = np.clip(radius - distance + 0.5, 0, 1)
    if scene.hour != "night" and not scene.has("moon"):
        glare = np.exp(-np.maximum(distance - radius, 0) / (radius * 0.7))
        image = add_light(image, colour(scene.palette.light), 0.75 * glare)
        return mix(image, np.float32([1.0, 0.97, 0.86]), edge)
    maria = sample(noise(scene.seed + 7, 128, falloff=1.9), (x - sx) / radius / 3.4, (y - sy) / radius / 3.4)
    limb = np.sqrt(np.clip(1 - (distance / radius) ** 2, 0, 1))
    face = (0.86 + 0.14 * limb) * (1 - 0.17 * smooth(0.42, 0.72, maria))
    image = add_light(image, colour((206, 220, 255)), 0.38 * np.exp(-np.maximum(distance - radius, 0) / (radius * 1.3)))
    return mix(image, face[..., None] * colour((255, 251, 240)), edge)


def _stars(image: Field, scene: Scene, view: View, y: Field) -> Field:
    rng = np.random.default_rng(scene.seed + 1)
    sky = np.zeros((view.height, view.width), np.float32)
    many = int(view.width * view.height / 900)
    rows = (rng.random(many) * view.horizon * 0.97).astype(int)
    columns = rng.integers(0, view.width, many)
    np.maximum.at(sky, (rows, columns), (rng.random(many) ** 5).astype(np.float32))
    scale = max(1.0, view.unit / 900)
    glow = (
        np.asarray(
            Image.fromarray((sky * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7 * scale)), np.float32
        )
        / 255
    )
    stars = np.clip(sky * 0.5 + glow * 3.2 * scale, 0, 1)
    if scene.has("milky way"):
        image, stars = _milky_way(image, stars, scene, view)
    fade = np.clip(1.05 - y / view.horizon, 0, 1) ** (0.7 if scene.hour == "night" else 2.2)
    return add_light(image, colour((232, 238, 255)), stars * fade * (1.0 if scene.hour == "night" else 0.8))


def _milky_way(image: Field, stars: Field, scene: Scene, view: View) -> tuple[Field, Field]:
    x, y = view.grid()
    along, across = (x * 0.55 - y * 0.83) / view.unit, (x * 0.83 + y * 0.55 - view.width * 0.62) / view.unit
    cloud = sample(noise(scene.seed + 2, 512, falloff=1.6), along * 0.7, across * 0.7)
    lane = sample(noise(scene.seed + 3, 512, falloff=1.5), along * 0.9, across * 1.4)
    band = np.exp(-((across + 0.12 * (cloud - 0.5)) ** 2) / 0.022)
    dust = smooth(0.48, 0.66, lane) * np.exp(-(across**2) / 0.006)
    glow = band * (0.25 + 0.75 * smooth(0.3, 0.75, cloud)) * (1 - 0.8 * dust)
    image = add_light(image, colour((150, 168, 255)), 0.42 * glow)
    image = add_light(
        image, colour((255, 176, 150)), 0.34 * glow * np.exp(-(across**2) / 0.005) * smooth(0.45, 0.7, cloud)
    )
    image = add_light(image, colour((216, 90, 190)), 0.20 * band * smooth(0.6, 0.8, lane))
    return image, np.clip(stars * (1 + 1.3 * band), 0, 1)


def _aurora(image: Field, scene: Scene, view: View, x: Field, y: Field) -> Field:
    wave = noise(scene.seed + 4, 256, falloff=2.0)
    rays = noise(scene.seed + 5, 512, falloff=1.1, stretch=0.03)
    for number, (tint, base, strength) in enumerate(
        (((60, 255, 160), 0.74, 1.0), ((50, 230, 210), 0.58, 0.75), ((180, 90, 255), 0.44, 0.6))
    ):
        u = x / view.width
        foot = view.horizon * (
            base + 0.34 * (sample(wave, u * 0.5 + 0.3 * number, np.full_like(u, 0.1 + 0.3 * number)) - 0.5)
        )
        above = (foot - y) / view.horizon
        curtain = np.where(above > 0, np.exp(-above / 0.22), np.exp(above / 0.02))
        streaks = 0.35 + 0.65 * smooth(0.35, 0.7, sample(rays, u * 0.9 + 0.1 * number, y / view.height * 0.06))
        patch = 0.25 + 0.75 * smooth(0.36, 0.6, sample(wave, u * 0.6 + 0.17 * number, np.full_like(u, 0.7)))
        image = add_light(image, colour(tint), strength * curtain * streaks * patch)
    return image


_COVER = {"storm": 0.36, "sunset": 0.52, "dusk": 0.54, "dawn": 0.55, "day": 0.55, "night": 0.62}
_CLEAR = 0.12


def _clouds(image: Field, scene: Scene, view: View, x: Field, y: Field) -> Field:
    """Clouds on a flat layer far above, so that they grow small towards the horizon."""
    height = np.clip(1 - y / (view.horizon * 1.02), 0.012, 1)
    far = 0.34 / (height + 0.10)
    u, v = (x / view.unit - 0.5) * far * 0.34, far * 0.62
    shape = noise(scene.seed + 11, 1024, falloff=1.75, stretch=0.75)
    here = sample(shape, u, v)
    toward = np.sign(view.sun[0] - view.width / 2) * 0.012 + (view.sun[0] - x) / view.unit * 0.012
    there = sample(shape, u + toward, v + 0.016)
    low = _COVER[scene.hour] + (_CLEAR if scene.has("aurora") or scene.has("milky way") else 0.0)
    thick = smooth(low, low + 0.26, here) * smooth(0.0, 0.06, 1 - y / view.horizon)
    lit = np.clip(0.5 + (here - there) * 5.5, 0, 1)
    sx, sy, _ = view.sun
    near = np.exp(-np.hypot(x - sx, y - sy) / (view.unit * 0.55))
    body = mix(np.broadcast_to(colour(scene.palette.shade), image.shape), colour(scene.palette.cloud), lit)
    body = mix(body, colour(scene.palette.light), np.clip(near * lit * 1.1, 0, 1))
    body = mix(body, image, 0.30 * (1 - height))  # the far ones take the colour of the air
    return mix(image, body, thick * (0.95 if scene.hour == "storm" else 0.86))


def _lightning(image: Field, view: View, chance: random.Random) -> Field:
    layer = Image.new("L", (view.width, view.height))
    draw = ImageDraw.Draw(layer)
    start = (view.width * chance.uniform(0.25, 0.75), view.horizon * 0.12)
    _bolt(draw, start, view.horizon * 0.99, chance, max(2.0, view.unit / 340), branches=3)
    core = np.asarray(layer, np.float32) / 255
    for blur, strength in ((view.unit / 24, 2.6), (view.unit / 90, 1.4), (view.unit / 900, 1.2)):
        glow = np.asarray(layer.filter(ImageFilter.GaussianBlur(blur)), np.float32) / 255
        image = add_light(image, colour((186, 196, 255)), np.clip(glow * strength, 0, 1))
    return add_light(image, colour((250, 250, 255)), core)


def _bolt(
    draw: ImageDraw.ImageDraw, at: tuple[float, float], end: float, chance: random.Random, width: float, branches: int
) -> None:
    x, y = at
    lean = chance.uniform(-0.4, 0.4)
    while y < end and width > 0.6:
        step = (end - at[1]) * chance.uniform(0.03, 0.08)
        nx, ny = x + step * (lean + chance.uniform(-0.9, 0.9)), min(end, y + step)
        draw.line((x, y, nx, ny), fill=255, width=max(1, math.ceil(width)))
        if branches and chance.random() < 0.22:
            _bolt(
                draw, (nx, ny), min(end, ny + (end - ny) * chance.uniform(0.3, 0.6)), chance, width * 0.55, branches - 1
            )
        x, y = nx, ny
