"""Draw the bundled portrait: ``python -m recipes.portrait [out.png]`` in the root of the repository, half a minute."""

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from recipes.portrait import background, clothes, ear, eyes, hair, hairstyle, head, mouth, skin
from recipes.portrait.canvas import F32, Canvas, make_canvas, mix, smoothstep
from recipes.portrait.strands import Strands

OUT = Path("src/sonic/assets/demo/portrait.png")
SCALE = 2
"""Everything is drawn this much larger and reduced at the end."""


def draw(scale: int = SCALE) -> NDArray[np.uint8]:
    """(960, 768, 3) sRGB, back to front; the same picture every time."""
    canvas = make_canvas(scale)
    rng = np.random.default_rng(20)
    locks = {name: hair.grow(sheet, rng) for name, sheet in hairstyle.sheets().items()}
    front = locks["left"] + locks["right"]
    shade = hair.cast(canvas, hair.cover(canvas, front))
    body = head.model_skin(canvas)

    picture = to_srgb(mix(background.paint(canvas, rng), hair.ROOT * 0.35, hair.behind(canvas)))
    hair.paint(canvas, picture, locks["back"], rng)
    image = from_srgb(picture)
    flesh = skin.paint(canvas, body, shade * skin.jaw_shade(canvas, body), rng)
    flesh = mouth.paint(canvas, body, flesh)
    flesh = eyes.paint(canvas, body, flesh, rng)
    image = mix(image, flesh, body.neck)
    image = clothes.paint(canvas, image, shade, rng)
    image = mix(image, flesh, body.face)

    image = mix(image, hair.ROOT * 0.8, hair.cap(canvas))
    picture = to_srgb(image)
    eyes.paint_hairs(canvas, body, picture, rng)
    for line, width in hair.fringe(rng):
        Strands(canvas, picture).hair(line, (96, 58, 40), width, opacity=0.5)
    hair.paint(canvas, picture, front + hair.flyaways(rng), rng)
    picture = to_srgb(ear.paint_pearl(canvas, ear.paint(canvas, from_srgb(picture), body.face, shade)))
    hair.paint(canvas, picture, locks["tuck"], rng)
    picture = to_srgb(grade(canvas, from_srgb(picture)))
    return np.asarray(cv2.resize(picture, None, fx=1 / scale, fy=1 / scale, interpolation=cv2.INTER_AREA), np.uint8)


def grade(canvas: Canvas, image: F32) -> F32:
    """A glow around the lights, a little more contrast, corners that step back."""
    glow = canvas.blur(np.clip(image - 0.45, 0, None), 5.0)
    image = image + 0.10 * glow
    image = image * (1 + 0.10 * (np.clip(image.mean(axis=2, keepdims=True), 0, 0.6) - 0.28))
    corner = np.hypot(canvas.x / 190, (canvas.y - 55) / 240)
    return np.asarray(image * (1 - 0.22 * smoothstep(0.75, 1.5, corner))[..., None], np.float32)


def to_srgb(image: F32) -> NDArray[np.uint8]:
    """Linear light -> 8 bit, highlights rolled off softly above 0.7."""
    over = np.clip(image - 0.7, 0, None)
    rolled = np.minimum(image, 0.7) + 0.3 * (1 - np.exp(-over / 0.3))
    return np.asarray(255 * np.clip(rolled, 0, 1) ** (1 / 2.2) + 0.5, np.uint8)


def from_srgb(picture: NDArray[np.uint8]) -> F32:
    return np.asarray((picture.astype(np.float32) / 255) ** 2.2, np.float32)


if __name__ == "__main__":
    cv2.imwrite(str(sys.argv[1] if len(sys.argv) > 1 else OUT), draw()[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
