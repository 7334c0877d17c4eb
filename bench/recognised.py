"""How well captions are recognised: words, their times, and languages (extra captions, and its weights).

    python bench/recognised.py words [--weights FOLDER]      known sentences in twelve languages, three voices each
    python bench/recognised.py people FOLDER                 recordings with an utterances.tsv: file, ..., text, ...
    python bench/recognised.py languages FOLDER              recordings named LANGUAGE_..., such as de_DE_kerstin.opus

words: sentences of spoken.py, said by espeak-ng with its own word events as the truth. Errors of words are insertions,
deletions and replacements over the words that were said, without case and punctuation; of characters where a script
has no spaces. Times are compared for words that were recognised right: by Whisper's attention, and by our alignment of
the recognised text. Mandarin is said from pinyin, so its events are known for the beginnings of words. Japanese is said
from kana and written with kanji, so it has no times. These are robotic voices, hard for a recogniser that has learnt
from people.

people: English sentences as read by people (speechocean762: Mandarin speakers, half of them children), one of each of
the first forty speakers.

languages: what is recognised beside what the file's name says.
"""

import argparse
import csv
import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np

import machine
from bulk import LANGUAGES, WordEvents
from sonic.captions import espeak
from sonic.captions.align import align
from sonic.captions.recogniser import find_language, recognise
from sonic.captions.recogniser_weights import locate, named
from sonic.captions.script import Unit, units_of
from sonic.media.recording import load_speech
from sonic.training.voices import resampled
from sonic.types import F32
from spoken import EDGE_S, SENTENCES, SPEAKERS

WRITTEN = {
    "Mandarin": (
        "我们晚上去公园跑步，好不好？", "他把杯子放在桌子上，然后出门了。", "请你慢慢说，我怕听不明白。",
    ),
    "Japanese": (
        "私は毎朝公園で友達と会います。", "雨が降ったら海へは行きません。", "このパンはとても美味しいと思います。",
    ),
}  # fmt: skip
"""Where what is said is not written as espeak-ng reads it."""
UNSPACED = ("Mandarin", "Cantonese", "Japanese")
PEOPLE = 40
Times = list[tuple[float, float]]


def words(folder: Path | None) -> None:
    """The table of words and times."""
    voice = WordEvents()
    print(
        "| language | said | wrong | right, with a known time | off: Whisper's times | off: aligned | language heard |"
    )
    print("|---|---|---|---|---|---|---|")
    every: tuple[list[float], list[float]] = [], []
    for language in SENTENCES:
        said, wrong, heard, off = 0, 0, [], ([], [])
        for k in range(len(SPEAKERS)):
            sound, truth = _said(voice, language, k)
            found = recognise(sound, print, language=LANGUAGES[language], folder=folder)
            one = find_language(sound, folder=folder)
            heard.append(f"{one.tag} {one.probability:.2f}")
            said += len(truth)
            wrong += _wrong([text for text, _ in truth], _texts(found.units))
            for errors, times in zip(
                off, (found.times, _aligned(found.units, sound, LANGUAGES[language])), strict=True
            ):
                errors += _errors(truth, found.units, times)
        for mine, all_ in zip(off, every, strict=True):
            all_ += mine
        print(f"| {language} | {said} | {100 * wrong / said:.0f} % | {len(off[0])} | {_ms(off[0])} | {_ms(off[1])} | "
              f"{', '.join(heard)} |", flush=True)  # fmt: skip
    print(f"| all | | | {len(every[0])} | {_ms(every[0])} | {_ms(every[1])} | |")


def _said(voice: WordEvents, language: str, k: int) -> tuple[F32, list[tuple[str, float | None]]]:
    """The sound, and (text, begin) of all that was said; None where that is not known."""
    name, *sentences = SENTENCES[language]
    variant, rate, pitch = SPEAKERS[k]
    voice.words = {}
    samples, _ = voice.speak(sentences[k], f"{name}+{variant}", rate=rate, pitch=pitch, spread=50)
    edge = np.zeros(round(EDGE_S * voice.rate_hz), np.int16)
    sound = resampled(np.concatenate([edge, samples, edge]), voice.rate_hz).astype(np.float32) / 32768
    begins = {position: EDGE_S + at for position, at in voice.words.items()}
    return sound, _truth(language, sentences[k], k, begins)


def _truth(language: str, sentence: str, k: int, begins: dict[int, float]) -> list[tuple[str, float | None]]:
    if language in WRITTEN:
        written = _texts(units_of(WRITTEN[language][k]))
        times = _of_syllables(sentence, begins) if language == "Mandarin" else [None] * len(written)
        return list(zip(written, times, strict=True))
    truth, position = [], 0
    for unit in units_of(sentence):
        position = sentence.index(unit.text, position)
        truth += [(text, begins.get(position)) for text in _texts([unit])]
        position += len(unit.text)
    return truth


def _of_syllables(pinyin: str, begins: dict[int, float]) -> list[float | None]:
    """The time of each syllable that begins a word, None of the others."""
    times: list[float | None] = []
    for word in re.finditer(r"\S+", pinyin):
        n = len(re.findall(r"\d", word[0]))
        times += [begins.get(word.start()), *[None] * (n - 1)]
    return times


def _aligned(units: Sequence[Unit], sound: F32, language: str) -> Times:
    sounds = espeak.say(units, language)
    return align(sound, sounds, [unit.text for unit in units]) if units and sounds else [(0.0, 0.0)] * len(units)


def _texts(units: Sequence[Unit]) -> list[str]:
    """Letters alone, without case, vowel signs of Arabic, and differences of encoding."""
    plain = (unicodedata.normalize("NFKC", unit.spoken).casefold() for unit in units)
    return ["".join(c for c in text if not "\u064b" <= c <= "\u0652") for text in plain]


def _wrong(said: Sequence[str], heard: Sequence[str]) -> int:
    """Levenshtein's distance."""
    row = list(range(len(heard) + 1))
    for i, a in enumerate(said, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(heard, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


def _errors(
    truth: Sequence[tuple[str, float | None]], units: Sequence[Unit], times: Sequence[tuple[float, float]]
) -> list[float]:
    """Seconds by which words begin late, of those that were recognised right."""
    matcher = SequenceMatcher(None, [text for text, _ in truth], _texts(units), autojunk=False)
    pairs = [(block.a + k, block.b + k) for block in matcher.get_matching_blocks() for k in range(block.size)]
    return [times[b][0] - begin for a, b in pairs if (begin := truth[a][1]) is not None]


def _ms(errors: Sequence[float]) -> str:
    away = 1000 * np.abs(errors)
    return f"{np.median(away):.0f} ms (90 %: {np.percentile(away, 90):.0f})" if len(away) else "-"


def people(recordings: Path, folder: Path | None) -> None:
    """Words wrong of what people read."""
    with open(recordings / "utterances.tsv", encoding="utf-8") as file:
        rows = list({row["speaker"]: row for row in csv.DictReader(file, delimiter="\t")}.values())[:PEOPLE]
    said = wrong = 0
    for row in rows:
        samples = load_speech(recordings / row["file"], lambda line: None).samples
        truth = _texts(units_of(row["text"]))
        said += len(truth)
        wrong += _wrong(truth, _texts(recognise(samples, print, language="en", folder=folder).units))
    print(f"{len(rows)} speakers, {said} words, {100 * wrong / said:.0f} % wrong")


def languages(recordings: Path, folder: Path | None) -> None:
    """What is heard beside what file names say."""
    right, found = 0, []
    for path in sorted(recordings.iterdir()):
        heard = find_language(load_speech(path, lambda line: None).samples, folder=folder)
        wanted = path.name.split("_")[0]
        right += heard.tag == wanted
        found.append(heard)
        print(f"{path.name:32} {heard}{'' if heard.tag == wanted else '   WRONG'}", flush=True)
    print(f"\n{right} of {len(found)} right; {sum(one.is_clear for one in found)} are called clear")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("words", "people", "languages"))
    parser.add_argument("recordings", nargs="?", type=Path)
    parser.add_argument("--weights", type=Path)
    arguments = parser.parse_args()
    print(machine.describe(), f"; {named(locate(arguments.weights))}", sep="", end="\n\n")
    if arguments.part == "words":
        words(arguments.weights)
    elif arguments.part == "people":
        people(arguments.recordings, arguments.weights)
    else:
        languages(arguments.recordings, arguments.weights)


if __name__ == "__main__":
    main()
