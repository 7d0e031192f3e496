"""What stands in the land: a lighthouse, trees, a city, a boat, birds, a cabin, rain."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from field import Field, add_light, colour, mix, noise, sample, smooth
from ground import Heights, Surface
from PIL import Image, ImageDraw, ImageFilter
from scene import Colour, Scene
from sky import View

_FINE = 3  # drawn so many times larger, then made small: smooth edges


def overlay(image: Field, draw_on: Callable[[ImageDraw.ImageDraw, int], None]) -> Field:
    """Lay a drawing over the picture. ``draw_on`` gets the pen, and how many times larger to draw."""
    height, width = image.shape[:2]
    layer = Image.new("RGBa", (width * _FINE, height * _FINE))  # premultiplied: edges keep their colour
    pen = ImageDraw.Draw(layer)
    draw_on(pen, _FINE)
    small = np.asarray(layer.resize((width, height), Image.Resampling.BOX), np.float32) / 255
    return image * (1 - small[..., 3:]) + small[..., :3]


def _ink(tint: Field, alpha: float = 1.0) -> tuple[int, ...]:
    return (*(int(v * alpha * 255) for v in np.clip(tint, 0, 1)), int(alpha * 255))


def lighthouse(image: Field, scene: Scene, view: View, place: tuple[float, float], ground: float) -> Field:
    """A white tower with red bands, its lamp lit and its beam over the sea."""
    px, pz = place
    scale = view.focal / pz
    x0, foot = view.width / 2 + px * scale, view.horizon + (1 - ground) * scale
    tall, half = 2.35 * scale, 0.20 * scale
    x, y = view.grid()
    up = (foot - y) / tall  # 0 at the foot, 1 at the lamp
    bright = {"night": 0.34, "dusk": 0.62, "storm": 0.5}.get(scene.hour, 1.0)
    image = _tower(image, scene, view, (x0, half, bright), x, up)
    lamp = (x0, foot - tall * 0.935)
    image = overlay(image, lambda pen, k: _gallery(pen, k, scene, (x0, foot, tall, half), bright))
    return _beam(image, scene, view, lamp, x, y, -np.sign(px))


def _tower(image: Field, scene: Scene, view: View, shape: tuple[float, float, float], x: Field, up: Field) -> Field:
    x0, half, bright = shape
    wide = half * (1.0 - 0.42 * np.clip(up, 0, 1) ** 0.85)
    across = (x - x0) / wide
    inside = np.clip((1 - np.abs(across)) * wide + 0.5, 0, 1) * ((up > -0.02) & (up < 0.86))
    side = 1.0 if view.sun[0] > x0 else -1.0
    turn = np.clip(across * side, -1, 1)
    lit = 0.32 + 0.68 * np.clip(0.42 + 0.75 * turn - 0.45 * np.maximum(turn - 0.75, 0), 0, 1)
    red = ((np.clip(up, 0, 0.859) / 0.1723).astype(int) % 2 == 1).astype(np.float32)
    paint = mix(np.broadcast_to(colour((250, 244, 234)), image.shape), colour((186, 44, 40)), red)
    light = mix(np.broadcast_to(colour(scene.palette.shade), image.shape), colour(scene.palette.light), lit)
    return mix(image, np.clip(paint * light * (0.45 + 0.65 * bright), 0, 1), inside.astype(np.float32))


def _gallery(
    pen: ImageDraw.ImageDraw, k: int, scene: Scene, shape: tuple[float, float, float, float], bright: float
) -> None:
    x0, foot, tall, half = (v * k for v in shape)
    top, lantern = half * 0.60, half * 0.44
    dark = mix(colour(scene.palette.dark), colour((60, 40, 44)), 0.5) * (0.6 + 0.4 * bright)

    def y(up: float) -> float:
        return foot - tall * up

    pen.rectangle((x0 - top * 1.45, y(0.872), x0 + top * 1.45, y(0.855)), fill=_ink(dark))
    for step in range(-4, 5):  # the rail
        post = x0 + step * top * 1.4 / 4
        pen.line((post, y(0.872), post, y(0.895)), fill=_ink(dark), width=max(1, k))
    pen.line((x0 - top * 1.42, y(0.896), x0 + top * 1.42, y(0.896)), fill=_ink(dark), width=max(1, k))
    pen.rectangle((x0 - lantern, y(0.975), x0 + lantern, y(0.872)), fill=_ink(colour((255, 240, 188))))
    for step in (-1, 0, 1):
        bar = x0 + step * lantern * 0.95
        pen.line((bar, y(0.975), bar, y(0.872)), fill=_ink(dark), width=max(1, int(half * 0.08)))
    roof = colour((150, 34, 34)) * (0.45 + 0.6 * bright)
    pen.pieslice((x0 - lantern * 1.25, y(1.05), x0 + lantern * 1.25, y(0.90)), 180, 360, fill=_ink(roof))
    pen.line((x0, y(1.045), x0, y(1.10)), fill=_ink(dark), width=max(1, int(half * 0.1)))
    for up, side in ((0.22, -0.2), (0.5, 0.15)):
        size = half * 0.13
        pen.rectangle((x0 + side * half - size, y(up) - size * 1.7, x0 + side * half + size, y(up)), fill=_ink(dark))


def _beam(image: Field, scene: Scene, view: View, lamp: tuple[float, float], x: Field, y: Field, side: float) -> Field:
    strength = {"night": 0.75, "storm": 0.7, "dusk": 0.5, "sunset": 0.26, "dawn": 0.2}.get(scene.hour, 0.08)
    dx, dy = (x - lamp[0]) * side, y - lamp[1]
    along = np.maximum(np.abs(dx), 1)
    spread = view.unit * 0.004 + along * 0.055
    drift = 0.6 + 0.8 * sample(noise(scene.seed + 51, 256, falloff=1.6), x / view.unit * 0.5, y / view.unit * 0.7)
    for sign, force in ((1, 1.0), (-1, 0.35)):
        tilt = dy + 0.085 * dx
        cone = np.exp(-((tilt / spread) ** 2)) * (dx * sign > 0) * np.exp(-along / (view.unit * 0.85))
        image = add_light(image, colour((255, 240, 200)), strength * force * cone * drift)
    distance = np.hypot(x - lamp[0], dy)
    for reach, force in ((0.11, 0.35), (0.035, 0.7), (0.011, 1.0)):
        image = add_light(
            image, colour((255, 226, 160)), (0.35 + strength) * force * np.exp(-distance / (view.unit * reach))
        )
    return image


def trees(image: Field, scene: Scene, view: View, heights: Heights) -> Field:
    """Conifers on the hills, far ones pale and small, near ones dark and tall; mist lies between them."""
    rng = np.random.default_rng(scene.seed + 61)
    bands = np.geomspace(30, 2.4, 9)
    fog = noise(scene.seed + 62, 256, falloff=1.7, stretch=0.4)
    x, y = view.grid()
    for far, near in pairwise(bands):
        many = 110 if far > 8 else 60 if far > 4 else 22
        z = np.sort(rng.uniform(near, far, many))[::-1]
        wx = rng.uniform(-0.62, 0.62, many) * view.width * z / view.focal
        if far < 5:  # a clearing, so that one sees the light
            wx = np.where(
                np.abs(wx) < 0.17 * view.width * z / view.focal,
                np.sign(wx + 1e-9) * 0.36 * view.width * z / view.focal,
                wx,
            )
        ground = heights(wx.astype(np.float32), z.astype(np.float32))
        tint = mix(
            colour(scene.palette.dark),
            colour(scene.palette.haze),
            float(np.clip(1 - np.exp(-(near - 1.5) / 13), 0, 0.85)),
        )
        stand = [
            (view.width / 2 + a * view.focal / d, view.horizon + view.focal * (1 - g) / d, view.focal * size / d)
            for a, d, g, size in zip(wx, z, ground, rng.uniform(0.9, 1.7, many), strict=True)
        ]
        image = overlay(image, lambda pen, k, stand=stand, tint=tint: _stand(pen, k, stand, _ink(tint), scene))
        if far > 3:
            base = view.horizon + view.focal * (1 - float(np.median(ground))) / float(np.median(z))
            veil = np.exp(-(((y - base) / (view.unit * 0.05)) ** 2)) * sample(
                fog, x / view.width * 0.6, y / view.height + near
            )
            image = mix(image, colour(scene.palette.haze), veil * (0.85 if scene.has("mist") else 0.42))
    return image


def _stand(
    pen: ImageDraw.ImageDraw, k: int, stand: list[tuple[float, float, float]], ink: tuple[int, ...], scene: Scene
) -> None:
    for number, (x, foot, tall) in enumerate(stand):
        chance = random.Random(scene.seed ^ (number * 7919) ^ int(tall * 31))
        _conifer(pen, x * k, foot * k, tall * k, ink, chance)


def _conifer(
    pen: ImageDraw.ImageDraw, x: float, foot: float, tall: float, ink: tuple[int, ...], chance: random.Random
) -> None:
    tiers = max(5, min(16, int(tall / 30)))
    half = tall * chance.uniform(0.15, 0.2)
    left, right = [], []
    for tier in range(tiers):
        share = (tier + 1) / tiers
        y = foot - tall * (1 - share * 0.93)
        for side, points in ((-1, left), (1, right)):
            reach = half * share**0.9 * chance.uniform(0.72, 1.12)
            points += [(x + side * reach, y + tall * 0.012), (x + side * reach * 0.52, y - tall * 0.012)]
    pen.polygon([(x, foot - tall), *right, *reversed(left)], fill=ink)
    pen.rectangle((x - tall * 0.013, foot - tall * 0.1, x + tall * 0.013, foot + tall * 0.05), fill=ink)


def city(image: Field, scene: Scene, view: View) -> Field:
    """A skyline on the far shore, its windows lit when it is dark."""
    chance = random.Random(scene.seed + 71)
    dark = {"night": 0.85, "dusk": 0.6, "storm": 0.55, "sunset": 0.42}.get(scene.hour, 0.06)
    for layer, (share, pale) in enumerate(((0.62, 0.72), (0.82, 0.42), (1.0, 0.14))):
        tint = mix(colour(scene.palette.dark), colour(scene.palette.haze), pale)
        houses = _row(chance, view, share, layer)
        image = overlay(
            image,
            lambda pen, k, houses=houses, tint=tint, pale=pale: _houses(
                pen, k, view, houses, tint, dark * (1 - pale * 0.7), chance
            ),
        )
    return image


def _row(chance: random.Random, view: View, share: float, layer: int) -> list[tuple[float, float, float, int]]:
    houses, x = [], -view.width * 0.02
    centre = view.width * chance.uniform(0.35, 0.65)
    while x < view.width * 1.02:
        wide = view.unit * chance.uniform(0.030, 0.072)
        hill = np.exp(-(((x - centre) / (view.width * 0.30)) ** 2))
        tall = (
            view.horizon
            * share
            * (0.10 + 0.40 * hill * chance.uniform(0.35, 1.0) + chance.uniform(0, 0.10))
            * (1.15 - 0.15 * layer)
        )
        houses.append((x, wide, tall, chance.randrange(5)))
        x += wide * chance.uniform(0.72, 1.06)
    return houses


def _houses(
    pen: ImageDraw.ImageDraw,
    k: int,
    view: View,
    houses: list[tuple[float, float, float, int]],
    tint: Field,
    lit: float,
    chance: random.Random,
) -> None:
    ground = view.horizon * k
    for left, wide, tall, roof in houses:
        x, w, top = left * k, wide * k, ground - tall * k
        pen.rectangle((x, top, x + w, ground), fill=_ink(tint))
        if roof == 0:
            pen.polygon([(x, top), (x + w / 2, top - w * 0.55), (x + w, top)], fill=_ink(tint))
        elif roof == 1:
            pen.rectangle((x + w * 0.2, top - w * 0.32, x + w * 0.8, top), fill=_ink(tint))
            pen.line((x + w / 2, top - w * 0.32, x + w / 2, top - w * 1.05), fill=_ink(tint), width=max(1, k))
        elif roof == 2:
            pen.polygon([(x, top), (x + w, top - w * 0.4), (x + w, top)], fill=_ink(tint))
        _windows(pen, (x, top, w, ground), view.unit * k / 150, lit, chance)


def _windows(
    pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float], pitch: float, lit: float, chance: random.Random
) -> None:
    x, top, w, ground = box
    warm: tuple[Colour, ...] = ((255, 214, 138), (255, 190, 104), (255, 236, 190), (190, 220, 255))
    habit = chance.uniform(0.25, 0.75) * lit
    y = top + pitch * 0.8
    while y < ground - pitch:
        column = x + pitch * 0.6
        while column < x + w - pitch * 0.7:
            if chance.random() < habit:
                pen.rectangle(
                    (column, y, column + pitch * 0.42, y + pitch * 0.55),
                    fill=_ink(colour(chance.choice(warm)), chance.uniform(0.55, 1.0)),
                )
            column += pitch * 0.8
        y += pitch


def boat(image: Field, scene: Scene, view: View) -> Field:
    """A small sailing boat, and its picture in the water."""
    chance = random.Random(scene.seed + 81)
    far = 7.0
    scale = view.focal / far
    side = 1 if view.sun[0] < view.width / 2 else -1
    x, y = view.width * (0.5 + side * chance.uniform(0.06, 0.16)), view.horizon + scale
    size = scale * 0.62
    hull = mix(colour(scene.palette.dark), colour((70, 44, 40)), 0.4)
    sail = mix(colour(scene.palette.light), colour(scene.palette.haze), 0.25) * (
        0.5 if scene.hour in {"night", "storm"} else 0.94
    )

    def draw(pen: ImageDraw.ImageDraw, k: int) -> None:
        for flip, alpha in ((-0.62, 0.26), (1.0, 1.0)):

            def at(dx: float, dy: float, flip: float = flip) -> tuple[float, float]:
                return (x + dx * size) * k, (y - dy * size * flip) * k

            pen.polygon([at(0.03, 0.14), at(0.03, 1.15), at(0.50, 0.17)], fill=_ink(sail, alpha))
            pen.polygon([at(-0.03, 0.16), at(-0.03, 1.0), at(-0.36, 0.20)], fill=_ink(sail * 0.86, alpha))
            pen.polygon([at(-0.46, 0.12), at(0.56, 0.12), at(0.38, -0.03), at(-0.32, -0.03)], fill=_ink(hull, alpha))

    return overlay(image, draw)


def birds(image: Field, scene: Scene, view: View) -> Field:
    """A few birds, far away."""
    chance = random.Random(scene.seed + 91)
    cx, cy = view.width * chance.uniform(0.25, 0.75), view.horizon * chance.uniform(0.25, 0.5)
    flock = [
        (
            cx + chance.gauss(0, 0.08) * view.unit,
            cy + chance.gauss(0, 0.03) * view.unit,
            view.unit * chance.uniform(0.005, 0.011),
        )
        for _ in range(chance.randrange(5, 10))
    ]
    ink = _ink(colour(scene.palette.dark), 0.85)

    def draw(pen: ImageDraw.ImageDraw, k: int) -> None:
        for x, y, size in flock:
            wing = [(-1.0, -0.25), (-0.5, -0.5), (0.0, 0.0), (0.5, -0.5), (1.0, -0.25)]
            pen.line(
                [((x + a * size) * k, (y + b * size) * k) for a, b in wing],
                fill=ink,
                width=max(1, int(size * k / 6)),
                joint="curve",
            )

    return overlay(image, draw)


def cabin(image: Field, scene: Scene, view: View, heights: Heights) -> Field:
    """A hut with a warm window."""
    chance = random.Random(scene.seed + 95)
    z = np.float32(6.5)
    wx = np.float32(chance.choice([-1, 1]) * chance.uniform(0.10, 0.2) * view.width * z / view.focal)
    ground = float(heights(np.atleast_2d(wx), np.atleast_2d(z))[0, 0])
    scale = float(view.focal / z)
    x, y, size = view.width / 2 + float(wx) * scale, view.horizon + (1 - max(ground, 0.0)) * scale, 0.42 * scale
    wall, roof = (
        mix(colour(scene.palette.dark), colour((120, 72, 48)), 0.45),
        mix(colour(scene.palette.dark), colour((60, 40, 40)), 0.5),
    )

    def draw(pen: ImageDraw.ImageDraw, k: int) -> None:
        def box(a: float, b: float, c: float, d: float, ink: tuple[int, ...]) -> None:
            pen.rectangle(((x + a * size) * k, (y - d * size) * k, (x + c * size) * k, (y - b * size) * k), fill=ink)

        box(-0.7, -0.2, 0.7, 0.55, _ink(wall))
        points = ((-0.85, 0.5), (0, 1.1), (0.85, 0.5))
        pen.polygon([((x + a * size) * k, (y - b * size) * k) for a, b in points], fill=_ink(roof))
        box(0.4, 0.85, 0.55, 1.2, _ink(roof))
        for left in (-0.45, 0.15):
            box(left, 0.12, left + 0.3, 0.4, _ink(colour((255, 206, 120))))

    image = overlay(image, draw)
    gx, gy = view.grid()
    return add_light(
        image, colour((255, 190, 100)), 0.5 * np.exp(-np.hypot(gx - x, gy - y + 0.25 * size) / (size * 0.8))
    )


def rain(image: Field, scene: Scene, view: View) -> Field:
    """Rain before everything, driven by the wind."""
    rng = np.random.default_rng(scene.seed + 97)
    layer = Image.new("L", (view.width, view.height))
    pen = ImageDraw.Draw(layer)
    for x, y, length, light in rng.random((int(view.width * view.height / 1500), 4)):
        px, py, tall = x * view.width * 1.2 - view.width * 0.1, y * view.height, view.unit * (0.012 + 0.035 * length)
        pen.line((px, py, px - tall * 0.22, py + tall), fill=int(30 + 70 * light), width=1)
    drops = np.asarray(layer.filter(ImageFilter.GaussianBlur(view.unit / 1600)), np.float32) / 255
    return add_light(image, colour((206, 220, 236)), drops * 0.75)


def seen_mist(image: Field, scene: Scene, view: View, surface: Surface | None) -> Field:
    """Mist along the horizon, thicker where the land is low."""
    x, y = view.grid()
    drift = sample(noise(scene.seed + 99, 256, falloff=1.8, stretch=0.4), x / view.width * 0.7, y / view.height)
    veil = np.exp(-(((y - view.horizon) / (view.unit * 0.10)) ** 2)) * (0.35 + 0.65 * smooth(0.3, 0.7, drift))
    near = 1.0 if surface is None else np.where(surface.seen, 1 - np.exp(-surface.z / 16), 1.0)
    return mix(image, colour(scene.palette.haze), np.clip(veil * near, 0, 0.88).astype(np.float32))
