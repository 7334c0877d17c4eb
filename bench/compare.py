"""Two results files side by side; exits with 1 if a figure became worse by more than its tolerance.

    python bench/compare.py bench/results/A.json bench/results/B.json

A is the earlier commit, B the later. Each figure carries its direction (lower, higher, within a range) and tolerance;
those of B count. A figure that A has and B lacks fails too. Figures of speed and memory are compared only between
machines of one kind; otherwise the first line says what differs, and they are listed without a verdict.
Exit codes: 0 no regression, 1 regression, 2 nothing could be compared.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from report import table

Verdict = Literal["same", "better", "WORSE", "MISSING", "new", "other machine"]
FAILING: tuple[Verdict, ...] = ("WORSE", "MISSING")
UNJUDGED: tuple[Verdict, ...] = ("new", "other machine")


@dataclass(frozen=True)
class Comparison:
    """One figure before and after."""

    name: str
    unit: str
    before: float | None
    after: float | None
    verdict: Verdict

    def cells(self) -> list[str]:
        change = ""
        if self.before and self.after is not None:
            change = f"{(self.after - self.before) / abs(self.before):+.1%}"
        return [self.name, self.unit, _figure(self.before), _figure(self.after), change, self.verdict]


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Comparison]:
    """Every figure of either results file, in the order of ``before``."""
    same_machine = not machine_differences(before, after)
    old, new = before["measures"], after["measures"]
    return [_compared(name, old.get(name), new.get(name), same_machine) for name in {**old, **new}]


def machine_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What differs between the machines, one line each."""
    a, b = before["machine"], after["machine"]
    return [f"{key}: {a.get(key)} and {b.get(key)}" for key in {**a, **b} if a.get(key) != b.get(key)]


def _compared(
    name: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, same_machine: bool
) -> Comparison:
    a, b = old and old["value"], new and new["value"]
    return Comparison(name, (new or old or {})["unit"], a, b, _verdict(a, b, new, same_machine))


def _verdict(a: float | None, b: float | None, new: Mapping[str, Any] | None, same_machine: bool) -> Verdict:
    if a is None:
        return "new"
    if b is None or new is None:
        return "MISSING"
    if not same_machine and not new["portable"]:
        return "other machine"
    worse_by = _worse_by(a, b, new)
    allowed = max(new["tolerance"] * abs(a), new["slack"])
    if worse_by > allowed:
        return "WORSE"
    return "better" if worse_by < -allowed else "same"


def _worse_by(a: float, b: float, measure: Mapping[str, Any]) -> float:
    """How far ``b`` is on the wrong side of ``a``, in the measure's unit; negative: on the right side."""
    if measure["better"] == "within":
        low, high = measure["low"], measure["high"]
        return max(low - b, b - high, 0.0) - max(low - a, a - high, 0.0)
    return b - a if measure["better"] == "lower" else a - b


def read(path: Path) -> dict[str, Any]:
    """A results file; exits with one line if it is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not (content["measures"].keys() and content["machine"].keys()):
            raise ValueError("no figures")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        sys.exit(f"{path} is not a results file ({error}); `make bench` writes one to bench/results")
    return content


def report(before: Mapping[str, Any], after: Mapping[str, Any], compared: list[Comparison]) -> Iterator[str]:
    """What is printed."""
    yield f"{before['commit'][:9]} ({before['date']}) -> {after['commit'][:9]} ({after['date']})\n"
    if different := machine_differences(before, after):
        yield f"machines of different kinds, speed and memory are not judged: {'; '.join(different)}\n"
    yield table(("figure", "unit", "before", "after", "change", "verdict"), (each.cells() for each in compared))
    worse = sum(each.verdict in FAILING for each in compared)
    judged = sum(each.verdict not in UNJUDGED for each in compared)
    yield f"\n{worse} of {judged} compared figures are worse or missing"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, metavar="A")
    parser.add_argument("after", type=Path, metavar="B")
    named = parser.parse_args(arguments)
    before, after = read(named.before), read(named.after)
    compared = compare(before, after)
    print("\n".join(report(before, after, compared)))
    if all(each.verdict in UNJUDGED for each in compared):
        return 2
    return int(any(each.verdict in FAILING for each in compared))


if __name__ == "__main__":
    sys.exit(main())
