"""Motion as text that people can edit."""

import json
from fractions import Fraction

import numpy as np

from sonic.errors import MediaError
from sonic.motion.data import CHANNELS, WIDTHS, Motion
from sonic.types import F32

_JSON_FORMAT = "sonic-motion-1"


def to_json(motion: Motion) -> str:
    """The motion as text that people can edit; from_json gives it back bit for bit."""
    body = {name: _rows(getattr(motion, name)) for name in CHANNELS}
    return json.dumps({"format": _JSON_FORMAT, "fps": str(motion.fps), **body})


def from_json(text: str) -> Motion:
    """The motion of to_json. Raises MediaError for anything else."""
    try:
        data = json.loads(text)
        if data["format"] != _JSON_FORMAT:
            raise ValueError(f"its format is {data['format']!r}")
        above, _, below = data["fps"].partition("/")
        fps = Fraction(int(above), int(below or 1))
        if fps <= 0:
            raise ValueError(f"its fps is {data['fps']}")
        with np.errstate(over="ignore"):  # Motion refuses what is not finite
            arrays = {name: np.array(data[name], np.float32) for name in CHANNELS}
        n = len(arrays["lip_gap"])
        flat = {name: array.reshape(n, WIDTHS[name]) if name in WIDTHS else array for name, array in arrays.items()}
        return Motion(fps=fps, **flat)
    except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else error
        raise MediaError(f"motion file: {what}; it must be {_JSON_FORMAT} JSON as written by Sonic") from error


def _rows(array: F32) -> list[float] | list[list[float]]:
    if array.ndim == 2:
        return [[float(f"{v:.9g}") for v in row] for row in array]
    return [float(f"{v:.9g}") for v in array]
