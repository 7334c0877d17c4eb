"""Synthetic voices with exact phone times: espeak-ng's library, many languages, varied voice, rate and pitch.

Needs the system library libespeak-ng (Debian: espeak-ng); only training uses it, and only the sound goes into the
model.
"""

import ctypes
import ctypes.util
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sonic.errors import InstallError
from sonic.training.phones import INDEX, PHONES, SILENCE, from_ipa
from sonic.training.sound import LABEL_HZ, Utterance, n_labels
from sonic.types import SPEECH_RATE_HZ, U8

WORDS = {
    "en-us": "people time water good place every thing family money morning problem moment purple thumb jump maybe "
    "above five voice fish leaf world happy small book power home movie baby apple because through "
    "weather pleasure judge child singing",
    "en-gb-x-rp": "government possible number important company before member public evening father mother brother "
    "summer bottle umbrella perhaps welcome beautiful remember probably example village half laugh "
    "together measure orange church yellow",
    "cmn-latn-pinyin": ""
    "ni3hao3 wo3men5 peng2you5 bei3jing1 ming2tian1 tian1qi4 ma1ma5 ba4ba5 gong1zuo4 xue2xi2 dian4ying3 "
    "shou3ji1 bu4zhi1dao4 fei1chang2 fei1ji1 ping2guo3 mi3fan4 piao4liang5 pao3bu4 mian4bao1 mei2you3 "
    "xi3huan5 xue2sheng1 lao3shi1 zhong1guo2 shang4hai3 chun1tian1 xia4tian1 yin1yue4 chu1qu4 chi1fan4 "
    "shui4jiao4 re4nao5 ri4ben3 nv3ren2 lv4se4 zuo2tian1 wen4ti2 shi2jian1 fa1xian4 fang1bian4 bao3hu4 "
    "ma3shang4 bian4hua4",
    "es": "hombre mujer tiempo pueblo problema mañana familia amigo bueno primero mejor palabra ciudad gobierno "
    "siempre favor numero llamar hablar viaje noche leche guapo fuerte jueves zapato perro rojo abuela "
    "importante posible también",
    "fr": "bonjour maison femme homme problème famille première beaucoup plusieurs maintenant peuple vivre "
    "pouvoir moment jeune bleu rouge jamais toujours amour voiture oiseau feuille soleil montagne parler "
    "demain bonheur chanson lumière",
    "de": "morgen problem familie immer mensch arbeit frau mann fünf zwölf schön bücher möglich abend haben "
    "leben pferd apfel wasser vielleicht zwischen geschichte entwicklung über glück baum blume freund "
    "sprechen kommen geben öffnen",
    "it": "buongiorno famiglia problema amore mondo tempo uomo donna bambino parola primo sempre fiume vivere "
    "potere giovane bello piccolo acqua giorno notte scuola amico montagna lavoro figlio zucchero chiesa "
    "gelato piove febbraio",
    "ar": "مرحبا صباح الخير شكرا كتاب مدرسة بيت باب ماء يوم ليل شمس قمر مدينة صديق عمل وقت كبير صغير جميل طعام "
    "سيارة مفتاح فرصة برنامج مشكلة موسيقى وردة هواء طبيب مطر",
    "hi": "नमस्ते पानी परिवार समय दोस्त भाषा काम बहुत अच्छा मेरा नाम भारत किताब फूल बाजार मौसम पुस्तक विद्यालय "
    "प्रेम भोजन बच्चा माता पिता सुबह शाम फिल्म वर्ष मंदिर हवा खुशी",
    "ru": "привет спасибо человек время вода мама папа работа город большой маленький первый письмо любовь "
    "фильм вопрос помощь жизнь утро вечер пожалуйста хорошо собака музыка шесть семь восемь рыба муж "
    "погода",
    "tr": "merhaba teşekkür büyük küçük güzel arkadaş çocuk problem zaman para baba anne kapı pencere gün mavi "
    "yeşil köprü şimdi yarın akşam yemek müzik fotoğraf vapur ümit öğretmen kahve bahçe",
}
"""Common words of each language; sentences are drawn from them at random."""
_EUROPEAN = (
    "b d f g k l m n p r s t v z sh ch j h w bl br dr fl gr kl kr pl pr sk sp st tr",
    "a e i o u ai au ei",
    "n m s l r t k p f",
)
_ENGLISH = (
    "b d f g k l m n p r s t v z sh ch j h w th y bl br cl cr dr fl fr gl gr pl pr sk sl sm sn sp st str sw tr qu wh",
    "a e i o u ee oo ea ai ay ow oa ou oy aw er ar or ir",
    "b d f g k l m n p s t v z sh ch th nt nd st mp ng lf lm rb",
)
SYLLABLES = {
    **dict.fromkeys(("en-us", "en-gb-x-rp"), _ENGLISH),
    **dict.fromkeys(("es", "fr", "de", "it", "tr", "pt", "id", "sw", "pl"), _EUROPEAN),
    "cmn-latn-pinyin": (
        "b p m f d t n l g k h j q x zh ch sh r z c s w y",
        "a o e i u ai ei ao ou an en ang eng ong ian iang iao ie in ing iu ua uo ui uan un uang",
        "1 2 3 4 5",
    ),
    "ar": ("ب ت ث ج ح د ر ز س ش ف ق ك ل م ن ه و ي", "ا و ي ا و ي َ ُ ِ", "ن م ل ر س ب"),
    "hi": ("क ख ग घ च छ ज झ ट ड त थ द ध न प फ ब भ म य र ल व श स ह", "ा ि ी ु ू े ै ो ौ", "न म ल र स त"),
    "ru": ("б в г д ж з к л м н п р с т ф х ч ш пр тр ст", "а е и о у ы э ю я", "м н л р с т п"),
    "ja": (
        "か き く け こ さ し す せ そ た ち つ て と な に ぬ ね の は ひ ふ へ ほ ま み む め も や ゆ よ "
        "ら り る れ ろ わ が ぎ ぐ げ ご ば び ぶ べ ぼ ぱ ぴ ぷ ぺ ぽ",
        "あ い う え お ん ー",
        "か み と る ま ぶ の",
    ),
    "ko": (
        "가 나 다 라 마 바 사 아 자 차 카 타 파 하 비 부 보 베 미 무 모 메 피 푸 포 페 고 구 기 노 누 니 도 두 디",
        "",
        "밤 김 집 문 말 곰 삼",
    ),
}
"""Onsets, nuclei and codas of invented words: a voice that says them teaches sounds, not a vocabulary."""
VARIANTS = (
    *("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5", "klatt", "klatt2", "klatt4"),
    *("steph", "belinda", "linda", "alicia", "edward", "paul", "adam", "michel"),
)
STOPS = tuple(INDEX[p] for p in ("P", "B", "T", "D", "K", "G", "CH", "JH"))
PHONEME, LIST_END = 7, 0
SYNCHRONOUS, PHONEME_EVENTS, PHONEME_IPA, UTF8 = 2, 1, 2, 1
RATE, PITCH, RANGE = 1, 3, 4


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("string", ctypes.c_char * 8),
    )


class Espeak:
    """One open espeak-ng; ``speak`` returns sound and phone events. Raises InstallError where the library is
    missing."""

    def __init__(self) -> None:
        name = ctypes.util.find_library("espeak-ng")
        if not name:
            raise InstallError("libespeak-ng is not installed; install espeak-ng, or set voices = 0 in the recipe")
        self._lib = ctypes.CDLL(name)
        self.rate_hz = self._lib.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS | PHONEME_IPA)
        self._blocks: list[NDArray[np.int16]] = []
        self._phones: list[tuple[float, str]] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
        self._callback = kind(self._receive)
        self._lib.espeak_SetSynthCallback(self._callback)

    def _receive(self, wave: "ctypes._Pointer[ctypes.c_short]", n: int, events: "ctypes._Pointer[_Event]") -> int:
        if wave and n > 0:
            self._blocks.append(np.ctypeslib.as_array(wave, (n,)).copy())
        i = 0
        while events[i].type != LIST_END:
            if events[i].type == PHONEME:
                self._phones.append((events[i].audio_position / 1000, events[i].string.decode("utf-8", "ignore")))
            i += 1
        return 0

    def speak(
        self, text: str, voice: str, *, rate: int, pitch: int, spread: int
    ) -> tuple[NDArray[np.int16], list[tuple[float, str]]]:
        """(samples at rate_hz, [(start in s, IPA symbol)]) of one sentence."""
        self._blocks, self._phones = [], []
        if self._lib.espeak_SetVoiceByName(voice.encode()):
            return np.zeros(0, np.int16), []
        for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, spread)):
            self._lib.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, UTF8, None, None)
        self._lib.espeak_Synchronize()
        return (np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.int16)), self._phones


def synthetic_utterances(count: int, rng: np.random.Generator) -> Iterator[Utterance]:
    """``count`` random sentences: two of five English, one of eight Mandarin."""
    espeak = Espeak()
    others = [language for language in SYLLABLES if not language.startswith("en")]
    others += ["cmn-latn-pinyin"] * 3
    for i in range(count):
        language = str(rng.choice(["en-us", "en-gb-x-rp"]) if i % 5 < 2 else rng.choice(others))
        voice = f"{language}+{rng.choice(VARIANTS)}"
        words = _words(language, int(rng.integers(5, 12)), rng)
        text = " ".join(f"{w}{',' if rng.random() < 0.12 else ''}" for w in words)
        rate, pitch, spread = int(rng.integers(120, 260)), int(rng.integers(15, 90)), int(rng.integers(20, 90))
        samples, events = espeak.speak(text, voice, rate=rate, pitch=pitch, spread=spread)
        if len(samples) < espeak.rate_hz or len(events) < 5:
            continue
        sound = resampled(samples, espeak.rate_hz)
        labels = phone_labels(events, sound)
        order = labels[np.flatnonzero(np.diff(labels, prepend=255))]
        yield Utterance(f"voice{i:05d}", voice, "train", sound, " ".join(PHONES[p] for p in order if p), labels)


def _words(language: str, count: int, rng: np.random.Generator) -> list[str]:
    """Known words and invented ones."""
    known = WORDS.get(language, "").split()
    return [str(rng.choice(known)) if known and rng.random() < 0.35 else _invented(language, rng) for _ in range(count)]


def _invented(language: str, rng: np.random.Generator) -> str:
    """A word of one to three syllables; in pinyin the coda is the tone."""
    onsets, nuclei, codas = (part.split(" ") for part in SYLLABLES[language])
    share = 1.0 if language.startswith("cmn") else 0.3
    parts = []
    for _ in range(rng.integers(1, 4)):
        parts += [rng.choice(onsets), rng.choice(nuclei), rng.choice(codas) if rng.random() < share else ""]
    return "".join(str(part) for part in parts)


def resampled(samples: NDArray[np.int16], rate_hz: int) -> NDArray[np.int16]:
    """(N,) at SPEECH_RATE_HZ."""
    import av

    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate = rate_hz
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SPEECH_RATE_HZ)
    blocks = [b.to_ndarray()[0] for b in [*resampler.resample(frame), *resampler.resample(None)]]
    return np.asarray(np.concatenate(blocks), np.int16)


def phone_labels(events: list[tuple[float, str]], sound: NDArray[np.int16]) -> U8:
    """Phone index at 50 Hz; an IPA event that stands for two phones is split in the middle.

    An event of a stop marks its release; the quiet frames before it, up to 80 ms, are its closure.
    """
    labels = np.full(n_labels(len(sound)), SILENCE, np.uint8)
    ends = [start for start, _ in events[1:]] + [len(sound) / SPEECH_RATE_HZ]
    for (start, symbol), end in zip(events, ends, strict=True):
        phones = from_ipa(symbol)
        for k, phone in enumerate(phones):
            first = round((start + (end - start) * k / len(phones)) * LABEL_HZ)
            last = round((start + (end - start) * (k + 1) / len(phones)) * LABEL_HZ)
            labels[first : max(last, first + 1)] = INDEX[phone]
    hop = SPEECH_RATE_HZ // LABEL_HZ
    power = (np.pad(sound, (hop // 2, 2 * hop))[: len(labels) * hop].reshape(-1, hop).astype(np.float32) ** 2).mean(1)
    quiet = power < 0.005 * np.percentile(power, 95)
    for j in (np.flatnonzero(np.diff(labels)) + 1).tolist():
        if labels[j] in STOPS:
            first = j
            while first > max(0, j - 4) and quiet[first - 1] and labels[first - 1] not in STOPS:
                first -= 1
            labels[first:j] = labels[j]
    return labels
