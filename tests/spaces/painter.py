"""A tiny painter that the test apps share: no model, no GPU, a picture in milliseconds."""

import json
import os
import random
import time
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

#: np.iinfo(np.int32).max, as in the FLUX Spaces.
MAX_SEED = 2**31 - 1
MAX_IMAGE_SIZE = 2048

#: Seconds that a step takes.
STEP = float(os.environ.get("SPACE_STEP_SECONDS", "0.05"))


def paint(prompt, seed, width, height, finished=1.0):
    """Stripes in colours of the prompt and the seed; blurred while unfinished."""
    rng = random.Random(f"{prompt}/{seed}")
    image = Image.new("RGB", (int(width), int(height)))
    draw = ImageDraw.Draw(image)
    for stripe in range(8):
        colour = tuple(rng.randrange(256) for _ in range(3))
        draw.rectangle((stripe * width / 8, 0, (stripe + 1) * width / 8, height), fill=colour)
    return image if finished >= 1 else image.filter(ImageFilter.GaussianBlur(8 * (1 - finished)))


def choose_seed(seed, randomize_seed):
    return random.randint(0, MAX_SEED) if randomize_seed else int(seed)


def steps(count, progress):
    """Count as a denoising loop does, telling the progress bar."""
    for step in range(int(count)):
        time.sleep(STEP)
        progress((step + 1, int(count)), desc="Denoising", unit="steps")
        yield step


def refusal():
    """What a test wants to be answered to every call: the text in the file ``SPACE_REFUSAL``; nothing without it."""
    path = Path(os.environ.get("SPACE_REFUSAL", "/none"))
    return path.read_text(encoding="utf-8") if path.exists() else None


def note(function, request, **arguments):
    """Write one line about a call into the file that the test reads: its arguments and its headers."""
    path = os.environ.get("SPACE_LOG")
    if path:
        headers = {key.lower(): value for key, value in request.headers.items()} if request else {}
        with Path(path).open("a", encoding="utf-8") as log:
            log.write(json.dumps({"function": function, "arguments": arguments, "headers": headers}) + "\n")
