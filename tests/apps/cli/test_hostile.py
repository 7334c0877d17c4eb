"""What strangers' machines do to a command: odd names, odd words, special files, streams that take nothing, full disks.

Each case ends with the exit code that it should have, says what is wrong in one line, shows no traceback, and leaves no
file that was not asked for.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_videos import save_sound, tone
from special_files import SPECIAL, special

from sonic import demo
from sonic.apps.cli import main, names
from sonic.apps.cli.show import Reporter, put

NOBODY = ["--consent", "synthetic"]
SMALL = ["--min-resolution", "128", "--duration", "0.2", "--inference-steps", "1"]
LONG = {
    "CJK": "录" * 45,
    "longest": "x" * 251,
    "accents": "e\u0301" * 80,
    "family": "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 10,
    "bytes": os.fsdecode(b"\xff\xfe" * 60),
}
ODD = {
    "newline": "new\nline",
    "leading dash": "-rf",
    "bidirectional": "\u202egpj.exe\u202c",
    "escape": "\x1b]0;owned\x07\x1b[2J",
    "trailing dots": "photo. . .",
    "trailing space": "photo ",
    "Windows device": "CON",
    "only dots": "...",
    "quotes": 'it\'s "q" `$(touch x)` %PATH%',
    "line separator": "a\u2028b\x85c",
    "tag characters": "a\U000e0041\u200b\ufeff",
    "one byte": os.fsdecode(b"\xff"),
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each case in a folder of its own; one that waits for ever is stopped."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def stuck(*_: object) -> None:
        raise AssertionError("the command waits for something that never comes")

    previous = signal.signal(signal.SIGALRM, stuck)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


def refused(capsys: pytest.CaptureFixture[str], words: list[str], code: int | tuple[int, ...]) -> str:
    """The one line that the command says; it is the same in JSON, and nothing is left."""
    before = sorted(os.listdir())
    assert main(words) in (code if isinstance(code, tuple) else (code,))
    said = capsys.readouterr()
    line = said.err.strip().splitlines()[-1]
    assert "Traceback" not in said.err and line.startswith("sonic: ") and line.isprintable()
    assert sorted(os.listdir()) == before
    end = words.index("--") if "--" in words else len(words)
    main([*words[:end], "--json", *words[end:]])
    events = [json.loads(text) for text in capsys.readouterr().out.split("\n") if text]
    assert events[-1]["event"] == "error" and events[-1]["message"]
    return line


# names


def photo_named(stem: str) -> Path:
    return Path(shutil.copy(demo.PORTRAIT, Path(f"{stem}.png")))


@pytest.mark.parametrize("kind", ["CJK", "bytes"])
def test_a_default_name_is_shortened_to_what_the_folder_can_hold(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    photo = photo_named(LONG[kind])
    sound = save_sound(Path(f"{LONG[kind]}.wav"), tone(0.2, 16_000), 16_000).source
    job = ["generate", str(photo), str(sound), *NOBODY, *SMALL]
    assert [main([*job, "-q"]), main([*job, "--json"])] == [0, 0]
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    videos = [Path(name) for name in os.listdir() if name.endswith(".mp4")]
    assert len(videos) == 2 and Path(result["video"]) in videos and Path(result["record"]).exists()
    assert all(len(os.fsencode(name)) <= 255 for name in os.listdir())
    assert not [name for name in os.listdir() if name.startswith(".sonic-")]


@pytest.mark.parametrize("kind", ODD)
def test_an_odd_name_is_said_on_one_line_that_moves_no_terminal(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    photo = f".{os.sep}{ODD[kind]}.png"
    Path(photo).write_bytes(b"no photo")
    refused(capsys, ["generate", photo, str(demo.SPEECH), *NOBODY], 3)
    refused(capsys, ["verify", photo], 3)
    refused(capsys, ["consent", "show", photo], 5)
    refused(capsys, ["preview", photo, photo, "--preset", photo], 2)
    refused(capsys, ["log", "show", ODD[kind].lstrip("-")], 2)


def test_a_video_whose_record_would_have_too_long_a_name_is_verified(capsys: pytest.CaptureFixture[str]) -> None:
    photo_named(LONG["longest"])
    assert main(["verify", f"{LONG['longest']}.png", "-q"]) in (10, 12)
    assert "Traceback" not in capsys.readouterr().err


def test_what_was_made_is_said_without_moving_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out = f"{ODD['newline']}{ODD['escape']}{ODD['bidirectional']}.mp4"
    assert main(["generate", str(demo.PORTRAIT), str(demo.SPEECH), "-q", "-o", out, *NOBODY, *SMALL]) == 0
    lines = capsys.readouterr().out.rstrip("\n").split("\n")
    assert len(lines) == 2 and all(line.isprintable() for line in lines) and Path(out).exists()


@pytest.mark.parametrize("kind", LONG)
def test_a_long_stem_is_cut_between_characters_and_its_files_can_be_made(kind: str) -> None:
    for stems in ([LONG[kind]], [LONG[kind], "b"], ["a", LONG[kind]], [LONG[kind]] * 2):
        name = names.fitting(stems, ".mp4", Path())
        for made in (name, f"{name.removesuffix('.mp4')}-99.json"):
            Path(made).write_bytes(b"")
        first = name.partition("-")[0].removesuffix(".mp4")
        assert first and not first.endswith(("\u200d", "e", " ", "."))


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), max_size=300), min_size=1, max_size=2))
def test_any_stems_make_a_name_that_fits_and_can_be_seen(stems: list[str]) -> None:
    name = names.fitting(stems, ".consent.json", Path())
    assert name.endswith(".consent.json") and name.isprintable() and "/" not in name
    assert len(f"{name.removesuffix('.consent.json')}-99.consent.json".encode()) <= 255
    assert not name.startswith(("-", ".consent"))


@given(st.text(max_size=60), st.integers(0, 100))
def test_a_shortened_text_ends_between_characters(text: str, n_bytes: int) -> None:
    kept = names.shortened(text, n_bytes)
    assert text.startswith(kept) and len(kept.encode("utf-8", "surrogatepass")) <= n_bytes
    if kept and kept != text:
        rest = text[len(kept) :].lstrip(" .")
        assert not rest or (not unicodedata.category(text[len(kept)]).startswith("M") and kept[-1] != "\u200d")


def test_a_consent_for_a_photo_with_the_longest_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = photo_named(LONG["longest"])
    for _ in range(2):
        assert main(["consent", "new", str(photo), "--basis", "synthetic", "--confirmed"]) == 0
    assert len([name for name in os.listdir() if name.endswith(".consent.json")]) == 2


# words


@pytest.mark.parametrize(
    "words",
    [
        [""], ["--"], ["-"], ["generate", ""], ["generate", "-"], ["generate", "--", "--", "--"],
        ["generate", "a", "b", "--consent"], ["generate", "a", "b", "--consent="], ["GENERATE", "a", "b"],
        ["generate", "a", "b", "--consent", "self", "--subject", "A", "--seed", "99999999999999999999"],
        ["generate", "a", "b", *NOBODY, "--seed", "nan"], ["generate", "a", "b", *NOBODY, "--seed", "-1"],
        ["generate", "a", "b", *NOBODY, "--fps", "1/0"], ["generate", "a", "b", *NOBODY, "--fps", "1e400"],
        ["generate", "a", "b", *NOBODY, "--fps", "٢٥٫"], ["generate", "a", "b", *NOBODY, "--duration", "inf"],
        ["generate", "a", "b", *NOBODY, "--duration", "NaN"], ["generate", "a", "b", *NOBODY, "--crf", "18.5"],
        ["generate", "a", "b", *NOBODY, "--engine", ""], ["generate", "a", "b", *NOBODY, "--engine", "../light"],
        ["generate", "a", "b", *NOBODY, "--preset", ""], ["generate", "a", "b", *NOBODY, "--preset", "../secret"],
        ["generate", "a", "b", *NOBODY, "--preset", "nul\0"], ["generate", "a", "b", *NOBODY, "--label-span", "never"],
        ["generate", "a", "b", *NOBODY, "--language", "x" * 5000], ["generate", "a", "b", *NOBODY, "--face", "0"],
        ["generate", "a", "b", *NOBODY, "--framing", "\u202e"],
        ["generate", "a", "b", *NOBODY, "--min-resolution", "0x80"],
        ["generate", "a", "b", *NOBODY, "--consent-given", "2026-02-30"], ["generate", "a", "b", *NOBODY, "-o", ""],
        ["generate", "a", "b", *NOBODY, "-o", "nul\0.mp4"], ["generate", "a", "b", *NOBODY, "-o", "x" * 300 + ".mp4"],
        ["generate", "a", "b", *NOBODY, "-o", "out"], ["generate", "a", "b", *NOBODY, "-o", "none/out.mp4"],
        ["generate", "a", "b", *NOBODY, "-o", "none/"], ["generate", "a", "b", *NOBODY, "-o", "/dev/null"],
        ["generate", "a", "b", "--consent", "self", "--subject", "new\nline"], ["generate", "nul\0", "b", *NOBODY],
        ["inspect", "a", "-o", "b.gif"], ["inspect", "a", "-o", "none/b.png"], ["inspect", "nul\0.png"],
        ["evaluate", "nul\0"], ["evaluate", "a", "--real", "b"], ["preview", "a", "b", "-o", "\0.png"],
        ["verify", ""], ["verify", "nul\0"], ["verify", "a", "b"], ["demo", "-o", "x.avi"], ["demo", "extra"],
        ["consent", "show", ""], ["consent", "show", "0"], ["consent", "show", "g" * 64], ["consent", "check", "\0"],
        ["consent", "revoke", "x" * 5000], ["consent", "new", "\0.png", "--basis", "synthetic", "--confirmed"],
        ["log", "list", "--since", "tomorrow"], ["log", "list", "--kind", "spam"], ["log", "show", "9" * 5000],
        ["log", "show", "\0"], ["log", "export", "-o", "none/x.csv"], ["log", "export", "-o", "\0"],
        ["log", "list", "-n", "x"],
        ["train", "encoder", "none"], ["train", "prepare", "none"],
        ["weights", "fetch", "--folder"], ["weights", "sell"],
        ["weights", "check", "x" * 300], ["weights", "check", "\0"],
        ["weights", "convert", "x" * 300],
    ],
    ids=lambda words: ascii(" ".join(words))[1:60],
)  # fmt: skip
def test_odd_words_are_answered_with_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    refused(capsys, words, (2, 3, 5, 6, 7))


# files

PLACES: dict[str, tuple[int, Callable[[str], list[str]]]] = {
    "portrait": (3, lambda path: ["generate", path, str(demo.SPEECH), *NOBODY]),
    "speech": (3, lambda path: ["generate", str(demo.PORTRAIT), path, *NOBODY]),
    "consent": (5, lambda path: ["generate", "a", "b", "--consent", path]),
    "preset": (2, lambda path: ["preview", "a", "b", "--preset", path]),
    "consent show": (5, lambda path: ["consent", "show", path]),
    "evidence file": (
        5,
        lambda path: [
            "consent", "new", str(demo.PORTRAIT), "-o", "c.json", "--subject", "A", "--basis", "written", "--confirmed",
            "--evidence-file", path,
        ],
    ),
    "inspect": (3, lambda path: ["inspect", path]),
    "verify": (3, lambda path: ["verify", path]),
    "recipe": (2, lambda path: ["train", "prepare", ".", "--work", "w", "--recipe", path]),
}  # fmt: skip
VARIABLES = {
    "SONIC_POLICY": ["generate", "a", "b", *NOBODY],
    "SONIC_TRUST_LIST": ["verify", str(demo.PORTRAIT)],
    "SONIC_SIGN_CERT": ["generate", "a", "b", *NOBODY],
    "SONIC_SIGN_KEY": ["generate", "a", "b", *NOBODY],
}


@pytest.mark.parametrize("kind", SPECIAL)
@pytest.mark.parametrize("place", PLACES)
def test_whatever_is_named_as_a_file_is_looked_at_and_refused(
    place: str, kind: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, words = PLACES[place]
    refused(capsys, words(str(special(kind, Path()))), code)


@pytest.mark.parametrize("kind", [kind for kind in SPECIAL if kind != "nul"])
@pytest.mark.parametrize("variable", VARIABLES)
def test_whatever_a_variable_names_is_looked_at_and_refused(
    variable: str, kind: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(special(kind, Path().absolute()))
    for name in ("SONIC_SIGN_CERT", "SONIC_SIGN_KEY") if "SIGN" in variable else (variable,):
        monkeypatch.setenv(name, path)
    line = refused(capsys, VARIABLES[variable], 2)
    assert variable.replace("SONIC_SIGN_KEY", "SONIC_SIGN_CERT") in line or "policy" in line


@pytest.mark.parametrize(
    "kind", [kind for kind in SPECIAL if kind not in ("missing", "endless device", "nul", "too long")]
)
def test_whatever_lies_where_the_record_goes_is_kept(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    special(kind, Path()).rename("out.json") if kind != "loop" else Path("out.json").symlink_to("out.json")
    refused(capsys, ["generate", str(demo.PORTRAIT), str(demo.SPEECH), "-o", "out.mp4", "--overwrite", *NOBODY], 6)
    assert os.path.lexists("out.json")


def test_a_folder_of_consents_that_may_not_be_read_is_called_that(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not "revoked", and not "no consents yet"."""
    assert main(["consent", "new", str(photo_named("a")), "--basis", "synthetic", "--confirmed"]) == 0
    capsys.readouterr()

    listed = os.listdir

    def denied(path: str | Path = ".", *_: int) -> Any:
        if "consents" in str(path):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr("sonic.provenance.consent.revocation.read_small", denied)
    line = refused(capsys, ["consent", "check", "a.consent.json"], 5)
    assert "cannot be read (Permission denied)" in line and "revoked" not in line
    monkeypatch.setattr("sonic.provenance.consent.store.os.listdir", denied)
    assert main(["consent", "list"]) == 5
    assert "cannot be read (Permission denied)" in capsys.readouterr().err


# streams

STREAMS = {
    "stdout closed": ("exec >&-; exec ", 0),
    "stderr closed": ("exec 2>&-; exec ", 0),
    "all closed": ("exec <&- >&- 2>&-; exec ", 0),
    "stdout full": ("exec >/dev/full; exec ", 6),
    "stderr full": ("exec 2>/dev/full; exec ", 0),
    "both full": ("exec >/dev/full 2>&1; exec ", 6),
}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("kind", STREAMS)
def test_streams_that_take_nothing_change_nothing_but_what_is_said(kind: str, home: Path) -> None:
    begin, code = STREAMS[kind]
    for words in ("doctor --help", "consent list", "log export --csv"):
        command = f'{begin}"{sys.executable}" -m sonic {words}'
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True)
        assert "Traceback" not in done.stderr + done.stdout and "Exception ignored" not in done.stderr
        assert done.returncode == (0 if "--help" in words else code)


def test_a_video_is_complete_although_nobody_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    job = ["generate", str(demo.PORTRAIT), str(demo.SPEECH), *NOBODY, *SMALL]
    for number, (out, err) in enumerate(
        ((_Full(), _Full()), (None, None), (_Closed(), _Closed()), (_Broken(), _Full()))
    ):
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        code = main([*job, "-o", f"{number}.mp4", *(["--json"] if number % 2 else [])])
        assert code == (6, 0, 0, 141)[number]
    assert sorted(os.listdir()) == [f"{number}.{suffix}" for number in range(4) for suffix in ("json", "mp4")]


def test_a_video_is_made_although_its_name_cannot_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = _encoded("ascii", monkeypatch)
    words = ["generate", str(demo.PORTRAIT), str(demo.SPEECH), "-q", "-o", "录音.mp4", *NOBODY, *SMALL]
    assert main(words) == 0 and Path("录音.mp4").exists()
    assert raw.getvalue().startswith(rb"\u5f55\u97f3.mp4  128x160")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp936", "utf-8", "utf-16"])
def test_what_an_encoding_lacks_is_escaped(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "录音é\U0001f600" + os.fsdecode(b"\xff") + ".mp4"
    for json_lines in (False, True):
        raw = _encoded(encoding, monkeypatch)
        reporter = Reporter(json_lines=json_lines, quiet=False)
        reporter.notice(f"made {name}")
        reporter.result(name, video=name)
        last = raw.getvalue().decode(encoding).splitlines()[-1]
        assert json.loads(last)["video"] == name if json_lines else last.endswith(r"\udcff.mp4")
        assert reporter.unprinted is None


def _encoded(encoding: str, monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """The bytes of a standard output in this encoding."""
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding=encoding))
    monkeypatch.setattr("sys.stderr", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    return raw


def test_help_that_nobody_reads_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", _Full())
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0


def test_a_stream_that_failed_once_is_not_tried_again() -> None:
    with open("/dev/full" if Path("/dev/full").exists() else os.devnull, "w") as full:
        assert put(full, "x") is not None or not Path("/dev/full").exists()
        assert put(full, "y") is None


class _Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


class _Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


class _Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise ValueError("I/O operation on closed file")


# disks


@contextmanager
def small_disk(n_bytes: int) -> Iterator[None]:
    """Writing more than this to one file fails, as on a full disk."""
    resource = pytest.importorskip("resource", reason="needs a Unix with file size limits")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


FILLED = {
    "generate": ["generate", str(demo.PORTRAIT), str(demo.SPEECH), "-o", "out.mp4", *NOBODY, *SMALL],
    "inspect": ["inspect", str(demo.PORTRAIT), "-o", "out.png"],
    "log": ["log", "export", "-o", "out.csv", "--csv"],
    "consent": ["consent", "new", "a.png", "--basis", "synthetic", "--confirmed"],
}


@pytest.mark.parametrize("n_bytes", [0, 100, 4000])
@pytest.mark.parametrize("command", FILLED)
def test_a_full_disk_is_one_line_and_leaves_nothing(
    command: str, n_bytes: int, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo_named("a")
    if command != "consent":  # the log gets entries to export; the key is made while there is room
        assert main(["consent", "new", "a.png", "--basis", "synthetic", "--confirmed", "-o", "c.json"]) == 0
    before = sorted(os.listdir())
    with small_disk(n_bytes):
        code = main(FILLED[command])
    said = capsys.readouterr().err
    assert code in (0, 1, 6) and "Traceback" not in said
    if code:
        assert sorted(os.listdir()) == before
        assert said.strip().splitlines()[-1].startswith("sonic: ")
    else:
        assert n_bytes == 4000 and command in ("log", "consent")


@pytest.mark.parametrize("command", ["generate", "inspect", "log"])
def test_a_folder_that_cannot_be_written_is_one_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("locked")
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):  # root may write anywhere but here
        folder = Path("/proc/self")
        if not folder.is_dir():
            pytest.skip("as root, and without /proc, every folder can be written")
    words = FILLED[command]
    at = words.index("-o") + 1
    refused(capsys, [*words[:at], str(folder / words[at]), *words[at + 1 :]], 6)
