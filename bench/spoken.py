"""Speech, whispers and a song with exact phone times: synthetic voices of espeak-ng, as WAV files.

Sentences of real words, none of them drawn from the lists that training speaks. The song is words of which each holds
its longest vowel on a note, over chords and a beat.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jobs import write_wav
from sonic.training.voices import Espeak, phone_labels, resampled
from sonic.types import F64, SPEECH_RATE_HZ, U8

Events = list[tuple[float, str]]

SENTENCES = {
    "English": (
        "en-us",
        "The painter moved his boat up the river before the storm came.",
        "Bring me the brown paper bag from the top of the shelf, please.",
        "My grandmother bakes fresh bread and reads five books a month.",
    ),
    "Mandarin": (
        "cmn-latn-pinyin",
        "wo3men5 wan3shang5 qu4 gong1yuan2 pao3bu4, hao3 bu5 hao3?",
        "ta1 ba3 bei1zi5 fang4 zai4 zhuo1zi5 shang4, ran2hou4 chu1men2 le5.",
        "qing3 ni3 man4man4 shuo1, wo3 pa4 ting1 bu5 ming2bai5.",
    ),
    "Cantonese": (
        "yue",
        "我今日同媽媽去公園跑步。",
        "佢唔鍾意飲凍嘅咖啡。",
        "明天朋友會買麵包俾我。",
    ),
    "Korean": (
        "ko",
        "나는 어제 부모님과 바다에 갔어요.",
        "비가 오면 우리는 집에서 밥을 먹어요.",
        "봄에는 꽃이 많이 피고 바람이 불어요.",
    ),
    "Hindi": (
        "hi",
        "मेरे भाई ने बाज़ार से फल और सब्ज़ी ख़रीदी।",
        "बच्चे मैदान में पतंग उड़ा रहे हैं।",
        "वह हर सुबह पूजा के बाद अख़बार पढ़ता है।",
    ),
    "French": (
        "fr",
        "Ma voisine boit un bol de soupe avec du pain frais.",
        "Le bateau bleu passe sous le vieux pont à midi.",
        "Il faut fermer la fenêtre avant de partir au bureau.",
    ),
    "German": (
        "de",
        "Mein Bruder fuhr mit dem Boot über den breiten Fluss.",
        "Am Morgen kauft meine Mutter frische Brötchen und Butter.",
        "Viele Vögel fliegen im Frühling wieder über unser Dorf.",
    ),
    "Russian": (
        "ru",
        "Мой брат купил новую лодку и поплыл по реке.",
        "Вечером бабушка варит борщ и печёт пироги.",
        "В феврале у нас всегда много снега и мороз.",
    ),
    "Portuguese": (
        "pt-br",
        "Minha avó faz um bolo de banana todo domingo.",
        "O barco velho voltou para o porto depois da chuva.",
        "Você pode fechar a porta e abrir a janela, por favor?",
    ),
    "Arabic": (
        "ar",
        "ذَهَبْتُ مَعَ أَخِي إِلَى السُّوقِ فِي المَسَاءِ",
        "هَلْ تُحِبُّ أَنْ تَشْرَبَ القَهْوَةَ بِالحَلِيبِ",
        "فَتَحَ الوَلَدُ البَابَ وَوَقَفَ أَمَامَ البَيْتِ",
    ),
    "Spanish": (
        "es",
        "La vecina prepara una sopa muy buena cada domingo.",
        "El barco blanco pasa por debajo del puente viejo.",
        "Me gusta beber vino y comer pan con mantequilla.",
    ),
    "Japanese": (
        "ja",
        "わたしわ まいあさ こうえんで ともだちと あいます。",
        "あめが ふったら うみえわ いきません。",
        "この パンわ とても おいしいと おもいます。",
    ),
}
"""Language -> espeak-ng's voice and sentences: the twelve of the table."""
WHISPER = "Whisper"
WHISPERER = ("whisper", 150, 50)
SPEAKERS = (("m3", 160, 35), ("f2", 185, 65), ("klatt2", 145, 45))
"""(variant, words a minute, pitch) of the voice that says each sentence."""
SONG = "Song"
MELODY = (
    *(("over", 0), ("the", 2), ("mountain", 4), ("blows", 5), ("a", 4), ("summer", 2), ("wind", 0)),
    *(("open", 7), ("your", 5), ("window", 4), ("let", 2), ("me", 4), ("come", 2), ("home", 0)),
)
"""(word, steps above the lowest note)."""
SINGERS = (("f2", 50), ("m3", 35))
"""(variant, pitch of the lowest note)."""
SINGER_VOICE, SINGER_RATE = "en-us", 110
NOTE_S, MIN_VOWEL_S = 0.55, 0.06
CHORDS_HZ = ((130.8, 164.8, 196.0), (110.0, 130.8, 164.8), (87.3, 110.0, 130.8), (98.0, 123.5, 146.8))
MUSIC_DB = -10.0
"""Level of the accompaniment against the voice."""
EDGE_S = 0.4
"""Silence before and after."""


@dataclass(frozen=True)
class Spoken:
    """One recording and its phones."""

    language: str
    voice: str
    path: Path
    labels: U8
    """(N,) at 50 Hz."""


def spoken(folder: Path, limit: int) -> list[Spoken]:
    """At most ``limit`` recordings of each kind, written into ``folder``. Raises InstallError without espeak-ng."""
    espeak, found = Espeak(), []
    for language, (voice, *sentences) in SENTENCES.items():
        for sentence, (variant, rate, pitch) in list(zip(sentences, SPEAKERS, strict=True))[:limit]:
            samples, events = espeak.speak(sentence, f"{voice}+{variant}", rate=rate, pitch=pitch, spread=50)
            found.append(_written(folder, language, variant, _at_16k(espeak, samples, events)))
    for sentence in SENTENCES["English"][1:][:limit]:
        variant, rate, pitch = WHISPERER
        samples, events = espeak.speak(sentence, f"en-us+{variant}", rate=rate, pitch=pitch, spread=50)
        found.append(_written(folder, WHISPER, f"{variant}{len(found)}", _at_16k(espeak, samples, events)))
    for variant, pitch in SINGERS[:limit]:
        voice, labels = _at_16k(espeak, *_sung(espeak, variant, pitch))
        found.append(_written(folder, SONG, variant, (_with_music(voice), labels)))
    return found


def _at_16k(espeak: Espeak, samples: NDArray[np.int16], events: Events) -> tuple[F64, U8]:
    """Sound in [-1, 1] with silence at its ends, and its phones."""
    edge = np.zeros(round(EDGE_S * espeak.rate_hz), np.int16)
    sound = resampled(np.concatenate([edge, samples, edge]), espeak.rate_hz)
    last = EDGE_S + len(samples) / espeak.rate_hz
    labels = phone_labels([*((EDGE_S + t, symbol) for t, symbol in events), (last, "")], sound)
    return sound / 32768.0, labels


def _sung(espeak: Espeak, variant: str, lowest: int) -> tuple[NDArray[np.int16], Events]:
    """The melody word by word, with the phones' times."""
    blocks: list[NDArray[np.int16]] = []
    phones: Events = []
    now = 0.0
    for word, note in MELODY:
        samples, events = espeak.speak(
            word, f"{SINGER_VOICE}+{variant}", rate=SINGER_RATE, pitch=lowest + 3 * note, spread=0
        )
        samples, events = _held(samples, events, espeak.rate_hz)
        blocks.append(samples)
        phones += [(now + t, symbol) for t, symbol in events]
        now += len(samples) / espeak.rate_hz
    return np.concatenate(blocks), phones


def _held(samples: NDArray[np.int16], events: Events, rate_hz: int) -> tuple[NDArray[np.int16], Events]:
    """The word without the silence around it, its longest vowel repeated period by period until it fills a note."""
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max(initial=1))
    stop = int(loud[-1]) + 1 if len(loud) else len(samples)
    samples, events = samples[:stop], [(t, s) for t, s in events if t < stop / rate_hz]
    ends = [t for t, _ in events[1:]] + [stop / rate_hz]
    vowels = [(end - t, t) for (t, s), end in zip(events, ends, strict=True) if s[:1] in "aeiouɑɐɔəɛɜɪʊʌæoɒᵻɚ"]
    length, start = max(vowels, default=(0.0, 0.0))
    extra = NOTE_S - length
    if length < MIN_VOWEL_S or extra <= 0:
        return samples, events
    middle = int((start + 0.5 * length) * rate_hz)
    period = _period(samples[middle - int(0.02 * rate_hz) : middle + int(0.02 * rate_hz)].astype(np.float64), rate_hz)
    loop = samples[middle - period : middle]
    times = max(1, round(extra * rate_hz / period))
    shift = times * period / rate_hz
    held = np.concatenate([samples[:middle], np.tile(loop, times), samples[middle:]])
    return held, [(t + shift if t > start + 0.5 * length else t, s) for t, s in events]


def _period(piece: F64, rate_hz: int) -> int:
    """The pitch period in samples, by autocorrelation, 70 to 400 Hz."""
    low, high = rate_hz // 400, min(rate_hz // 70, len(piece) - 1)
    r = np.correlate(piece, piece, "full")[len(piece) - 1 :]
    return low + int(np.argmax(r[low:high]))


def accompaniment(n: int) -> F64:
    """(n,) samples of plucked chords and a beat of noise."""
    rng, t = np.random.default_rng(0), np.arange(n) / SPEECH_RATE_HZ
    beat = (t / NOTE_S).astype(int)
    since = t - beat * NOTE_S
    roots = np.array(CHORDS_HZ)[(beat // 4) % len(CHORDS_HZ)]  # (N, 3)
    chord = sum(np.sin(2 * np.pi * k * roots * t[:, None]).sum(1) / k for k in (1, 2, 3, 4)) * np.exp(-4 * since)
    drum = rng.standard_normal(len(t)) * np.exp(-40 * since)
    return np.asarray(chord + 1.5 * drum)


def _with_music(voice: F64) -> F64:
    """The voice over its accompaniment."""
    music = accompaniment(len(voice))
    gain = 10 ** (MUSIC_DB / 20) * voice.std() / music.std()
    mixed = voice + gain * music
    return np.asarray(mixed * min(1.0, 0.95 / np.abs(mixed).max()))


def _written(folder: Path, language: str, variant: str, sound: tuple[F64, U8]) -> Spoken:
    path = write_wav(folder / f"{language.lower()}-{variant}.wav", sound[0])
    return Spoken(language, variant, path, sound[1])
