"""Captions: words in time with a recording, lines that can be read, drawn beside mouth and label."""

import hashlib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from special_files import special

import sonic
from sonic import demo
from sonic.captions import espeak, fonts
from sonic.captions.align import align
from sonic.captions.draw import CaptionPainter, CaptionStyle
from sonic.captions.fonts import direction, font_for, opened
from sonic.captions.formats import to_srt, to_vtt
from sonic.captions.lines import LINE, MAX_LINES, PER_S, SHORTEST_S, Word, cues_of, to_read, width
from sonic.captions.script import is_rtl, joined, read_captions, units_of
from sonic.captions.timing import Captions, estimated, timed
from sonic.errors import InstallError, MediaError, OutputError, SettingError
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.pipeline.captioning import CaptionRequest
from sonic.provenance.label import make_label
from sonic.settings import Settings
from sonic.settings.platforms import platform
from sonic.types import F32, LabelOverlay, Portrait

DEJAVU = str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf")
"""Has Latin, Greek, Cyrillic and Arabic; comes with matplotlib, which tests have."""
needs_espeak = pytest.mark.skipif(espeak.program() is None, reason="espeak-ng is not installed")
DEMO_TEXT = (
    "Hello! My name is Sonic. Give me one portrait and a bit of your voice, and I move my mouth to match. "
    "No big computer, no fuss: a very modest one will do for both of us."
)
DEMO_PHRASES_S = {"Hello!": 0.24, "No": 6.84}
"""Where the two phrases of the bundled recording begin, measured on its level."""


def evenly(text: str, per_word_s: float = 0.35) -> list[Word]:
    return [Word(unit, k * per_word_s, (k + 1) * per_word_s) for k, unit in enumerate(units_of(text))]


@pytest.fixture(scope="module")
def portrait() -> Portrait:
    return analyse_portrait(load_photo(demo.PORTRAIT), Settings(min_resolution=360), lambda line: None)


@pytest.fixture(scope="module")
def label(portrait: Portrait) -> LabelOverlay:
    return make_label(portrait, Settings(), 100)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("Hello, world!", ["Hello,", "world!"]),
        ("你好，世界。", ["你", "好，", "世", "界。"]),
        ("他说：「好」。", ["他", "说：", "「好」。"]),
        ("我用Python写code", ["我", "用", "Python", "写", "code"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
        ("مرحبا بكم، أهلا", ["مرحبا", "بكم،", "أهلا"]),
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया।"]),
    ],
)
def test_units_are_what_is_timed_and_together_are_the_text(text: str, units: list[str]) -> None:
    found = units_of(text)
    assert [unit.text for unit in found] == units
    assert joined(found) == text


@given(st.text(max_size=80))
def test_no_letter_of_a_text_is_lost(text: str) -> None:
    printable = "".join(c if c.isprintable() or c in "\u200c\u200d" else " " for c in text)
    assert "".join(joined(units_of(text)).split()) == "".join(printable.split())


@given(st.lists(st.text("abcdefgh,.?你好世界。", min_size=1, max_size=14), max_size=60), st.floats(0.05, 1.0))
def test_cues_keep_to_the_rules(words: list[str], per_word_s: float) -> None:
    timed_words = evenly(" ".join(words), per_word_s)
    length_s = len(timed_words) * per_word_s + 0.5
    cues = cues_of(timed_words, length_s)
    assert [word for cue in cues for line in cue.lines for word in line] == timed_words, "every word once, in order"
    for place, cue in enumerate(cues):
        assert 0 <= cue.begin_s < cue.end_s
        assert place == 0 or cues[place - 1].end_s <= cue.begin_s + 1e-9
        assert len(cue.lines) <= MAX_LINES
        assert all(width(text) <= LINE for text in cue.texts())


def test_slow_speech_is_shown_long_enough_and_not_too_fast() -> None:
    cues = cues_of(evenly("Yes. No. " * 3 + "This is a longer sentence of several words, and it goes on. ", 0.45), 60)
    assert all(cue.end_s - cue.begin_s >= SHORTEST_S - 1e-9 for cue in cues)
    assert all(to_read("".join(cue.texts())) / (cue.end_s - cue.begin_s) <= PER_S for cue in cues)


def test_files_hold_what_players_read() -> None:
    captions = Captions(cues_of(evenly("a < b & c. Next one.", 0.5), 4.0), "aligned")
    vtt, srt = to_vtt(captions, words=True), to_srt(captions)
    assert vtt.startswith("WEBVTT\n\nNOTE Made with Sonic")
    assert "a <00:00:00.500>&lt; <00:00:01.000>b" in vtt
    assert srt.startswith("1\n00:00:00,000 --> 00:00:0") and "a < b & c." in srt


@pytest.mark.parametrize("name", ["subs.srt", "subs.vtt"])
def test_subtitles_keep_their_times(name: str, tmp_path: Path) -> None:
    point = "," if name.endswith("srt") else "."
    text = "1\n00:00:01,000 --> 00:00:02,500\n<i>Hello</i>\nworld\n\n2\n00:01:00,0 --> 00:01:02,0\nLate\n"
    text = text.replace(",", point)
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    said: list[str] = []
    captions = timed(read_captions(path), np.zeros(16_000 * 5, np.float32), said.append)
    assert [(cue.begin_s, cue.end_s, cue.texts()) for cue in captions.cues] == [(1.0, 2.5, ("Hello", "world"))]
    assert "1 of 2 subtitles" in said[0]


def test_subtitles_of_a_whole_recording_fit_a_part_of_it(tmp_path: Path) -> None:
    """The part from 10 s to 15 s: what is said before and after is not in its captions."""
    path = tmp_path / "whole.srt"
    path.write_text(
        "1\n00:00:01,000 --> 00:00:02,000\nBefore\n\n2\n00:00:09,000 --> 00:00:11,000\nNot yet\nnow then\n\n"
        "3\n00:00:14,000 --> 00:00:16,000\nstill said\nno longer\n",
        encoding="utf-8",
    )
    said: list[str] = []
    captions = timed(read_captions(path), np.zeros(16_000 * 5, np.float32), said.append, begin_s=10)
    assert [(cue.begin_s, cue.end_s, cue.texts()) for cue in captions.cues] == [
        (0.0, 1.0, ("now then",)), (4.0, 5.0, ("still said",)),
    ]  # fmt: skip
    words = [word for cue in captions.cues for line in cue.lines for word in line]
    assert all(0 <= word.begin_s <= word.end_s <= 5 for word in words)
    assert "1 of 3 subtitles" in said[0]


@pytest.mark.parametrize(
    ("name", "content"), [("a.srt", b"hello"), ("a.txt", b""), ("a.txt", b"\xff\xfe\x00"), ("a.doc", b"x")]
)
def test_files_that_are_no_captions_are_refused(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(MediaError):
        read_captions(path)


@needs_espeak
def test_words_are_found_where_they_are_said() -> None:
    speech = load_speech(demo.SPEECH, lambda line: None)
    units = units_of(DEMO_TEXT)
    sounds = espeak.say(units, "en")
    assert sounds is not None
    times = dict(
        zip([unit.text for unit in units], align(speech.samples, sounds, [u.text for u in units]), strict=True)
    )
    for word, begin_s in DEMO_PHRASES_S.items():
        assert abs(times[word][0] - begin_s) < 0.15, word
    begins = [begin for begin, _ in align(speech.samples, sounds, [unit.text for unit in units])]
    assert begins == sorted(begins)


@needs_espeak
def test_a_long_recording_is_aligned_as_a_short_one_is() -> None:
    """Four times the demo, with pauses: beyond 40 s the path is looked for coarsely first."""
    samples = load_speech(demo.SPEECH, lambda line: None).samples
    one = np.concatenate([samples[: len(samples)], np.zeros(16_000, np.float32)]).astype(np.float32)
    units = units_of(DEMO_TEXT)
    sounds = espeak.say(units, "en") or []
    texts = [unit.text for unit in units]
    short = align(one, sounds, texts)
    long = align(np.tile(one, 4), sounds * 4, texts * 4)
    for k in range(4):
        moved = [begin - k * len(one) / 16_000 for begin, _ in long[k * len(texts) : (k + 1) * len(texts)]]
        assert np.median(np.abs(np.array(moved) - [begin for begin, _ in short])) < 0.05, k


def test_without_espeak_times_are_estimated_and_said_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(espeak, "program", lambda: None)
    path = tmp_path / "text.txt"
    path.write_text(DEMO_TEXT, encoding="utf-8")
    said: list[str] = []
    speech = load_speech(demo.SPEECH, lambda line: None)
    captions = timed(read_captions(path), speech.samples, said.append)
    assert captions.method == "estimated" and "espeak-ng is not installed" in said[0]
    assert captions.cues[0].texts()[0].startswith("Hello!")
    assert len(estimated(units_of(DEMO_TEXT), np.zeros(16_000, np.float32))) == len(units_of(DEMO_TEXT))


@pytest.mark.parametrize("text", ["A text which is long enough to be broken once", "مرحبا بكم في هذا الدرس القصير"])
def test_captions_cover_neither_mouth_nor_label(text: str, portrait: Portrait, label: LabelOverlay) -> None:
    captions = Captions(cues_of(evenly(text), 10), "aligned")
    notices: list[str] = []
    painter = CaptionPainter(captions, portrait, label, CaptionStyle(DEJAVU, karaoke=True), None, notices.append)
    rgb = portrait.crop.copy()
    painter.draw(rgb, 0.5)
    changed = (rgb != portrait.crop).any(2)
    assert changed.any() and not notices
    lips = portrait.face.points_px[[61, 291, 0, 17], :2]
    (left, top), (right, bottom) = lips.min(0).astype(int), lips.max(0).astype(int)
    assert not changed[top : bottom + 1, left : right + 1].any()
    height, wide = label.rgba.shape[:2]
    assert not changed[label.top_px : label.top_px + height, label.left_px : label.left_px + wide].any()
    assert not _drawn(painter, portrait, 60.0).any(), "nothing after the last word"


def test_for_a_platform_captions_find_room_below_the_chin() -> None:
    """The demo's photo ends so near below the chin that its 9:16 crop had them on the forehead."""
    rules = platform("tiktok")
    settings = Settings().replace(**rules.settings | {"min_resolution": 270})
    said: list[str] = []
    for chin_at in (None, CaptionRequest(Path("a.txt"), CaptionStyle()).chin_at(settings)):
        portrait = analyse_portrait(load_photo(demo.PORTRAIT), settings, lambda line: None, chin_at=chin_at)
        label = make_label(portrait, settings, 100)
        cues = cues_of(evenly("A text which is long enough to be broken into two lines once"), 10)
        said.clear()
        painter = CaptionPainter(
            Captions(cues, "aligned"), portrait, label, CaptionStyle(), rules.safe_area, said.append
        )
    lines = _drawn(painter, portrait, 0.5).any(1).nonzero()[0]
    assert lines[0] >= portrait.face.points_px[152, 1] - 1 and lines[-1] <= 0.65 * portrait.crop.shape[0] + 1
    assert not said
    assert CaptionRequest(Path("a.txt")).chin_at(settings) is None, "nothing is drawn"


def test_the_word_that_is_said_is_coloured_on_its_side(portrait: Portrait, label: LabelOverlay) -> None:
    def first_and_last(text: str) -> tuple[float, float]:
        words = evenly(text, 1.0)
        painter = CaptionPainter(
            Captions(cues_of(words, 10), "aligned"),
            portrait,
            label,
            CaptionStyle(DEJAVU, karaoke=True),
            None,
            lambda line: None,
        )
        places = []
        for time_s in (0.5, len(words) - 0.5):
            rgb = portrait.crop.copy()
            painter.draw(rgb, time_s)
            yellow = (rgb[..., 0] > 230) & (rgb[..., 1] > 180) & (rgb[..., 2] < 110)
            places.append(float(np.nonzero(yellow)[1].mean()))
        return places[0], places[1]

    first, last = first_and_last("one two three")
    assert first < last
    first, last = first_and_last("واحد اثنان ثلاثة")
    assert first > last, "Arabic runs from right to left"
    assert is_rtl("مرحبا") and not is_rtl("123 abc")


def _drawn(painter: CaptionPainter, portrait: Portrait, time_s: float) -> "np.ndarray":  # type: ignore[type-arg]
    rgb = portrait.crop.copy()
    painter.draw(rgb, time_s)
    return (rgb != portrait.crop).any(2)


@pytest.mark.parametrize(
    ("text", "font"),
    [
        ("Grüße, naïve, đầu tiên, Καλημέρα, Здравствуйте", "west.ttf"),
        ("مرحبا بكم، خوش آمدید", "west.ttf"),
        ("नमस्ते दुनिया, क्षत्रिय", "west.ttf"),
        ("สวัสดีครับ บทเรียน", "west.ttf"),
        ("大家好，AI 课程", "sc.otf"),
        ("歡迎來到第一課", "tc.otf"),
        ("みなさん、直角の話", "ja.otf"),
        ("안녕하세요 여러분", "ko.otf"),
    ],
)
def test_a_machine_without_fonts_draws_these_scripts(text: str, font: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "_found", lambda: ())
    assert font_for(text, None).endswith(f"sonic-captions-{font}")


def test_letters_join_in_sonics_own_fonts() -> None:
    font = opened(font_for("مرحبا क्ष", None), 40)
    for joined_, apart in (("مرحبا", "م ر ح ب ا"), ("क्षेत्र", "क ् ष े त ् र")):
        way = direction(joined_)
        alone = sum(font.getlength(letter, direction=way) for letter in apart.split())
        assert font.getlength(joined_, direction=way) < 0.8 * alone


def test_sonics_own_fonts_are_those_of_the_notice() -> None:
    notice = (Path(__file__).parents[2] / "NOTICE").read_text(encoding="utf-8")
    for path in fonts._own():
        assert hashlib.sha256(Path(path).read_bytes()).hexdigest() in notice, Path(path).name


def test_fonts_are_checked_for_the_letters(tmp_path: Path) -> None:
    assert isinstance(font_for("Grüße, naïve", None), str)
    with pytest.raises(InstallError, match="--caption-font"):
        font_for("\U00013000", None)  # a hieroglyph
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"nothing")
    with pytest.raises(SettingError, match="cannot be used"):
        font_for("abc", str(broken))
    with pytest.raises(SettingError, match="lacks"):
        font_for("\U00013000", DEJAVU)


def test_captions_lie_beside_the_video_and_strangers_files_stay(tmp_path: Path) -> None:
    text, out = tmp_path / "words.txt", tmp_path / "out.mp4"
    text.write_text(DEMO_TEXT, encoding="utf-8")
    small = Settings(min_resolution=160, duration=0.6, inference_steps=1, fps=15)
    request = CaptionRequest(text, CaptionStyle())
    for _ in range(2):  # the second replaces its own files
        result = sonic.generate(
            demo.PORTRAIT, demo.SPEECH, out, consent=demo.consent(), settings=small, captions=request
        )
    assert out.with_suffix(".srt").read_text(encoding="utf-8").startswith("1\n00:00:0")
    assert any("captions from 'words.txt' drawn" in line for line in result.notices)
    assert "captions from 'words.txt'" in result.record.read_text(encoding="utf-8")
    other = tmp_path / "other.mp4"
    other.with_suffix(".srt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="no earlier job made it"):
        sonic.generate(demo.PORTRAIT, demo.SPEECH, other, consent=demo.consent(), settings=small, captions=request)
    assert not other.exists() and other.with_suffix(".srt").read_text(encoding="utf-8") == "mine"


def test_frames_of_a_stream_have_their_captions(tmp_path: Path) -> None:
    path = tmp_path / "words.vtt"
    path.write_text("WEBVTT\n\n00:00.000 --> 00:05.000\nHello\n", encoding="utf-8")
    pictures = []
    for captions in (None, CaptionRequest(path), CaptionRequest(path, CaptionStyle())):
        with sonic.stream(
            demo.PORTRAIT, demo.SPEECH, consent=demo.consent(), captions=captions, min_resolution=160, duration=0.2,
            inference_steps=1, seed=1,
        ) as frames:  # fmt: skip
            pictures.append(next(frames).rgb.astype(int))
    changed = [(np.abs(one - pictures[0]) > 60).any() for one in pictures]
    assert changed == [False, False, True], "captions without a style are for files, and there is none"


def test_a_recording_of_one_word_or_none_has_its_captions(tmp_path: Path) -> None:
    sound: F32 = np.zeros(8_000, np.float32)
    for text in ("Hi", "..."):
        path = tmp_path / "one.txt"
        path.write_text(text, encoding="utf-8")
        cues = timed(read_captions(path), sound, lambda line: None).cues
        assert len(cues) == 1 and cues[0].begin_s < cues[0].end_s <= 0.5


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.srt", f"{'9' * 400}:00:00,000 --> {'9' * 401}:00:01,000\nhi\n"),
        ("a.srt", f"{'9' * 5000}:00:00,000 --> {'9' * 5001}:00:01,000\nhi\n"),
        ("a.vtt", "1" * 1_000_000),
        ("a.vtt", f"00:00:00.000{' ' * 1_000_000}00:00:01.000\nhi\n"),
    ],
    ids=["hours beyond all numbers", "digits beyond all texts", "a line of digits", "a line of spaces"],
)
def test_subtitles_without_end_are_refused_at_once(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(MediaError, match="hold no times"):
        read_captions(tmp_path / name)


def test_a_word_of_a_million_letters_is_read_in_one_go(tmp_path: Path) -> None:
    """Each letter was compared with all before it."""
    (tmp_path / "a.txt").write_text("a" * 1_000_000 + " \u4f60" + "!" * 100_000 + "b")
    assert [len(unit.text) for unit in read_captions(tmp_path / "a.txt").units] == [1_000_000, 100_001, 1]


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop", "missing", "endless device"])
def test_whatever_is_named_as_a_font_is_looked_at_and_refused(kind: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="cannot be used"):
        font_for("text", str(special(kind, tmp_path)))


def test_a_pipe_where_captions_go_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("hello")
    special("pipe", tmp_path).rename(tmp_path / "out.vtt")
    with pytest.raises(OutputError, match=r"out.vtt' exists and no earlier job made it"):
        CaptionRequest(tmp_path / "text.txt").read(tmp_path / "out.mp4")
