"""What a file is, by its first bytes: names and what they claim are not believed."""

from typing import BinaryIO

HEAD_BYTES = 65_536
"""As much of a file as is looked at."""

_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (8, b"WEBP", "WebP picture"),
    (0, b"BM", "BMP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"GIF8", "GIF"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"PK\x03\x04", "ZIP archive"),
    (8, b"WAVE", "WAV"),
    (8, b"AVI ", "AVI"),
    (8, b"AIFF", "AIFF"),
    (8, b"AIFC", "AIFF"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "OGG"),
    (0, b"\x1aE\xdf\xa3", "WebM"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "WMA"),
    (0, b"#!AMR", "AMR"),
    (0, b"caff", "CAF"),
    (0, b".snd", "AU"),
    (0, b"\x00\x00\x01\xba", "MPEG-PS"),
    (0, b"FLV\x01", "FLV"),
    (0, b".RMF", "RealMedia"),
    (0, b"MThd", "MIDI"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"#EXTM3U", "playlist"),
    (0, b"ffconcat", "playlist"),
)
_ISO_STARTS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_ISO_PICTURES = {
    b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"heim": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC",
    b"avif": "AVIF", b"avis": "AVIF",
}  # fmt: skip


def sniff(head: bytes) -> str:
    """What a file is, by its first bytes: "JPEG", "WAV", "playlist", ...; "text" or "unknown" for anything else."""
    for offset, magic, kind in _MAGIC:
        if head.startswith(magic, offset) and (offset == 0 or head[:4] in (b"RIFF", b"RF64", b"FORM")):
            return kind
    if head[4:8] in _ISO_STARTS:
        return _ISO_PICTURES.get(head[8:12], "MP4") if head[4:8] == b"ftyp" else "MP4"
    if kind := _transport_stream(head) or _mpeg_audio(head):
        return kind
    opening = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if opening.startswith((b"<mpd", b"#extm3u", b"ffconcat")) or b"<mpd" in opening[:2048]:
        return "playlist"
    if b"<svg" in opening[:2048]:
        return "SVG"
    return "unknown" if b"\x00" in head[:2048] or not _is_text(head[:2048]) else "text"


def sniff_file(file: BinaryIO) -> str:
    """As sniff, of an open file, looking behind an ID3 tag; leaves the file at its beginning."""
    head = file.read(HEAD_BYTES)
    if head[:3] == b"ID3" and len(head) > 10:
        size = sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        file.seek(10 + size)
        behind = sniff(file.read(HEAD_BYTES))
        kind = behind if behind in ("FLAC", "AAC") else "MP3"
    else:
        kind = sniff(head)
    file.seek(0)
    return kind


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start > len(data) - 4
    return True


def _transport_stream(head: bytes) -> str:
    """MPEG-TS if packets of 188 bytes, or of 192 as cameras write them, begin with their mark; else the empty text."""
    for start, step in ((0, 188), (4, 192)):
        marks = head[start : start + 8 * step : step]
        if len(marks) >= 2 and set(marks) == {0x47}:
            return "MPEG-TS"
    return ""


def _mpeg_audio(head: bytes) -> str:
    """MP3 or AAC if a chain of three frame headers is found, perhaps behind some rubbish; else the empty text."""
    start = head.find(b"\xff")
    while 0 <= start < len(head) - 7:
        for kind, length in (("AAC", _adts_length), ("MP3", _mp3_length)):
            position, frames = start, 0
            while frames < 3 and (step := length(head[position : position + 7])):
                position, frames = position + step, frames + 1
            # A file of one or two frames is one as well, if it begins and ends with them.
            if frames == 3 or (frames and start == 0 and position >= len(head)):
                return kind
        start = head.find(b"\xff", start + 1)
    return ""


def _adts_length(header: bytes) -> int:
    """Bytes of the ADTS frame with this header; 0 if it is none."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or (header[2] >> 2) & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0


def _mp3_length(header: bytes) -> int:
    """Bytes of the MPEG audio layer III frame with this header; 0 if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, bitrate, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or bitrate in (0, 15) or rate == 3:
        return 0
    mpeg1 = version == 3
    table = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    table2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
    kbits = (table if mpeg1 else table2)[bitrate - 1]
    rate_hz = (44_100, 48_000, 32_000)[rate] // {3: 1, 2: 2, 0: 4}[version]
    return (144_000 if mpeg1 else 72_000) * kbits // rate_hz + (header[2] >> 1 & 1)
