"""How many samples and frames a length has: counted here and nowhere else, in whole numbers and fractions.

A length in seconds is a float, and 2.2 * 25 is 55.00000000000001: rounded up in one place and worked out from samples
in another, it gives two numbers of frames. So every length is first turned into samples, and frames follow from those.
"""

from fractions import Fraction

from sonic.types import SPEECH_RATE_HZ


def samples_of(duration_s: float, rate_hz: int = SPEECH_RATE_HZ) -> int:
    """Samples at ``rate_hz`` of a sound of ``duration_s`` seconds; the nearest number, at least 1."""
    return max(1, round(Fraction(duration_s) * rate_hz))


def video_frames(duration_s: float, fps: Fraction) -> int:
    """Frames of a video as long as this sound, to within half a frame; at least 1."""
    return max(1, round(samples_of(duration_s) * fps / SPEECH_RATE_HZ))


def whole_frames(n_samples: int, fps: Fraction) -> int:
    """Frames that end within ``n_samples`` at SPEECH_RATE_HZ."""
    return int(n_samples * fps // SPEECH_RATE_HZ)


def covering_frames(n_samples: int, fps: Fraction) -> int:
    """Frames 0, 1, ... at i / fps, up to the first at or after the end of ``n_samples`` at SPEECH_RATE_HZ: motion
    between any two moments of the sound has one on either side."""
    return int(-(-n_samples * fps // SPEECH_RATE_HZ)) + 1
