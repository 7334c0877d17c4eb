"""A user's defaults for the command line: one TOML file, which options override."""

import argparse
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sonic.apps.cli.show import Reporter
from sonic.errors import SettingError
from sonic.files import config_folder, read_small_text
from sonic.settings import Settings, refuse_unknown

VARIABLE = "SONIC_CONFIG"
EXAMPLE = """\
consent = "self"             # what --consent takes
subject = "Ada Example"
out     = "~/Videos/"        # where generate puts videos that nobody named
preset  = "quality"

[settings]                   # any setting by its name, see sonic generate --help
min_resolution = 1024
"""
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a user has chosen for all commands."""

    consent: str | None = None
    subject: str | None = None
    out: str | None = None
    preset: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)


def config_path() -> Path:
    """Where the file is, or would be: SONIC_CONFIG, or config.toml in the user's folder for settings."""
    given = os.environ.get(VARIABLE)
    return Path(given) if given else config_folder() / "config.toml"


def defaults() -> Defaults:
    """What the file says; nothing where there is none. Raises SettingError for a file that is wrong."""
    path = config_path()
    try:
        values = tomllib.loads(read_small_text(path, _MAX_BYTES))
    except FileNotFoundError:
        if os.environ.get(VARIABLE):
            raise SettingError(f"{VARIABLE} names {str(path)!r}, which does not exist; make it or unset it") from None
        return Defaults()
    except OSError as error:
        raise SettingError(f"{str(path)!r} cannot be read ({error.strerror}); mend it or remove it") from error
    except (ValueError, RecursionError) as error:
        raise SettingError(f"{str(path)!r} is not valid TOML: {' '.join(str(error).split())[:200]}") from error
    try:
        return _checked(values)
    except SettingError as error:
        raise SettingError(f"{str(path)!r}: {error}") from error


def _checked(values: dict[str, Any]) -> Defaults:
    settings = values.pop("settings", {})
    names = [name for name in Defaults.__slots__ if name != "settings"]
    for name, value in values.items():
        if name not in names:
            raise SettingError(f"{name!r} is none of {', '.join(names)} and [settings]; settings go below [settings]")
        if not isinstance(value, str) or not value:
            raise SettingError(f"{name} is {value!r}; it must be a text")
    if not isinstance(settings, dict):
        raise SettingError(f"settings is {settings!r}; it must be a table, [settings]")
    refuse_unknown(settings)
    Settings(**settings)
    out = values.get("out")
    return Defaults(**values | {"out": os.path.expanduser(out) if out else None}, settings=settings)


def show(arguments: argparse.Namespace, reporter: Reporter) -> None:
    """``sonic config``"""
    path, chosen = config_path(), defaults()
    exists = path.exists()
    said = f"\n{read_small_text(path, _MAX_BYTES)}" if exists else f"  does not exist; it could say:\n{EXAMPLE}"
    values = {name: getattr(chosen, name) for name in Defaults.__slots__}
    reporter.result(f"{path}{said}".rstrip(), file=str(path), exists=exists, **values)
