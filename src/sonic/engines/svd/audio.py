"""What engine svd hears: the sound as the published inference resamples it, Whisper's features, and their windows.

Sound and features of a whole recording stay outside memory; a window of frames is read when it is asked for. The
published inference stops after 400 s; here only the disk limits the length.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sonic.counts import samples_of
from sonic.engines.svd.audio_modules import AudioToBucket, AudioToToken
from sonic.errors import SpeechError
from sonic.media.decode import sound_format
from sonic.media.mono import mono
from sonic.media.samples import StoredSamples, store
from sonic.types import F32, SPEECH_RATE_HZ, OnProgress, Progress, Samples, Sound

_SAMPLES_PER_AUDIO_FRAME = SPEECH_RATE_HZ // 25
_ROWS_PER_AUDIO_FRAME = 2
_ROWS_PER_FRAME = 4
"""Whisper gives 50 rows of features a second."""
_BLOCK_SAMPLES = 30 * SPEECH_RATE_HZ
_BLOCK_ROWS = 1500
"""Whisper hears blocks of 30 s, each for itself."""
_TOKEN_SPAN = (-4, 6)
_BUCKET_SPAN = (-24, 26)
"""Rows around the first row of a video frame that its tokens and its motion buckets are made from."""
_BUCKET_CHUNK = 256
"""Frames whose buckets are computed at once: 20 MB of windows at full size."""
_SAME_LENGTH = SPEECH_RATE_HZ // 1000
"""Two resamplers make the same recording a few samples longer or shorter; this is 1 ms."""


@dataclass(frozen=True, slots=True)
class Heard:
    """(n,) mono samples at SPEECH_RATE_HZ: a part of a recording, silence beyond its ends. Implements types.Samples."""

    stored: StoredSamples
    """The whole recording; neither centred nor raised nor clipped, since the published inference does none of it."""
    first: int
    """Which stored sample is heard first; negative where silence comes before it."""
    n: int

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, part: slice, /) -> F32:
        first, last, step = part.indices(self.n)
        if step != 1:
            raise ValueError(f"samples are read one after another, got a slice with step {step}")
        return _with_zeros(self.stored, self.first + first, self.first + max(last, first), 1)


def hear(sound: Sound, *, offset_ms: float = 0.0, duration_s: float | None = None) -> Heard:
    """The recording as the published inference hears it: its own channels averaged, resampled to 16 kHz by soxr (HQ).

    Channels that cancel are replaced by the loudest one; samples beyond full scale are brought back to it.
    ``offset_ms`` > 0 makes the lips later, < 0 earlier, at the same length; ``duration_s`` cuts the end off. Raises
    SpeechError as decode_sound, or if less than one video frame (80 ms) is left.
    """
    rate_hz = sound_format(sound.source, sound.track).rate_hz
    stored, _ = mono(sound.source, track=sound.track)
    if sound.gain != 1:
        stored = store(block * np.float32(sound.gain) for block in stored.blocks())
    if rate_hz != SPEECH_RATE_HZ:
        stored = store(_resampled(stored, rate_hz))
    n = len(stored)
    if duration_s is not None and samples_of(duration_s) < n - _SAME_LENGTH:
        n = samples_of(duration_s)
    if n < 2 * _SAMPLES_PER_AUDIO_FRAME:
        raise SpeechError(
            f"recording {sound.source.name!r} gives {1000 * n / SPEECH_RATE_HZ:.0f} ms of sound; engine svd needs at "
            "least 80 ms, give a longer recording or duration"
        )
    return Heard(stored, -round(offset_ms / 1000 * SPEECH_RATE_HZ), n)


def _resampled(stored: StoredSamples, rate_hz: int) -> Iterator[F32]:
    """The stored samples at SPEECH_RATE_HZ, equal to resampling them at once."""
    from soxr import ResampleStream

    stream = ResampleStream(rate_hz, SPEECH_RATE_HZ, 1, dtype="float32", quality="HQ")
    # librosa, through which the published inference reads sound, fills up to this length with zeros.
    missing = -(-len(stored) * SPEECH_RATE_HZ // rate_hz)
    for block in stored.blocks():
        part = stream.resample_chunk(block)
        missing -= len(part)
        yield part
    rest = stream.resample_chunk(np.zeros(0, np.float32), last=True)
    yield np.pad(rest, (0, max(missing - len(rest), 0)))


@dataclass(frozen=True, slots=True)
class Features:
    """Whisper's hidden states of a recording, and what the networks make of them. Used by one thread at a time."""

    stored: StoredSamples
    """(T, layers, C) float32 one after another; T is 2 * (samples // 640), 50 rows a second."""
    layers: int
    """The embedding of the sound and the layers above it, of which the last is normalised: 5."""
    channels: int
    """C: 384 of whisper-tiny."""

    @property
    def n_frames(self) -> int:
        """N: video frames, 12.5 a second; an odd audio frame at the end is lost."""
        return len(self.stored) // (self.layers * self.channels) // _ROWS_PER_FRAME

    def token_windows(self, frames: Sequence[int]) -> Tensor:
        """(F, 10, layers, C) on the host: the rows around each of these frames, in any order, zeros beyond the ends."""
        return self._windows(frames, _TOKEN_SPAN, slice(None))

    def bucket_windows(self, frames: Sequence[int]) -> Tensor:
        """(F, 50, 1, C) on the host: as token_windows, of the last layer alone."""
        return self._windows(frames, _BUCKET_SPAN, slice(-1, None))

    def tokens(self, net: AudioToToken, frames: Sequence[int]) -> Tensor:
        """(F, tokens, width) for these frames, on the network's device."""
        with torch.no_grad():
            return net(_beside(net, self.token_windows(frames)))

    def motion_buckets(self, net: AudioToBucket, image_embed: Tensor) -> F32:
        """(N, 2) for all frames: how much the head and the expression move, by CLIP's embedding (1, D) of the portrait.

        Not clamped; in training they were 0 .. 128.
        """
        embed, parts = _beside(net, image_embed), [np.zeros((0, 2), np.float32)]
        for first in range(0, self.n_frames, _BUCKET_CHUNK):
            windows = self.bucket_windows(range(first, min(first + _BUCKET_CHUNK, self.n_frames)))
            with torch.no_grad():
                parts.append((16 * net(_beside(net, windows), embed) + 16).float().cpu().numpy())
        return np.concatenate(parts)

    def _windows(self, frames: Sequence[int], span: tuple[int, int], layers: slice) -> Tensor:
        """(F, rows, layers, C); a run of frames is read at once, because the windows of neighbours overlap."""
        below, above = span
        windows = [torch.zeros(0, above - below, len(range(self.layers)[layers]), self.channels)]
        for first, last in _runs(frames):
            if first < 0 or last >= self.n_frames:
                raise IndexError(f"frames {first} to {last} of a recording of {self.n_frames} frames")
            rows = self._rows(_ROWS_PER_FRAME * first + below, _ROWS_PER_FRAME * last + above)[:, layers]
            windows.append(rows.unfold(0, above - below, _ROWS_PER_FRAME).permute(0, 3, 1, 2))
        return torch.cat(windows)

    def _rows(self, first: int, last: int) -> Tensor:
        values = _with_zeros(self.stored, first, last, self.layers * self.channels)
        return torch.from_numpy(values).view(-1, self.layers, self.channels)


def listen(samples: Samples, encoder: Any, on_progress: OnProgress) -> Features:
    """Whisper's hidden states of the whole sound, from one pass of ``encoder`` (a WhisperEncoder) over each 30 s.

    The encoder computes on its own device and in its own precision (float32 as published), a block at a time. Raises
    SpeechError if there is no room for the features: 1.4 GB an hour in the folder for temporary files.
    """
    layers, channels = encoder.config.encoder_layers + 1, encoder.config.d_model
    return Features(store(_hidden_states(samples, encoder, on_progress), "speech features"), layers, channels)


def log_mel(samples: Samples, n_mels: int = 80) -> Iterator[F32]:
    """(n_mels, 3000) for each 30 s, silence after the end: Whisper's spectrogram, each block with its own dynamics."""
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=n_mels)
    for first in range(0, len(samples), _BLOCK_SAMPLES):
        sound = np.asarray(samples[first : first + _BLOCK_SAMPLES], np.float32)
        yield extractor(sound, sampling_rate=SPEECH_RATE_HZ, return_tensors="np")["input_features"][0]


def _hidden_states(samples: Samples, encoder: Any, on_progress: OnProgress) -> Iterator[F32]:
    """Blocks of rows, flattened; the rows of the padding after the last whole audio frame are left out."""
    n_rows = _ROWS_PER_AUDIO_FRAME * (len(samples) // _SAMPLES_PER_AUDIO_FRAME)
    n_blocks = -(-n_rows // _BLOCK_ROWS)
    on_progress(Progress("listen", 0, n_blocks))
    for block, mel in enumerate(islice(log_mel(samples, encoder.config.num_mel_bins), n_blocks)):
        with torch.no_grad():
            sound = torch.from_numpy(mel)[None].to(encoder.device, encoder.dtype)
            output = encoder(sound, output_hidden_states=True)
        states = torch.stack((*output.hidden_states[:-1], output.last_hidden_state), 2)[0]  # (1500, layers, C)
        yield states[: n_rows - block * _BLOCK_ROWS].float().cpu().numpy().ravel()
        on_progress(Progress("listen", block + 1, n_blocks))


def _runs(frames: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of each run of consecutive numbers: a window that wraps around a clip's end is two of them."""
    begins = 0
    for at in range(1, len(frames) + 1):
        if at == len(frames) or frames[at] != frames[at - 1] + 1:
            yield frames[begins], frames[at - 1]
            begins = at


def _with_zeros(stored: StoredSamples, first: int, last: int, width: int) -> F32:
    """Rows first to last - 1 of ``width`` numbers each, flattened; zeros where there are none."""
    n = len(stored) // width
    inside, until = min(max(first, 0), n), max(min(last, n), 0)
    if inside >= until:
        return np.zeros(width * (last - first), np.float32)
    rows = stored.decoded(width * inside, width * until)
    return np.pad(rows, (width * (inside - first), width * (last - until)))


def _beside(net: Any, tensor: Tensor) -> Tensor:
    """The tensor on the network's device, in its precision."""
    weight = net.proj1.weight
    return tensor.to(weight.device, weight.dtype)
