"""What a prompt asks for: the words it holds choose the land, the hour, the weather and what stands there."""

from __future__ import annotations

import random
import re
import zlib
from dataclasses import dataclass

#: Word stems of a prompt, and what they mean here.
LANDS = {
    "sea": ("lighthouse", "sea", "ocean", "coast", "beach", "harbo", "wave", "island", "boat", "sail", "ship"),
    "desert": ("desert", "dune", "sahara", "sand", "camel", "mars"),
    "city": ("city", "skyline", "town", "street", "skyscraper", "tokyo", "york", "metropol", "urban"),
    "forest": ("forest", "wood", "pine", "tree", "jungle", "fir", "cabin"),
    "mountain": ("mountain", "alp", "peak", "hill", "valley", "summit", "volcano", "lake", "fjord"),
}
HOURS = {
    "storm": ("storm", "thunder", "lightning", "tempest"),
    "night": ("night", "midnight", "star", "moon", "galaxy", "milky", "aurora", "nebula", "cosm", "space"),
    "dusk": ("dusk", "twilight", "evening", "blue hour"),
    "sunset": ("sunset", "golden", "sundown", "fire"),
    "dawn": ("dawn", "sunrise", "morning", "mist", "fog"),
    "day": ("noon", "day", "sunny", "blue sky", "summer"),
}
THINGS = {
    "lighthouse": ("lighthouse",),
    "boat": ("boat", "sail", "ship", "harbo"),
    "moon": ("moon",),
    "aurora": ("aurora", "northern light"),
    "snow": ("snow", "winter", "ice", "frozen", "alp"),
    "rain": ("rain", "storm"),
    "lightning": ("storm", "lightning", "thunder"),
    "mist": ("mist", "fog", "haze", "cloud"),
    "cabin": ("cabin", "cottage", "house", "hut"),
    "milky way": ("galaxy", "milky", "nebula", "cosm", "space", "star"),
}

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of an hour. ``sky`` runs from the zenith (0) to the horizon (1)."""

    sky: tuple[tuple[float, Colour], ...]
    light: Colour
    cloud: Colour
    shade: Colour
    haze: Colour
    dark: Colour


PALETTES = {
    "sunset": Palette(
        sky=(
            (0, (34, 40, 92)),
            (0.4, (98, 62, 124)),
            (0.7, (218, 98, 92)),
            (0.88, (255, 158, 84)),
            (1, (255, 212, 138)),
        ),
        light=(255, 214, 150),
        cloud=(255, 160, 112),
        shade=(112, 66, 108),
        haze=(238, 146, 108),
        dark=(30, 20, 40),
    ),
    "dusk": Palette(
        sky=(
            (0, (16, 24, 62)),
            (0.4, (44, 58, 116)),
            (0.68, (134, 96, 146)),
            (0.88, (240, 150, 124)),
            (1, (255, 206, 150)),
        ),
        light=(255, 202, 160),
        cloud=(240, 140, 134),
        shade=(60, 58, 108),
        haze=(196, 130, 138),
        dark=(18, 20, 40),
    ),
    "dawn": Palette(
        sky=(
            (0, (92, 130, 186)),
            (0.45, (160, 180, 214)),
            (0.72, (238, 196, 198)),
            (0.9, (255, 218, 182)),
            (1, (255, 240, 212)),
        ),
        light=(255, 232, 196),
        cloud=(255, 222, 206),
        shade=(150, 160, 196),
        haze=(246, 216, 200),
        dark=(46, 58, 78),
    ),
    "day": Palette(
        sky=((0, (30, 98, 184)), (0.5, (88, 158, 222)), (0.85, (176, 214, 238)), (1, (230, 240, 240))),
        light=(255, 246, 222),
        cloud=(255, 255, 255),
        shade=(160, 182, 208),
        haze=(190, 216, 232),
        dark=(28, 50, 50),
    ),
    "night": Palette(
        sky=((0, (5, 8, 24)), (0.45, (10, 19, 50)), (0.8, (24, 42, 88)), (1, (62, 88, 132))),
        light=(214, 226, 255),
        cloud=(74, 92, 138),
        shade=(16, 24, 52),
        haze=(48, 70, 112),
        dark=(5, 8, 18),
    ),
    "storm": Palette(
        sky=((0, (20, 24, 34)), (0.45, (42, 52, 68)), (0.8, (84, 98, 112)), (1, (170, 172, 160))),
        light=(214, 222, 224),
        cloud=(122, 132, 142),
        shade=(22, 26, 36),
        haze=(112, 124, 132),
        dark=(14, 17, 24),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A picture to paint, decided."""

    land: str
    hour: str
    things: frozenset[str]
    palette: Palette
    seed: int

    def has(self, thing: str) -> bool:
        """Whether it is to be in the picture."""
        return thing in self.things


def _asked(table: dict[str, tuple[str, ...]], prompt: str) -> list[str]:
    """The table's entries that the prompt has a word of; words match by their beginning."""
    return [name for name, stems in table.items() if any(re.search(rf"\b{stem}", prompt) for stem in stems)]


def read(prompt: str, seed: int) -> Scene:
    """Decide the picture: what the prompt leaves open is the seed's choice."""
    text = prompt.lower()
    # crc32: the same in every process, which hash() is not.
    chance = random.Random(zlib.crc32(text.encode()) ^ seed)
    lands, hours, things = _asked(LANDS, text), _asked(HOURS, text), set(_asked(THINGS, text))
    land = lands[0] if lands else chance.choice(list(LANDS))
    if "moon" in things and "dusk" in hours:
        hours = ["dusk"]  # a moon rises at dusk, too
    hour = hours[0] if hours else chance.choice(["sunset", "dusk", "dawn", "day", "night"])
    if not lands and land == "sea":
        things.add("lighthouse")
    if hour == "night" and not things & {"moon", "aurora", "milky way"}:
        things.add("moon")
    return Scene(land=land, hour=hour, things=frozenset(things), palette=PALETTES[hour], seed=chance.randrange(2**31))
