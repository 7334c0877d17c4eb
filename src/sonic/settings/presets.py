"""Presets: settings under a name, bundled or of the user's own, as TOML."""

import os
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from sonic.errors import SettingError
from sonic.files import read_small_text
from sonic.settings import Settings, refuse_unknown

_MAX_PRESET_BYTES = 64 * 1024


def preset(name: str) -> dict[str, Any]:
    """The settings of a preset: a bundled name (see preset_names) or the path of a TOML file.

    Raises SettingError if there is no such preset, or the file is not TOML or names an unknown setting.
    """
    bundled = resources.files("sonic").joinpath("assets", "presets", f"{name}.toml")
    try:
        text = bundled.read_text("utf-8") if name in preset_names() else read_small_text(Path(name), _MAX_PRESET_BYTES)
        values = tomllib.loads(text)
    except OSError as error:
        known = ", ".join(preset_names())
        raise SettingError(
            f"preset {name!r} cannot be read ({error.strerror}); use one of {known}, or the path of a TOML file"
        ) from error
    except (ValueError, RecursionError) as error:  # not only TOMLDecodeError: dates and huge numbers raise ValueError
        raise SettingError(f"preset {name!r} is not valid TOML: {' '.join(str(error).split())[:200]}") from error
    try:
        refuse_unknown(values)
        Settings(**values)
    except SettingError as error:
        raise SettingError(f"preset {name!r}: {error}") from error
    return values


def settings_from(given: object, changes: Mapping[str, Any]) -> Settings:
    """Settings as a caller has them: None, Settings, a mapping, or what ``preset`` takes; with ``changes`` on top.

    Raises SettingError, which names the setting.
    """
    if isinstance(given, Settings):
        return given.replace(**changes)
    if isinstance(given, str | os.PathLike):
        given = preset(os.fspath(given))
    if given is not None and not isinstance(given, Mapping):
        raise SettingError(
            f"settings are {given!r}; give sonic.Settings, a dict of settings, or the name or file of a preset"
        )
    return Settings().replace(**{str(name): value for name, value in {**(given or {}), **changes}.items()})


def preset_names() -> tuple[str, ...]:
    """The bundled presets."""
    folder = resources.files("sonic").joinpath("assets", "presets")
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))
