"""Speech from a text, by a program that the user has installed: espeak-ng, or piper with a voice of the user's own.

Sonic ships no voice and runs none of its own: these are programs of other projects, called with the text on their
standard input. What was used goes into the record as a notice, with the licence that its files state.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sonic.errors import InstallError, SpeechError
from sonic.files import read_small

MAX_TEXT = 50_000
"""Characters: about an hour of speech."""
LONGEST_S = 600.0
"""A synthesiser that takes longer is stopped."""
_PIPER_SUFFIX = ".onnx"
_MAX_CARD_BYTES = 1024 * 1024
_INSTALL = {
    "espeak-ng": "install it (Debian, Ubuntu: apt install espeak-ng; macOS: brew install espeak-ng; Windows: winget "
    "install espeak-ng), or give a recording",
    "piper": "install it (pip install piper-tts), or give the name of a language to take espeak-ng",
}


@dataclass(frozen=True, slots=True)
class Synthesised:
    """A recording that a program spoke."""

    file: Path
    """WAV."""
    notice: str
    """By what, in which voice, under which licence: for the record."""


def synthesise(text: str, voice: str, folder: Path) -> Synthesised:
    """``text`` spoken into a WAV in ``folder``.

    ``voice`` is a language or voice of espeak-ng, such as en, cmn or en-gb+f3, or the path of a piper voice, an .onnx
    file with its .onnx.json beside it. Raises SpeechError for a text or voice that cannot be spoken, InstallError where
    the program is missing.
    """
    if not text.strip():
        raise SpeechError("the text is empty; write what is to be said")
    if len(text) > MAX_TEXT:
        raise SpeechError(f"the text has {len(text)} characters; at most {MAX_TEXT} are spoken, cut it in parts")
    out = folder / "text.wav"
    if voice.endswith(_PIPER_SUFFIX):
        _spoken("piper", ["--model", voice, "--output_file", str(out)], text, voice, out)
        return Synthesised(out, f"the speech is synthetic: piper, voice {Path(voice).name} ({_piper_licence(voice)})")
    _spoken("espeak-ng", ["-v", voice, "-w", str(out), "--stdin", "-b", "1"], text, voice, out)
    return Synthesised(out, f"the speech is synthetic: espeak-ng, voice {voice} (espeak-ng and its voices: GPL-3.0)")


def _spoken(program: str, words: list[str], text: str, voice: str, out: Path) -> None:
    path = shutil.which(program)
    if path is None:
        raise InstallError(f"{program} is not installed, and speaks texts; {_INSTALL[program]}")
    try:
        done = subprocess.run(  # noqa: S603 - the program, no shell; the text goes through standard input
            [path, *words], input=text.encode("utf-8"), capture_output=True, timeout=LONGEST_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SpeechError(f"{program} took more than {LONGEST_S:.0f} s for the text; cut it in parts") from error
    except OSError as error:
        raise InstallError(f"{program} cannot be run ({error.strerror}); install it anew") from error
    if done.returncode or not out.is_file() or out.stat().st_size <= 44:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-200:] or "it said nothing"
        raise SpeechError(f"{program} could not speak the text in voice {voice!r} ({said}); choose another voice")


def _piper_licence(voice: str) -> str:
    """What the files of a voice say of its licence: a field of its .json, or the line of a MODEL_CARD beside it."""
    try:
        values = json.loads(read_small(f"{voice}.json", _MAX_CARD_BYTES))
        if isinstance(values, dict) and isinstance(licence := values.get("license"), str):
            return f"licence {licence[:100]}"
        card = read_small(Path(voice).with_name("MODEL_CARD"), _MAX_CARD_BYTES).decode("utf-8", "replace")
        lines = [line for line in card.splitlines() if "license" in line.lower()]
        return lines[0].strip(" *#")[:100] if lines else "its licence is not stated beside it"
    except (OSError, ValueError, RecursionError):
        return "its licence is not stated beside it"
