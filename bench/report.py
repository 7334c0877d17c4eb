"""Targets and tables in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """One figure and what it should be; None: it could not be measured."""

    name: str
    value: float | None
    low: float = float("-inf")
    high: float = float("inf")
    unit: str = ""
    note: str = ""
    """Why there is no value, or which cases fail."""

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        return "met" if self.low <= self.value <= self.high else "MISSED"

    def cells(self) -> list[str]:
        low, high = self.low > float("-inf"), self.high < float("inf")
        if low and high:
            wanted = f"{self.low:.3g} to {self.high:.3g}{self.unit}"
        else:
            wanted = f"at least {self.low:.3g}{self.unit}" if low else f"at most {self.high:.3g}{self.unit}"
        value = "-" if self.value is None else f"{self.value:.3g}{self.unit}"
        return [self.name, value, wanted, self.verdict, self.note]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lines of a Markdown table."""
    lines = [list(heads), ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def target_table(targets: Sequence[Target]) -> str:
    """Every target with its value and whether it is met."""
    met = sum(t.verdict == "met" for t in targets)
    heads = ("target", "value", "wanted", "", "what fails")
    return table(heads, (t.cells() for t in targets)) + f"\n\n{met} of {len(targets)} targets met"


def figure(value: float | None, digits: int = 2) -> str:
    """A number for a cell."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"
