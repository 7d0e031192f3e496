"""Fields of numbers over a picture: noise without seams, mixing, sampling. Colours are 0..1 throughout."""

from __future__ import annotations

import numpy as np

Field = np.ndarray


def noise(seed: int, size: int = 512, *, falloff: float = 1.8, stretch: float = 1.0) -> Field:
    """Cloud-like noise in 0..1 that repeats without a seam.

    Args:
        seed: Any integer.
        size: Side in cells.
        falloff: How fast fine detail fades; 1 is rough, 3 is smooth.
        stretch: How much longer its shapes are in x than in y.
    """
    spectrum = np.fft.rfft2(np.random.default_rng(seed).standard_normal((size, size)))
    fy = np.fft.fftfreq(size)[:, None] * size
    fx = np.fft.rfftfreq(size)[None, :] * size * stretch
    radius = np.hypot(fx, fy)
    radius[0, 0] = np.inf
    field = np.fft.irfft2(spectrum * radius**-falloff, s=(size, size))
    field = 0.5 + 0.18 * field / field.std()
    return np.clip(field, 0, 1).astype(np.float32)


def sample(field: Field, x: Field, y: Field) -> Field:
    """Read a seamless field at any place, linearly between its cells. One unit is the whole field."""
    height, width = field.shape
    x, y = (x % 1.0) * width, (y % 1.0) * height
    left, top = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
    fx, fy = (x - left).astype(np.float32), (y - top).astype(np.float32)
    left, top = left % width, top % height
    right, bottom = (left + 1) % width, (top + 1) % height
    upper = field[top, left] * (1 - fx) + field[top, right] * fx
    lower = field[bottom, left] * (1 - fx) + field[bottom, right] * fx
    return upper * (1 - fy) + lower * fy


def smooth(low: float, high: float, value: Field) -> Field:
    """0 below ``low``, 1 above ``high``, an S between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def colour(rgb: tuple[int, int, int]) -> Field:
    """An 8-bit colour as 0..1."""
    return np.asarray(rgb, np.float32) / 255


def mix(under: Field, over: Field, alpha: Field | float) -> Field:
    """Lay ``over`` on ``under``; ``alpha`` is one number, or one per pixel."""
    if isinstance(alpha, np.ndarray) and alpha.ndim == 2:
        alpha = alpha[..., None]
    return under * (1 - alpha) + over * alpha


def add_light(image: Field, light: Field, amount: Field) -> Field:
    """Add light as a screen does: never beyond white."""
    return 1 - (1 - image) * (1 - np.clip(amount[..., None] * light, 0, 1))
