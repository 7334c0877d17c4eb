"""How a training went: log.csv, and curves.png made of it."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from sonic.evaluation.figures import Curve, Panel, draw_chart
from sonic.files import replacing

_LINE = "#3b6ea5"


class Curves:
    """One line of ``log.csv`` every few steps: step, loss, further columns, seconds."""

    def __init__(self, folder: Path, title: str, columns: tuple[str, ...]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._table, self._picture, self._title = folder / "log.csv", folder / "curves.png", title
        self._columns = ("step", "loss", *columns, "seconds")

    def forget_after(self, step: int) -> None:
        """Drop what an interrupted run logged after its last checkpoint."""
        kept = [row for row in self._rows() if int(row[0]) <= step]
        with replacing(self._table) as part, part.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([self._columns, *kept])

    def add(self, step: int, values: Iterable[float], seconds: float) -> None:
        """Log the means of some steps: the loss and the further columns."""
        with self._table.open("a", newline="", encoding="utf-8") as file:
            row = [str(step), *(f"{value:.4f}" for value in values), f"{seconds:.0f}"]
            csv.writer(file, lineterminator="\n").writerow(row)

    def plot(self) -> None:
        """Draw each column against the step."""
        rows = np.array(self._rows(), np.float64).reshape(-1, len(self._columns))
        names = self._columns[1:-1]
        panels = [Panel((Curve(rows[:, 0], rows[:, i], _LINE, name),)) for i, name in enumerate(names, 1)]
        chart = draw_chart(panels, (800, 80 + 200 * len(names)), title=self._title, x_name="step")
        with replacing(self._picture) as part:
            Image.fromarray(chart).save(part, "PNG")

    def _rows(self) -> list[list[str]]:
        if not self._table.exists():
            return []
        with self._table.open(newline="", encoding="utf-8") as file:
            return [row for row in csv.reader(file) if len(row) == len(self._columns)][1:]
