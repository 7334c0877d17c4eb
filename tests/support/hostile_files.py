"""Files that strangers hand over, one table of recordings and one of photos: broken, lying, odd, or no files at all."""

import functools
import os
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from hostile import (
    NO_MEDIA,
    PCM_F32,
    PLAYLISTS,
    encode_sound,
    encode_tracks,
    encode_video,
    png_of_size,
    quarters,
    saved,
    syllables,
    tone,
    wav,
    without_packets,
)

USED, REFUSED, EITHER = "used", "refused", "used or refused"
Maker = Callable[[Path], Path]
Table = dict[str, tuple[str, Maker]]

SOUNDS = {
    "mp3": ("mp3", "libmp3lame", 44_100), "flac": ("flac", "flac", 48_000), "opus": ("ogg", "libopus", 48_000),
    "m4a": ("mp4", "aac", 44_100), "aac": ("adts", "aac", 22_050), "webm": ("webm", "libopus", 48_000),
    "wav": ("wav", "pcm_s16le", 11_025), "aiff": ("aiff", "pcm_s16be", 44_100), "caf": ("caf", "pcm_s16be", 44_100),
    "au": ("au", "pcm_s16be", 8_000), "wma": ("asf", "wmav2", 44_100), "ts": ("mpegts", "mp2", 48_000),
    "mpg": ("mpeg", "mp2", 44_100), "avi": ("avi", "libmp3lame", 44_100), "flv": ("flv", "aac", 44_100),
    "alac": ("mov", "alac", 48_000), "amr": ("amr", "amr_nb", 8_000), "3gp": ("3gp", "amr_nb", 8_000),
}  # fmt: skip
PICTURES = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")


@functools.cache
def _sound(kind: str) -> bytes:
    """Half a second of each kind."""
    container, codec, rate_hz = SOUNDS[kind]
    with tempfile.TemporaryDirectory() as folder:
        wave = syllables(0.5, rate_hz)
        return encode_sound(Path(folder, "x"), wave, rate_hz, container=container, codec=codec).read_bytes()


def _picture(kind: str) -> bytes:
    return saved(quarters(), kind)


def _half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _video(folder: Path) -> Path:
    return encode_video(folder / "input", 3 * [np.zeros((48, 64, 3), np.uint8)], 25)


def _silent_tracks(folder: Path) -> Path:
    return encode_tracks(folder / "input", [(f"{n}", np.zeros((9600, 1), np.float32)) for n in range(10)])


def _wavpack(folder: Path) -> Path:
    return encode_sound(folder / "input", tone(0.5, 44_100), 44_100, container="matroska", codec="wavpack")


def _file(data: bytes | Callable[[], bytes]) -> Maker:
    def make(folder: Path) -> Path:
        (folder / "input").write_bytes(data if isinstance(data, bytes) else data())
        return folder / "input"

    return make


def _mutated(whole: Callable[[], bytes], seed: int) -> Maker:
    """Some bytes changed, a piece moved, a piece doubled, as broken disks and editors do it."""

    def data() -> bytes:
        rng, original = np.random.default_rng(seed), whole()
        broken = np.frombuffer(original, np.uint8).copy()
        places = rng.integers(0, len(broken), 1 + len(broken) // 300)
        broken[places] = rng.integers(0, 256, len(places))
        first, last = sorted(rng.integers(12, len(broken), 2))
        pieces = (broken.tobytes(), original[:first] + original[last:], original[:last] + original[first:])
        return pieces[seed % 3]

    return _file(data)


def _header(
    *, tag: int = 1, channels: int = 1, rate: int = 16_000, align: int | None = None, bits: int = 16, data: bytes = b""
) -> bytes:
    """A WAV whose header says exactly this."""
    align = channels * bits // 8 if align is None else align
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _floats(value: float, *, every: int = 1) -> bytes:
    wave = syllables(0.5, 16_000)
    wave[::every] = value
    return wav(wave, 16_000, PCM_F32)


def _patched(kind: str, box: bytes, offset: int, value: bytes) -> Callable[[], bytes]:
    """An MP4 with other bytes in each of its boxes of this name."""

    def data() -> bytes:
        out = bytearray(_sound(kind))
        start = out.find(box)
        while start >= 0:
            out[start + offset : start + offset + len(value)] = value
            start = out.find(box, start + 1)
        return bytes(out)

    return data


def _covers_only(folder: Path) -> Path:
    """What is left of an MP3 when its sound was cut: a tag with the picture of the album."""
    picture = b"APIC" + struct.pack(">IH", 500, 0) + b"\0image/png\0\3\0" + _picture("PNG")[:400].ljust(486, b"\0")
    size = bytes(len(picture) >> shift & 127 for shift in (21, 14, 7, 0))
    return _file(b"ID3\3\0\0" + size + picture)(folder)


def _shifted(offset_s: float) -> Maker:
    """A recording whose time stamps begin earlier or later than 0."""

    def make(folder: Path) -> Path:
        source, target = folder / "source", folder / "input"
        source.write_bytes(_sound("alac"))
        with av.open(str(source)) as given, av.open(str(target), "w", format="matroska") as out:
            stream = out.add_stream_from_template(given.streams.audio[0])
            for packet in given.demux(given.streams.audio[0]):
                if packet.dts is not None:
                    packet.pts += round(offset_s / packet.time_base)
                    packet.dts += round(offset_s / packet.time_base)
                    packet.stream = stream
                    out.mux(packet)
        source.unlink()
        return target

    return make


def _with_gap(folder: Path) -> Path:
    (folder / "input").write_bytes(_sound("webm"))
    return without_packets(folder / "input", lambda s: 0.1 <= s < 0.3, container="webm")


def _no_tracks(folder: Path) -> Path:
    """A Matroska with a header and no track."""
    return _file(
        b"\x1aE\xdf\xa3\xa3B\x86\x81\1B\xf7\x81\1B\xf2\x81\4B\xf3\x81\x08B\x82\x88matroskaB\x87\x81\4B\x85\x81\2"
    )(folder)


def _linked(target: str) -> Maker:
    def make(folder: Path) -> Path:
        (folder / "input").symlink_to(target)
        return folder / "input"

    return make


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "input")
    return folder / "input"


def _folder(folder: Path) -> Path:
    (folder / "input").mkdir()
    return folder / "input"


PLACES: Table = {
    "nothing there": (REFUSED, lambda folder: folder / "missing"),
    "no name": (REFUSED, lambda folder: Path("")),
    "a name of 5000 letters": (REFUSED, lambda folder: folder / ("x" * 5000)),
    "a name with NUL": (REFUSED, lambda folder: folder / "nul\0byte"),
    "a folder": (REFUSED, _folder),
    "an empty file": (REFUSED, _file(b"")),
    "a single byte": (REFUSED, _file(b"\xff")),
}
if os.name == "posix":
    PLACES |= {
        "a pipe": (REFUSED, _pipe),
        "/dev/null": (REFUSED, lambda folder: Path("/dev/null")),
        "/dev/zero": (REFUSED, lambda folder: Path("/dev/zero")),
        "a device behind a link": (REFUSED, _linked("/dev/urandom")),
        "a link to nothing": (REFUSED, _linked("missing")),
        "a link to itself": (REFUSED, _linked("input")),
    }

RECORDINGS: Table = {
    **{f"no sound: {name}": (REFUSED, _file(data)) for name, data in (PLAYLISTS | NO_MEDIA).items()},
    **{f"a picture: {kind}": (REFUSED, _file(functools.partial(_picture, kind))) for kind in PICTURES},
    **{f"{kind}, its first 48 bytes": (REFUSED, _file(lambda k=kind: _sound(k)[:48])) for kind in SOUNDS},
    **{
        f"{kind}, the first two thirds": (EITHER, _file(lambda k=kind: _sound(k)[: 2 * len(_sound(k)) // 3]))
        for kind in SOUNDS
    },
    **{f"{kind}, damaged {n}": (EITHER, _mutated(lambda k=kind: _sound(k), n)) for kind in SOUNDS for n in range(3)},
    **{
        f"{kind} behind rubbish": (EITHER, _file(lambda k=kind: b"rubbish!" * 9 + _sound(k)))
        for kind in ("mp3", "wav", "m4a")
    },
    "wav, no samples": (REFUSED, _file(_header())),
    "wav, one sample": (REFUSED, _file(_header(data=b"\0\0"))),
    "wav, half a sample at its end": (USED, _file(_header(data=bytes(32_001)))),
    "wav, no channels": (REFUSED, _file(_header(channels=0, data=bytes(9000)))),
    "wav, 33 channels": (REFUSED, _file(_header(channels=33, data=bytes(33 * 9000)))),
    "wav, 65535 channels": (REFUSED, _file(_header(channels=65_535, data=bytes(9000)))),
    "wav, 0 Hz": (REFUSED, _file(_header(rate=0, data=bytes(9000)))),
    "wav, 1 Hz": (REFUSED, _file(_header(rate=1, data=bytes(9000)))),
    "wav, 11111 Hz": (USED, _file(_header(rate=11_111, data=bytes(9000)))),
    "wav, 4 GHz": (REFUSED, _file(_header(rate=2**32 - 1, data=bytes(9000)))),
    "wav, 0 bits": (EITHER, _file(_header(bits=0, data=bytes(9000)))),
    "wav, 7 bits": (EITHER, _file(_header(bits=7, align=1, data=bytes(9000)))),
    "wav, 64 bits": (EITHER, _file(_header(bits=64, data=bytes(90_000)))),
    "wav, blocks of 0 bytes": (EITHER, _file(_header(align=0, data=bytes(9000)))),
    "wav, blocks of 65535 bytes": (EITHER, _file(_header(align=65_535, data=bytes(9000)))),
    "wav, a codec that nobody knows": (REFUSED, _file(_header(tag=0xFFFE, data=bytes(9000)))),
    "wav, random ADPCM": (EITHER, _file(_header(tag=2, bits=4, align=256, data=np.random.default_rng(0).bytes(9000)))),
    "wav, random A-law": (USED, _file(_header(tag=6, bits=8, data=np.random.default_rng(0).bytes(9000)))),
    "wav, MP3 inside": (EITHER, _file(lambda: _header(tag=0x55, bits=0, align=1, rate=44_100, data=_sound("mp3")))),
    "wav, a size of 0": (USED, _file(wav(tone(0.5, 16_000), 16_000, riff_size=0, data_size=0))),
    "wav, a size of 4 GB": (USED, _file(wav(tone(0.5, 16_000), 16_000, riff_size=2**32 - 1, data_size=2**32 - 1))),
    "wav, claims ten hours": (USED, _file(wav(tone(0.5, 16_000), 16_000, data_size=36_000 * 32_000))),
    "wav, RF64 without its chunk": (EITHER, _file(b"RF64" + wav(tone(0.5, 16_000), 16_000)[4:])),
    "wav, 1000 empty chunks": (
        EITHER,
        _file(b"RIFF\0\0\1\0WAVE" + 1000 * b"LIST\0\0\0\0" + _header()[12:]),
    ),
    **{
        f"wav, {n} channels": (USED, _file(functools.partial(wav, syllables(0.3, 8000, channels=n), 8000)))
        for n in (3, 6, 7, 9, 11, 17, 20, 22, 25, 32)
    },
    "floats, all NaN": (USED, _file(_floats(np.nan))),
    "floats, all infinite": (USED, _file(_floats(-np.inf))),
    "floats, some NaN": (USED, _file(_floats(np.nan, every=100))),
    "floats, some 1e38": (USED, _file(_floats(1e38, every=100))),
    "floats, all 1e-40": (USED, _file(_floats(1e-40))),
    "floats, a constant 1": (USED, _file(_floats(1.0))),
    "floats up to 20000": (USED, _file(wav(20_000 * syllables(0.5, 16_000), 16_000, PCM_F32))),
    "caf, packets of 3073 samples in 2 bytes": (EITHER, _file(_patched("caf", b"lpcm", 12, b"\0\0\x0c\x01"))),
    "mp4, claims 13 hours": (USED, _file(_patched("m4a", b"mdhd", 16, b"\x7f\xff\xff\xff"))),
    "mp4, claims nothing": (EITHER, _file(_patched("m4a", b"mdhd", 16, bytes(4)))),
    "mp4, a clock of 0 Hz": (EITHER, _file(_patched("m4a", b"mdhd", 12, bytes(4)))),
    "mp4, a million packets": (EITHER, _file(_patched("m4a", b"stts", 8, b"\0\x0f\xff\xff"))),
    "mp4, packets of 1 GB": (EITHER, _file(_patched("m4a", b"stsz", 8, b"\x3f\xff\xff\xff"))),
    "mp4, chunks behind its end": (EITHER, _file(_patched("m4a", b"stco", 8, b"\0\0\0\1\x7f\xff\xff\xff"))),
    "mp4, an edit list of nonsense": (EITHER, _file(_patched("m4a", b"elst", 12, b"\x7f\xff\xff\xff\xff\xff\xff\0"))),
    "mp4, nothing but ftyp": (REFUSED, _file(b"\0\0\0\x14ftypisom\0\0\0\0isom")),
    "mp4, boxes within boxes": (REFUSED, _file(b"\0\0\0\x10ftypisom\0\0\0\0" + 2000 * b"\0\0\xff\xffmoov")),
    "time stamps before 0": (USED, _shifted(-0.25)),
    "time stamps from 20 hours on": (USED, _shifted(72_000.0)),
    "lost packets": (USED, _with_gap),
    "an album's cover and no sound": (REFUSED, _covers_only),
    "an ID3 tag of 256 MB that is not there": (REFUSED, _file(b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(500))),
    "a video without sound": (REFUSED, _video),
    "a Matroska without tracks": (REFUSED, _no_tracks),
    "ten silent tracks": (USED, _silent_tracks),
    "a codec that is not accepted": (REFUSED, _wavpack),
}


def _png(*chunks: tuple[bytes, bytes], size: tuple[int, int] = (80, 80)) -> bytes:
    header = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + bytes(3 * size[0]) for _ in range(size[1])))
    parts = ((b"IHDR", header), *chunks, (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


def _patched_picture(kind: str, at: int, value: bytes) -> bytes:
    data = bytearray(saved(quarters(), kind))
    data[at : at + len(value)] = value
    return bytes(data)


def _frame_of(jpeg: bytes, height: int, width: int) -> bytes:
    """A JPEG whose header claims another size."""
    start = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:start] + struct.pack(">HH", height, width) + jpeg[start + 4 :]


_GIF_SIZE, _AVIF_SIZE = struct.pack("<HH", 120, 200), struct.pack(">II", 120, 200)
_EXIF_RING = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x87i\0\4\0\0\0\1\0\0\0\x08"
_BOMB = zlib.compress(bytes(50_000_000), 9)
PHOTOS: Table = {
    **{f"no photo: {name}": (REFUSED, _file(data)) for name, data in (PLAYLISTS | NO_MEDIA).items()},
    **{f"a recording: {kind}": (REFUSED, _file(lambda k=kind: _sound(k))) for kind in ("wav", "mp3", "m4a")},
    **{f"{kind}, its first 30 bytes": (REFUSED, _file(_picture(kind)[:30])) for kind in PICTURES},
    **{f"{kind}, the first half": (EITHER, _file(_picture(kind)[: len(_picture(kind)) // 2])) for kind in PICTURES},
    **{
        f"{kind}, damaged {n}": (EITHER, _mutated(functools.partial(_picture, kind), n))
        for kind in PICTURES
        for n in range(6)
    },
    **{
        f"png of {size}": (REFUSED, _file(png_of_size(*size)))
        for size in [(0, 0), (0, 100), (60_000, 60_000), (2**31 - 1, 64), (1, 1)]
    },
    "png, a strip": (REFUSED, _file(_png(size=(64, 4000)))),
    "png, text of 50 MB in 50 kB": (EITHER, _file(_png((b"zTXt", b"x\0\0" + _BOMB)))),
    "png, international text of 50 MB": (EITHER, _file(_png((b"iTXt", b"x\0\1\0\0\0" + _BOMB)))),
    "png, a colour profile of 50 MB": (EITHER, _file(_png((b"iCCP", b"x\0\0" + _BOMB)))),
    "png, a wrong checksum": (EITHER, _file(_patched_picture("PNG", 30, b"\0\0"))),
    "png, no palette where it needs one": (EITHER, _file(_patched_picture("PNG", 25, b"\3"))),
    "png, 10000 empty chunks": (USED, _file(_png(*(10_000 * [(b"tIME", bytes(7))])))),
    "jpeg, 0 lines": (REFUSED, _file(_frame_of(_picture("JPEG"), 0, 100))),
    "jpeg, 65535 x 65535": (REFUSED, _file(_frame_of(_picture("JPEG"), 65_535, 65_535))),
    "jpeg, more lines than there are": (EITHER, _file(_frame_of(_picture("JPEG"), 2000, 120))),
    "jpeg, EXIF that points at itself": (
        USED,
        _file(saved(quarters(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\x87i\0\4\0\0\0\1\0\0\0\x08")),
    ),
    "jpeg, nothing but marks": (REFUSED, _file(b"\xff\xd8" + b"\xff" * 5000 + b"\xff\xd9")),
    "jpeg, half a million restarts": (REFUSED, _file(b"\xff\xd8\xff\xe0\0\2" + b"\xff\xd0" * 500_000)),
    "gif, no picture": (REFUSED, _file(b"GIF89a" + struct.pack("<HH", 100, 100) + b"\0\0\0;")),
    "gif, a picture beyond its screen": (
        EITHER,
        _file(lambda: _picture("GIF").replace(_GIF_SIZE, b"\x08\0\x08\0", 1)),
    ),
    "gif, 60000 x 60000": (REFUSED, _file(lambda: _picture("GIF").replace(_GIF_SIZE, b"\x60\xea\x60\xea"))),
    "avif, nothing but ftyp": (REFUSED, _file(b"\0\0\0\x18ftypavif\0\0\0\0avifmif1")),
    "avif, 60000 x 60000": (
        EITHER,
        _file(lambda: _picture("AVIF").replace(_AVIF_SIZE, 2 * b"\0\0\xea\x60")),
    ),
    "bmp, a negative height": (EITHER, _file(_patched_picture("BMP", 22, struct.pack("<i", -200)))),
    "bmp, 2^31 lines": (REFUSED, _file(_patched_picture("BMP", 22, struct.pack("<I", 2**31)))),
    "bmp, a palette of 4 G colours": (EITHER, _file(_patched_picture("BMP", 46, b"\xff\xff\xff\xff"))),
    "bmp, another compression": (EITHER, _file(_patched_picture("BMP", 30, b"\x09"))),
    "tiff, directories in a ring": (EITHER, _file(b"II*\0\x08\0\0\0\0\0\x08\0\0\0")),
    "tiff, 65535 tags": (REFUSED, _file(b"II*\0\x08\0\0\0\xff\xff" + bytes(5000))),
    "tiff, a directory behind its end": (REFUSED, _file(b"II*\0\xff\xff\xff\x7f")),
    "webp, chunks of 4 GB": (REFUSED, _file(b"RIFF\xff\xff\xff\xffWEBPVP8X\xff\xff\xff\xff" + bytes(100))),
    "heic": (REFUSED, _file(b"\0\0\0\x18ftypheic" + bytes(100))),
}
