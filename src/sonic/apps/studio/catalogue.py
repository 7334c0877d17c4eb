"""What can be chosen: the table of settings with its words, presets, platforms; and a client's choice as Settings."""

from fractions import Fraction
from typing import Any

from sonic.engines import engine_spec, runnable_names
from sonic.errors import InstallError, SettingError
from sonic.settings import DEFAULTS, Setting, Settings, settings_table
from sonic.settings.platforms import Platform, platform, platform_names
from sonic.settings.presets import preset, preset_names
from sonic.settings.words import LANGUAGES, Words, setting_words

SERVER_ONLY = ("weights_folder",)
"""Settings that name places of this machine: whoever runs the studio chooses them, with SONIC_WEIGHTS."""
PREVIEW: dict[str, Any] = {
    "duration": 2.0,
    "min_resolution": 384,
    "inference_steps": 10,
    "encoder_preset": "ultrafast",
    "crf": 24,
}
"""What a preview is made with: enough to judge mouth, head and eyes, in about a second."""


def catalogue(language: str) -> dict[str, Any]:
    """All that the page builds its controls from. Raises SettingError for a language that is not there."""
    if language not in LANGUAGES:
        raise SettingError(f"language is {language!r}; choose one of {', '.join(LANGUAGES)}")
    words, engines = setting_words(language), runnable_names()
    presets = {name: preset(name) for name in preset_names()}
    return {
        "settings": [
            _entry(name, entry, words[name]) for name, entry in settings_table().items() if name not in SERVER_ONLY
        ],
        "engines": list(engines),
        "presets": {
            name: values for name, values in presets.items() if values.get("engine", DEFAULTS["engine"]) in engines
        },
        "platforms": platforms(language),
    }


def chosen(preset_name: object, values: object) -> Settings:
    """The settings of a request: those of a preset, of a platform, and changes on top.

    Raises SettingError, and InstallError for an engine that lacks something here, with the remedy.
    """
    if not isinstance(values, dict):
        raise SettingError("settings must be a JSON object of names and values")
    if hidden := [name for name in SERVER_ONLY if name in values]:
        raise SettingError(f"{hidden[0]} is chosen by whoever runs the studio; leave it out")
    base: dict[str, Any] = {}
    if preset_name is not None:
        if preset_name not in preset_names():
            raise SettingError(f"preset is {preset_name!r}; choose one of {', '.join(preset_names())}")
        base = preset(str(preset_name))
    if (wanted := values.get("platform")) is not None:
        if wanted not in platform_names():  # elsewhere it may name a file
            raise SettingError(f"platform is {wanted!r}; choose one of {', '.join(platform_names())}")
        base |= platform(wanted).settings
    settings = Settings().replace(**base | values)
    if lacks := engine_spec(settings.engine).lacks():
        raise InstallError(f"engine {settings.engine!r} cannot run here: {lacks}")
    return settings


def for_preview(settings: Settings) -> Settings:
    """The same look at once: the opening, small. Only what costs time is changed."""
    smaller = min(settings.min_resolution or PREVIEW["min_resolution"], PREVIEW["min_resolution"])
    shorter = min(settings.duration or PREVIEW["duration"], PREVIEW["duration"])
    return settings.replace(**PREVIEW | {"min_resolution": smaller, "duration": shorter})


def platforms(language: str) -> list[dict[str, Any]]:
    """Where videos are shown: the picture's size, its rate, and what the platform covers."""
    return [_platform(platform(name), language) for name in platform_names()]


def _platform(one: Platform, language: str) -> dict[str, Any]:
    return {
        "id": one.name,
        "title": one.title[language],
        "declare": one.declare[language],
        "width": one.width,
        "height": one.height,
        "safe_area": list(one.safe_area),
        "settings": one.settings | {"fps": float(one.fps)},
    }


def _entry(name: str, entry: Setting, words: Words) -> dict[str, Any]:
    return {
        "name": name,
        "label": words.label,
        "help": words.help,
        "outside": words.outside,
        "unset": words.unset,
        "kind": "number" if entry.kind in (int, float, Fraction) else "text",
        "whole": entry.kind is int,
        "default": _plain(DEFAULTS[name]),
        "low": entry.low,
        "high": entry.high,
        "step": entry.step,
        "unit": entry.unit,
        "choices": list(entry.choices),
        "recommended": entry.recommended,
        "engine": entry.engine,
        "phase": entry.phase,
    }


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Fraction) else value
