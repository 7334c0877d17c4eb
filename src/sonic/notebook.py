"""Progress bars where nobody asked for reports and somebody watches: in a notebook, by tqdm where it is installed."""

import sys
from collections.abc import Callable
from typing import Any

from sonic.types import OnProgress, Progress

TITLES = {"analyse": "looking at the photo and the recording", "drive": "motion", "video": "video"}
"""Of stages, where their names do not say it."""


def progress_bar() -> OnProgress | None:
    """What shows reports of progress as a bar a stage; None outside of a notebook, or without tqdm."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    try:
        from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return None
    return Bars(tqdm)


class Bars:
    """One bar for each stage, closed when it is done."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make
        self._stage, self._bar = "", None

    def __call__(self, report: Progress) -> None:
        """Move the bar of the report's stage."""
        if report.stage != self._stage:
            self._stage = report.stage
            unit = "frame" if report.stage == "video" else "step"
            self._bar = self._make(total=report.total, desc=TITLES.get(report.stage, report.stage), unit=unit)
        bar: Any = self._bar
        bar.update(report.done - bar.n)
        if report.done >= report.total:
            bar.close()
