"""The command line as a person meets it: help, errors in one line with their exit code, JSON, and a real small job."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import sonic.doctor
from sonic.apps.cli import commands, main
from sonic.apps.cli.parser import build_parser, knob_help
from sonic.apps.cli.show import progress_line
from sonic.errors import InstallError
from sonic.settings import knobs
from sonic.types import Progress

SONIC = str(Path(sys.executable).with_name("sonic"))
ASSETS = Path(__file__).parents[1] / "src" / "sonic" / "assets" / "demo"
PORTRAIT = str(ASSETS / "portrait.png")
SPEECH = str(ASSETS / "speech.flac")
WHO = ["--consent", "synthetic", "--subject", "nobody"]
SMALL = ["--min-resolution", "160", "--duration", "0.6", "--inference-steps", "2"]


def test_help_names_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    text = capsys.readouterr().out
    assert stop.value.code == 0
    for word in ("generate", "preview", "inspect", "evaluate", "doctor", "demo", "exit codes"):
        assert word in text


@pytest.mark.parametrize("name", list(knobs()))
def test_every_setting_is_an_option_with_its_default_in_the_help(name: str) -> None:
    assert "default" in knob_help(name)
    arguments = build_parser().parse_args(["generate", "a", "b", "--consent", "self", f"--{name.replace('_', '-')}=1"])
    assert getattr(arguments, name) == "1"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--seed", "x"], 2, "seed"),
        (["--dynamic-scale", "3"], 2, "dynamic_scale"),
        (["--preset", "slow"], 2, "preset"),
        (["--duration", "99"], 2, "99"),
        (["--engine", "warp"], 2, "warp"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    arguments: list[str], code: int, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.mp4"
    assert main(["generate", PORTRAIT, SPEECH, "-q", "-o", str(out), *WHO, *arguments]) == code
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("sonic: ") and words in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("portrait", "speech", "who", "code"),
    [
        ("missing.jpg", SPEECH, WHO, 3),
        (PORTRAIT, "missing.wav", WHO, 3),
        (SPEECH, SPEECH, WHO, 3),
        (PORTRAIT, PORTRAIT, WHO, 3),
        (PORTRAIT, SPEECH, ["--consent", "self"], 5),
        (PORTRAIT, SPEECH, ["--consent", "missing.json"], 5),
        (PORTRAIT, SPEECH, ["--consent", "written", "--subject", "Ada"], 5),
        (PORTRAIT, SPEECH, [*WHO, "--consent-given", "yesterday"], 5),
    ],
)
def test_wrong_inputs_are_one_line_with_their_exit_code(
    portrait: str, speech: str, who: list[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", portrait, speech, "-q", "-o", str(tmp_path / "out.mp4"), *who, *SMALL]) == code
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_output_that_is_no_mp4_is_refused_before_any_work(tmp_path: Path) -> None:
    assert main(["generate", PORTRAIT, SPEECH, "-q", "-o", str(tmp_path / "out.avi"), *WHO, *SMALL]) == 6
    assert not list(tmp_path.iterdir())


def test_generate_writes_the_video_and_its_record_and_speaks_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "näme with 'quotes'.mp4"
    assert main(["generate", "--json", PORTRAIT, SPEECH, "-o", str(out), *WHO, *SMALL]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    result = events[-1]
    assert result["event"] == "result" and Path(result["video"]) == out
    assert {e["stage"] for e in events if e["event"] == "progress"} >= {"analyse", "video"}
    record = json.loads(Path(result["record"]).read_text(encoding="utf-8"))
    assert "nobody" in json.dumps(record)
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json", ".mp4"]


def test_preview_and_inspect_draw_pictures(tmp_path: Path) -> None:
    sheet, seen = tmp_path / "sheet.png", tmp_path / "seen.png"
    assert main(["preview", PORTRAIT, SPEECH, "-o", str(sheet), *SMALL]) == 0
    assert main(["inspect", PORTRAIT, "-o", str(seen)]) == 0
    assert sheet.stat().st_size > 10_000 and seen.stat().st_size > 10_000


@pytest.mark.parametrize(
    "arguments", [["inspect", "own.png", "-o", "own.png"], ["preview", "own.png", SPEECH, "-o", "./own.png"]]
)
def test_a_picture_never_replaces_the_photo_that_it_is_made_from(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photo = Path(PORTRAIT).read_bytes()
    (tmp_path / "own.png").write_bytes(photo)
    assert main(arguments) == 6
    assert (tmp_path / "own.png").read_bytes() == photo


def test_a_default_name_never_replaces_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "portrait-speech.mp4").write_bytes(b"mine")
    assert main(["generate", PORTRAIT, SPEECH, "-q", *WHO, *SMALL]) == 0
    assert (tmp_path / "portrait-speech.mp4").read_bytes() == b"mine"
    assert (tmp_path / "portrait-speech-2.mp4").exists()


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopping_leaves_nothing_half_written(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    command = [SONIC, "generate", "--json", PORTRAIT, SPEECH, "-o", str(tmp_path / "out.mp4"), *WHO]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        _wait_for(lambda: '"stage": "video"' in (process.stdout.readline() if process.stdout else ""))
        os.kill(process.pid, sent)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())


def test_a_stop_that_a_library_turns_into_another_error_is_still_a_stop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def importing(arguments: object, reporter: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        except KeyboardInterrupt as error:
            raise InstallError("onnxruntime is not installed") from error

    monkeypatch.setattr(commands, "doctor", importing)
    assert main(["doctor"]) == 143
    assert "stopped" in capsys.readouterr().err


def test_doctor_fails_where_a_codec_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sonic.doctor, "CODECS", ("aac", "telegraph"))
    assert main(["doctor"]) == 7
    assert "telegraph is missing" in capsys.readouterr().out


def _wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the job never began its video"


def test_progress_shows_stage_speed_and_remaining_time() -> None:
    line = progress_line(Progress("video", 120, 250), 31.0, 4.2)
    assert line == "video    120/250   48%   31.0 frames/s   0:04 left"


def test_a_missing_system_library_is_one_line_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def examine() -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr("sonic.doctor.examine", examine)
    assert main(["doctor"]) == 7
    error = capsys.readouterr().err.strip()
    assert "\n" not in error and "opencv-python-headless" in error
