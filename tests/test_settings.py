"""The table of settings: ranges, conversions, notices and presets, as every front end meets them."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from sonic.errors import SettingError
from sonic.settings import Settings, settings_table
from sonic.settings.presets import preset, preset_names


def test_defaults_are_valid_and_give_no_notice() -> None:
    assert Settings().notices() == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("duration", 0),
        ("duration", "nan"),
        ("min_resolution", 127),
        ("min_resolution", 512.5),
        ("expand_ratio", 1.01),
        ("inference_steps", 0),
        ("inference_steps", 101),
        ("dynamic_scale", -0.1),
        ("motion_scale", "fast"),
        ("blink_scale", True),
        ("fps", 5),
        ("fps", "25/0"),
        ("seed", -1),
        ("audio_offset_ms", 201),
        ("framing", "4:3"),
        ("framing", 3),
        ("crf", None),
    ],
)
def test_a_value_outside_its_range_names_the_setting_and_the_value(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=name) as caught:
        Settings(**{name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "fps"),
    [("25", Fraction(25)), (29.97, Fraction(30000, 1001)), ("12.5", Fraction(25, 2)), (60, Fraction(60))],
)
def test_fps_is_exact(value: Any, fps: Fraction) -> None:
    assert Settings(fps=value).fps == fps


def test_text_from_a_command_line_becomes_numbers() -> None:
    settings = Settings().replace(seed="0", dynamic_scale="1.1", min_resolution="1024")
    assert (settings.seed, settings.dynamic_scale, settings.min_resolution) == (0, 1.1, 1024)


def test_zero_is_a_value_not_a_missing_one() -> None:
    settings = Settings(seed=0, dynamic_scale=0, motion_scale=0, blink_scale=0, smoothing=0)
    assert settings.seed == settings.dynamic_scale == settings.motion_scale == settings.blink_scale == 0


@pytest.mark.parametrize(
    ("name", "value"), [("expand_ratio", 0.5), ("dynamic_scale", 1.5), ("inference_steps", 9), ("audio_offset_ms", 120)]
)
def test_a_value_that_the_field_warns_about_gives_one_notice(name: str, value: float) -> None:
    (notice,) = Settings(**{name: value}).notices()
    assert name in notice


def test_every_setting_can_be_offered_by_a_front_end() -> None:
    for name, entry in settings_table().items():
        assert entry.help.endswith("."), name
        if entry.kind is not str:
            assert entry.low is not None and entry.high is not None and entry.step, name


def test_presets_are_there_and_valid_and_do_not_warn_about_themselves() -> None:
    assert preset_names() == ("fast", "official", "quality")
    fast, official, quality = (Settings(**preset(name)) for name in preset_names())
    assert fast.inference_steps < Settings().inference_steps <= quality.inference_steps
    assert quality.min_resolution == 1024
    assert official.engine == "svd"
    assert fast.notices() == official.notices() == quality.notices() == ()


def test_a_users_own_preset_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('framing = "9:16"\nseed = 7\n')
    assert Settings(**preset(str(path))).framing == "9:16"


@pytest.mark.parametrize("text", ["sneed = 1", "seed = ", "seed = -1", "\xff\xfe"])
def test_a_broken_preset_is_one_clear_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingError) as caught:
        preset(str(path))
    assert "\n" not in str(caught.value) and "bad.toml" in str(caught.value)
