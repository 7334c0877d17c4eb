"""A softly lit wall."""

import numpy as np
from recipes.portrait.canvas import F32, Canvas, linear, mix


def paint(canvas: Canvas, rng: np.random.Generator) -> F32:
    down = np.clip((canvas.y + 160) / 460, 0, 1)[..., None]
    image = linear(196, 190, 178) * (1 - down) + linear(140, 132, 124) * down
    image = mix(image.astype(np.float32), linear(238, 226, 206), 0.75 * canvas.spot((70, -30), (150, 150)))
    image = mix(image, linear(104, 102, 104), 0.45 * canvas.spot((-210, 240), (150, 200)))
    strokes = canvas.blur(canvas.noise(rng, 26, 3), 3)
    return np.asarray(image * (1 + 0.022 * strokes)[..., None], np.float32)
