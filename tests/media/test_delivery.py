"""Files for platforms: what --platform writes keeps the rules that `sonic check` holds files of any tool to."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from small_videos import Job, save_sound, tone

from sonic.errors import MediaError, SettingError
from sonic.evaluation.delivery import check_delivery
from sonic.media.decode import decode_sound
from sonic.settings import Settings
from sonic.settings.platforms import platform, platform_names

RULES = platform("tiktok")


def wrong(path: Path, name: str = "tiktok") -> set[str]:
    return {finding.rule for finding in check_delivery(path, platform(name)).findings if finding.state == "wrong"}


def other_tool(path: Path, options: dict[str, str], *, codec: dict[str, str] | None = None) -> Path:
    """4 s of moving noise and a tone from libavformat, as another program would write them."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", format="mp4", options=options) as container:
        video = container.add_stream("libx264", rate=25, options={"g": "25", "bf": "3", **(codec or {})})
        video.width, video.height, video.pix_fmt = 128, 128, "yuv420p"
        audio = container.add_stream("aac", rate=44_100, layout="mono")
        noise = rng.integers(0, 255, (16, 128, 3), np.uint8)
        for index in range(100):
            picture = np.roll(np.tile(noise, (8, 1, 1)), index, axis=1)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        frame = av.AudioFrame.from_ndarray(tone(4, 44_100).astype(np.float32)[None], format="fltp", layout="mono")
        frame.sample_rate = 44_100
        container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


@pytest.mark.parametrize("name", platform_names())
def test_what_is_written_for_a_platform_keeps_its_rules(name: str, tmp_path: Path) -> None:
    job = Job(tmp_path, duration_s=3.04, fps=platform(name).fps, platform=name)
    found = check_delivery(job.write(tmp_path / "out.mp4"), platform(name))
    assert found.passed, found.to_text()
    assert {finding.rule for finding in found.findings if finding.state == "advice"} <= {"size"}, "128 px is no 1080"
    assert platform(name).declare["zh"] in found.to_text()


def test_without_edit_lists_the_sound_stays_where_it_was(tmp_path: Path) -> None:
    """A click half a second in, in a file of AAC whose first packet is left out."""
    samples = np.zeros(16_000)
    samples[8_000:8_080] = 0.9
    click = save_sound(tmp_path / "click.wav", samples, 16_000)
    for name in (None, "tiktok"):
        out = Job(tmp_path, duration_s=1, speech=click, platform=name).write(tmp_path / f"{name}.mp4")
        sound = np.concatenate(list(decode_sound(out, rate_hz=48_000)))[:, 0]
        assert abs(np.abs(sound).argmax() / 48_000 - 0.5025) < 0.006, name


@pytest.mark.parametrize(
    ("options", "codec", "rule"),
    [
        ({}, {}, "index first"),
        ({"movflags": "faststart"}, {}, "no edit lists"),
        ({"movflags": "frag_keyframe+empty_moov"}, {}, "index first"),
        ({"movflags": "faststart"}, {"x264-params": "open-gop=1:keyint=25:scenecut=0:b-adapt=0"}, "closed GOP"),
        ({"movflags": "faststart"}, {"colorprim": "bt470bg"}, "colour tags"),
    ],
)
def test_files_of_other_tools_are_told_what_is_wrong(
    options: dict[str, str], codec: dict[str, str], rule: str, tmp_path: Path
) -> None:
    assert rule in wrong(other_tool(tmp_path / "other.mp4", options, codec=codec))


def test_too_short_for_one_platform_is_long_enough_for_another(tmp_path: Path) -> None:
    out = Job(tmp_path, duration_s=1.2, platform="tiktok").write(tmp_path / "out.mp4")
    assert wrong(out) == {"length"}
    assert wrong(out, "square") == set()


@pytest.mark.parametrize("content", [b"", b"\0\0\0\x18ftypisom", b"\0\0\0\x01moov" + b"\xff" * 64, b"\0" * 4096])
def test_a_damaged_file_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError):
        check_delivery(path, RULES)


def test_the_label_lies_where_the_platform_leaves_room() -> None:
    from sonic.provenance.label import _room

    left, top, right, bottom = _room((1080, 1920), Settings(platform="tiktok"), (300, 120))
    assert (left, top) == (64, 270)
    assert (right, bottom) == (884, 1248)
    assert _room((1080, 1920), Settings(), (300, 120))[:2] == (32, 32)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text.replace("width = 1080", "width = 1081"), "even number"),
        (lambda text: text.replace("longest_s = 600", ""), "longest_s"),
        (lambda text: text + "= =", "not valid TOML"),
        (lambda text: text.replace("0.141", "1.41"), "safe_area"),
    ],
)
def test_a_platform_of_the_user_is_checked(change: Callable[[str], str], said: str, tmp_path: Path) -> None:
    import sonic

    text = (Path(sonic.__file__).parent / "assets/presets/platforms/tiktok.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text(text, encoding="utf-8")
    assert platform(str(own)).settings["min_resolution"] == 1080
    assert Settings(platform=str(own)).platform == str(own)
    own.write_text(change(text), encoding="utf-8")
    with pytest.raises(SettingError, match=said):
        platform(str(own))


def test_an_unknown_platform_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(SettingError, match="tiktok"):
        Settings(platform="myspace")
    assert RULES.fps == Fraction(25)
