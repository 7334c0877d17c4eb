"""The command line as a person meets it: help, errors in one line with their exit code, JSON, and a real small job."""

import builtins
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import sonic
import sonic.doctor
from sonic import demo
from sonic.apps.cli import commands, main
from sonic.apps.cli.parser import build_parser, setting_help
from sonic.apps.cli.show import progress_line
from sonic.errors import InstallError, OutputError, SettingError
from sonic.settings import Settings, settings_table
from sonic.types import Progress
from sonic.weights import open_network

SONIC = str(Path(sys.executable).with_name("sonic"))
ASSETS = Path(__file__).parents[3] / "src" / "sonic" / "assets" / "demo"
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


@pytest.mark.parametrize("name", list(settings_table()))
def test_every_setting_is_an_option_with_its_default_in_the_help(name: str) -> None:
    assert "default" in setting_help(name)
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
        (["--sampler", "euler"], 2, "--engine svd"),
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


def test_what_can_be_refused_is_refused_before_any_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown engine, a entry of another engine: said at once, though the inputs are missing too."""
    monkeypatch.chdir(tmp_path)
    for arguments in (["--engine", "typo"], ["--sampler", "euler"], ["--blink-scale", "0", "--engine", "svd"]):
        assert main(["generate", "missing.png", "missing.wav", *WHO, *arguments]) == 2
        assert main(["preview", "missing.png", "missing.wav", *arguments]) == 2
        assert "missing" not in capsys.readouterr().err
    with pytest.raises(SettingError, match="engine is 'typo'"):
        sonic.generate("no.png", "no.wav", "o.mp4", consent=demo.consent(), settings=Settings(engine="typo"))


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


def test_a_file_of_somebody_else_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    job = ["generate", PORTRAIT, SPEECH, "-q", "-o", "out.mp4", *WHO, *SMALL]
    Path("out.mp4").write_bytes(b"my holidays")
    assert main(job) == 6
    assert "--overwrite" in capsys.readouterr().err and os.listdir() == ["out.mp4"]
    assert Path("out.mp4").read_bytes() == b"my holidays"
    with pytest.raises(OutputError, match="overwrite=True"):
        sonic.generate(PORTRAIT, SPEECH, "out.mp4", consent=demo.consent())
    assert main([*job, "--overwrite"]) == 0
    first = Path("out.mp4").read_bytes()
    assert main(job) == 0  # our own, with its record
    assert Path("out.mp4").read_bytes() != first
    with Path("out.mp4").open("ab") as file:
        file.write(b"edited")
    assert main(job) == 6


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("yes", 0), ("n", 6), ("", 6)])
def test_somebody_at_a_terminal_is_asked_before_a_file_is_replaced(
    answer: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = tmp_path / "out.mp4"
    out.write_bytes(b"my holidays")
    monkeypatch.setattr("sys.stdin", Terminal(answer + "\n"))
    assert main(["generate", PORTRAIT, SPEECH, "-q", "-o", str(out), *WHO, *SMALL]) == code
    assert "Replace it? [y/N]" in capsys.readouterr().err
    assert (out.read_bytes() == b"my holidays") == (code != 0)


@pytest.mark.parametrize("folder", ["made", "made/"])
def test_a_folder_as_output_gets_a_name_after_the_inputs(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("made").mkdir()
    Path("made/portrait-speech.json").write_text("{}")
    assert main(["generate", PORTRAIT, SPEECH, "-q", "-o", folder, *WHO, *SMALL]) == 0
    assert main(["inspect", PORTRAIT, "-o", folder]) == 0
    names = ["portrait-inspect.png", "portrait-speech-2.json", "portrait-speech-2.mp4", "portrait-speech.json"]
    assert sorted(os.listdir("made")) == names
    assert main(["generate", PORTRAIT, SPEECH, "-q", "-o", "none/", *WHO, *SMALL]) == 6


def test_a_picture_of_an_earlier_run_is_replaced_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["inspect", PORTRAIT]) == 0
    assert os.listdir() == ["portrait-inspect.png"]
    for name in ("portrait-inspect.png", "mine.jpg"):
        Path(name).write_bytes(b"mine")
    assert main(["inspect", PORTRAIT]) == 0
    assert main(["inspect", PORTRAIT, "-o", "mine.jpg"]) == 6
    assert sorted(os.listdir()) == ["mine.jpg", "portrait-inspect-2.png", "portrait-inspect.png"]
    assert Path("mine.jpg").read_bytes() == Path("portrait-inspect.png").read_bytes() == b"mine"
    for _ in range(2):
        assert main(["inspect", PORTRAIT, "-o", "ours.jpg"]) == 0
    assert main(["inspect", PORTRAIT, "-o", "mine.jpg", "--overwrite"]) == 0
    for name in ("ours.jpg", "mine.jpg", "portrait-inspect-2.png"):
        with Image.open(name) as picture:
            picture.load()


def test_a_default_name_never_replaces_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "portrait-speech.mp4").write_bytes(b"mine")
    assert main(["generate", PORTRAIT, SPEECH, "-q", *WHO, *SMALL]) == 0
    assert (tmp_path / "portrait-speech.mp4").read_bytes() == b"mine"
    assert (tmp_path / "portrait-speech-2.mp4").exists()


STOPPED = [(signal.SIGINT, 130), (signal.SIGTERM, 143)] + ([(signal.SIGHUP, 129)] if os.name == "posix" else [])


@pytest.mark.parametrize(("sent", "code"), STOPPED)
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["generat", "a", "b"], "did you mean generate?"),
        (["consent", "rewoke", "x"], "did you mean revoke?"),
        (["generate"], "needs portrait and speech; for example: sonic generate portrait.jpg"),
        (
            ["generate", "a", "b", "--consnt", "self"],
            "--consnt is not an option of `sonic generate`; did you",
        ),
        (["preview", "a", "b", "--presett=fast"], "did you mean --preset?"),
        (["verify"], "`sonic verify` needs video"),
        (["consent", "new", "a.png", "--basis", "selv"], "did you mean self?"),
        (["preview", "a", "b", "c"], "unexpected 'c'"),
        (["log", "list", "-n", "few"], "invalid int value: 'few'"),
    ],
)
def test_a_mistake_in_the_words_is_one_line_that_helps(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and not said.out
    assert main([*arguments, "--json"]) == 2
    said = capsys.readouterr()
    (event,) = map(json.loads, said.out.splitlines())
    assert words in event["message"] and (event["event"], event["exit_code"]) == ("error", 2) and not said.err


@pytest.mark.parametrize("arguments", [[], ["consent"], ["log"], ["weights"], ["train"]])
def test_a_command_alone_says_what_there_is(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    said = capsys.readouterr()
    assert "sonic" in said.out and not said.err
    assert arguments or len(said.out.splitlines()) < 12


def test_python_m_sonic_is_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-m", "sonic", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"sonic {sonic.__version__}\n"


def _after(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ImportError("onnxruntime.so: failed to map segment from shared object"), 1, "not enough memory"),
        (MemoryError(), 1, "not enough memory"),
        (_after(ImportError("try again"), OSError(12, "Cannot allocate memory")), 1, "not enough memory"),
        (RuntimeError("can't start new thread"), 1, "not enough memory"),
        (PermissionError(13, "Permission denied", "/secret"), 1, "permission denied ('/secret')"),
        (OSError(24, "Too many open files"), 1, "Too many open files"),
    ],
)
def test_what_the_machine_lacks_is_named_as_what_it_is(
    error: Exception, code: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def examine() -> None:
        raise error

    monkeypatch.setattr("sonic.doctor.examine", examine)
    assert main(["doctor"]) == code
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and "installed" not in said


def test_a_fault_of_sonic_is_told_with_its_traceback_and_an_event(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sonic.doctor.examine", lambda: [][0])
    assert main(["doctor", "--json"]) == 1
    said = capsys.readouterr()
    assert "Traceback" in said.err and "fault of Sonic (IndexError" in json.loads(said.out)["message"]


@pytest.mark.parametrize("missing", [True, False])
def test_a_package_that_cannot_be_loaded_is_not_called_missing(missing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = ModuleNotFoundError if missing else ImportError
    monkeypatch.setattr("builtins.__import__", _failing("onnxruntime", kind("x.so: bad magic", name="onnxruntime")))
    with pytest.raises(InstallError, match="is not installed" if missing else r"cannot be loaded \(x\.so: bad magic\)"):
        open_network(b"")


def _failing(package: str, error: ImportError) -> Callable[..., object]:
    real = builtins.__import__

    def imported(name: str, *rest: object, **more: object) -> object:
        if name == package:
            raise error
        return real(name, *rest, **more)  # type: ignore[arg-type]

    return imported


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
