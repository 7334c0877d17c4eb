"""Captions that are recognised: what a person gets of them, with a stand-in for the recogniser's network."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sonic
from sonic import demo
from sonic.captions import espeak, recogniser, recogniser_weights
from sonic.captions.recogniser import find_language, recognise
from sonic.errors import ConsentError, InstallError
from sonic.pipeline.captioning import CaptionRequest
from sonic.settings import Settings

SMALL = Settings(min_resolution=160, duration=0.6, inference_steps=1, fps=15)
SILENCE = np.zeros(32_000, np.float32)


@dataclass
class Word:
    word: str
    start: float
    end: float


@dataclass
class Segment:
    words: list[Word]

    @property
    def text(self) -> str:
        return "".join(word.word for word in self.words)


@dataclass
class About:
    language: str
    language_probability: float


@dataclass
class Network:
    """Hears what it is told to."""

    segments: list[Segment] = field(default_factory=list)
    language: str = "en"
    probability: float = 0.9
    supported_languages: tuple[str, ...] = ("en", "zh", "pt")
    asked: list[str | None] = field(default_factory=list)

    def transcribe(self, sound: Any, *, language: str | None, **options: Any) -> tuple[list[Segment], About]:
        self.asked.append(language)
        return self.segments, About(language or self.language, 1.0 if language else self.probability)

    def detect_language(self, sound: Any, **options: Any) -> tuple[str, float, list[Any]]:
        return self.language, self.probability, []


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Network:
    """A recogniser that is installed, with weights of somebody's own."""
    made, folder = Network(), tmp_path / "model"
    folder.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (folder / name).write_bytes(b"numbers")
    monkeypatch.setattr(recogniser_weights, "find_spec", lambda name: name)
    monkeypatch.setenv("SONIC_WEIGHTS", str(folder))
    monkeypatch.setattr(recogniser, "_model", lambda place: made)
    monkeypatch.setattr(espeak, "program", lambda: None)
    return made


def test_recognised_captions_lie_beside_the_video_and_are_to_be_read(network: Network, tmp_path: Path) -> None:
    network.segments = [Segment([Word(" Hello,", 0.1, 0.3), Word(" you.", 0.3, 0.5)])]
    out = tmp_path / "out.mp4"
    result = sonic.generate(
        demo.PORTRAIT, demo.SPEECH, out, consent=demo.consent(), settings=SMALL, captions=CaptionRequest(None)
    )
    assert "Hello, you." in out.with_suffix(".srt").read_text(encoding="utf-8")
    assert "words recognised by a Whisper with SHA-256" in out.with_suffix(".vtt").read_text(encoding="utf-8")
    (line,) = [line for line in result.notices if "recognised by machine" in line]
    assert "language en" in line and "read and correct them" in line and "the recogniser's" in line
    assert "recognised by machine" in result.record.read_text(encoding="utf-8")
    assert "the language of the recording was found by machine: en (90%)" in result.notices
    assert json.loads(result.record.read_text(encoding="utf-8"))["settings"]["language"] == "en"


def test_where_nothing_is_said_there_are_no_captions_and_that_is_told(network: Network, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    result = sonic.generate(
        demo.PORTRAIT, demo.SPEECH, out, consent=demo.consent(), settings=SMALL, captions=CaptionRequest(None)
    )
    assert any("no words were recognised" in line for line in result.notices)
    assert out.with_suffix(".srt").read_text(encoding="utf-8") == ""


def test_a_language_that_is_given_is_not_guessed_and_one_that_is_unknown_is_told(network: Network) -> None:
    told: list[str] = []
    assert recognise(SILENCE, told.append, language="pt-BR").language.tag == "pt"
    assert recognise(SILENCE, told.append, language="yue").language.tag == "zh"
    assert not told
    recognise(SILENCE, told.append, language="tlh")
    assert network.asked == ["pt", "zh", None] and "'tlh'" in told[0]


def test_characters_share_the_time_of_what_the_recogniser_takes_for_a_word(network: Network) -> None:
    network.segments = [Segment([Word("你好", 0.0, 1.0), Word("，世界。", 2.0, 4.0)])]
    found = recognise(SILENCE, print, language="zh")
    assert [unit.text for unit in found.units] == ["你", "好，", "世", "界。"]
    assert [begin for begin, _ in found.times] == [0.0, 0.5, 2.5, 3.0]


def test_a_language_of_little_probability_is_not_taken_for_known(network: Network) -> None:
    network.probability = 0.3
    assert not find_language(SILENCE).is_clear
    network.probability = 0.8
    assert str(find_language(SILENCE)) == "en (80%)"


def test_a_language_that_is_found_is_held_against_the_consent_before_any_work(network: Network, tmp_path: Path) -> None:
    consent = dataclasses.replace(demo.consent(), languages=("de",))
    with pytest.raises(ConsentError, match="allows language de, not en"):
        sonic.generate(
            demo.PORTRAIT, demo.SPEECH, tmp_path / "out.mp4", consent=consent, settings=SMALL, language="auto"
        )
    network.probability = 0.2
    with pytest.raises(ConsentError, match="is limited to language de"):
        sonic.generate(
            demo.PORTRAIT, demo.SPEECH, tmp_path / "out.mp4", consent=consent, settings=SMALL, language="auto"
        )


def test_without_program_or_weights_it_is_one_line_before_any_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.delenv("SONIC_WEIGHTS", raising=False)
    for installed, remedy in ((None, r"pip install 'sonic-talk\[captions\]'"), ("there", "fetch --for captions")):
        monkeypatch.setattr(recogniser_weights, "find_spec", lambda name, found=installed: found)
        with pytest.raises(InstallError, match=remedy):
            sonic.generate(
                demo.PORTRAIT, demo.SPEECH, tmp_path / "out.mp4", consent=demo.consent(), settings=SMALL,
                captions=CaptionRequest(None),
            )  # fmt: skip
    assert not (tmp_path / "out.mp4").exists()
