"""Charts: what is in the numbers is in the picture; any numbers can be drawn; no home folder is needed."""

import os
import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sonic.evaluation.figures import Curve, Panel, draw_chart
from sonic.types import U8

RED, BLUE, PALE = "#b3312c", "#3b6ea5", "#c9d6e8"
NUMBERS = st.floats(-1e6, 1e6) | st.just(np.nan)


def coloured(chart: U8, colour: str) -> np.ndarray:
    """(h, w) pixels of just this colour."""
    return (chart == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(2)


def drawn(*curves: Curve, title: str = "lips") -> U8:
    return draw_chart([Panel(curves)], (600, 300), title=title, x_name="seconds")


def test_a_rising_curve_rises_from_left_to_right() -> None:
    x = np.arange(50.0)
    rows, columns = np.nonzero(coloured(drawn(Curve(x, x, RED, "gap")), RED)[60:250])
    assert columns.max() - columns.min() > 400
    assert rows[columns < columns.min() + 20].mean() > 150
    assert rows[columns > columns.max() - 20].mean() < 50


def test_both_scales_fill_the_panel_and_the_area_lies_below_its_curve() -> None:
    x = np.arange(50.0)
    up, down = Curve(x, x, PALE, "loudness", filled=True), Curve(x, 1000 - x, BLUE, "gap", right=True)
    chart = drawn(up, down)
    area, line = coloured(chart, PALE), coloured(chart, BLUE)
    assert area[:, 100].sum() < area[:, 300].sum() < area[:, 500].sum()
    line = line[65:250]  # without its name
    assert np.nonzero(line[:, 80])[0].mean() < 40 < 140 < np.nonzero(line[:, 520])[0].mean()


def test_a_gap_in_the_numbers_is_no_error_and_a_long_title_ends_in_the_picture() -> None:
    x = np.arange(50.0)
    y = np.where((x > 20) & (x < 30), np.nan, x)
    chart = drawn(Curve(x, y, RED, "gap"), title="a-very-long-name-" * 20 + ".mp4")
    assert (chart[:30, :10] == 255).all() and (chart[:30, -10:] == 255).all()
    assert (chart[:30] < 128).any()


@given(arrays(np.float64, st.integers(0, 20), elements=NUMBERS), st.none() | st.just(0.0))
def test_any_numbers_can_be_drawn(values: np.ndarray, low: float | None) -> None:
    curve = Curve(np.arange(len(values)), values, RED, "x")
    chart = draw_chart([Panel((curve,), low=low), Panel(())], (200, 150), title="", x_name="")
    assert chart.shape == (150, 200, 3)


def test_drawing_needs_no_home_and_says_nothing() -> None:
    variables = {**os.environ, "HOME": os.devnull, "XDG_CACHE_HOME": f"{os.devnull}/cache"}
    program = (
        "import numpy as np; from sonic.evaluation.figures import *; x = np.arange(9);"
        "print(draw_chart([Panel([Curve(x, x, '#000000', 'x')])], (200, 100), title='t', x_name='s').shape)"
    )
    done = subprocess.run([sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("(100, 200, 3)\n", "")
