"""Plots as pixels: the one place that knows matplotlib."""

import logging
from typing import Any

import numpy as np

from sonic.types import U8


def new_figure(width_in: float, height_in: float, *, dpi: int = 100) -> Any:
    """An empty matplotlib figure, for ``drawn``.

    matplotlib keeps its list of fonts in the home folder and says so on standard error where it may not write there, as
    in a container; it then works without, so nobody needs to hear of it.
    """
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        from matplotlib.figure import Figure
    finally:
        log.setLevel(level)
    return Figure(figsize=(width_in, height_in), dpi=dpi, layout="constrained")


def drawn(figure: Any) -> U8:
    """(h, w, 3) sRGB of a matplotlib figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
