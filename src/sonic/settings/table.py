"""One entry of the table of settings: its range, unit and help, and what checks a value against them."""

import dataclasses
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from sonic.errors import SettingError

Phase = Literal["load", "speech", "frame", "drive", "time", "mark", "encode"]
"""Steps that settings belong to: reading files, what of the speech, framing, motion, its timing, marks, the file."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a front end needs to offer one setting."""

    help: str
    """One sentence: what it does, in the words of a user."""
    kind: type
    """int, float, Fraction or str."""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    unit: str = ""
    choices: tuple[str, ...] = ()
    recommended: tuple[float, float] | None = None
    """What the help advises; values outside give a notice, not an error, unless ``tolerated`` is wider."""
    tolerated: tuple[float, float] | None = None
    outside: str = ""
    """The notice: what to expect outside the recommended range."""
    unset: str = ""
    """What None means; empty where None is not allowed."""
    engine: str = ""
    """The only engine that heeds it; empty for all. Front ends group by it; with another engine it gives a notice."""
    phase: Phase = "drive"
    """The step that it belongs to: what comes before that step does not depend on it."""


def setting(default: Any, help: str, kind: type, **rest: Any) -> Any:
    """A field of a frozen dataclass of settings, with its entry in the table."""
    return dataclasses.field(default=default, metadata={"setting": Setting(help, kind, **rest)})


def checked(name: str, entry: Setting, value: Any) -> Any:
    """The value as its entry has it, without losing anything. Raises SettingError."""
    if value is None and entry.unset:
        return None
    value = _converted(name, entry, value)
    if entry.choices and value not in entry.choices:
        raise SettingError(f"{name} is {value!r}; choose one of {', '.join(entry.choices)}")
    if entry.low is not None and entry.high is not None and not entry.low <= value <= entry.high:
        unit = f" {entry.unit}" if entry.unit else ""
        low, high = (f"{bound:.10g}" for bound in (entry.low, entry.high))
        raise SettingError(f"{name} is {_shown(value)}; it must be between {low} and {high}{unit}")
    return value


def _shown(number: int | float | Fraction) -> str:
    try:
        return f"{float(number):.10g}"
    except OverflowError:
        return "beyond all numbers"


def _converted(name: str, entry: Setting, value: Any) -> Any:
    """``value`` as the entry's type, without losing anything: 25.5 is no int and "fast" is no number."""
    try:
        if isinstance(value, bool) or ((entry.kind is str) != isinstance(value, str | Fraction) and entry.kind is str):
            raise ValueError
        if entry.kind is Fraction:
            return _frame_rate(Fraction(value))
        converted = entry.kind(value)
        if entry.kind is int and converted != float(value):
            raise ValueError
    except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        kind = {int: "a whole number", float: "a number", Fraction: "a number or a fraction", str: "a text"}[entry.kind]
        raise SettingError(f"{name} is {value!r}; it must be {kind}") from error
    return converted


def _frame_rate(fps: Fraction) -> Fraction:
    """29.97 is what people write for 30000/1001; other rates stay what they are."""
    ntsc = Fraction(round(fps * Fraction(1001, 1000)) * 1000, 1001)
    is_ntsc = fps.denominator > 1 and abs(fps - ntsc) < Fraction(1, 200)
    return ntsc if is_ntsc else fps.limit_denominator(1001)
