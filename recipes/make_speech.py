"""The bundled recordings, spoken by free synthetic voices.

Needs Debian packages ``festival festvox-us-slt-hts festlex-cmu festlex-poslex espeak-ng``, then

    python recipes/make_speech.py            rewrites src/sonic/assets/demo/speech.flac and tests/data/mandarin.flac
"""

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
ROOT = Path(__file__).resolve().parent.parent

ENGLISH = (
    "Hello! My name is Sonic. Give me one portrait and a bit of your voice, and I move my mouth to match.",
    "No big computer, no fuss: a very modest one will do for both of us.",
)
"""Two phrases with many p b m, f v and o u; PAUSE_S of silence lies between them."""
MANDARIN = "你好，我们说话吧。"
PAUSE_S = 0.65
LEAD_S, TAIL_S = 0.15, 0.40
"""Silence before the first and after the last sound."""


def festival(text: str, wav: Path) -> None:
    """CMU voice slt (Arctic, HTS), 32 kHz."""
    _run(["text2wave", "-eval", "(voice_cmu_us_slt_arctic_hts)", "-o", str(wav)], text)


def espeak(text: str, wav: Path) -> None:
    """Formant synthesis, 22.05 kHz."""
    _run(["espeak-ng", "-v", "cmn", "-s", "165", "-w", str(wav), "--stdin"], text)


def _run(command: list[str], text: str) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise SystemExit(f"{command[0]} is not installed; see the first lines of {Path(__file__).name}")
    subprocess.run([program, *command[1:]], input=text.encode(), check=True)  # noqa: S603 - our own fixed command


def read_wav(wav: Path, rate_hz: int) -> F32:
    """(N,) mono in [-1, 1] at ``rate_hz``."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate_hz)
    with av.open(str(wav)) as container:
        frames = [*container.decode(audio=0), None]
        parts = [out.to_ndarray()[0] for frame in frames for out in resampler.resample(frame)]
    return np.asarray(np.concatenate(parts), np.float32)


def trim(samples: F32, rate_hz: int, threshold: float = 0.004) -> F32:
    """Without the silence at both ends, 20 ms of it kept, faded so that nothing clicks."""
    loud = np.flatnonzero(np.abs(samples) > threshold * np.abs(samples).max())
    margin = rate_hz // 50
    kept = samples[max(0, loud[0] - margin) : loud[-1] + margin].copy()
    fade = np.linspace(0, 1, margin, dtype=np.float32)
    kept[:margin] *= fade
    kept[-margin:] *= fade[::-1]
    return kept


def assemble(phrases: list[F32], rate_hz: int, peak: float = 0.7) -> F32:
    """The phrases, each at the same loudness, with their silences; the highest sample is ``peak`` (-3 dBFS)."""

    def silence(seconds: float) -> F32:
        return np.zeros(round(seconds * rate_hz), np.float32)

    parts = [silence(LEAD_S)]
    for phrase in phrases:
        parts += [phrase / np.sqrt(np.mean(phrase**2)), silence(PAUSE_S)]
    parts[-1] = silence(TAIL_S)
    joined = np.concatenate(parts)
    return np.asarray(joined * (peak / np.abs(joined).max()), np.float32)


def write_flac(samples: F32, rate_hz: int, out: Path) -> None:
    """16 bit mono, highest compression."""
    with av.open(str(out), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=rate_hz, layout="mono", format="s16")
        stream.options = {"compression_level": "12"}
        pcm = np.round(samples * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate = rate_hz
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "phrase.wav"

        def speak(voice: Callable[[str, Path], None], text: str, rate_hz: int) -> F32:
            voice(text, wav)
            return trim(read_wav(wav, rate_hz), rate_hz)

        english = [speak(festival, text, 24_000) for text in ENGLISH]
        write_flac(assemble(english, 24_000), 24_000, ROOT / "src/sonic/assets/demo/speech.flac")
        mandarin = [speak(espeak, MANDARIN, 16_000)]
        write_flac(assemble(mandarin, 16_000), 16_000, ROOT / "tests/data/mandarin.flac")


if __name__ == "__main__":
    main()
