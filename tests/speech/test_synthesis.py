"""Speech from a text by programs of the user's: espeak-ng where it is installed, and stand-ins for all programs."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from sonic import demo
from sonic.apps.cli import main
from sonic.errors import InstallError, SpeechError
from sonic.media.recording import load_speech
from sonic.speech.synthesis import MAX_TEXT, synthesise

SMALL = ["--min-resolution", "160", "--duration", "0.4", "--inference-steps", "1"]
needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def program(folder: Path, name: str, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in on the path: Python that sees ``words`` and ``text``."""
    script = folder / name
    script.write_text(f"#!{sys.executable}\nimport shutil, sys\nwords, text = sys.argv[1:], sys.stdin.read()\n{body}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@needs_espeak
@pytest.mark.parametrize(("text", "voice"), [("Hello there, Ada.", "en"), ("你好", "cmn"), ("مرحبا", "ar")])
def test_espeak_speaks_texts_of_any_script(text: str, voice: str, tmp_path: Path) -> None:
    made = synthesise(text, voice, tmp_path)
    assert load_speech(made.file, lambda line: None).duration_s > 0.3
    assert "espeak-ng" in made.notice and "GPL-3.0" in made.notice


@needs_espeak
def test_a_text_becomes_a_video_whose_record_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("Welcome to the lesson.", encoding="utf-8")
    for text in ("Welcome to the lesson.", "@words.txt"):
        job = ["generate", "-q", str(demo.PORTRAIT), "--text", text, "--voice", "en", "-y"]
        assert main([*job, "--consent", "synthetic", *SMALL]) == 0
        record = json.loads(Path("portrait-text.json").read_text(encoding="utf-8"))
        assert any("the speech is synthetic: espeak-ng, voice en" in line for line in record["notices"])


@needs_espeak
def test_a_voice_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="'klingonese'"):
        synthesise("Hello", "klingonese", tmp_path)


def test_piper_gets_the_text_and_its_licence_goes_into_the_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = f"shutil.copy({str(demo.SPEECH)!r}, words[3])\nassert words[1].endswith('amy.onnx') and text == 'Hello'"
    program(tmp_path, "piper", body, monkeypatch)
    voice = str(tmp_path / "amy.onnx")
    assert "its licence is not stated" in synthesise("Hello", voice, tmp_path).notice
    (tmp_path / "MODEL_CARD").write_text("# Model card\n* License: CC BY 4.0\n")
    (tmp_path / "amy.onnx.json").write_text("{}")
    assert "amy.onnx (License: CC BY 4.0)" in synthesise("Hello", voice, tmp_path).notice
    (tmp_path / "amy.onnx.json").write_text('{"license": "MIT"}')
    assert "licence MIT" in synthesise("Hello", voice, tmp_path).notice


@pytest.mark.parametrize("body", ["sys.exit('no such voice')", "sys.exit(0)", "open(words[3], 'wb').write(b'RIFF')"])
def test_a_program_that_fails_leaves_one_line(body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "espeak-ng", body, monkeypatch)
    with pytest.raises(SpeechError, match="could not speak the text in voice 'en'"):
        synthesise("Hello", "en", tmp_path)


def test_a_missing_program_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstallError, match="apt install espeak-ng"):
        synthesise("Hello", "en", tmp_path)
    with pytest.raises(InstallError, match="pip install piper-tts"):
        synthesise("Hello", "amy.onnx", tmp_path)


@pytest.mark.parametrize("text", ["", " \n", "a" * (MAX_TEXT + 1)])
def test_a_text_that_cannot_be_spoken_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SpeechError):
        synthesise(text, "en", tmp_path)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--text", "Hello"], 2),
        (["--voice", "en"], 2),
        ([], 2),
        ([str(demo.SPEECH), "--text", "Hello", "--voice", "en"], 2),
        (["--text", "@missing.txt", "--voice", "en"], 3),
    ],
)
def test_what_does_not_fit_together_is_one_line(
    words: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["generate", str(demo.PORTRAIT), *words, "--consent", "synthetic"]) == code
    assert not list(tmp_path.iterdir())
