"""Files of a few bytes that ask a decoder for hours of work, made by code, as large as is asked for."""

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from hostile import saved, wav
from PIL import Image


def png_of_chunks(n: int) -> bytes:
    """``n`` empty chunks before the picture, 12 bytes each."""
    plain = saved(Image.new("L", (100, 100)), "PNG")
    chunk = struct.pack(">I", 0) + b"teSt" + struct.pack(">I", zlib.crc32(b"teSt"))
    return plain[:33] + n * chunk + plain[33:]


def jpeg_of_comments(n: int) -> bytes:
    """``n`` empty comments before the picture, 4 bytes each."""
    plain = saved(Image.new("L", (100, 100)), "JPEG")
    return plain[:2] + n * b"\xff\xfe\0\2" + plain[2:]


def jpeg_of_scans(n: int, side: int, *, hidden: bool = False) -> bytes:
    """A progressive JPEG with ``n`` empty scans more, 14 bytes each; hidden behind a marker that has no length."""
    plain = saved(Image.new("L", (side, side)), "JPEG", progressive=True)
    scan = plain.rindex(b"\xff\xda")
    return plain[:scan] + b"\xff\x01" * hidden + n * plain[scan:-2] + plain[-2:]


def arithmetic_jpeg() -> bytes:
    """A JPEG that says that it is coded arithmetically."""
    return saved(Image.new("L", (100, 100)), "JPEG").replace(b"\xff\xc0", b"\xff\xc9")


def bmp_of_runs(side: int) -> bytes:
    """RLE, a run for every pixel: Pillow decodes it in Python."""
    runs = b"\1\5" * (side * side)
    at = 14 + 40 + 1024
    sizes = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, len(runs), 2835, 2835, 256, 0)
    return b"BM" + struct.pack("<IHHI", at + len(runs), 0, 0, at) + sizes + bytes(1024) + runs


def tiff_of_strips(n: int, side: int) -> bytes:
    """``n`` strips of half a picture each, one over another, from nearly the same bytes; 8 bytes for each."""
    half = side * side // 2
    body = bytes(half + n)
    directory = 8 + len(body)
    places = directory + 2 + 9 * 12 + 4
    entries = (
        (256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, n, places),
        (277, 3, 1, 1), (278, 4, 1, side // 2), (279, 4, n, places + 4 * n),
    )  # fmt: skip
    data = b"II*\0" + struct.pack("<I", directory) + body + struct.pack("<H", len(entries))
    data += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return data + struct.pack(f"<{n}I", *range(8, 8 + n)) + struct.pack("<I", half) * n


def profile_of_elements(n: int) -> bytes:
    """An ICC profile whose D2B0 is a chain of the same matrix, 8 bytes each."""
    matrix = b"matf\0\0\0\0" + struct.pack(">HH12f", 3, 3, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
    head = 16 + 8 * n
    chain = b"mpet\0\0\0\0" + struct.pack(">HHI", 3, 3, n) + struct.pack(">II", head, len(matrix)) * n + matrix
    name = b"mluc\0\0\0\0" + struct.pack(">II4sII", 1, 12, b"enUS", 4, 28) + "ab".encode("utf-16be")
    white = [round(value * 65536) for value in (0.9642, 1, 0.8249)]
    point = b"XYZ \0\0\0\0" + struct.pack(">3i", *white)
    table, body = b"", b""
    for tag, data in ((b"desc", name), (b"cprt", name), (b"wtpt", point), (b"D2B0", chain)):
        table += tag + struct.pack(">II", 128 + 4 + 4 * 12 + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    about = b"\x04\x30\0\0mntrRGB XYZ ".rjust(24, b"\0").ljust(36, b"\0") + b"acsp"
    about = about.ljust(68, b"\0") + struct.pack(">3i", *white)
    size = 128 + 4 + len(table) + len(body)
    return struct.pack(">I", size) + about[4:].ljust(124, b"\0") + struct.pack(">I", 4) + table + body


def picture_with_profile(n: int) -> bytes:
    """A PNG with ``profile_of_elements``."""
    return saved(Image.new("RGB", (100, 100), (10, 200, 30)), "PNG", icc_profile=profile_of_elements(n))


def wide_wav(seconds: float) -> bytes:
    """As many channels and samples a second as are accepted, all silent."""
    return wav(np.zeros((round(seconds * 768_000), 32), np.float32), 768_000, "u8")


def video_of_frames(path: Path, n: int, fps: int, size: tuple[int, int]) -> Path:
    """``n`` frames without a change, one keyframe, at this rate: some bytes a frame, and all of them are decoded."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "ultrafast", "g": str(n), "keyint": str(n), "sc_threshold": "0"}
        frame = av.VideoFrame.from_ndarray(np.zeros((size[1], size[0], 3), np.uint8), "rgb24").reformat(
            format="yuv420p"
        )
        for index in range(n):
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
