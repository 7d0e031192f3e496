"""A picture on its way out of the developer: red safelight, a latent image that comes, then the lights go on."""

from __future__ import annotations

import numpy as np
from field import colour, mix, noise, sample, smooth
from PIL import Image

#: Intermediate pictures are at most so large; they are for looking, not for keeping.
PREVIEW_SIDE = 512
_SAFELIGHT = (214, 34, 22)
_PAPER_BLACK = (14, 1, 2)
#: Share of the time after which the picture is fixed and the lights go on.
_FIXED = 0.80


class Tray:
    """The tray in which one picture develops.

    Args:
        picture: What will be on the paper.
        seed: Of the liquid's movement.
    """

    def __init__(self, picture: Image.Image, seed: int) -> None:
        small = picture.copy()
        small.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
        self._final = np.asarray(small, np.float32) / 255
        light = self._final @ np.float32([0.30, 0.59, 0.11])
        self._density = np.clip(1 - light, 0, 1) ** 1.15
        height, width = light.shape
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        u, v = x / max(height, width), y / max(height, width)
        self._liquid = sample(noise(seed, 256, falloff=2.1), u * 0.8, v * 0.8)
        self._grain = np.random.default_rng(seed).standard_normal(light.shape).astype(np.float32)
        corner = np.hypot(u - u.mean(), v - v.mean())
        self._lamp = 1 - 0.55 * smooth(0.2, 0.8, corner)

    def at(self, share: float) -> Image.Image:
        """The paper at a share (0..1) of the time."""
        wet = min(share / _FIXED, 1.0)
        # The developer works faster where the liquid moves; shadows come before highlights.
        local = np.clip(wet * 1.5 - 0.5 * (1 - wet) * self._liquid * 1.6, 0, 1)
        black = self._density ** (1 + 2.6 * (1 - local)) * local**0.8
        black = np.clip(black + 0.035 * (1 - 0.6 * wet) * self._grain * (0.3 + local), 0, 1)
        red = mix(np.broadcast_to(colour(_SAFELIGHT), self._final.shape), colour(_PAPER_BLACK), black)
        red = red * self._lamp[..., None]
        lights_on = float(smooth(_FIXED, 1.0, np.float32(share)))
        image = mix(red, self._final, lights_on)
        return Image.fromarray((np.clip(image, 0, 1) * 255).astype(np.uint8))
