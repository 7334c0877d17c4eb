"""Recipe of icon.png: parted lips between two sound waves, drawn by this file alone.

python recipes/comfyui/make_icon.py
"""

from pathlib import Path

from PIL import Image, ImageDraw

SIDE_PX = 400
OVERSAMPLE = 4
BACK, SKIN, LIPS, MOUTH, WAVES = (24, 27, 33), (236, 190, 160), (196, 66, 72), (58, 16, 24), (104, 190, 255)


def icon() -> Image.Image:
    """400 x 400 px, as the registry asks for."""
    side = SIDE_PX * OVERSAMPLE
    picture = Image.new("RGB", (side, side), BACK)
    draw = ImageDraw.Draw(picture)

    def box(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        return left * side, top * side, right * side, bottom * side

    draw.ellipse(box(0.24, 0.14, 0.76, 0.86), fill=SKIN)
    draw.ellipse(box(0.36, 0.54, 0.64, 0.74), fill=LIPS)
    draw.ellipse(box(0.41, 0.595, 0.59, 0.685), fill=MOUTH)
    for eye in (0.39, 0.61):
        draw.ellipse(box(eye - 0.035, 0.37, eye + 0.035, 0.42), fill=BACK)
    for reach in (0.10, 0.17):
        wave = box(0.24 - reach, 0.64 - reach, 0.76 + reach, 0.64 + reach)
        for start_deg in (-22, 158):
            draw.arc(wave, start_deg, start_deg + 44, fill=WAVES, width=round(0.025 * side))
    return picture.resize((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    icon().save(Path(__file__).parents[2] / "comfyui" / "icon.png", optimize=True)
