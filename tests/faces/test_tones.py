"""What is drawn between the lips has the hues of its picture: none in grey, one in sepia and bronze, red in colour."""

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from small_videos import PORTRAIT

from sonic.engines.light.renderers.warp import Renderer
from sonic.faces import topology
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.motion import Motion
from sonic.settings import Settings

SIDE_PX = 320


@pytest.fixture(scope="module")
def portrait():
    settings = Settings(framing="face", min_resolution=SIDE_PX)
    return analyse_portrait(load_photo(PORTRAIT), settings, lambda _line: None)


def grey_of(rgb):
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)[..., None] / 255


def grey(rgb):
    return grey_of(rgb) * np.ones(3)


def sepia(rgb):
    return grey_of(rgb) ** np.array([0.8, 1.0, 1.3])


def bronze(rgb):
    return grey_of(rgb) * np.array([0.85, 0.55, 0.28]) + grey_of(rgb) ** 6 * np.array([0.15, 0.2, 0.25])


def ink(rgb):
    light = grey_of(rgb)[..., 0]
    lines = np.clip(light / cv2.GaussianBlur(light, (0, 0), SIDE_PX / 60) * 3 - 1.8, 0, 1)
    return lines[..., None] * np.array([0.93, 0.96, 1.0])


def opened(portrait, tone):
    """Lab colours (N, 3) between the lips, and those of the face (M, 3), in the portrait as ``tone`` makes it."""
    toned = np.round(255 * np.clip(tone(portrait.crop), 0, 1)).astype(np.uint8)
    shown = replace(portrait, crop=np.ascontiguousarray(toned))
    frame = between_lips(shown, 11)
    changed = np.abs(frame.astype(int) - toned).max(-1) > 12
    mouth = portrait.face.points_px[[*topology.UPPER_OUTER, *topology.LOWER_OUTER], :2]
    inside = np.zeros(changed.shape, np.uint8)
    low, high = mouth.min(0), mouth.max(0)
    inside[int(low[1]) : int(high[1]) + 12, int(low[0]) : int(high[0])] = 1
    lab = cv2.cvtColor(frame.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    oval = np.zeros(changed.shape, np.uint8)
    cv2.fillPoly(oval, [np.round(portrait.face.points_px[list(topology.OVAL), :2]).astype(np.int32)], 1)
    face = cv2.cvtColor(toned.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[oval > 0]
    drawn = lab[(inside > 0) & changed]
    assert len(drawn) > 300
    assert np.ptp(drawn[:, 0]) > 35  # teeth and the dark behind them
    return drawn, face


def test_a_grey_picture_stays_grey(portrait):
    drawn, _ = opened(portrait, grey)
    assert np.abs(drawn[:, 1:]).max() < 2


@pytest.mark.parametrize("tone", [sepia, bronze, ink])
def test_a_picture_in_one_tone_stays_in_it(portrait, tone):
    """Every colour of the opened mouth is one that this picture has for that lightness."""
    drawn, _ = opened(portrait, tone)
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    tones = tone(ramp) if tone is not ink else np.linspace(0, 1, 256)[None, :, None] * np.array([0.93, 0.96, 1.0])
    lab = cv2.cvtColor(np.clip(tones, 0, 1).astype(np.float32), cv2.COLOR_RGB2Lab)[0]
    own = lab[np.abs(drawn[:, None, 0] - lab[None, :, 0]).argmin(1), 1:]
    assert np.hypot(*(drawn[:, 1:] - own).T).mean() < 2  # what an eye just notices


def test_a_picture_in_colour_keeps_a_red_mouth(portrait):
    drawn, face = opened(portrait, lambda rgb: rgb / 255)
    dark = drawn[drawn[:, 0] < np.percentile(drawn[:, 0], 40)]
    assert np.hypot(*dark[:, 1:].T).mean() > 0.5 * np.hypot(*face[:, 1:].T).mean()
    assert dark[:, 1].mean() > 4


def test_a_faded_print_gets_a_faded_mouth(portrait):
    """Chroma between the lips falls with that of the face."""

    def faded(rgb):
        return 0.25 * rgb / 255 + 0.75 * grey(rgb)

    (full, _), (pale, _) = opened(portrait, lambda rgb: rgb / 255), opened(portrait, faded)
    assert np.abs(pale[:, 1]).mean() < 0.5 * np.abs(full[:, 1]).mean()


def test_a_smile_without_colour_keeps_its_own_teeth(portrait):
    """The photo is a frame of ours that shows teeth with a mark on one of them: it stays while lips close over it."""
    smile = between_lips(portrait, 16)
    settings = Settings(framing="face", min_resolution=SIDE_PX)
    seen = analyse_portrait(replace(portrait.photo, rgb=smile), settings, lambda _line: None)
    tooth = np.round(seen.face.points_px[topology.LIP_TOP, :2] + [2, 7]).astype(int)
    plain = np.round(255 * grey(seen.crop)).astype(np.uint8)
    marked = plain.copy()
    cv2.circle(marked, tuple(tooth.tolist()), 2, (255, 255, 255), -1)
    frames = [between_lips(replace(seen, crop=rgb), 9).astype(int) for rgb in (plain, marked)]
    x, y = tooth
    change = np.abs(frames[1] - frames[0]).max(-1)[y - 6 : y + 7, x - 6 : x + 7]
    assert change.max() > 20


def between_lips(portrait, gap_mm):
    """The frame of this portrait with lips that far apart."""
    motion = replace(Motion.still(1, Fraction(25)), lip_gap=np.array([gap_mm], np.float32))
    return next(Renderer(portrait).render([motion])).rgb
