"""What the library says, in Chinese: nothing is missing, and values keep their places."""

import string
import tomllib
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentences import constants, is_sentence, sentences

from sonic.language import in_language

CATALOGUE = tomllib.loads(resources.files("sonic").joinpath("assets/words/messages_zh.toml").read_text("utf-8"))
OF_THE_SYSTEM = ("Permission denied", "Disk quota", "Read-only file", "Input/output", "database or disk", "disk I/O",
                 "No such file", "No space left", "File too large", "Is a directory", "Not a directory")  # fmt: skip


def covered(template: str) -> bool:
    text = template.strip(" ;,\n")
    text = text[1:-1] if text.startswith("(") and text.endswith(")") else text
    if {text, f"{{}} {text}", f"{text} {{}}", f"{text}{{}}"} & CATALOGUE.keys():
        return True
    pieces = text.split("; ")
    return len(pieces) > 1 and all(covered(piece) or not is_sentence(piece) for piece in pieces)


def test_every_sentence_that_people_may_read_has_chinese() -> None:
    missing = [f"{where}  {text}" for where, text in sentences() if not covered(text)]
    assert not missing, "add these to assets/words/messages_zh.toml:\n" + "\n".join(missing)


def test_nothing_is_translated_that_nobody_says() -> None:
    said = constants()
    stale = [
        english
        for english in CATALOGUE
        if not english.startswith((*OF_THE_SYSTEM, "a playlist", "a damaged"))
        for part in english.split("{}")
        if is_sentence(part) and part.strip().removeprefix("it ") not in said
    ]
    assert not stale, "remove these from assets/words/messages_zh.toml:\n" + "\n".join(stale)


def test_every_gap_is_filled_and_no_other() -> None:
    for english, chinese in CATALOGUE.items():
        gaps = [name for _, name, _, _ in string.Formatter().parse(chinese) if name is not None]
        n = english.count("{}")
        assert all(not name or int(name) < n for name in gaps), english
        assert len(gaps) <= n, english


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("the face is dark: a photo with more light on the face is better", "脸偏暗：脸部光线更充足的照片更好"),
        ("crf is 99; it must be between 0 and 51", "crf 为 99；必须在 0 和 51 之间"),
        ("the mouth is open and shows teeth: closed, relaxed lips give the best speech",
         "嘴张开并露出牙齿：自然闭合的双唇说话效果最好"),
        ("recording 'a; of 2 s.wav' is damaged: 1.0 of 2.0 s can be decoded; save or export it again",
         "录音 'a; of 2 s.wav' 已损坏：2.0 秒中只有 1.0 秒可以解码；请重新保存或导出"),
        ("recording 'x.mid' is a MIDI file (it holds notes and no sound; export it as WAV), by its content; give a "
         "WAV, MP3, FLAC, OGG, AAC, M4A/MP4, WebM or MKV file",
         "录音 'x.mid' 按内容是 MIDI 文件（它只有音符而没有声音；请导出为 WAV）；请给出 WAV、MP3、FLAC、OGG、AAC、M4A/"
         "MP4、WebM 或 MKV 文件"),
        ("the policy /etc/p.toml requires an evidence file (--evidence-file); it allows consents of 30 days, not of 90 "
         "(--expires); make one that fits: sonic consent new",
         "政策 /etc/p.toml 要求凭证文件（--evidence-file）；并且允许 30 天的授权，不允许 90 天（--expires）；"
         "请填写符合要求的授权：sonic consent new"),
        ("the consent of Ada (1f) is limited to language en; say what this video is: --language en",
         "Ada 的授权（1f）限于语言：en；请说明此视频的：--language en"),
        ("dynamic_scale 1.5: 0.8 to 1.2 is recommended; below 0.8 the mouth hardly opens, above 1.2 it looks overdone",
         "dynamic_scale 1.5：推荐 0.8 至 1.2；低于 0.8 嘴几乎不张开，高于 1.2 显得夸张"),
        ("signed with this machine's own key; says: made or changed with AI, with Sonic 1, on 2026-01-02 03:04 UTC "
         "(its own clock says); unchanged",
         "由本机密钥签名；其中写明：由 AI 生成或修改，使用 Sonic 1，于 2026-01-02 03:04 UTC（依其自身时钟）；未被改动"),
        ("nobody wrote words for this sentence", "nobody wrote words for this sentence"),
    ],
)  # fmt: skip
def test_sentences_are_said_with_their_values(english: str, chinese: str) -> None:
    assert in_language(english, "zh") == chinese
    assert in_language(english, "en") == english


@given(st.text(max_size=300))
@settings(max_examples=50, deadline=None)
def test_any_name_stays_as_it_is(name: str) -> None:
    said = in_language(f"recording {name!r} is silent: the mouth will stay closed", "zh")
    assert said == f"录音 {name!r} 没有声音：嘴会一直闭着"


def test_another_language_is_refused() -> None:
    with pytest.raises(KeyError):
        in_language("the photo", "tlh")
