"""What sonic verify says of videos after everything that happens to videos, how it errs, and how long it takes.

    python bench/verification.py [--pictures FOLDER ...]

Matrix: 1.6 s of the demo's portrait, moving, written by the real writer in FORMATS, with the label throughout or on the
first half, signed with this machine's key, with that of another machine, or made by another tool that writes AIGC
metadata alone; then every edit of tests/support/edited_videos.py, and verify on the result, in a folder of its own.
Letters are the layers that were found: see LETTERS.

Label: the likeness to Sonic's label of pictures without one: the demo portrait, matplotlib's photo, noise, captions in
another font, and every picture and video (5 frames) in the folders. Time: one video, its packets repeated to 10 min.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from unittest import mock

import av
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import machine
import sonic
from report import table
from sonic.errors import MediaError
from sonic.media.photo import load_photo
from sonic.media.video import sample_video
from sonic.types import U8
from sonic.verification import Verification
from sonic.verification.labels import MIN_LIKENESS, find_label

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

FORMATS = (((256, 320), Fraction(25)), ((640, 360), Fraction(25, 2)), ((512, 512), Fraction(30)))
"""(width, height), fps."""
SECONDS = 1.6
LETTERS = {
    "credentials": "C", "metadata": "M", "record": "R", "log": "G", "watermark": "W", "label": "L", "consent": "P",
}  # fmt: skip
CAPTIONS = ("AI GENERATED", "AI-generated", "AI", "MADE WITH AI", "BREAKING NEWS", "Weather 17:45", "AI AI AI AI")
MINUTES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", nargs="*", type=Path, default=[], help="folders of pictures without a label")
    arguments = parser.parse_args()
    print(machine.describe(("c2pa-python",)) + "\n")
    print(label_table(arguments.pictures) + "\n", flush=True)
    with tempfile.TemporaryDirectory() as name:
        print(time_table(Path(name)) + "\n", flush=True)
        for number, (size_px, fps) in enumerate(FORMATS):
            print(f"{size_px[0]}x{size_px[1]} px, {float(fps):g} frames a second:\n")
            print(matrix(Path(name, str(number)), size_px, fps) + "\n", flush=True)


def matrix(folder: Path, size_px: tuple[int, int], fps: Fraction) -> str:
    """One row an edit, one column a way in which the video was made."""
    from edited_videos import EDITS

    columns = dict(made(folder, size_px, fps))
    rows = []
    for edit, change in EDITS.items():
        row = [edit]
        for number, (video, home) in enumerate(columns.values()):
            here = folder / f"{number}-{edit}"
            here.mkdir()
            with mock.patch.dict(os.environ, {"SONIC_HOME": str(home)}):
                row.append(said(change, video, here / "edited"))
        rows.append(row)
    return table(["edit", *columns], rows)


def said(change: Callable[[Path, Path], Path], video: Path, out: Path) -> str:
    """The verdict and the letters of the layers that were found; "-" where the edit cannot be made."""
    try:
        edited = change(video, out)
    except LookupError:
        return "-"
    return verdict(edited)


def verdict(path: Path) -> str:
    try:
        found = sonic.verify(path)
    except MediaError:
        return "unreadable"
    return f"**{found.verdict}** {letters(found)}".strip()


def letters(found: Verification) -> str:
    return "".join(
        letter if found.layer(name).state in ("intact", "found") else letter.lower() + "!"
        for name, letter in LETTERS.items()
        if found.layer(name).state in ("intact", "found", "broken")
    )


def made(folder: Path, size_px: tuple[int, int], fps: Fraction) -> Iterator[tuple[str, tuple[Path, Path]]]:
    """(name of the column, (the video, the home where it is looked at))."""
    from edited_videos import of_another_tool, portrait_frames
    from small_videos import Job

    here, there = folder / "here", folder / "there"
    n_frames = round(SECONDS * fps)
    for key, home in (("own key", here), ("another machine's key", there)):
        for label, shown in (("label throughout", n_frames), ("label on the first half", n_frames // 2)):
            place = folder / f"{key} {label}".replace(" ", "-")
            place.mkdir(parents=True)
            with mock.patch.dict(os.environ, {"SONIC_HOME": str(home)}):
                job = Job(
                    place,
                    size_px=size_px,
                    fps=fps,
                    duration_s=SECONDS,
                    draw=portrait_frames(size_px),
                    label_frames=shown,
                )
                yield f"{key}, {label}", (job.write(place / "out.mp4"), here)
    other = of_another_tool(folder / "other.mp4", size_px=size_px, rate=fps, n_frames=n_frames)
    yield "another tool, AIGC metadata alone", (other, here)


def label_table(folders: list[Path]) -> str:
    groups = {
        "demo portrait, a photo, noise": list(plain_pictures()),
        "captions in another font": list(captions()),
        **{f"{folder.name}/": pictures_in(folder) for folder in folders},
    }
    rows = []
    for name, pictures in groups.items():
        seen = [found.likeness for rgb in pictures if (found := find_label(rgb))]
        if seen:
            above = sum(likeness >= MIN_LIKENESS for likeness in seen)
            rows.append([name, str(len(seen)), f"{np.median(seen):.2f}", f"{max(seen):.2f}", str(above)])
    return table(["pictures without a label", "number", "median likeness", "highest", f"from {MIN_LIKENESS}"], rows)


def plain_pictures() -> Iterator[U8]:
    yield np.asarray(Image.open(Path(sonic.__file__).parent / "assets" / "demo" / "portrait.png").convert("RGB"))
    yield load_photo(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg").rgb
    for seed in range(8):
        yield np.random.default_rng(seed).integers(0, 256, (360, 640, 3), np.uint8)


def captions() -> Iterator[U8]:
    """White text on a dark plate in a corner, as tall as Sonic's and up to twice that."""
    font_file = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans-Bold.ttf"
    background = next(plain_pictures())
    for caption in CAPTIONS:
        for size in (48, 64, 80, 96):
            image = Image.fromarray(background.copy())
            draw, font = ImageDraw.Draw(image), ImageFont.truetype(str(font_file), size)
            left, top, right, bottom = draw.textbbox((40, 40), caption, font=font)
            draw.rectangle((left - 20, top - 20, right + 20, bottom + 20), fill=(18, 20, 24))
            draw.text((40, 40), caption, fill=(255, 255, 255), font=font)
            yield np.asarray(image)


def pictures_in(folder: Path) -> Iterator[U8]:
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            yield load_photo(path).rgb
        except MediaError:
            with suppress(MediaError):
                yield from sample_video(path, 5)


def time_table(folder: Path) -> str:
    """Seconds for a video of MINUTES, and for the same without marks."""
    from edited_videos import of_another_tool, portrait_frames
    from small_videos import Job

    size_px, fps = (512, 640), Fraction(25)
    rows = []
    with mock.patch.dict(os.environ, {"SONIC_HOME": str(folder / "home")}):
        marked = Job(folder, size_px=size_px, fps=fps, duration_s=4, draw=portrait_frames(size_px))
        marked.write(folder / "marked.mp4")
        of_another_tool(folder / "plain.mp4", size_px=size_px, rate=fps, n_frames=100)
        for name in ("marked", "plain"):
            long = repeated(folder / f"{name}.mp4", folder / f"{name}-long.mp4", round(MINUTES * 60 / 4))
            for what, path in ((f"{name}, 4 s", folder / f"{name}.mp4"), (f"{name}, {MINUTES} min", long)):
                began, cpu_began = time.perf_counter(), time.process_time()
                found = sonic.verify(path)
                spent = [f"{time.process_time() - cpu_began:.1f}", f"{time.perf_counter() - began:.1f}"]
                rows.append([what, f"{path.stat().st_size / 1e6:.1f}", *spent, found.verdict])
    return table(["video, 512x640 px", "MB", "processor seconds", "seconds", "verdict"], rows)


def repeated(video: Path, out: Path, n: int) -> Path:
    """Its picture ``n`` times in a row, without encoding anew."""
    with av.open(str(out), "w") as target:
        stream = None
        for index in range(n):
            with av.open(str(video)) as source:
                picture = source.streams.video[0]
                stream = stream or target.add_stream_from_template(picture)
                for packet in source.demux(picture):
                    if packet.dts is not None:
                        packet.pts += index * picture.duration
                        packet.dts += index * picture.duration
                        packet.stream = stream
                        target.mux(packet)
    return out


if __name__ == "__main__":
    main()
