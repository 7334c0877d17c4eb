"""Every setting once: default, range, unit and help. Command line, nodes and docs build themselves from here.

Each engine has a group of its own (``SvdSettings``); ``Settings`` is all of them.
"""

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from sonic.errors import SettingError
from sonic.settings.common import CommonSettings
from sonic.settings.platforms import platform
from sonic.settings.svd import SvdSettings
from sonic.settings.table import Phase, Setting, checked

__all__ = ["DEFAULTS", "Phase", "Setting", "Settings", "settings_table"]


@dataclass(frozen=True, kw_only=True)
class Settings(SvdSettings, CommonSettings):
    """How a video is made. Immutable; an impossible value raises SettingError when it is set."""

    def __post_init__(self) -> None:
        for name, entry in settings_table().items():
            object.__setattr__(self, name, checked(name, entry, getattr(self, name)))
        if self.platform is not None:
            platform(self.platform)

    def notices(self) -> tuple[str, ...]:
        """One line for each value outside the range that the field recommends, or that the engine does not heed.

        And what the uploader has to declare on the platform.
        """
        lines = []
        for name, entry in settings_table().items():
            value = getattr(self, name)
            if entry.engine not in ("", self.engine):
                if value != DEFAULTS[name]:
                    lines.append(f"{name} {value} has no effect with engine {self.engine}")
                continue
            bounds = entry.tolerated or entry.recommended
            if entry.recommended and bounds and not bounds[0] <= value <= bounds[1]:
                low, high = entry.recommended
                lines.append(f"{name} {value:g}: {low:g} to {high:g} is recommended; {entry.outside}")
        if self.platform is not None:
            there = platform(self.platform)
            lines.append(f"to declare on {there.title['en']}: {there.declare['en']} {there.declare['zh']}")
        return tuple(lines)

    def replace(self, **changes: Any) -> "Settings":
        """A copy with these settings changed; an unknown name raises SettingError."""
        refuse_unknown(changes)
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, str | int | float | None]:
        """Plain values, for records and messages; fps as a fraction's text."""
        return {name: str(v) if isinstance(v := getattr(self, name), Fraction) else v for name in settings_table()}


DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(Settings)}
"""Name of each setting -> its value where nobody chose."""


def settings_table() -> dict[str, Setting]:
    """Name of each setting -> its entry, in the order in which front ends show them."""
    return {field.name: field.metadata["setting"] for field in dataclasses.fields(Settings)}


def refuse_unknown(values: Mapping[str, Any]) -> None:
    """Raise SettingError for a name that is no setting."""
    for name in values:
        if name not in settings_table():
            near = difflib.get_close_matches(str(name), settings_table(), n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            raise SettingError(f"{name!r} is not a setting; {meant}the settings are {', '.join(settings_table())}")
