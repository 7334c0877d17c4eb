"""What the invisible watermark survives, how visible it is, how often it is found where it is not, and what it costs.

    python bench/watermark.py [--portraits FOLDER] [--unmarked FOLDER ...] [--sides 512 1024] [--strengths 0.7 1.4]

Method: every portrait says the demo recording; one second of frames is taken from the renderer, at 25 fps, before the
label, and marked with one pattern as finish does. "PSNR" is over all pixels of all frames; "bytes" what the mark adds
to H.264 at crf 18, veryfast, our own defaults. Every edit starts from those decoded frames. A cell is the share of
chips received wrong, in percent, where the right id was read, and FAILED where none was; a wrong id would say WRONG. Of
edited videos every third frame is searched, of "frame" and "shot" edits one. Re-encoding is veryfast too; "half" is the
lowest crf that needs at most half the bytes, all other edits are re-encoded at crf 23.

Unmarked: the rendered frames as they came, and of every file in the folders --unmarked a video's opening (one frame a
second, at most --frames) or a photo, at its own size. "pilot" is the highest correlation at any size and place, in
standard deviations. Cost: thread processor time, best of five; detection by the wall clock.
"""

import argparse
import io
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

import machine
from report import table
from sonic.engines.light.drive import drive
from sonic.engines.light.renderers.warp import Renderer
from sonic.errors import SonicError
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.media.video import decode_video
from sonic.provenance.watermark import Watermark, detect, embed, search
from sonic.provenance.watermark.reading import luma, residual
from sonic.settings import Settings
from sonic.types import U8

ASSETS = Path(__file__).parents[1] / "src" / "sonic" / "assets" / "demo"
ID = 0x123456789ABC
Frames = list[U8]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, help="folder of photos; else the demo's")
    parser.add_argument("--unmarked", type=Path, nargs="*", default=[], help="folders of videos and photos")
    parser.add_argument("--sides", type=int, nargs="+", default=[512])
    parser.add_argument("--strengths", type=float, nargs="*", default=[], help="other strengths, 1 is ours")
    parser.add_argument("--frames", type=int, default=12, help="of each unmarked video")
    parser.add_argument("--skip", nargs="*", default=[], choices=("edits", "unmarked", "cost"))
    arguments = parser.parse_args()
    print(machine.describe() + "\n")
    photos = sorted(arguments.portraits.glob("*.[jp]*g")) if arguments.portraits else [ASSETS / "portrait.png"]
    if "edits" not in arguments.skip:
        for side in arguments.sides:
            _print_edits(photos, side, [1.0, *arguments.strengths])
    if "unmarked" not in arguments.skip:
        _print_unmarked(photos, arguments.unmarked, arguments.frames)
    if "cost" not in arguments.skip:
        _print_cost()
    return 0


def rendered(photo: Path, side: int, n_frames: int = 25) -> Frames:
    """The first frames of this photo saying the demo recording, as the renderer gives them."""
    settings = Settings(min_resolution=side)
    portrait = analyse_portrait(load_photo(photo), settings, lambda line: None)
    speech = load_speech(ASSETS / "speech.flac", lambda line: None)
    frames = Renderer(portrait).render(drive(speech, settings, n_frames / 25))
    return [frame.rgb.copy() for frame in itertools.islice(frames, n_frames)]


def x264(frames: Frames, crf: int = 23) -> tuple[Frames, int]:
    """What H.264 leaves of the frames, and the bytes it takes."""
    height, width = (n // 2 * 2 for n in frames[0].shape[:2])
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
        for rgb in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb[:height, :width]), "rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    n_bytes = file.tell()
    file.seek(0)
    with av.open(file) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)], n_bytes


def half(frames: Frames) -> Frames:
    limit = x264(frames, 18)[1] / 2
    again = (x264(frames, crf) for crf in range(21, 45))
    return next(kept for kept, n_bytes in again if n_bytes <= limit)


def scaled(frames: Frames, scale: float) -> Frames:
    height, width = frames[0].shape[:2]
    size = (round(width * scale / 2) * 2, round(height * scale / 2) * 2)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return [cv2.resize(rgb, size, interpolation=how) for rgb in frames]


def cropped(frames: Frames, left: float, top: float, right: float, bottom: float) -> Frames:
    """Without these shares of width and height."""
    height, width = frames[0].shape[:2]
    return [rgb[int(top * height) : int((1 - bottom) * height), int(left * width) : int((1 - right) * width)]
            for rgb in frames]  # fmt: skip


def shot(frames: Frames, scale: float, quality: int) -> Frames:
    """One frame as it looks on a screen: scaled, moved by parts of a pixel, with a grey edge, as a JPEG."""
    rgb = frames[11]
    size = round(rgb.shape[1] * scale) + 6, round(rgb.shape[0] * scale) + 9
    smooth = cv2.GaussianBlur(rgb, (0, 0), 0.45 / scale) if scale < 1 else rgb
    seen = cv2.warpAffine(smooth, np.array([[scale, 0, 3.4], [0, scale, 5.7]]), size, borderValue=(40, 40, 40))
    file = io.BytesIO()
    Image.fromarray(seen).save(file, "JPEG", quality=quality)
    return [np.asarray(Image.open(file))]


def barred(frames: Frames) -> Frames:
    """An upright picture in a 16:9 video."""
    height, width = frames[0].shape[:2]
    wide = max(0, height * 16 // 9 - width) // 2
    return [cv2.copyMakeBorder(rgb, 0, 0, wide, wide, cv2.BORDER_CONSTANT) for rgb in frames]


EDITS: dict[str, Callable[[Frames], Frames]] = {
    "as made": lambda f: f,
    "one frame": lambda f: f[11:12],
    "half": half,
    "half, one frame": lambda f: half(f)[11:12],
    "50 %": lambda f: x264(scaled(f, 0.5))[0],
    "75 %": lambda f: x264(scaled(f, 0.75))[0],
    "150 %": lambda f: x264(scaled(f, 1.5))[0],
    "crop 10 %": lambda f: x264(cropped(f, 0.03, 0.07, 0.07, 0.03))[0],
    "crop 10 % each side": lambda f: x264(cropped(f, 0.1, 0.1, 0.1, 0.1))[0],
    "shot 100 %": lambda f: shot(f, 1, 80),
    "shot 73 %": lambda f: shot(f, 0.73, 80),
    "shot 50 %": lambda f: shot(f, 0.5, 80),
    "mirrored": lambda f: x264([rgb[:, ::-1] for rgb in f])[0],
    "bars": lambda f: x264(barred(f))[0],
    "half of 50 %": lambda f: half(scaled(f, 0.5)),
    "crf 32": lambda f: x264(f, 32)[0],
}


def _print_edits(photos: list[Path], side: int, strengths: list[float]) -> None:
    ours = embed.FLAT, embed.PER_ACTIVITY, embed.MOST, embed.MOST_OF_ALL
    for strength in strengths:
        embed.FLAT, embed.PER_ACTIVITY, embed.MOST, embed.MOST_OF_ALL = (value * strength for value in ours)
        print(f"### Shorter side {side} px, strength {strength:g}\n")
        rows = [row for photo in photos if (row := _edited(photo, side))]
        counts = [f"{sum('F' not in row[i] and 'W' not in row[i] for row in rows)}/{len(rows)}"
                  for i in range(3, len(EDITS) + 3)]  # fmt: skip
        print(table(("portrait", "PSNR dB", "bytes", *EDITS), [*rows, ["found", "", "", *counts]]) + "\n", flush=True)
    embed.FLAT, embed.PER_ACTIVITY, embed.MOST, embed.MOST_OF_ALL = ours


def _edited(photo: Path, side: int) -> list[str] | None:
    try:
        plain = rendered(photo, side)
    except SonicError as error:
        print(f"{photo.stem}: {error}\n")
        return None
    watermark = Watermark.of(ID, plain[0])
    marked = [rgb.copy() for rgb in plain]
    for rgb in marked:
        watermark.follow(rgb)
        watermark.embed(rgb)
    error = np.mean([np.mean((a.astype(np.float32) - b) ** 2) for a, b in zip(plain, marked, strict=True)])
    made, n_bytes = x264(marked, 18)
    more = n_bytes / x264(plain, 18)[1] - 1
    cells = [_cell(edit(made)) for edit in EDITS.values()]
    return [photo.stem, f"{10 * np.log10(255**2 / error):.1f}", f"{more:+.0%}", *cells]


def _cell(frames: Frames) -> str:
    found = detect(frames[::3])
    if found is None:
        return "FAILED"
    return f"{100 * found.chip_errors:.0f}" if found.content_id == ID else "WRONG"


def _print_unmarked(photos: list[Path], folders: list[Path], n_frames: int) -> None:
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    groups = {"rendered": ((photo.stem, rendered(photo, 512)[::2]) for photo in photos)}
    groups |= {folder.name: _opened(folder, files, n_frames) for folder in folders}
    rows = []
    for name, videos in groups.items():
        n_videos, n_seen, found, peaks = 0, 0, 0, [0.0]
        for _, frames in videos:
            n_videos, n_seen = n_videos + 1, n_seen + len(frames)
            found += detect(frames) is not None
            for rgb in frames[:: max(1, len(frames) // 3)]:  # each by itself, as a screenshot would be
                seen = residual(luma(rgb))
                peaks.append(max(search._candidates(seen)).height)
                found += search._search(seen, 1, min(rgb.shape[:2])) is not None
        rows.append([name, f"{n_videos}", f"{n_seen}", f"{len(peaks) - 1}", f"{max(peaks):.2f}", f"{found}"])
        print(rows[-1], file=sys.stderr, flush=True)
    heads = ("unmarked", "videos and photos", "their frames", "frames searched singly", "highest pilot", "found")
    print(table(heads, rows) + "\n", flush=True)


def _opened(folder: Path, files: list[Path], n_frames: int) -> Iterator[tuple[str, Frames]]:
    for path in files:
        if folder not in path.parents:
            continue
        try:
            if path.suffix in (".png", ".jpg", ".jpeg", ".webp"):
                yield path.name, [load_photo(path).rgb]
            elif frames := [rgb for _, rgb in itertools.islice(decode_video(path), 0, 25 * n_frames, 25)]:
                yield path.name, frames
        except SonicError:  # a table, a sound: no picture
            continue


def _mark(watermark: Watermark, rgb: U8, n_frames: int) -> None:
    for _ in range(n_frames):
        watermark.follow(rgb)
        watermark.embed(rgb)


def _print_cost() -> None:
    rows = []
    for width, height in ((512, 512), (1024, 1024), (1920, 1080)):
        rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        once = min(_seconds(lambda rgb=rgb: Watermark.of(ID, rgb)) for _ in range(5))
        watermark = Watermark.of(ID, rgb)
        each = min(_seconds(lambda w=watermark, rgb=rgb: _mark(w, rgb, 21)) for _ in range(5)) / 21
        light = _light_s(min(width, height)) if width == height else None
        share = (f"{light * 1000:.1f}", f"{each / light:.1%}") if light else ("-", "-")
        rows.append([f"{width} x {height}", f"{once * 1000:.0f}", f"{each * 1000:.2f}", *share])
    print(table(("frame", "pattern, once ms", "mark ms a frame", "engine light ms a frame", "share"), rows) + "\n")
    frames = rendered(ASSETS / "portrait.png", 512)
    began = time.perf_counter()
    detect(frames)
    nothing = time.perf_counter() - began
    for rgb in frames:
        Watermark.of(ID, frames[0]).embed(rgb)
    began = time.perf_counter()
    detect(frames)
    print(
        f"detection at 512 px: {time.perf_counter() - began:.1f} s, or {nothing:.1f} s until it gives up on 25 frames"
    )


def _seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def _light_s(side: int) -> float:
    """Of rendering alone, without encoding: the median frame."""
    settings = Settings(min_resolution=side, framing="1:1")
    portrait = analyse_portrait(load_photo(ASSETS / "portrait.png"), settings, lambda line: None)
    speech = load_speech(ASSETS / "speech.flac", lambda line: None)
    times, last = [], time.thread_time()
    for _ in itertools.islice(Renderer(portrait).render(drive(speech, settings, 3)), 60):
        now = time.thread_time()
        times.append(now - last)
        last = now
    return float(np.median(times))


if __name__ == "__main__":
    sys.exit(main())
