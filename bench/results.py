"""Results of the benchmarks as JSON, one small file a commit, for bench/compare.py.

A script calls ``record`` beside the line that prints a figure. Run alone, it only prints; ``bench/run.py`` names a file
in SONIC_BENCH_RESULTS, to which the scripts append, and writes bench/results/DATE-COMMIT.json at the end.
"""

import json
import os
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import machine
from report import Target

FOLDER = Path(__file__).parent / "results"
COLLECTOR = "SONIC_BENCH_RESULTS"
Better = Literal["lower", "higher", "within"]


@dataclass(frozen=True)
class Measure:
    """One figure and how to compare it with the same figure of another commit."""

    name: str
    value: float | None
    """None: could not be measured."""
    unit: str
    better: Better
    tolerance: float
    """Change for the worse that is still noise, as a share of the earlier value."""
    slack: float = 0.0
    """The same in the measure's unit, for values near zero; the larger of the two counts."""
    portable: bool = False
    """Whether the figure is the same on any machine: quality is, speed and memory are not."""
    low: float | None = None
    high: float | None = None
    """The target, where there is one; ``within`` needs both."""


def of_target(
    target: Target, *, tolerance: float, slack: float = 0.0, portable: bool = False, unit: str | None = None
) -> Measure:
    """A figure with a target; the bounds say which direction is better."""
    low = target.low if target.low > float("-inf") else None
    high = target.high if target.high < float("inf") else None
    better: Better = "within" if None not in (low, high) else "lower" if low is None else "higher"
    unit = target.unit.strip() if unit is None else unit
    return Measure(target.name, target.value, unit, better, tolerance, slack, portable, low, high)


def record(measure: Measure) -> None:
    """Keep a figure for comparison, if bench/run.py is collecting."""
    if path := os.environ.get(COLLECTOR):
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(measure)) + "\n")


def collected(path: Path) -> dict[str, Any]:
    """What the scripts appended to ``path``, as the content of a results file.

    Raises ValueError if two figures have one name.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    names = [row["name"] for row in rows]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"recorded twice: {', '.join(twice)}; give each figure a name of its own")
    measures = {row.pop("name"): row for row in rows}
    return {"commit": _git("rev-parse", "HEAD"), "date": _git("show", "-s", "--format=%cs"), **_here(measures)}


def _here(measures: dict[str, Any]) -> dict[str, Any]:
    return {"machine": machine.kind(), "packages": machine.packages(), "measures": measures}


def save(content: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Write a results file named by date and commit; ``-dirty`` where the tree was not the commit's."""
    folder.mkdir(exist_ok=True)
    dirty = "-dirty" if _git("status", "--porcelain", "--untracked-files=no") else ""
    path = folder / f"{content['date']}-{content['commit'][:9]}{dirty}.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=Path(__file__).parent, check=True, capture_output=True, text=True)
    return done.stdout.strip()
