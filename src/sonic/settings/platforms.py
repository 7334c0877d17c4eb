"""Platforms as data: what a video must be to go there as it is, one TOML file each, bundled or of the user's own.

A platform is a preset (``Platform.settings``) with limits that ``sonic check`` holds a file to, and with what its
uploader must declare there. To follow a platform's change, change its file.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from sonic.errors import SettingError
from sonic.files import read_small_text

_MAX_BYTES = 64 * 1024
_FRAMINGS = {Fraction(9, 16): "9:16", Fraction(16, 9): "16:9", Fraction(1): "1:1"}
_COVER_NUMBERS = ("width", "height", "max_mb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What one platform takes, shows and asks for."""

    name: str
    title: Mapping[str, str]
    """Language (en, zh) -> what people call it."""
    width: int
    height: int
    fps: Fraction
    """Made at this rate; any rate within ``fps_range`` is accepted."""
    fps_range: tuple[float, float]
    safe_area: tuple[float, float, float, float]
    """(left, top, right, bottom) as fractions: the part of the picture that the platform's own texts leave free."""
    keyframe_s: float
    """Longest distance of key frames."""
    max_mbit_s: float
    """Of picture and sound; files above it are compressed anew by the platform."""
    shortest_s: float
    longest_s: float
    cover: Mapping[str, float]
    """width, height and max_mb of the cover picture."""
    declare: Mapping[str, str]
    """Language -> what the uploader states there about AI."""

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that make such a video."""
        framing = _FRAMINGS[Fraction(self.width, self.height)]
        return {
            "platform": self.name,
            "framing": framing,
            "min_resolution": min(self.width, self.height),
            "fps": self.fps,
        }


def platform(name: str) -> Platform:
    """A bundled platform (see platform_names), or one in a TOML file of the user.

    Raises SettingError if there is none, or if its file is not as the bundled ones are.
    """
    if name in platform_names():
        return _bundled(name)
    if not name.endswith(".toml"):
        known = ", ".join(platform_names())
        raise SettingError(f"platform {name!r} is not known; use one of {known}, or the path of a TOML file")
    try:
        text = read_small_text(Path(name), _MAX_BYTES)
    except OSError as error:
        raise SettingError(f"platform {name!r} cannot be read ({error.strerror}); give a TOML file") from error
    return _parsed(name, text, name=name)


@cache
def platform_names() -> tuple[str, ...]:
    """The bundled platforms."""
    return tuple(sorted(f.name.removesuffix(".toml") for f in _folder().iterdir() if f.name.endswith(".toml")))


@cache
def _bundled(name: str) -> Platform:
    return _parsed(name, _folder().joinpath(f"{name}.toml").read_text("utf-8"))


def _folder() -> Any:
    return resources.files("sonic").joinpath("assets", "presets", "platforms")


def _parsed(source: str, text: str, **changes: Any) -> Platform:
    try:
        values: dict[str, Any] = tomllib.loads(text) | changes
    except (ValueError, RecursionError) as error:
        raise SettingError(f"platform {source!r} is not valid TOML: {' '.join(str(error).split())[:200]}") from error
    names = set(Platform.__dataclass_fields__)
    if values.keys() != names:
        wrong = ", ".join(sorted(str(name) for name in values.keys() ^ names))
        raise SettingError(f"platform {source!r}: missing or unknown: {wrong}; copy a bundled platform and change it")
    try:
        return _checked(values)
    except (TypeError, ValueError, KeyError, ZeroDivisionError, OverflowError) as error:
        raise SettingError(f"platform {source!r}: {error}; copy a bundled platform and change it") from error


def _checked(values: dict[str, Any]) -> Platform:
    """Raises ValueError, TypeError and others for values that cannot be."""
    width, height = (_whole(values, side) for side in ("width", "height"))
    if Fraction(width, height) not in _FRAMINGS:
        raise ValueError(f"{width}x{height} is none of {', '.join(_FRAMINGS.values())}")
    safe = tuple(float(v) for v in values["safe_area"])
    if len(safe) != 4 or not (0 <= safe[0] < safe[2] <= 1 and 0 <= safe[1] < safe[3] <= 1):
        raise ValueError("safe_area must be left, top, right, bottom between 0 and 1")
    slowest, fastest = (float(v) for v in values["fps_range"])
    numbers = {key: float(values[key]) for key in ("keyframe_s", "max_mbit_s", "shortest_s", "longest_s")}
    cover = {key: float(values["cover"][key]) for key in _COVER_NUMBERS}
    if not all(math.isfinite(v) and v > 0 for v in (*numbers.values(), *cover.values())):
        raise ValueError("numbers must be above zero")
    return Platform(
        name=str(values["name"]),
        title={key: str(values["title"][key]) for key in ("en", "zh")},
        width=width,
        height=height,
        fps=Fraction(str(values["fps"])),
        fps_range=(slowest, fastest),
        safe_area=(safe[0], safe[1], safe[2], safe[3]),
        cover=cover,
        declare={key: str(values["declare"][key]) for key in ("en", "zh")},
        **numbers,
    )


def _whole(values: dict[str, Any], name: str) -> int:
    if not isinstance(values[name], int) or not 128 <= values[name] <= 4096 or values[name] % 2:
        raise ValueError(f"{name} must be an even number from 128 to 4096")
    return int(values[name])
