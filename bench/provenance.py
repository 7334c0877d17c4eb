"""What every layer of provenance costs.

    python bench/provenance.py

Method: engine light makes the demo's first 10 s from the demo's portrait at 512 and 1024 px, once to warm up; every
function in LAYERS is timed where it is called, by the wall clock, and set against the whole of sonic.generate. Label
and watermark run in the renderer's thread, the rest after it. Then the first video's packets, repeated to 10 minutes
and to 200 MB, are signed and read back; for the memory a process does the same with the 10 s before, and the growth of
its peak is told.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import av

import machine
import sonic
from jobs import speech_of
from report import table
from sonic import Consent, Settings, generate
from sonic.provenance.c2pa.credentials import read_credentials
from sonic.provenance.c2pa.signing import sign
from sonic.provenance.consent import Consent as Terms
from sonic.provenance.read_back import ReadBack
from sonic.provenance.signer import identity

DEMO = Path(sonic.__file__).parent / "assets" / "demo"
PORTRAIT = DEMO / "portrait.png"
SECONDS = 10.0
REPEATS = 60
PAUSE_S = 0.2  # the sound's last packet reaches beyond the picture
LARGE_BYTES = 200_000_000
LAYERS = {
    "consent checked and signed": ("sonic.pipeline.preflight.authorise",),
    "visible label": ("sonic.pipeline.mark.LabelledFrames._draw_label", "sonic.pipeline.stages.make_label"),
    "watermark": (
        "sonic.pipeline.mark.Watermark.of",
        "sonic.pipeline.mark.Watermark.follow",
        "sonic.pipeline.mark.Watermark.embed",
    ),
    "AIGC metadata read back, twice": ("sonic.pipeline.write.verify",),
    "label and watermark read back": ("sonic.pipeline.write.read_back",),
    "Content Credentials signed": ("sonic.pipeline.write.sign", "sonic.pipeline.preflight.identity"),
    "Content Credentials read back": ("sonic.pipeline.write.verify_signature",),
    "audit log": ("sonic.provenance.audit.append",),
}
"""Layer -> the functions that are it, where they are called."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peak", nargs=2, type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        return print(json.dumps(peak_kb(*arguments.peak)))
    print(machine.describe(("c2pa-python", "cryptography")) + "\n")
    with tempfile.TemporaryDirectory() as name, mock.patch.dict(os.environ, {"SONIC_HOME": f"{name}/home"}):
        folder = Path(name)
        speech = speech_of(SECONDS, DEMO / "speech.flac", folder / "speech.wav")
        made(folder, speech, 512)
        print(layer_table({size: made(folder, speech, size) for size in (512, 1024)}) + "\n")
        print(long_table(folder))


def made(folder: Path, speech: Path, size_px: int) -> dict[str, float]:
    """Seconds of each layer, and of "all", for one video, which stays as <size>.mp4."""
    spent: dict[str, float] = defaultdict(float)
    with ExitStack() as stack:
        for layer, names in LAYERS.items():
            for name in names:
                stack.enter_context(mock.patch(name, timed(resolved(name), layer, spent)))
        began = time.perf_counter()
        consent = Consent(subject="bench", basis="synthetic", given_on=date(2026, 1, 1))
        generate(
            PORTRAIT, speech, folder / f"{size_px}.mp4", consent=consent,
            settings=Settings(min_resolution=size_px),
        )  # fmt: skip
        spent["all"] = time.perf_counter() - began
    return spent


def resolved(name: str) -> Callable[..., Any]:
    """The function of this dotted name."""
    parts = name.split(".")
    found: Any = sys.modules[parts[0]]
    for part in parts[1:]:
        found = getattr(found, part)
    return found  # type: ignore[no-any-return]


def timed(function: Callable[..., Any], layer: str, spent: dict[str, float]) -> Callable[..., Any]:
    def run(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*arguments, **named)
        finally:
            spent[layer] += time.perf_counter() - began

    return run


def layer_table(sizes: dict[int, dict[str, float]]) -> str:
    heads = ["layer"] + [f"{size} px, {what}" for size in sizes for what in ("ms for 10 s of video", "share")]
    total = {size: sum(spent[layer] for layer in LAYERS) for size, spent in sizes.items()}
    rows = [[layer, *cells(layer, sizes)] for layer in LAYERS]
    for size, spent in sizes.items():
        spent["all layers"] = total[size]
    rows.append(["**all layers**", *cells("all layers", sizes)])
    rows.append(["sonic.generate", *cells("all", sizes)])
    return table(heads, rows)


def cells(layer: str, sizes: dict[int, dict[str, float]]) -> list[str]:
    return [
        cell
        for spent in sizes.values()
        for cell in (f"{spent[layer] * 1000:.0f}", f"{spent[layer] / spent['all']:.1%}")
    ]


def long_table(folder: Path) -> str:
    short, long, large = folder / "512.mp4", folder / "long.mp4", folder / "large.mp4"
    repeated(short, long, REPEATS)
    repeated(short, large, LARGE_BYTES // short.stat().st_size)
    rows = []
    for name, video in (("10 s", short), ("10 minutes", long), ("200 MB", large)):
        began = time.perf_counter()
        signed(video, folder)
        between = time.perf_counter()
        assert read_credentials(folder / "signed.mp4").content_ok  # type: ignore[union-attr]
        ended = time.perf_counter()
        command = [sys.executable, __file__, "--peak", str(short), str(video)]
        peak = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        rows.append(
            [name, f"{video.stat().st_size / 1e6:.1f}", f"{(between - began) * 1000:.0f}",
             f"{(ended - between) * 1000:.0f}", f"{peak / 1024:.0f}"],
        )  # fmt: skip
    return table(["video", "MB", "signed in ms", "read back in ms", "MB of memory more than for 10 s"], rows)


def peak_kb(small: Path, video: Path) -> int:
    """By how much signing and reading ``video`` raises the peak memory of a process that did it with ``small``."""
    with tempfile.TemporaryDirectory() as folder:
        peaks = []
        for one in (small, video):
            signed(one, Path(folder))
            read_credentials(Path(folder) / "signed.mp4")
            peaks.append(peak_memory_kb())
    return peaks[1] - peaks[0]


def peak_memory_kb() -> int:
    """Of this process, on Linux; getrusage would include what its parent had when it started."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def signed(video: Path, folder: Path) -> None:
    """Sign a copy as <folder>/signed.mp4, with the demo's photo and recording as what it was made from."""
    consent = Terms(subject="bench", basis="synthetic", given_on=date(2026, 1, 1))
    record = mock.Mock(consent=consent, watermark="0" * 12, produce_id="0" * 32, weights={}, photo_sha256="0" * 64)
    record.log_head = "0" * 64
    record.audio_sha256, record.settings.engine, record.core_sha256.return_value = "0" * 64, "light", "0" * 64
    record.made_at.strftime.return_value = "2026-01-01T00:00:00Z"
    record.clip.sound.source = DEMO / "speech.flac"
    sign(
        video, folder / "signed.mp4", record=record, marks=ReadBack(label=True, watermark=True),
        photo_file=PORTRAIT, title="bench", signer=identity(),
        on_notice=print,
    )  # fmt: skip


def repeated(video: Path, out: Path, times: int) -> None:
    """The packets of ``video`` that many times over."""
    with av.open(str(out), "w", options={"movflags": "use_metadata_tags+faststart"}) as target:
        streams: dict[int, Any] = {}
        for turn in range(times):
            with av.open(str(video)) as source:
                if not streams:
                    streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
                    target.metadata.update(source.metadata)
                for packet in source.demux():
                    if packet.dts is None:
                        continue
                    shift = round(turn * (SECONDS + PAUSE_S) / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = streams[packet.stream.index]
                    target.mux(packet)


if __name__ == "__main__":
    main()
