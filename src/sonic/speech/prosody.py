"""What a voice does besides its words: loudness, speech and pauses, pitch, emphasis.

Everything is judged against the 10 s around it, so that a recording's beginning does not depend on how it goes on later
than REACH_S, loud and quiet passages are treated alike, and an hour costs seconds.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from sonic.counts import covering_frames
from sonic.signals import Mask, runs
from sonic.types import F32, F64, SPEECH_RATE_HZ, Samples

REACH_S = 24.0
"""Samples later than this after a moment do not change what is found there: pitch is judged against the speech of the
10 s after it, and speech against the levels of the 10 s after that."""

_WINDOW = 1024  # samples, 64 ms: two periods of the lowest pitch, half of it under the Hann window's top
_BAND_HZ = (80.0, 3000.0)
_PITCH_HZ = (65.0, 450.0)
_CHUNK = 100  # frames analysed at once: some 6 MB
_FLOOR_DB = -95.0
_SILENT_DB = -75.0  # below this nothing is speech, however quiet the recording


@dataclass(frozen=True, slots=True)
class Prosody:
    """T = covering_frames(N, fps) samples of a recording of N; sample i is the sound around i / fps."""

    fps: Fraction
    loudness_db: F32
    """(T,) level of 80 to 3000 Hz against the loud speech around (95th percentile): about 0 at peaks, at least -60."""
    speaking: Mask
    """(T,) voice activity; pauses under 0.2 s count as speech."""
    pitch_st: F32
    """(T,) pitch in semitones against the speaker's median around; 0 where there is no voice."""
    emphasis: F32
    """(T,) 0 .. 1: how much a syllable stands out in loudness and pitch; 0 in pauses."""
    phrase_end: Mask
    """(T,) the first frame of each pause."""

    def __len__(self) -> int:
        return len(self.loudness_db)

    @property
    def loudness(self) -> F64:
        """(T,) linear level against the loud speech around."""
        return np.asarray(10.0 ** (self.loudness_db.astype(np.float64) / 20))


def prosody(samples: Samples, fps: Fraction = Fraction(25)) -> Prosody:
    """The prosody of (N,) mono samples at SPEECH_RATE_HZ, at ``fps``. Not-a-number samples count as 0."""
    return judged(heard(samples, fps, 0, covering_frames(len(samples), fps)), fps)


def judged(level_and_pitch: F64, fps: Fraction) -> Prosody:
    """The prosody of a recording, or of its opening, whose frames sound like this: (2, T) as from ``heard``.

    Voice activity by level over a noise floor that adapts.
    """
    level_db, pitch_hz = level_and_pitch
    rate = float(fps)
    floor, top = (_around(level_db, q, rate) for q in (4.0, 95.0))
    speaking = _speaking(level_db, floor, top, rate)
    loudness = np.clip(level_db - top, -60.0, 6.0)
    pitch_st = _semitones(np.where(speaking, pitch_hz, 0.0), rate)
    return Prosody(
        fps=fps,
        loudness_db=loudness.astype(np.float32),
        speaking=speaking,
        pitch_st=pitch_st.astype(np.float32),
        emphasis=_emphasis(level_db, pitch_st, speaking, rate).astype(np.float32),
        phrase_end=np.concatenate([[False], speaking[:-1] & ~speaking[1:]]),
    )


def heard(samples: Samples, fps: Fraction, begin: int, end: int) -> F64:
    """(2, end - begin) level in dB of full scale and pitch in Hz (0: no voice) of these frames, chunk by chunk.

    Pitch by autocorrelation (Boersma 1993, "Accurate short-term analysis of the fundamental frequency").
    """
    window = np.hanning(_WINDOW)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, 2 * _WINDOW)) ** 2)[:_WINDOW]
    hz = np.fft.rfftfreq(2 * _WINDOW, 1 / SPEECH_RATE_HZ)
    band = (hz >= _BAND_HZ[0]) & (hz <= _BAND_HZ[1])
    out = np.empty((2, end - begin))
    for first in range(begin, end, _CHUNK):
        count = min(_CHUNK, end - first)
        pieces = _pieces(samples, fps, first, count)
        power = np.asarray(np.abs(np.fft.rfft(pieces * window, 2 * _WINDOW)) ** 2, np.float64)
        # Parseval: mean square of the band, undoing the window's own power
        mean_square = power[:, band].sum(1) / (_WINDOW * (window**2).sum())
        chunk = slice(first - begin, first - begin + count)
        out[0, chunk] = 10 * np.log10(mean_square + 10 ** (_FLOOR_DB / 10))
        out[1, chunk] = _pitch(power * (hz < 1200), own)
    return out


def _pieces(samples: Samples, fps: Fraction, first: int, count: int) -> F64:
    """(count, window) samples around each frame's time, without their mean; zeros beyond the ends."""
    centres = np.array([round(i * SPEECH_RATE_HZ / fps) for i in range(first, first + count)])
    start = int(centres[0]) - _WINDOW // 2
    stop = int(centres[-1]) + _WINDOW // 2
    inside = np.nan_to_num(samples[max(start, 0) : max(stop, 0)].astype(np.float64), posinf=1.0, neginf=-1.0)
    padded = np.zeros(stop - start)
    padded[max(-start, 0) : max(-start, 0) + len(inside)] = np.clip(inside, -1.0, 1.0)
    views = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[centres - centres[0]]
    return np.asarray(views - views.mean(1, keepdims=True))


def _pitch(power: F64, own: F64) -> F64:
    """(T,) Hz from power spectra, or 0; ``own`` is the window's autocorrelation."""
    low, high = (int(SPEECH_RATE_HZ / f) for f in (_PITCH_HZ[1], _PITCH_HZ[0]))
    raw = np.fft.irfft(power)[:, : high + 2]
    r = raw / np.maximum(raw[:, :1], 1e-12) / (own[: high + 2] / own[0])
    lags = np.arange(low, high + 1)
    score = r[:, low : high + 1] - 0.03 * np.log2(lags / low)  # prefers the shorter of two equal periods
    best = lags[np.argmax(score, 1)]
    rows = np.arange(len(r))
    a, b, c = r[rows, best - 1], r[rows, best], r[rows, best + 1]
    bend = a - 2 * b + c
    fine = best + np.where(bend < 0, 0.5 * (a - c) / np.where(bend < 0, bend, -1.0), 0.0)
    return np.where((b > 0.55) & (a <= b) & (c <= b), SPEECH_RATE_HZ / np.maximum(fine, low - 1), 0.0)


def _around(x: F64, percent: float, rate: float) -> F64:
    """(T,) running percentile over the 10 s to either side, in steps of a second, linear between."""
    step, reach = max(1, round(rate)), round(10 * rate)
    centres = np.arange(0, len(x) + step, step)
    values = [np.percentile(x[max(c - reach, 0) : c + reach], percent) for c in np.minimum(centres, len(x) - 1)]
    return np.interp(np.arange(len(x)), centres, values)


def _speaking(level: F64, floor: F64, top: F64, rate: float) -> Mask:
    """Level over the adaptive floor with hysteresis, without clicks and short gaps, with 60 ms of hangover."""
    span = top - floor
    threshold = np.maximum(np.maximum(floor + np.clip(0.28 * span, 3.0, 9.0), top - 26.0), _SILENT_DB)
    loud = level > threshold
    sure = (level > threshold + np.clip(0.15 * span, 1.5, 6.0)) & (span > 5.0)
    mask = _runs_with(loud, sure, round(rate))
    mask = ~_long_runs(~mask, round(0.2 * rate), keep_ends=True)
    mask = _long_runs(mask, round(0.1 * rate), keep_ends=False)
    hang = max(1, round(0.06 * rate))
    out = mask.copy()
    for k in range(1, hang + 1):
        out[k:] |= mask[:-k]
    return out


def _runs_with(mask: Mask, sure: Mask, reach: int) -> Mask:
    """The runs of ``mask`` in which ``sure`` holds, as far as ``reach`` frames around where it does."""
    out = np.zeros_like(mask)
    for start, stop in zip(*runs(mask), strict=True):
        near = sure[start:stop].astype(np.int64)
        if near.any():
            out[start:stop] = np.convolve(near, np.ones(2 * reach + 1, np.int64))[reach : reach + stop - start] > 0
    return out


def _long_runs(mask: Mask, shortest: int, *, keep_ends: bool) -> Mask:
    """The runs of ``mask`` of at least ``shortest`` frames; runs at the very ends too, where asked."""
    out = np.zeros_like(mask)
    for start, stop in zip(*runs(mask), strict=True):
        at_end = keep_ends and (start == 0 or stop == len(mask))
        out[start:stop] = stop - start >= shortest or at_end
    return out


def _semitones(pitch_hz: F64, rate: float) -> F64:
    """(T,) semitones against the running median of the voiced frames, outliers and single frames removed."""
    voiced = pitch_hz > 0
    st = 12 * np.log2(np.where(voiced, pitch_hz, 1.0))
    step, reach = max(1, round(rate)), round(10 * rate)
    centres = np.arange(0, len(st) + step, step)
    medians = []
    for c in np.minimum(centres, len(st) - 1):
        near = slice(max(c - reach, 0), c + reach)
        medians.append(np.median(st[near][voiced[near]]) if voiced[near].any() else 0.0)
    relative = np.where(voiced, st - np.interp(np.arange(len(st)), centres, medians), 0.0)
    padded = np.pad(relative, 1)
    relative = np.median([padded[:-2], padded[1:-1], padded[2:]], axis=0)
    return np.where(np.abs(relative) < 11, relative, 0.0)


def _emphasis(level: F64, pitch_st: F64, speaking: Mask, rate: float) -> F64:
    """Prominence of level over the 1.5 s around and of pitch over the median, as 0 .. 1 at the scale of syllables."""
    weight = speaking.astype(np.float64)
    near = _smoothed(weight, 0.75 * rate) + 1e-6
    mean = _smoothed(level * weight, 0.75 * rate) / near
    louder = np.clip((_smoothed(level, 0.05 * rate) - mean) / 7.0, -1.0, 1.5)
    higher = np.clip(_smoothed(pitch_st, 0.06 * rate) / 5.0, -1.0, 1.5)
    prominence = np.maximum(0.65 * louder + 0.55 * higher, 0.0)
    return np.asarray((1 - np.exp(-1.3 * prominence)) * _smoothed(weight, 0.04 * rate) * speaking)


def _smoothed(x: F64, sigma: float) -> F64:
    """Gaussian filter; sigma in frames."""
    reach = max(1, int(np.ceil(3 * sigma)))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-3)) ** 2)
    return np.convolve(np.pad(x, reach, mode="edge"), taps / taps.sum(), mode="valid")
