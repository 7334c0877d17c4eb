"""What people are used to from other command lines: many files at once, pipes, dry runs, defaults, completion."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sonic
from sonic import demo
from sonic.apps.cli import main
from sonic.apps.cli.show import Ink, bar
from sonic.types import Progress

SMALL = ["--min-resolution", "160", "--duration", "0.4", "--inference-steps", "1"]
WHO = ["--consent", "synthetic"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SONIC_CONFIG", str(tmp_path / "config.toml"))
    Path("config.toml").write_text("")
    Path("ada.png").write_bytes(demo.PORTRAIT.read_bytes())
    for name in ("one.flac", "two.flac"):
        Path(name).write_bytes(demo.SPEECH.read_bytes())


def made(folder: str = ".") -> list[str]:
    return sorted(name for name in os.listdir(folder) if name.endswith(".mp4"))


def test_several_recordings_become_a_video_each(capsys: pytest.CaptureFixture[str]) -> None:
    os.mkdir("videos")
    assert main(["generate", "ada.png", "one.flac", "two.flac", "-o", "videos/", *WHO, *SMALL]) == 0
    assert made("videos") == ["ada-one.mp4", "ada-two.mp4"]
    said = capsys.readouterr()
    assert "[1/2]" in said.err and "[2/2]" in said.err and said.out.count("labelled AI-generated") == 2


def test_several_photos_say_every_recording() -> None:
    Path("bob.png").write_bytes(demo.PORTRAIT.read_bytes())
    assert main(["generate", "-q", "ada.png", "bob.png", "one.flac", "two.flac", *WHO, *SMALL]) == 0
    assert made() == ["ada-one.mp4", "ada-two.mp4", "bob-one.mp4", "bob-two.mp4"]


def test_one_that_fails_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.flac").write_bytes(b"no sound")
    assert main(["generate", "ada.png", "bad.flac", "one.flac", *WHO, *SMALL]) == 3
    assert made() == ["ada-one.mp4"]
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("sonic: ")]
    assert "bad.flac" in errors[0] and "1 of 2 videos failed" in errors[1]


def test_several_photos_are_inspected_whatever_one_of_them_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "-q", "one.flac", "ada.png"]) == 3
    said = capsys.readouterr()
    assert "1 of 2 photos failed" in said.err and "nothing to improve" in said.out and Path("ada-inspect.png").exists()


def test_photo_and_recording_the_wrong_way_round_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "one.flac", "ada.png", *WHO]) == 2
    assert "name the portrait first" in capsys.readouterr().err


def test_several_videos_need_a_folder_and_photos_a_recording() -> None:
    assert main(["generate", "ada.png", "one.flac", "two.flac", "-o", "all.mp4", *WHO]) == 6
    assert main(["generate", "ada.png", "ada.png", "./ada.png", *WHO]) == 2
    assert not made()


def test_patterns_that_the_shell_left_are_expanded() -> None:
    assert main(["generate", "-q", "ada.png", "*.flac", *WHO, *SMALL]) == 0
    assert made() == ["ada-one.mp4", "ada-two.mp4"]
    assert main(["verify", "-q", "*.mp4"]) == 0


def test_pipes_in_and_out() -> None:
    command = [sys.executable, "-m", "sonic", "generate", "ada.png", "-", "-o", "-", *WHO, *SMALL]
    done = subprocess.run(command, input=demo.SPEECH.read_bytes(), capture_output=True, check=True)
    assert done.stdout[4:8] == b"ftyp" and b"went to standard output" in done.stderr
    Path("out.mp4").write_bytes(done.stdout)
    assert sonic.verify("out.mp4").exit_code == 0


def test_what_comes_through_a_pipe_is_said_by_every_photo_and_previewed() -> None:
    Path("bob.png").write_bytes(demo.PORTRAIT.read_bytes())
    for command in (["generate", "ada.png", "bob.png", "-", *WHO, *SMALL], ["preview", "ada.png", "-", *SMALL]):
        run = [sys.executable, "-m", "sonic", *command]
        subprocess.run(run, input=demo.SPEECH.read_bytes(), capture_output=True, check=True)
    assert made() == ["ada-stdin.mp4", "bob-stdin.mp4"] and Path("ada-preview.png").exists()


def test_a_terminal_is_no_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    assert main(["generate", "ada.png", "-", *WHO]) == 2
    assert main(["preview", "ada.png", "-"]) == 2
    monkeypatch.setattr("sys.stdout", Terminal())
    assert main(["generate", "ada.png", "one.flac", "-o", "-", *WHO]) == 6


@pytest.mark.parametrize("extra", [["--json"], ["--dry-run"], ["two.flac"]])
def test_standard_output_takes_one_video_and_nothing_else(extra: list[str]) -> None:
    assert main(["generate", "ada.png", "one.flac", *extra, "-o", "-", *WHO]) == 6


def test_a_dry_run_checks_everything_and_makes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(os.listdir())
    assert main(["generate", "--json", "ada.png", "one.flac", "--dry-run", *WHO, *SMALL]) == 0
    plan = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (plan["would_write"], plan["n_frames"], plan["duration_s"]) == ("ada-one.mp4", 10, 0.4)
    assert 0 < plan["takes_s"] < 60
    assert main(["generate", "missing.png", "one.flac", "--dry-run", *WHO]) == 3
    assert main(["generate", "ada.png", "one.flac", "--dry-run", "--consent", "self", "--subject", "Ada"]) == 5
    assert sorted(os.listdir()) == before


def test_no_clobber_keeps_and_overwrite_replaces() -> None:
    job = ["generate", "-q", "ada.png", "one.flac", *WHO, *SMALL]
    Path("ada-one.mp4").write_bytes(b"my holidays")
    assert main([*job, "--no-clobber"]) == 0
    assert made() == ["ada-one.mp4"] and Path("ada-one.mp4").read_bytes() == b"my holidays"
    assert main([*job, "--overwrite"]) == 0
    assert made() == ["ada-one.mp4"] and Path("ada-one.mp4").read_bytes() != b"my holidays"
    assert main([*job, "-n", "-y"]) == 2


def test_the_consent_beside_the_photo_is_found_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "ada.png", "one.flac", *SMALL]) == 5
    assert "sonic consent new ada.png" in capsys.readouterr().err
    assert main(["consent", "new", "ada.png", "--basis", "synthetic", "--confirmed"]) == 0
    assert main(["generate", "ada.png", "one.flac", *SMALL]) == 0
    assert "'ada.consent.json', found beside the photo" in capsys.readouterr().err
    consent = sonic.Consent.from_file("ada.consent.json").id
    assert main(["generate", "-q", "ada.png", "one.flac", "--consent", consent[:10], *SMALL]) == 0


def test_a_user_has_defaults(capsys: pytest.CaptureFixture[str]) -> None:
    os.mkdir("videos")
    Path("config.toml").write_text(
        'consent = "synthetic"\nout = "videos/"\npreset = "fast"\n'
        "[settings]\nmin_resolution = 160\nduration = 0.4\nseed = 7\n"
    )
    assert main(["generate", "-q", "ada.png", "one.flac", "--seed", "8"]) == 0
    record = json.loads(Path("videos/ada-one.json").read_text(encoding="utf-8"))
    assert (record["settings"]["seed"], record["settings"]["duration"]) == (8, 0.4)
    capsys.readouterr()
    assert main(["config", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["preset"] == "fast"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("consent = 7", "consent is 7; it must be a text"),
        ("seed = 7", "'seed' is none of"),
        ("[settings]\nseeds = 7", "did you mean seed?"),
        ("[settings]\nseed = -7", "seed is -7"),
        ("settings = 7", "settings is 7; it must be a table"),
        ("not toml", "not valid TOML"),
    ],
)
def test_defaults_that_cannot_be_are_named(text: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.toml").write_text(text)
    assert main(["generate", "ada.png", "one.flac", *WHO]) == 2
    error = capsys.readouterr().err
    assert says in error and "config.toml" in error and error.count("\n") == 1


def test_without_a_file_config_says_what_it_could_be(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delenv("SONIC_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.setattr("sonic.apps.cli.config.config_folder", lambda: tmp_path / "none")
    assert main(["config"]) == 0
    shown = capsys.readouterr().out
    assert "does not exist; it could say" in shown
    (tmp_path / "config.toml").write_text("\n".join(shown.splitlines()[1:]))
    monkeypatch.setenv("SONIC_CONFIG", str(tmp_path / "config.toml"))
    assert main(["config"]) == 0


def test_help_is_a_command_too(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["help"], ["help", "generate"], ["help", "consent", "new"]):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 0
        assert "usage: " + " ".join(["sonic", *words[1:]]) in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_every_shell_gets_its_completion(shell: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["completion", shell]) == 0
    assert b"_ARGCOMPLETE" in capsysbinary.readouterr().out


def test_options_and_values_are_completed() -> None:
    def completed(line: str) -> list[str]:
        asks = {"_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE_IFS": "\n"}
        command = f"{sys.executable} -m sonic 8>&1 9>&2 1>/dev/null 2>&1"
        done = subprocess.run(
            ["/bin/sh", "-c", command], env=os.environ | asks, capture_output=True, text=True, check=True
        )
        return [word.strip() for word in done.stdout.split("\n")]

    assert "generate" in completed("sonic gen")
    assert "--min-resolution" in completed("sonic generate --min-")
    assert "powershell" in completed("sonic completion p")


def test_several_files_are_verified_and_inspected(capsys: pytest.CaptureFixture[str]) -> None:
    Path("note.mp4").write_bytes(b"no video")
    assert main(["generate", "-q", "ada.png", "one.flac", *WHO, *SMALL]) == 0
    capsys.readouterr()
    assert main(["verify", "note.mp4", "ada-one.mp4"]) == 3
    said = capsys.readouterr()
    assert "AI-generated with Sonic" in said.out and "note.mp4" in said.err
    Path("bob.png").write_bytes(demo.PORTRAIT.read_bytes())
    assert main(["inspect", "ada.png", "bob.png"]) == 0
    assert os.path.exists("ada-inspect.png") and os.path.exists("bob-inspect.png")
    assert main(["inspect", "ada.png", "bob.png", "-o", "both.png"]) == 6


def test_verbose_tells_the_stages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "-v", "-q", "ada.png", "one.flac", *WHO, *SMALL]) == 0
    assert "video begins, 10 units" in capsys.readouterr().err


def test_colour_is_for_people_and_never_forced_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    assert Ink(Terminal()).red("x") == "\x1b[1;31mx\x1b[0m"
    assert Ink(io.StringIO()).red("x") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Ink(Terminal()).red("x") == "x"
    monkeypatch.setenv("TERM", "dumb")
    assert Ink(Terminal()).red("x") == "x"


def test_the_bar_is_as_wide_at_every_moment_and_made_of_what_can_be_printed() -> None:
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    for done in range(11):
        assert len(bar(Progress("video", done, 10), io.StringIO())) == 20
        assert bar(Progress("video", done, 10), ascii_only) == "#" * (2 * done) + "." * (20 - 2 * done)
    assert len(bar(Progress("video", 3, 0), None)) == 20


def test_open_shows_the_video(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda uri: not shown.append(uri))
    assert main(["generate", "-q", "ada.png", "one.flac", "--open", *WHO, *SMALL]) == 0
    assert shown == [(Path.cwd() / "ada-one.mp4").as_uri()]
