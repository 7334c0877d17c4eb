"""Plots where the home folder cannot be written, as in a container: the command's own lines are all that is printed."""

import os
import subprocess
import sys

PLOT = """
from sonic.evaluation.figures import drawn, new_figure
figure = new_figure(2, 1)
figure.subplots().set_title("lips")
print(drawn(figure).shape)
"""


def test_a_home_that_cannot_be_written_is_no_news() -> None:
    variables = {name: value for name, value in os.environ.items() if name not in ("MPLCONFIGDIR", "XDG_CONFIG_HOME")}
    # nobody can make a folder in the null device, not even root
    variables |= {"HOME": os.devnull, "XDG_CACHE_HOME": f"{os.devnull}/cache"}
    done = subprocess.run([sys.executable, "-c", PLOT], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout == "(100, 200, 3)\n"
    assert done.stderr == ""
