"""Frames and the speech source's sound -> one MP4 file, in a thread beside the renderer; and one to watch meanwhile."""

import errno
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.container
import av.error
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter

from sonic.counts import samples_of
from sonic.errors import OutputError
from sonic.media.decode import sound_format
from sonic.media.mono import as_heard
from sonic.settings import Settings
from sonic.settings.platforms import Platform, platform
from sonic.types import F32, Clip, Frame, OnProgress, Progress

QUEUE_FRAMES = 2
"""Frames between renderer and encoder: enough to even out their speeds, few enough to keep memory flat."""
X264_THREADS = 2
LOOKAHEAD = 5
"""Frames that x264 sees ahead. Ten, its own choice, look 0.2 dB better at the same size and need 25 MB more at 1024 px
(docs/log.md)."""
AAC_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""The sound keeps its rate if it is one of these, else it gets the next higher one, at most 48 kHz."""
AAC_BITS_PER_SAMPLE = 4
"""Before the cap: 64 kbit/s for a channel at 16 kHz; FFmpeg's encoder takes up to 6."""
AAC_MAX_BIT_RATE = 128_000
"""Of each channel."""
SOUND_AHEAD_S = Fraction(1, 4)
"""How far the sound is written before the picture, so that the muxer never waits for it."""
KEYFRAME_S = 4
"""Players can jump to every keyframe."""
LIVE_FRAGMENT_S = Fraction(1, 2)
"""A file that is watched while it is made grows by pieces of this length."""
_LIVE = {"encoder_preset": "ultrafast", "crf": 26}
"""Settings of a file that is watched while it is made: quick rather than fine."""
PLATFORM_RATE_HZ = 48_000
"""Of the sound in files for platforms."""
MIN_CRF = 1
"""H.264 with crf 0 is lossless: a profile that browsers do not play. It is written as 1."""


def encode(
    clip: Clip,
    path: Path,
    *,
    settings: Settings,
    metadata: Mapping[str, str],
    on_progress: OnProgress,
    live: Path | None = None,
) -> None:
    """Write the clip to ``path``, an MP4 with its index at the front and this metadata.

    ``live`` is a second file of the same frames, sound and metadata that can be played while it grows, a fragmented
    MP4, encoded in haste; its end is that of this call.

    Frames are taken in the caller's thread, so that Ctrl-C reaches the renderer; whatever is raised there, in
    on_progress or in the encoder's thread stops both and is raised here. Raises OutputError if the file cannot be
    written.
    """
    encoders = [_Encoder(clip, path, settings, metadata)]
    if live is not None:
        encoders.append(_Encoder(clip, live, settings.replace(**_LIVE), metadata, grows=True))
    with ExitStack() as started:
        for encoder in encoders:
            encoder.start()
            started.callback(encoder.cancel)  # harmless at the end
        on_progress(Progress("video", 0, clip.n_frames))
        for done, frame in enumerate(clip.frames, 1):
            for encoder in encoders:
                encoder.put(frame)
            on_progress(Progress("video", done, clip.n_frames))
        for encoder in encoders:
            encoder.finish()


class _Cancelled(Exception):
    """The encoder's thread was asked to stop."""


class _Encoder(threading.Thread):
    """The muxer behind a bounded queue."""

    def __init__(
        self, clip: Clip, path: Path, settings: Settings, metadata: Mapping[str, str], *, grows: bool = False
    ) -> None:
        super().__init__(name="sonic-encoder", daemon=True)
        self._clip, self._path, self._settings, self._metadata = clip, path, settings, metadata
        self._grows = grows
        self._queue: queue.Queue[Frame | None] = queue.Queue(QUEUE_FRAMES)
        self._cancelled = threading.Event()
        self._failure: BaseException | None = None

    def run(self) -> None:
        try:
            _mux(self._taken(), self._clip, self._path, self._settings, self._metadata, self._grows)
        except _Cancelled:
            pass
        except MemoryError as error:  # FFmpeg's is one, too, and no fault of the folder
            self._failure = error
        except (av.error.FFmpegError, OSError) as error:
            self._failure = OutputError(_cause(error, self._clip))
            self._failure.__cause__ = error
        except BaseException as error:  # raised again in the caller's thread
            self._failure = error

    def put(self, frame: Frame | None) -> None:
        """Hand over a frame (None: that was the last), waiting for room; raises what stopped the encoder."""
        while True:
            if self._failure is not None:
                raise self._failure
            try:
                return self._queue.put(frame, timeout=0.2)
            except queue.Full:
                continue

    def finish(self) -> None:
        """Wait for the complete file."""
        try:
            self.put(None)
            while self.is_alive():
                self.join(0.2)  # short, so that Ctrl-C is noticed
        except BaseException:
            self.cancel()
            raise
        if self._failure is not None:
            raise self._failure

    def cancel(self) -> None:
        """Stop and wait until the file is closed."""
        self._cancelled.set()
        while self.is_alive():
            try:
                self._queue.put(None, timeout=0.05)
            except queue.Full:
                continue
            self.join(0.05)

    def _taken(self) -> Iterator[Frame]:
        while True:
            frame = self._queue.get()
            if self._cancelled.is_set():
                raise _Cancelled
            if frame is None:
                return
            yield frame


def _cause(error: av.error.FFmpegError | OSError, clip: Clip) -> str:
    """Why a video is not written: the disk, the folder, or else something that no user can mend."""
    if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
        return f"the video cannot be written ({error.strerror}); free some space"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.ENOENT, errno.ENOTDIR):
        return f"the video cannot be written ({error.strerror}); choose another folder"
    width, height = clip.size_px
    return (
        f"the video of {width}x{height} px at {float(clip.fps):g} fps with the sound of {clip.sound.source.name!r} "
        f"cannot be encoded ({error.strerror}); this is a fault of Sonic, please report it with this line"
    )


def _mux(
    frames: Iterable[Frame], clip: Clip, path: Path, settings: Settings, metadata: Mapping[str, str], grows: bool
) -> None:
    # Without use_metadata_tags FFmpeg drops the AIGC entry without a word.
    flags = {"movflags": "use_metadata_tags+faststart"}
    rules = platform(settings.platform) if settings.platform and not grows else None
    if grows:
        flags = {"movflags": "use_metadata_tags+frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
    elif rules:
        flags["use_editlist"] = "0"
    with (
        av.open(str(path), "w", format="mp4", options=flags) as container,
        closing(_Sound(container, clip, rules)) as sound,
    ):
        container.metadata.update(metadata)
        keyframe_s = LIVE_FRAGMENT_S if grows else Fraction(rules.keyframe_s if rules else KEYFRAME_S)
        stream = _video_stream(container, clip, settings, keyframe_s)
        if rules:
            stream.codec_context.options = stream.codec_context.options | _for_platform(rules)
        sound.open()
        picture = _Picture(clip.fps)
        for frame in frames:
            container.mux(stream.encode(picture.of(frame)))
            sound.write_until((frame.index + 1) / clip.fps + SOUND_AHEAD_S)
        container.mux(stream.encode(None))
        sound.write_rest()


def _video_stream(
    container: av.container.OutputContainer, clip: Clip, settings: Settings, keyframe_s: Fraction
) -> av.VideoStream:
    stream = container.add_stream("libx264", rate=clip.fps)
    context = stream.codec_context
    context.width, context.height = clip.size_px
    context.pix_fmt = "yuv420p"
    context.time_base = 1 / clip.fps
    context.thread_count = X264_THREADS
    context.gop_size = max(1, int(keyframe_s * clip.fps))
    context.options = {
        "preset": settings.encoder_preset,
        "crf": str(max(MIN_CRF, settings.crf)),
        "profile": "high",
        "rc-lookahead": str(LOOKAHEAD),
        "chroma_sample_location": "center",  # where the conversion below puts it, measured
    }
    context.color_range = ColorRange.MPEG
    context.colorspace = Colorspace.ITU709
    context.color_primaries = ColorPrimaries.BT709
    context.color_trc = ColorTrc.BT709
    return stream


def _for_platform(rules: Platform) -> dict[str, str]:
    """No pictures out of order, which would need an edit list, and room for the sound below the rate's cap."""
    bits_s = round(rules.max_mbit_s * 1e6) - 2 * AAC_MAX_BIT_RATE
    return {"bf": "0", "flags": "+cgop", "maxrate": str(bits_s), "bufsize": str(bits_s)}


class _Picture:
    """RGB -> BT.709 yuv420p. The flags keep chroma unbiased: without them it is 0.06 of 255 too low on average."""

    def __init__(self, fps: Fraction) -> None:
        self._fps = fps
        self._reformatter = VideoReformatter()

    def of(self, frame: Frame) -> av.VideoFrame:
        rgb = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(frame.rgb), format="rgb24")
        picture = self._reformatter.reformat(
            rgb,
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            dst_colorspace=Colorspace.ITU709,
            dst_color_primaries=ColorPrimaries.BT709,
            dst_color_trc=ColorTrc.BT709,
            interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP,
            threads=1,
        )
        picture.pts, picture.duration, picture.time_base = frame.index, 1, 1 / self._fps
        return picture


class _Sound:
    """The source's sound as AAC, cut to the clip's length, written as far as the picture has come."""

    def __init__(self, container: av.container.OutputContainer, clip: Clip, rules: Platform | None) -> None:
        stored = sound_format(clip.sound.source, clip.sound.track)
        self._container = container
        own = next((rate for rate in AAC_RATES_HZ if rate >= stored.rate_hz), AAC_RATES_HZ[-1])
        self._rate = PLATFORM_RATE_HZ if rules else own
        # AAC begins with a packet of what was before the sound. Players skip it by the edit list; without one it must
        # not be there, or the sound is late. Its successor then fades in over 21 ms.
        self._first_pts = 0 if rules else None
        self._n_channels = min(2, stored.channels)
        self._n_left = samples_of(clip.duration_s, self._rate)
        self._n_written = 0
        self._chunks = as_heard(clip.sound, rate_hz=self._rate, channels=self._n_channels)

    def open(self) -> None:
        """Add the stream; after the picture's, which players expect first."""
        self._layout = "mono" if self._n_channels == 1 else "stereo"
        self._stream = self._container.add_stream("aac", rate=self._rate, layout=self._layout)
        per_channel = min(AAC_MAX_BIT_RATE, AAC_BITS_PER_SAMPLE * self._rate)
        self._stream.codec_context.bit_rate = per_channel * self._n_channels

    def write_until(self, time_s: Fraction) -> None:
        while self._n_left and self._n_written < time_s * self._rate:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._n_left = 0
                return
            self._write(chunk[: self._n_left])

    def write_rest(self) -> None:
        self.write_until(Fraction(self._n_written + self._n_left, self._rate))
        self._mux(self._stream.encode(None))

    def close(self) -> None:
        """Close the source."""
        self._chunks.close()

    def _write(self, chunk: F32) -> None:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(chunk.T), format="fltp", layout=self._layout)
        frame.sample_rate, frame.time_base, frame.pts = self._rate, Fraction(1, self._rate), self._n_written
        self._n_written += len(chunk)
        self._n_left -= len(chunk)
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: "list[av.Packet[Any]]") -> None:
        first = self._first_pts
        self._container.mux([p for p in packets if first is None or p.pts is None or p.pts >= first])
