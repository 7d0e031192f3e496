"""Land and water, seen in perspective: a field of heights, lit from the side, with the air's haze before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from field import Field, add_light, colour, mix, noise, sample, smooth
from scene import Scene
from sky import View

#: Height of the land at places (x, z) of the world: units of the camera's height above the water, which is 0.
Heights = Callable[[Field, Field], Field]

_NEAR, _FAR, _SLICES = 1.1, 90.0, 420


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What each pixel shows of the land: nothing, or the place (x, z)."""

    seen: Field
    x: Field
    z: Field


def look(view: View, heights: Heights) -> Surface:
    """Find the land at each pixel: the nearest slice whose height reaches the pixel's line of sight."""
    columns = np.arange(view.width, dtype=np.float32)
    depths = np.geomspace(_NEAR, _FAR, _SLICES).astype(np.float32)
    world_x = (columns[None, :] - view.width / 2) * depths[:, None] / view.focal
    tall = heights(world_x, np.broadcast_to(depths[:, None], world_x.shape))
    rows = view.horizon + view.focal * (1 - np.maximum(tall, 0)) / depths[:, None]  # water hides what is behind it
    skyline = np.minimum.accumulate(rows, axis=0)
    z = np.full((view.height, view.width), np.inf, np.float32)
    pixel_rows = np.arange(view.height, dtype=np.float32)
    for column in range(view.width):
        line = skyline[:, column]
        index = np.searchsorted(-line, -pixel_rows)  # the first slice whose skyline is at or above the pixel
        hit = index < _SLICES
        at = np.minimum(index, _SLICES - 1)
        before = np.maximum(at - 1, 0)
        upper, lower = line[at], line[before]
        with np.errstate(invalid="ignore", divide="ignore"):
            part = np.where(np.isfinite(lower) & (lower > upper), (lower - pixel_rows) / (lower - upper), 1.0)
        between = depths[before] + (depths[at] - depths[before]) * np.clip(part, 0, 1)
        z[:, column] = np.where(hit, between, np.inf)
    safe = np.where(np.isfinite(z), z, _FAR)
    x, _ = view.grid()
    world = (x - view.width / 2) * safe / view.focal
    return Surface(seen=np.isfinite(z) & (heights(world, safe) > 0), x=world, z=safe)


def slopes(surface: Surface, heights: Heights) -> tuple[Field, Field, Field]:
    """Height, and how it rises towards +x and +z."""
    step = 0.012 + 0.004 * surface.z
    here = heights(surface.x, surface.z)
    return (
        here,
        (heights(surface.x + step, surface.z) - here) / step,
        (heights(surface.x, surface.z + step) - here) / step,
    )


def mountain_heights(scene: Scene) -> Heights:
    """Ridges that grow with the distance, over a low shore."""
    ridge, detail = noise(scene.seed + 21, 1024, falloff=2.45), noise(scene.seed + 22, 512, falloff=1.9)

    def heights(x: Field, z: Field) -> Field:
        bend = 2.5 * (sample(detail, x / 60, z / 60) - 0.5)
        crest = np.clip(1 - np.abs(2 * sample(ridge, (x + bend) / 64 + 0.3, (z + bend) / 64) - 1) * 1.7, 0, 1)
        rough = 1 - np.abs(2 * sample(detail, x / 17, z / 17) - 1)
        grow = smooth(10, 46, z)
        shore = (sample(detail, x / 40 + 0.5, z / 40) - 0.52) * smooth(6, 13, z)
        return grow * (crest**1.7 * 13 + (rough - 0.72) * 2.2 * (0.3 + crest)) + shore * 1.6

    return heights


def dune_heights(scene: Scene) -> Heights:
    """Dunes: a long rise against the wind, a sharp crest, a short fall behind it."""
    bend, ripple = noise(scene.seed + 23, 512, falloff=2.6), noise(scene.seed + 24, 512, falloff=1.9, stretch=0.4)

    def heights(x: Field, z: Field) -> Field:
        total = np.zeros_like(x)
        for scale, tall, turn in ((11.0, 1.0, 0.42), (4.6, 0.34, -0.6)):
            wander = sample(bend, x / 70 + turn, z / 70)
            phase = (z + turn * x) / scale + 3.0 * wander
            part = phase % 1.0
            profile = np.where(part < 0.70, (part / 0.70) ** 1.6, ((1 - part) / 0.30) ** 1.25)
            total = total + tall * profile * (0.25 + 1.5 * sample(bend, x / 38 - turn, z / 52 + 0.4) ** 1.4)
        return 0.04 + total * (0.62 + 0.062 * z) * smooth(0.8, 6, z) + 0.012 * sample(ripple, x / 1.6, z / 1.6)

    return heights


def hill_heights(scene: Scene) -> Heights:
    """Soft hills for a forest to stand on."""
    soft, detail = noise(scene.seed + 25, 512, falloff=2.5), noise(scene.seed + 26, 512, falloff=1.8)

    def heights(x: Field, z: Field) -> Field:
        swell = sample(soft, x / 40 + 0.2, z / 40)
        return 0.05 + swell * smooth(2, 20, z) * (0.9 + 0.11 * z) + 0.12 * (sample(detail, x / 5, z / 5) - 0.4)

    return heights


def cape_heights(scene: Scene, place: tuple[float, float]) -> Heights:
    """A rocky cape in the sea around a place, and low land far behind."""
    rock, coast = noise(scene.seed + 27, 512, falloff=1.5), noise(scene.seed + 28, 512, falloff=1.9)
    px, pz = place
    side = np.sign(px)

    def heights(x: Field, z: Field) -> Field:
        rough = sample(rock, x / 4.5, z / 4.5) - 0.5
        away = np.hypot(np.where((x - px) * side > 0, (x - px) * 0.34, (x - px) * 0.95), (z - pz) * 0.75)
        cliff = 1.02 * (1 - smooth(0.75, 2.1, away + 0.9 * rough)) + 0.42 * rough * (1 - smooth(1.2, 2.8, away))
        skerry = 0.5 * (sample(rock, x / 9 + 0.4, z / 9) - 0.66) * (1 - smooth(1.5, 4.6, away))
        far = (sample(coast, x / 60, z / 300) - 0.46) * 7 * smooth(52, 70, z)
        return np.maximum(np.maximum(cliff - 0.10, skerry), far)

    return heights


def paint_land(image: Field, scene: Scene, view: View, heights: Heights) -> tuple[Field, Surface]:
    """Paint the land over the sky."""
    surface = look(view, heights)
    height, rise_x, rise_z = slopes(surface, heights)
    side = 1.0 if view.sun[0] > view.width / 2 else -1.0
    light = np.float32([side * 0.78, 0.56, -0.30])
    length = np.sqrt(rise_x**2 + rise_z**2 + 1)
    lit = np.clip((-rise_x * light[0] + light[1] - rise_z * light[2]) / length, 0, 1)
    body = _material(scene, height, np.hypot(rise_x, rise_z), surface)
    sun, dark = colour(scene.palette.light), colour(scene.palette.dark)
    strength = {"night": 0.40, "storm": 0.5, "dusk": 0.72}.get(scene.hour, 1.0)
    shaded = body * (0.30 * colour(scene.palette.haze) + 0.25 * dark + lit[..., None] ** 1.3 * sun * strength * 1.05)
    haze = 1 - np.exp(-np.maximum(surface.z - 3, 0) / (22 if scene.has("mist") else 46))
    air = colour(scene.palette.haze) if scene.land != "desert" else mix(colour(scene.palette.haze), sun, 0.25)
    return mix(image, mix(shaded, air, haze * 0.92), surface.seen.astype(np.float32)), surface


def _material(scene: Scene, height: Field, steep: Field, surface: Surface) -> Field:
    grain = sample(noise(scene.seed + 31, 512, falloff=1.1), surface.x / 2.3, surface.z / 2.3)
    shape = (*height.shape, 3)
    if scene.land == "desert":
        sand = np.broadcast_to(colour((238, 178, 112)), shape)
        wander = sample(noise(scene.seed + 32, 256, falloff=2.2), surface.x / 9, surface.z / 9)
        wind = np.sin(2 * np.pi * (surface.z * 3.4 + surface.x * 0.5 + wander * 9)) * np.exp(-surface.z / 7)
        return sand * (0.92 + 0.14 * grain + 0.085 * wind)[..., None]
    rock, grass = colour((140, 128, 122)), colour((92, 116, 66))
    body = mix(np.broadcast_to(rock, shape), grass, (1 - smooth(0.5, 1.1, steep)) * (1 - smooth(2.5, 6.0, height)))
    body = body * (0.70 + 0.6 * grain[..., None])
    line = 0.15 if scene.has("snow") else 5.0
    snow = smooth(line, line + 1.6, height + (grain - 0.5) * 3) * (1 - smooth(0.9, 2.0, steep))
    return mix(body, colour((244, 248, 255)), snow * (1.0 if scene.land != "sea" or scene.has("snow") else 0.0))


def paint_sea(image: Field, scene: Scene, view: View) -> Field:
    """Lay water over all that is below the horizon; it mirrors what is above."""
    first = int(np.ceil(view.horizon))
    x, y = view.grid()
    x, y = x[first:], y[first:]
    z = view.focal / np.maximum(y - view.horizon, 0.35)
    wx = (x - view.width / 2) * z / view.focal
    rough = 1.9 if scene.hour == "storm" else 0.8 if scene.land == "mountain" else 1.0
    waves, chop = (
        noise(scene.seed + 41, 512, falloff=1.7, stretch=0.55),
        noise(scene.seed + 42, 512, falloff=1.3, stretch=0.5),
    )
    calm = 1 / (1 + z / 26)
    slope = (sample(waves, wx / 5.5, z / 5.5) - 0.5) * 1.3 + (sample(chop, wx / 1.7, z / 1.7) - 0.5) * 0.9 * calm
    slope = slope * rough
    depth = (y - view.horizon) / (view.height - view.horizon)
    # A tilted facet shows the sky higher up, the more so the nearer it is.
    up = (y - view.horizon) * (0.86 + 0.25 * depth) + slope * view.unit * (0.05 + 0.30 * depth)
    source = np.clip(view.horizon - 1 - np.abs(up), 0, view.horizon - 1).astype(np.int32)
    across = np.clip(x + slope * view.unit * 0.03 * depth, 0, view.width - 1).astype(np.int32)
    mirrored = image[source, across]
    deep = mix(colour(scene.palette.dark), colour(scene.palette.sky[1][1]), 0.45)
    facing = np.clip(0.16 + 0.62 * depth**0.8 - slope * 0.5, 0.05, 0.90)
    water = mix(mirrored * 0.94, np.broadcast_to(deep, mirrored.shape), facing)
    water = _glitter(water, scene, view, x, depth, slope)
    if scene.hour == "storm" or scene.land == "sea":
        crest = smooth(0.34, 0.56, slope / rough + 0.16 * sample(chop, wx / 0.5, z / 0.5)) * smooth(0.02, 0.3, depth)
        water = mix(water, colour(scene.palette.light), crest * (0.55 if scene.hour == "storm" else 0.16))
    return np.concatenate([image[:first], water])


def _glitter(water: Field, scene: Scene, view: View, x: Field, depth: Field, slope: Field) -> Field:
    if scene.hour == "storm" or (scene.hour == "night" and not scene.has("moon")):
        return water
    sx, sy, radius = view.sun
    path = np.exp(-(((x - sx) / (radius * (0.9 + 3.4 * depth))) ** 2))
    sparkle = smooth(-0.02, 0.30, slope) * path
    strength = 1.15 if sy > view.horizon * 0.45 else 0.8
    return add_light(water, colour(scene.palette.light), sparkle * strength * (1 - 0.75 * depth))
