"""Opening untrusted files: the content decides, never the name, and everything has a limit.

A file must be a regular file, is recognised by its first bytes, and goes to the one demuxer of that kind, of which none
follows references to other files: no playlists, no network, and only codecs of an allow-list. Lengths that a header
claims are not believed.
"""

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import av
import av.container
import av.error

from sonic.errors import MediaError, SpeechError
from sonic.files import open_regular
from sonic.media.kinds import ACCEPTED, ACCEPTED_VIDEO, CODECS, DEMUXERS, REMEDIES, named
from sonic.media.sniff import sniff_file

# FFmpeg's filters have threads, and what frees a filter waits for them: for ever in a forked process, where they are
# gone. So no filter that nobody needs any more is left to one.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=gc.collect)


MAX_SOUND_BYTES = 2 * 1024**3
STALL_PACKETS = 2_000
"""Packets in a row that may decode to nothing."""

FAILURES = (av.error.FFmpegError, ValueError, LookupError, OverflowError, MemoryError, NotImplementedError)
"""What PyAV raises for files that no decoder, filter or conversion can make anything of."""


def read_file(path: Path, max_bytes: int, what: str, *, error: type[MediaError] = MediaError) -> bytes:
    """The bytes of a regular file of at most ``max_bytes``; ``what`` names it in messages ("photo").

    Raises ``error`` if it is missing, unreadable, empty, larger, or no regular file (a pipe, a device, a folder).
    """
    with open_file(path, max_bytes, what, error=error) as file:
        return file.read(max_bytes)


@contextmanager
def open_file(path: Path, max_bytes: int, what: str, *, error: type[MediaError] = MediaError) -> Iterator[BinaryIO]:
    """As read_file, but the open file."""
    name = path.name
    try:
        opened = open_regular(path)
    except OSError as cause:
        raise error(f"{what} {str(path)[:300]!r} cannot be opened ({cause.strerror}); check the path") from cause
    with opened as file:
        n_bytes = os.fstat(file.fileno()).st_size
        if not n_bytes:
            raise error(f"{what} {name!r} is empty (0 bytes); give a complete file")
        if n_bytes > max_bytes:
            size, most = n_bytes / 1e6, max_bytes / 1e6
            raise error(f"{what} {name!r} has {size:.0f} MB; at most {most:.0f} MB are read, give a smaller file")
        yield file


def container_tags(source: Path) -> dict[str, str]:
    """The tags of a recording or video as a whole, such as its title, as the file has them. Raises MediaError."""
    with open_media(source, MediaError) as container:
        return dict(container.metadata)


@contextmanager
def open_media(source: Path, error: type[MediaError]) -> Iterator[av.container.InputContainer]:
    """The container; whatever FFmpeg raises while it is open means that the file is damaged."""
    what, wanted = ("recording", ACCEPTED) if error is SpeechError else ("video", ACCEPTED_VIDEO)
    with open_file(source, MAX_SOUND_BYTES, what, error=error) as file:
        kind = sniff_file(file)
    if kind not in DEMUXERS:
        about = f" ({REMEDIES[kind]})" if kind in REMEDIES else ""
        raise error(f"{what} {source.name!r} is {named(kind)}{about}, by its content; give a {wanted} file")
    limits = {
        "format_whitelist": DEMUXERS[kind], "protocol_whitelist": "file", "codec_whitelist": ",".join(sorted(CODECS)),
    }  # fmt: skip
    try:
        # By name, because a Python file lets demuxers seek beyond its end and search there for seconds; with "file:",
        # because names may look like options or protocols.
        with av.open(f"file:{source}", "r", format=DEMUXERS[kind], container_options=limits, timeout=20.0) as container:
            yield container
    except FAILURES as cause:
        raise error(f"{what} {source.name!r} is {named(f'damaged {kind}')}; save or export it again") from cause


def check_codec(stream: av.AudioStream | av.VideoStream, file: str, error: type[MediaError], remedy: str) -> None:
    context = stream.codec_context
    if context is None or context.name not in CODECS:
        codec = "an unknown codec" if context is None else f"the codec {context.name}"
        raise error(f"{file} uses {codec}, which is not accepted; export it as {remedy}")


def title_of(tags: Mapping[str, str]) -> str:
    """What a track is called: its title, or its language."""
    language = tags.get("language", "und")
    return (tags.get("title") or ("" if language == "und" else language))[:80]


def frames_of(
    container: av.container.InputContainer,
    stream: av.AudioStream | av.VideoStream,
    source: Path,
    error: type[MediaError],
    is_over: Callable[[], bool] = lambda: False,
) -> Iterator[Any]:
    """Decoded frames of one stream. A damaged packet is skipped; a file that yields nothing for long is refused.

    ``is_over`` is asked before every packet, for a second of video may hold a thousand frames: the frames end there.
    """
    barren = 0
    packets = container.demux(stream)
    while not is_over():
        try:
            packet = next(packets, None)
        except FAILURES:
            return  # cut off in mid-file: what was decoded so far is what there is
        if packet is None:
            return
        frames: Sequence[Any] = ()
        with suppress(*FAILURES):
            frames = packet.decode()
        barren = 0 if frames else barren + 1
        if barren > STALL_PACKETS:
            raise error(f"{source.name!r} holds no decodable data over {STALL_PACKETS} packets; export it again")
        yield from frames
